package signin

import (
	"fmt"
	"net/http"
	"runtime"
	"time"

	"github.com/fleetdial/fleetdial/cmd/internal/reload"
	"github.com/fleetdial/fleetdial/console"
)

// Limits of failed sign-ins. Those of an address are stricter than those of a name, so that one
// address alone cannot keep a user out.
const (
	failuresPerAddress = 10
	addressInterval    = 20 * time.Second
	failuresPerName    = 30
	nameInterval       = 10 * time.Second
)

// maxFormBytes is the longest body of the form. maxPasswordBytes is that of the password, of
// which bcrypt uses 72 bytes.
const (
	maxFormBytes     = 16 << 10
	maxPasswordBytes = 1024
)

// checkWait is how long a sign-in waits for others whose passwords are being checked.
const checkWait = 5 * time.Second

// Users lets in the users of a file, who sign in with a password. The file is read again when it
// changes. A session ends when its user is removed, or gets another password.
type Users struct {
	cfg       Config
	accounts  *reload.Value[*accounts]
	sessions  *sessions
	addresses *limiter
	names     *limiter
	checks    chan struct{} // has a place for each password that may be checked at the same time
}

// NewUsers returns the users of a file. Each line is NAME:HASH, where HASH is one of bcrypt. With
// a third field, NAME:HASH:read-only, the user may not publish.
func NewUsers(cfg Config, file string) (*Users, error) {
	cfg.complete()
	read, err := reload.New("file of users", cfg.Log, parseAccounts, file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &Users{
		cfg: cfg, accounts: read, sessions: newSessions(cfg),
		addresses: newLimiter(failuresPerAddress, addressInterval), names: newLimiter(failuresPerName, nameInterval),
		checks: make(chan struct{}, max(runtime.GOMAXPROCS(0)/2, 1)),
	}, nil
}

// User returns the user of the request's session.
func (u *Users) User(r *http.Request) (console.User, bool) {
	session, ok := u.sessions.find(r)
	if !ok {
		return console.User{}, false
	}
	account := u.accounts.Get().find(session.user)
	if account == nil || account.hash != session.password {
		return console.User{}, false
	}
	return console.User{Name: account.name, MayPublish: account.mayPublish}, true
}

// ServeHTTP signs in and out, and shows everybody else the form to sign in.
func (u *Users) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case u.cfg.isSignOut(r):
		u.cfg.signOut(w, r, u.sessions, page{Base: u.cfg.BasePath, Title: "Signed out", Form: "back"})
	case !u.cfg.isSignIn(r):
		p := u.form()
		if isRead(r) {
			p.Next = u.cfg.nextPath(r.URL.RequestURI())
		} else {
			p.Error = "Nothing was changed, because you are not signed in. Sign in, and do it again."
		}
		p.write(w, r, http.StatusUnauthorized)
	case r.Method == http.MethodPost:
		u.signIn(w, r)
	case !isRead(r):
		u.cfg.writeMethods(w, r, "GET, HEAD, POST")
	default:
		if user, ok := u.User(r); ok {
			u.cfg.accountPage(user).write(w, r, http.StatusOK)
			return
		}
		u.form().write(w, r, http.StatusOK)
	}
}

func (u *Users) form() page {
	return page{Base: u.cfg.BasePath, Title: "Sign in", Form: "password", Next: u.cfg.BasePath}
}

// signIn answers the form.
func (u *Users) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	p := u.form()
	if err := r.ParseForm(); err != nil {
		p.Error = "The form could not be read. Send it again."
		p.write(w, r, http.StatusBadRequest)
		return
	}
	name, password := r.PostForm.Get("name"), r.PostForm.Get("password")
	p.Next = u.cfg.nextPath(r.PostForm.Get("next"))
	if len(name) <= maxNameBytes {
		p.Name = name
	}
	if checkName(name) != nil || password == "" || len(password) > maxPasswordBytes {
		p.Error = fmt.Sprintf("Fill in a name of at most %d bytes, and a password of at most %d.", maxNameBytes, maxPasswordBytes)
		p.write(w, r, http.StatusBadRequest)
		return
	}
	wait, giveBack := u.attempt(networkOf(r.RemoteAddr), name)
	if wait > 0 {
		p.Error = "Too many sign-ins have failed. Try again in " + retryAfter(w, wait) + "."
		p.write(w, r, http.StatusTooManyRequests)
		return
	}
	account, checked := u.check(r, name, password)
	switch {
	case !checked:
		giveBack()
		p.Error = "Too many users sign in at the moment. Try again in " + retryAfter(w, checkWait) + "."
		p.write(w, r, http.StatusServiceUnavailable)
	case account == nil:
		u.logFailure(r, name)
		p.Error = "The name or the password is wrong. Try again."
		p.write(w, r, http.StatusUnauthorized)
	default:
		giveBack()
		u.sessions.begin(w, r, account.name, account.hash)
		u.cfg.Log.Info("signed in", "user", account.name, "remote", r.RemoteAddr)
		http.Redirect(w, r, p.Next, http.StatusSeeOther)
	}
}

// attempt counts an attempt as failed, until giveBack is called. If there were too many, it returns
// how long the next one has to wait, and counts nothing.
func (u *Users) attempt(address, name string) (wait time.Duration, giveBack func()) {
	if wait = u.addresses.take(address); wait > 0 {
		return wait, nil
	}
	if wait = u.names.take(name); wait > 0 {
		u.addresses.giveBack(address)
		return wait, nil
	}
	return 0, func() {
		u.addresses.giveBack(address)
		u.names.giveBack(name)
	}
}

// check returns the account with this name and password, or nil. The second result is false if
// too many passwords are being checked.
func (u *Users) check(r *http.Request, name, password string) (found *account, checked bool) {
	timer := time.NewTimer(checkWait)
	defer timer.Stop()
	select {
	case u.checks <- struct{}{}:
	case <-timer.C:
		return nil, false
	case <-r.Context().Done():
		return nil, false
	}
	defer func() { <-u.checks }()
	return u.accounts.Get().check(name, password), true
}

// logFailure logs a failed sign-in. The line has only names that exist, because people type
// passwords into the wrong field.
func (u *Users) logFailure(r *http.Request, name string) {
	if u.accounts.Get().find(name) == nil {
		u.cfg.Log.Warn("sign-in failed: unknown name", "remote", r.RemoteAddr)
		return
	}
	u.cfg.Log.Warn("sign-in failed: wrong password", "user", name, "remote", r.RemoteAddr)
}
