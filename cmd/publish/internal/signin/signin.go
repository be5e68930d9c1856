// Package signin tells the console who sends a request: the owner of a link that works once
// ([Link]), a user of a file ([Users]), or a user whom a trusted proxy names ([Proxied]).
package signin

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fleetdial/fleetdial/console"
)

var (
	_ console.SignIn = (*Link)(nil)
	_ console.SignIn = (*Users)(nil)
	_ console.SignIn = (*Proxied)(nil)
)

// Config is what all ways to sign in share.
type Config struct {
	// BasePath is the path of the console, as in [console.Config]; the default is "/".
	BasePath string
	// Port is the port of the listener. It is part of the cookie's name, because browsers send a
	// cookie to all ports of a host.
	Port int
	// TLS says that browsers reach the console over TLS only.
	TLS bool
	// Log gets a line for each sign-in, and for those that fail; the default discards the lines.
	Log *slog.Logger
}

func (cfg *Config) complete() {
	cfg.BasePath = cmp.Or(cfg.BasePath, "/")
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
}

// The paths below Config.BasePath.
const (
	signInPath  = console.SignInPath
	signOutPath = console.SignInPath + "/out"
)

// below returns the path of a request below the base path. The second result is false if the
// request has another path.
func (cfg *Config) below(r *http.Request) (string, bool) {
	return strings.CutPrefix(r.URL.Path, cfg.BasePath)
}

func (cfg *Config) isSignIn(r *http.Request) bool {
	p, ok := cfg.below(r)
	return ok && p == signInPath
}

func (cfg *Config) isSignOut(r *http.Request) bool {
	p, ok := cfg.below(r)
	return ok && p == signOutPath
}

// nextPath returns the page to which a browser goes after it has signed in: next, if it is a page
// of the console, or else the first page. A link to another site would lend the site the trust
// that the console has.
func (cfg *Config) nextPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || strings.Contains(next, `\`) ||
		path.Clean(u.Path) != strings.TrimSuffix(u.Path, "/") {
		return cfg.BasePath
	}
	below, ok := strings.CutPrefix(u.Path, cfg.BasePath)
	if !ok || below == signInPath || strings.HasPrefix(below, signInPath+"/") {
		return cfg.BasePath
	}
	return (&url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}).String()
}

// maxNameBytes is the longest name of an author.
const maxNameBytes = 256

// checkName rejects names that cannot be the author of a revision, or that an eye could take for
// another name.
func checkName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("must not be empty")
	case len(name) > maxNameBytes:
		return fmt.Errorf("must have at most %d bytes", maxNameBytes)
	case !utf8.ValidString(name):
		return fmt.Errorf("must be UTF-8")
	case strings.TrimSpace(name) != name:
		return fmt.Errorf("must not begin or end with a blank")
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("must consist of printable characters")
	}
	return nil
}

// newSecret returns 256 random bits as text for a cookie or a link.
func newSecret() string { return rand.Text() + rand.Text() }
