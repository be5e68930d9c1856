package signin

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial/console"
)

// ProxyConfig configures [NewProxied].
type ProxyConfig struct {
	// Proxies are the addresses of the trusted proxies. The headers of all other clients are
	// ignored.
	Proxies []netip.Prefix
	// UserHeader is the header with the name of the user.
	UserHeader string
	// GroupsHeader is the header with the groups of the user, between commas or vertical bars.
	// PublishGroups are the groups whose users may publish. Without GroupsHeader, every user may.
	GroupsHeader  string
	PublishGroups []string
}

// Proxied lets in the users whom a trusted proxy names in a header. The proxy is the other end of
// the TCP connection: no header tells who it is.
type Proxied struct {
	cfg   Config
	proxy ProxyConfig
	lines *limiter // of the log, per address
}

// NewProxied returns the users of trusted proxies. The error names the field of the configuration
// that is not valid.
func NewProxied(cfg Config, proxy ProxyConfig) (*Proxied, error) {
	cfg.complete()
	switch {
	case len(proxy.Proxies) == 0:
		return nil, errors.New("signin: Proxies: at least one is required")
	case !headerName.MatchString(proxy.UserHeader):
		return nil, errors.New("signin: UserHeader: must be the name of a header")
	case proxy.GroupsHeader != "" && !headerName.MatchString(proxy.GroupsHeader):
		return nil, errors.New("signin: GroupsHeader: must be the name of a header")
	case (proxy.GroupsHeader == "") != (len(proxy.PublishGroups) == 0):
		return nil, errors.New("signin: GroupsHeader and PublishGroups: must be set together")
	}
	return &Proxied{cfg: cfg, proxy: proxy, lines: newLimiter(3, time.Minute)}, nil
}

var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

// IsHeaderName reports whether a text can be the name of a header.
func IsHeaderName(text string) bool { return headerName.MatchString(text) }

// ParseProxies reads the addresses of trusted proxies: networks, or addresses of single hosts.
func ParseProxies(texts []string) (proxies []netip.Prefix, err error) {
	for _, text := range texts {
		proxy, err := netip.ParsePrefix(text)
		if err != nil {
			addr, addrErr := netip.ParseAddr(text)
			if addrErr != nil || addr.Zone() != "" {
				return nil, fmt.Errorf("%q: must be a network such as 10.1.0.0/16, or an address", text)
			}
			proxy = netip.PrefixFrom(addr, addr.BitLen())
		}
		switch {
		case proxy.Bits() == 0:
			return nil, fmt.Errorf("%q: must not contain every address, because each client could name any user", text)
		case proxy.Addr().Is4In6():
			return nil, fmt.Errorf("%q: must be written as an IPv4 network", text)
		case proxy != proxy.Masked():
			return nil, fmt.Errorf("%q: is an address in a network (pass one of %s and %s)", text, proxy.Masked(), proxy.Addr())
		}
		proxies = append(proxies, proxy)
	}
	return proxies, nil
}

// User returns the user whom a trusted proxy names.
func (p *Proxied) User(r *http.Request) (console.User, bool) {
	user, _, err := p.find(r)
	return user, err == nil
}

// find returns the user of a request, or a status and an error for people.
func (p *Proxied) find(r *http.Request) (user console.User, status int, err error) {
	peer, ok := peerOf(r.RemoteAddr)
	if !ok || !slices.ContainsFunc(p.proxy.Proxies, func(proxy netip.Prefix) bool { return proxy.Contains(peer) }) {
		return user, http.StatusForbidden, errUntrusted
	}
	names := r.Header.Values(p.proxy.UserHeader)
	switch len(names) {
	case 0:
		return user, http.StatusUnauthorized, fmt.Errorf("the proxy has sent no header %s", p.proxy.UserHeader)
	case 1:
	default:
		return user, http.StatusBadRequest, fmt.Errorf("the request has the header %s more than once", p.proxy.UserHeader)
	}
	if err := checkName(names[0]); err != nil {
		return user, http.StatusForbidden, fmt.Errorf("the name in the header %s %w", p.proxy.UserHeader, err)
	}
	user = console.User{Name: names[0], MayPublish: p.proxy.GroupsHeader == ""}
	if p.proxy.GroupsHeader == "" {
		return user, 0, nil
	}
	groups := r.Header.Values(p.proxy.GroupsHeader)
	if len(groups) > 1 {
		return console.User{}, http.StatusBadRequest, fmt.Errorf("the request has the header %s more than once", p.proxy.GroupsHeader)
	}
	for _, value := range groups {
		for _, group := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == '|' }) {
			user.MayPublish = user.MayPublish || slices.Contains(p.proxy.PublishGroups, strings.TrimSpace(group))
		}
	}
	return user, 0, nil
}

var errUntrusted = errors.New("the request does not come from a trusted proxy")

// ServeHTTP tells who is signed in or, to somebody who is not, why.
func (p *Proxied) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, status, err := p.find(r)
	answer := page{Base: p.cfg.BasePath}
	switch {
	case err == nil:
		answer.Title, answer.Form, status = "Signed in", "back", http.StatusOK
		answer.Text = []string{
			"You are signed in as " + user.Name + ".", "The proxy in front of the console has signed you in. Sign out there.",
		}
	case errors.Is(err, errUntrusted):
		answer.Title, answer.Error = "No access", "The console accepts users of its proxy only."
		answer.Text = []string{"Open the console at the address of the proxy. If this is that address, the operator of the " +
			"console has to name the proxy with --trusted-proxy."}
	default:
		answer.Title, answer.Error = "No access", "The proxy in front of the console has not told who you are: "+err.Error()+"."
		answer.Text = []string{
			"Sign in to the proxy. If you have, its operator has to make it send the header " + p.proxy.UserHeader + ".",
		}
	}
	if err != nil && p.lines.take(networkOf(r.RemoteAddr)) == 0 {
		p.cfg.Log.Warn("request rejected", "err", err, "remote", r.RemoteAddr)
	}
	answer.write(w, r, status)
}
