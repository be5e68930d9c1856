package signin

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// The ends of a session, and the limits of their number.
const (
	idleEnd            = 12 * time.Hour
	absoluteEnd        = 24 * time.Hour
	maxSessions        = 1000
	maxSessionsPerUser = 20
)

// sessions are the browsers that have signed in. They are in memory only, so they end with the
// command. The memory holds digests of the cookies, not the cookies. It is safe for concurrent use.
type sessions struct {
	cookie http.Cookie // without a value

	mu  sync.Mutex
	all map[digest]*session
}

type digest [sha256.Size]byte

type session struct {
	user string
	// password is the hash with which the user signed in, empty for a link.
	password        string
	began, usedLast time.Time
}

func (s *session) isOver(now time.Time) bool {
	return now.Sub(s.usedLast) >= idleEnd || now.Sub(s.began) >= absoluteEnd
}

func newSessions(cfg Config) *sessions {
	name := fmt.Sprintf("fleetdial-%d", cfg.Port)
	switch { // the prefixes keep other hosts and plain HTTP from setting the cookie
	case cfg.TLS && cfg.BasePath == "/":
		name = "__Host-" + name
	case cfg.TLS:
		name = "__Secure-" + name
	}
	return &sessions{
		cookie: http.Cookie{
			Name: name, Path: cfg.BasePath, HttpOnly: true, Secure: cfg.TLS, SameSite: http.SameSiteStrictMode,
		},
		all: make(map[digest]*session),
	}
}

// begin adds a session of a user to the response. It replaces the session of the request.
func (s *sessions) begin(w http.ResponseWriter, r *http.Request, user, password string) {
	secret, now := newSecret(), time.Now()
	s.mu.Lock()
	delete(s.all, s.keyOf(r))
	s.makeRoom(user, now)
	s.all[sha256.Sum256([]byte(secret))] = &session{user: user, password: password, began: now, usedLast: now}
	s.mu.Unlock()
	cookie := s.cookie
	cookie.Value = secret
	http.SetCookie(w, &cookie)
}

// makeRoom removes the sessions that are over and, at a limit, the one that was used the longest
// time ago: of the user, or else of all.
func (s *sessions) makeRoom(user string, now time.Time) {
	var ofUser int
	var oldest, oldestOfUser digest
	for key, session := range s.all {
		if session.isOver(now) {
			delete(s.all, key)
			continue
		}
		if found := s.all[oldest]; found == nil || session.usedLast.Before(found.usedLast) {
			oldest = key
		}
		if session.user != user {
			continue
		}
		ofUser++
		if found := s.all[oldestOfUser]; found == nil || session.usedLast.Before(found.usedLast) {
			oldestOfUser = key
		}
	}
	switch {
	case ofUser >= maxSessionsPerUser:
		delete(s.all, oldestOfUser)
	case len(s.all) >= maxSessions:
		delete(s.all, oldest)
	}
}

// find returns the session of a request. The second result is false if there is none.
func (s *sessions) find(r *http.Request) (session, bool) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	key := s.keyOf(r)
	found := s.all[key]
	if found == nil {
		return session{}, false
	}
	if found.isOver(now) {
		delete(s.all, key)
		return session{}, false
	}
	// The requests of scripts do not count as use, because an open page makes them by itself.
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode == "" || mode == "navigate" {
		found.usedLast = now
	}
	return *found, true
}

// end ends the session of a request, and makes the browser forget the cookie.
func (s *sessions) end(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	delete(s.all, s.keyOf(r))
	s.mu.Unlock()
	cookie := s.cookie
	cookie.MaxAge = -1
	http.SetCookie(w, &cookie)
}

// keyOf returns the key of a request's session. A request without the cookie, or with several,
// gets a key that no session has.
func (s *sessions) keyOf(r *http.Request) (none digest) {
	if cookies := r.CookiesNamed(s.cookie.Name); len(cookies) == 1 {
		return sha256.Sum256([]byte(cookies[0].Value))
	}
	return none
}
