package redisurl

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/fleetdial/fleetdial/internal/suggest"
)

// parts are the parts of a URL. net/url does not split it, because net/url knows no lists of
// hosts, and because it drops parts in silence.
type parts struct {
	scheme string // in lower case
	user   *url.Userinfo
	hosts  string
	path   string // percent-encoded, as the query
	query  string
}

// forms are the known schemes, each with the form of its URLs.
var forms = map[string]string{
	"redis": "redis://HOST:PORT", "rediss": "rediss://HOST:PORT", "unix": socketForm,
	"redis+sentinel": sentinelForm, "rediss+sentinel": "rediss+sentinel://HOST:PORT,HOST:PORT/MASTER",
	"redis+cluster": clusterForm, "rediss+cluster": "rediss+cluster://HOST:PORT,HOST:PORT",
}

var (
	errEmpty      = problem("the URL is empty", "redis://HOST:PORT")
	errBlankAtEnd = problem("a blank, a newline or a control character begins or ends the URL", "redis://HOST:PORT")
	errQuotes     = problem("quotes begin or end the URL", "redis://HOST:PORT")
	errBlank      = problem("the URL contains a blank or a control character",
		"a blank in a user name or a password is written %20")
	errNoScheme   = problem("the scheme is missing", "redis://HOST:PORT, or "+socketForm+" for a socket")
	errFragment   = problem("the URL has a fragment, which begins with a #", "a # in a user name or a password is written %23")
	errSlash      = problem("the path contains an @", "a / in a user name or a password is written %2F")
	errAmongHosts = problem("the user name and the password are not in front of all hosts",
		"redis+cluster://USER:PASSWORD@HOST:PORT,HOST:PORT; a comma in a user name or a password is written %2C")
	errUser = problem("the user name or the password is not percent-encoded",
		"a % is written %25, a [ %5B, a ] %5D, a ^ %5E and so on")
)

// split splits a URL.
func split(raw string) (p parts, err error) {
	if err := checkText(raw); err != nil {
		return parts{}, err
	}
	after, err := p.cutScheme(raw)
	if err != nil {
		return parts{}, err
	}
	switch {
	case strings.Contains(after, "#"):
		return parts{}, errFragment
	case strings.Contains(after, " ") && p.scheme != "unix": // the path of a socket may have some
		return parts{}, errBlank
	}
	after, p.query, _ = strings.Cut(after, "?")
	authority := after
	if i := strings.IndexByte(after, '/'); i >= 0 {
		authority, p.path = after[:i], after[i:]
	}
	i := strings.LastIndexByte(authority, '@')
	p.hosts = authority[i+1:]
	if p.scheme != "unix" && strings.Contains(p.path, "@") {
		return parts{}, errSlash // a database and a master have none
	}
	if i < 0 {
		return p, nil
	}
	if isAmongHosts(authority[:i]) {
		return parts{}, errAmongHosts
	}
	u, err := url.Parse("//" + authority[:i] + "@host")
	if err != nil {
		return parts{}, errUser
	}
	p.user = u.User
	return p, nil
}

// isAmongHosts reports whether what precedes the last @ seems to contain hosts of a list, as in
// A:1,USER:PASSWORD@B:1. The password of such a URL would be 1,USER:PASSWORD, and its only host B.
func isAmongHosts(userInfo string) bool {
	before, after, list := strings.Cut(userInfo, ",")
	return list && (!strings.Contains(before, ":") || strings.Contains(before, "@") || strings.Contains(after, ":"))
}

// checkText finds what surrounds a URL in a file or a shell, and what no URL contains.
func checkText(raw string) error {
	switch {
	case raw == "":
		return errEmpty
	case strings.TrimFunc(raw, isBlank) != raw:
		return errBlankAtEnd
	case strings.Trim(raw, "\"'`<>“”‘’") != raw:
		return errQuotes
	case strings.ContainsFunc(strings.ReplaceAll(raw, " ", ""), isBlank):
		return errBlank
	}
	return nil
}

// isBlank reports whether no URL contains the character. A byte order mark, which begins some
// files, is one.
func isBlank(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\uFEFF' }

// cutScheme sets the scheme, and returns what follows the two slashes after it.
func (p *parts) cutScheme(raw string) (after string, err error) {
	scheme, after, found := strings.Cut(raw, ":")
	p.scheme = strings.ToLower(scheme) // as every URL's
	form, known := forms[p.scheme]
	switch {
	case !found || !isScheme(scheme):
		return "", errNoScheme
	case strings.HasPrefix(after, "//") && known:
		return after[2:], nil
	case strings.HasPrefix(after, "//"):
		return "", problem("the URL has an unknown scheme", likely(p.scheme, forms)+
			"redis, rediss, unix, redis+sentinel, rediss+sentinel, redis+cluster or rediss+cluster")
	case p.scheme == "unix" && strings.HasPrefix(after, "/"):
		return after, nil // unix:/PATH means unix:///PATH
	case known:
		return "", problem("the two slashes after the scheme are missing", form)
	}
	return "", errNoScheme // a host and its port, or a user and the password
}

// likely begins the accepted words with the known one that a typing mistake may mean.
func likely[V any](word string, known map[string]V) string {
	if meant := suggest.Closest(word, slices.Sorted(maps.Keys(known))); meant != "" {
		return "did you mean " + meant + "? "
	}
	return ""
}

func isScheme(text string) bool {
	for i, c := range []byte(text) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789+-.", rune(c))) {
			return false
		}
	}
	return text != ""
}

func (p parts) isSentinel() bool { return strings.HasSuffix(p.scheme, "+sentinel") }
func (p parts) isCluster() bool  { return strings.HasSuffix(p.scheme, "+cluster") }
func (p parts) hasTLS() bool     { return strings.HasPrefix(p.scheme, "rediss") }
