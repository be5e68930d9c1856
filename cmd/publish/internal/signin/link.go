package signin

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/fleetdial/fleetdial/console"
)

// LinkTTL is how long a link works that nobody has opened.
const LinkTTL = time.Hour

// Link lets in who opens a link that the command prints. A link works once, within [LinkTTL].
// The page for everybody else has a button with which the command prints a link again, because
// only the owner of the command sees what it prints.
type Link struct {
	cfg      Config
	user     console.User
	sessions *sessions
	prints   *limiter
	lines    *limiter // of the log, per address

	printing sync.Mutex
	print    func(pathAndQuery string)

	mu     sync.Mutex
	secret string    // of the link that works, empty if none does
	until  time.Time // when the link ends
}

// NewLink returns a Link that signs in this user. print prints a link for the owner of the
// command: an address with this path and query. NewLink prints the first one. print is never called
// concurrently.
func NewLink(cfg Config, user console.User, print func(pathAndQuery string)) *Link {
	cfg.complete()
	l := &Link{
		cfg: cfg, user: user, print: print, sessions: newSessions(cfg),
		prints: newLimiter(3, 10*time.Second), lines: newLimiter(3, time.Minute),
	}
	l.printLink()
	return l
}

// printLink prints the link that works, or a new one.
func (l *Link) printLink() {
	l.mu.Lock()
	if now := time.Now(); l.secret == "" || !now.Before(l.until) {
		l.secret, l.until = newSecret(), now.Add(LinkTTL)
	}
	secret := l.secret
	l.mu.Unlock()
	l.printing.Lock()
	defer l.printing.Unlock()
	l.print(l.cfg.BasePath + signInPath + "?token=" + url.QueryEscape(secret))
}

// use reports whether the token is that of the link that works. The link works no more then.
func (l *Link) use(token string) bool {
	given := sha256.Sum256([]byte(token))
	l.mu.Lock()
	defer l.mu.Unlock()
	want := sha256.Sum256([]byte(l.secret))
	if l.secret == "" || !time.Now().Before(l.until) || subtle.ConstantTimeCompare(given[:], want[:]) != 1 {
		return false
	}
	l.secret = ""
	return true
}

// User returns the user of the link, if the browser has opened one.
func (l *Link) User(r *http.Request) (console.User, bool) {
	if _, ok := l.sessions.find(r); !ok {
		return console.User{}, false
	}
	return l.user, true
}

// ServeHTTP signs in and out, and tells everybody else to open a link.
func (l *Link) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, signedIn := l.User(r)
	switch {
	case l.cfg.isSignOut(r):
		l.cfg.signOut(w, r, l.sessions, l.page("Signed out", "To sign in again, print a new link in the terminal of publish ui, and open the link."))
	case !l.cfg.isSignIn(r):
		l.page("Sign in", "Open the link in the terminal of publish ui. A link works once, within an hour.").
			write(w, r, http.StatusUnauthorized)
	case r.Method == http.MethodPost:
		l.servePrint(w, r)
	case !isRead(r):
		l.cfg.writeMethods(w, r, "GET, HEAD, POST")
	case r.Method == http.MethodGet && r.URL.Query().Has("token"):
		l.serveToken(w, r, signedIn)
	case signedIn:
		l.cfg.accountPage(l.user).write(w, r, http.StatusOK)
	default:
		l.page("Sign in", "Open the link in the terminal of publish ui. A link works once, within an hour.").
			write(w, r, http.StatusOK)
	}
}

func (l *Link) page(title string, text ...string) page {
	return page{Base: l.cfg.BasePath, Title: title, Text: text, Form: "link"}
}

// serveToken signs in with the token of a link.
func (l *Link) serveToken(w http.ResponseWriter, r *http.Request, signedIn bool) {
	ok := l.use(r.URL.Query().Get("token"))
	switch {
	case ok:
		l.sessions.begin(w, r, l.user.Name, "")
		l.cfg.Log.Info("signed in with a link", "remote", r.RemoteAddr)
	case !signedIn:
		if l.lines.take(networkOf(r.RemoteAddr)) == 0 {
			l.cfg.Log.Warn("sign-in failed: the link does not work", "remote", r.RemoteAddr)
		}
		p := l.page("Sign in", "Print a new link in the terminal of publish ui, and open the new link.")
		p.Error = "This link does not work. A link works once, within an hour."
		p.write(w, r, http.StatusUnauthorized)
		return
	}
	if r.Header.Get("Sec-Fetch-Site") == "cross-site" {
		// The link is on a page of another site, such as a terminal in a browser. The browser would
		// follow a redirect without the cookie, which is SameSite=Strict.
		page{Base: l.cfg.BasePath, Title: "Signed in", GoOn: l.cfg.BasePath}.write(w, r, http.StatusOK)
		return
	}
	http.Redirect(w, r, l.cfg.BasePath, http.StatusSeeOther)
}

// servePrint prints a link, for a browser that asks for it.
func (l *Link) servePrint(w http.ResponseWriter, r *http.Request) {
	if wait := l.prints.take(""); wait > 0 {
		p := l.page("Sign in")
		p.Error = "The command has just printed links. Open the last link, or wait " + retryAfter(w, wait) + "."
		p.write(w, r, http.StatusTooManyRequests)
		return
	}
	l.printLink()
	l.page("Sign in", "The terminal of publish ui shows a new link. Open the link, which works once, within an hour.").
		write(w, r, http.StatusOK)
}

// accountPage tells who is signed in, and lets the user sign out.
func (cfg *Config) accountPage(user console.User) page {
	return page{Base: cfg.BasePath, Title: "Signed in", Text: []string{"You are signed in as " + user.Name + "."}, Form: "out"}
}

// signOut ends the session of a request, and shows a page.
func (cfg *Config) signOut(w http.ResponseWriter, r *http.Request, s *sessions, done page) {
	if r.Method != http.MethodPost {
		cfg.writeMethods(w, r, "POST")
		return
	}
	s.end(w, r)
	done.write(w, r, http.StatusOK)
}
