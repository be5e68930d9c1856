package console

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// contentSecurityPolicy allows files of the console only: no inline script or style, no frames.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// protect rejects requests of other web sites, and adds the headers that keep a browser from
// running or showing anything of another origin.
func (c *Console) protect(next http.Handler) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	crossOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "the request comes from another web site", http.StatusForbidden)
	}))
	next = crossOrigin.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentSecurityPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		// With "no-referrer", browsers would send the Origin "null" with forms.
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if !c.cfg.acceptsHost(r.Host) {
			http.Error(w, "unknown host: the console does not serve this name (see its hosts)", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// acceptsHost reports whether a Host header names this console.
func (cfg *Config) acceptsHost(host string) bool {
	name := host
	if withoutPort, _, err := net.SplitHostPort(host); err == nil {
		name = withoutPort
	}
	name = strings.Trim(name, "[]")
	if len(cfg.Hosts) == 0 {
		addr, err := netip.ParseAddr(name)
		return strings.EqualFold(name, "localhost") || err == nil && addr.IsLoopback()
	}
	return slices.ContainsFunc(cfg.Hosts, func(accepted string) bool {
		return accepted == "*" || strings.EqualFold(accepted, name)
	})
}

type userKey struct{}

// identify finds out who sends a request, and lets SignIn answer those of nobody.
func (c *Console) identify(next http.Handler) http.Handler {
	signIn := c.cfg.SignIn
	if signIn == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, below := strings.CutPrefix(r.URL.Path, c.cfg.BasePath)
		isPublic := below && strings.HasPrefix(path, "static/")
		if below && (path == SignInPath || strings.HasPrefix(path, SignInPath+"/")) {
			signIn.ServeHTTP(w, r)
			return
		}
		user, ok := signIn.User(r)
		if !ok && !isPublic {
			signIn.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, user)))
	})
}

// userOf returns who sends a request. The zero User is everybody.
func userOf(r *http.Request) User {
	user, _ := r.Context().Value(userKey{}).(User)
	return user
}

// mayPublish reports whether the sender of a request may change fleets.
func (c *Console) mayPublish(r *http.Request) bool { return c.cfg.AllowPublish && userOf(r).MayPublish }
