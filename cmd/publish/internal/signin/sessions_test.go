package signin

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// signedIn begins a session, and returns a request with its cookie.
func signedIn(s *sessions, user string) *http.Request {
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
	s.begin(w, r, user, "")
	r.AddCookie(w.Result().Cookies()[0])
	return r
}

func isIn(s *sessions, r *http.Request) bool {
	_, ok := s.find(r)
	return ok
}

func TestSessions_CookieName(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]Config{
		"fleetdial-8400":          {Port: 8400, BasePath: "/"},
		"__Host-fleetdial-8400":   {Port: 8400, BasePath: "/", TLS: true},
		"__Secure-fleetdial-8401": {Port: 8401, BasePath: "/c/", TLS: true},
	} {
		cookie := newSessions(cfg).cookie
		assert.Equal(t, want, cookie.Name)
		assert.Equal(t, cfg.TLS, cookie.Secure)
		assert.Equal(t, cfg.BasePath, cookie.Path)
	}
}

func TestSessions_End(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSessions(Config{BasePath: "/"})
		idle, used, open := signedIn(s, "a"), signedIn(s, "a"), signedIn(s, "a")
		open.Header.Set("Sec-Fetch-Mode", "cors")
		used.Header.Set("Sec-Fetch-Mode", "navigate")
		for range 3 {
			time.Sleep(idleEnd / 4)
			assert.True(t, isIn(s, used))
			assert.True(t, isIn(s, open))
		}
		time.Sleep(idleEnd / 4)
		assert.True(t, isIn(s, used))
		assert.False(t, isIn(s, idle), "not used")
		assert.False(t, isIn(s, open), "an open page that fetches by itself is no use")
		time.Sleep(idleEnd - time.Second)
		assert.True(t, isIn(s, used))
		time.Sleep(time.Second)
		assert.False(t, isIn(s, used), "the absolute end")
	})
}

func TestSessions_AreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSessions(Config{BasePath: "/"})
		first := signedIn(s, "flood")
		time.Sleep(time.Second)
		second := signedIn(s, "flood")
		time.Sleep(time.Second)
		alice := signedIn(s, "alice")
		for range maxSessionsPerUser - 1 {
			time.Sleep(time.Second)
			signedIn(s, "flood")
		}
		assert.False(t, isIn(s, first), "the oldest session of the user makes room")
		assert.True(t, isIn(s, second))
		assert.True(t, isIn(s, alice))
		for i := range maxSessions + 10 {
			signedIn(s, fmt.Sprint(i))
		}
		assert.Len(t, s.all, maxSessions)
		time.Sleep(absoluteEnd)
		signedIn(s, "alice")
		assert.Len(t, s.all, 1)
	})
}

// TestSessions_ForgedCookies sends cookies that no session has, and two cookies, one of which may
// be from another host of the domain.
func TestSessions_ForgedCookies(t *testing.T) {
	t.Parallel()
	s := newSessions(Config{BasePath: "/"})
	r := signedIn(s, "a")
	require.True(t, isIn(s, r))
	good := r.Cookies()[0]
	for _, value := range []string{"", "x", good.Value + "A", good.Value[1:]} {
		forged := httptest.NewRequest("GET", "/", nil)
		forged.AddCookie(&http.Cookie{Name: good.Name, Value: value})
		assert.False(t, isIn(s, forged), value)
	}
	r.AddCookie(&http.Cookie{Name: good.Name, Value: "x"})
	assert.False(t, isIn(s, r))
}
