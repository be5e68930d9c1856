package redisurl

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
	"unicode"
)

var (
	errNoHost  = problem("the host is missing", "redis://HOST:PORT; redis://127.0.0.1:6379 for this machine")
	errColons  = problem("a host contains several colons", "redis://HOST:PORT, or redis://[ADDRESS]:PORT for an IPv6 address")
	errBracket = problem("the brackets do not contain an IPv6 address", "redis://[ADDRESS]:PORT")
	errPort    = problem("a port is not a number from 1 to 65535", "redis://HOST:PORT, or redis://HOST for the default port; "+
		"a /, ? or # in a user name or a password is written %2F, %3F or %23")
	errHost = problem("a host contains other characters than a host name",
		"letters, digits, dots, dashes and underscores")
	errZone = problem("the zone of an IPv6 address contains other characters than the name of an interface",
		"letters, digits, dots, dashes and underscores, as in redis://[fe80::1%25eth0]:PORT")
)

// address reads HOST:PORT. It returns the address to dial, and the host alone.
func address(text, defaultPort string) (addr, host string, err error) {
	host, port := text, defaultPort
	if strings.ContainsAny(text, "[]") {
		if host, port, err = bracketed(text, defaultPort); err != nil {
			return "", "", err
		}
	} else {
		if strings.Count(text, ":") > 1 {
			return "", "", errColons
		}
		if before, after, found := strings.Cut(text, ":"); found {
			host, port = before, after
		}
		if host == "" {
			return "", "", errNoHost
		}
		if strings.ContainsFunc(host, isForeign) {
			return "", "", errHost
		}
	}
	if n, err := number(port, 1<<16-1); err != nil || n == 0 {
		return "", "", errPort
	}
	return net.JoinHostPort(host, port), host, nil
}

// bracketed reads [ADDRESS]:PORT.
func bracketed(text, defaultPort string) (host, port string, err error) {
	inner, after, found := strings.Cut(strings.TrimPrefix(text, "["), "]")
	if !found || !strings.HasPrefix(text, "[") {
		return "", "", errBracket
	}
	// The zone of an address follows %25.
	host, err = url.PathUnescape(inner)
	ip, ipErr := netip.ParseAddr(host)
	if err != nil || ipErr != nil || !ip.Is6() {
		return "", "", errBracket
	}
	if strings.ContainsFunc(ip.Zone(), isForeign) {
		return "", "", errZone
	}
	if after == "" {
		return host, defaultPort, nil
	}
	port, found = strings.CutPrefix(after, ":")
	if !found {
		return "", "", errBracket
	}
	return host, port, nil
}

// isForeign reports whether no host name contains the character.
func isForeign(r rune) bool {
	if r > unicode.MaxASCII {
		return !unicode.In(r, unicode.L, unicode.M, unicode.N)
	}
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-._", r)
}
