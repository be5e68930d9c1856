package signin

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/fleetdial/fleetdial/console"
	"github.com/fleetdial/fleetdial/testutil"
)

// hash returns a hash of the lowest cost.
func hash(t *testing.T, password string) string {
	t.Helper()
	out, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	require.NoError(t, err)
	return string(out)
}

// newUsers returns the users of a file with these lines, and the file.
func newUsers(t *testing.T, cfg Config, lines ...string) (*Users, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "users")
	require.NoError(t, os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	users, err := NewUsers(cfg, file)
	require.NoError(t, err)
	return users, file
}

func credentials(name, password string) url.Values {
	return url.Values{"name": {name}, "password": {password}, "next": {"/f/prod/"}}
}

func TestUsers_SignIn(t *testing.T) {
	t.Parallel()
	var log testutil.Buffer
	users, _ := newUsers(t, Config{Log: textLog(&log), TLS: true, Port: 8400},
		"# comment", "", "alice:"+hash(t, "geheim"), "bob:"+strings.Replace(hash(t, "offen"), "$2a$", "$2y$", 1)+":read-only")
	b := newBrowser(t, users)
	form := b.get("/f/prod/history?q=%22x")
	assert.Equal(t, http.StatusUnauthorized, form.StatusCode)
	text := body(t, form)
	assert.Contains(t, text, `<label for="password">`)
	assert.Contains(t, text, `value="/f/prod/history?q=%22x"`)
	assert.Contains(t, body(t, b.post("/f/prod/publish", url.Values{"a": {"b"}})), "Nothing was changed")

	for _, wrong := range []url.Values{
		credentials("alice", "offen"), credentials("bob", "geheim"), credentials("carol", "geheim"), credentials("Alice", "geheim"),
	} {
		assert.Equal(t, http.StatusUnauthorized, b.post("/signin", wrong).StatusCode, wrong)
	}
	for _, bad := range []url.Values{
		nil,
		{},
		credentials("", "geheim"), credentials("alice", ""), credentials(strings.Repeat("a", 257), "geheim"),
		credentials("a\nb", "geheim"), credentials("alice", strings.Repeat("a", maxPasswordBytes+1)),
		credentials("alice", strings.Repeat("a", maxFormBytes)),
	} {
		assert.Equal(t, http.StatusBadRequest, b.post("/signin", bad).StatusCode)
	}
	assert.Equal(t, http.StatusOK, b.get("/signin?name=alice&password=geheim").StatusCode, "no password in an address")
	assert.Empty(t, b.user())
	in := b.post("/signin", credentials("alice", "geheim"))
	assert.Equal(t, http.StatusSeeOther, in.StatusCode)
	assert.Equal(t, "/f/prod/", in.Header.Get("Location"))
	assert.True(t, in.Cookies()[0].Secure)
	assert.Equal(t, "__Host-fleetdial-8400", in.Cookies()[0].Name)
	user, ok := users.User(b.request("GET", "/", nil))
	assert.True(t, ok)
	assert.Equal(t, console.User{Name: "alice", MayPublish: true}, user)
	assert.Contains(t, body(t, b.get("/signin")), "alice")

	// Another sign-in in the same browser replaces the session.
	before := b.cookies["__Host-fleetdial-8400"]
	b.post("/signin", credentials("bob", "offen"))
	user, _ = users.User(b.request("GET", "/", nil))
	assert.Equal(t, console.User{Name: "bob"}, user)
	b.cookies["__Host-fleetdial-8400"] = before
	assert.Empty(t, b.user())

	assert.Contains(t, log.String(), "user=alice")
	for _, never := range []string{"geheim", "offen", "carol"} {
		assert.NotContains(t, log.String(), never, "people type passwords into the wrong field")
	}
}

func TestUsers_FileChanges(t *testing.T) {
	t.Parallel()
	alice := "alice:" + hash(t, "geheim")
	users, file := newUsers(t, Config{}, alice, "bob:"+hash(t, "offen"))
	write := func(text string) {
		require.NoError(t, os.WriteFile(file+".new", []byte(text), 0o600))
		require.NoError(t, os.Rename(file+".new", file))
	}
	a, b := newBrowser(t, users), newBrowser(t, users)
	a.post("/signin", credentials("alice", "geheim"))
	b.post("/signin", credentials("bob", "offen"))
	require.Equal(t, "bob", b.user())
	write(alice + ":read-only\n")
	assert.Empty(t, b.user(), "the user was removed")
	user, _ := users.User(a.request("GET", "/", nil))
	assert.Equal(t, console.User{Name: "alice"}, user)
	write("not valid\n")
	assert.Equal(t, "alice", a.user(), "an invalid file changes nothing")
	write("alice:" + hash(t, "geheim") + "\n")
	assert.Empty(t, a.user(), "the user has another password")
}

func TestParseAccounts_Rejects(t *testing.T) {
	t.Parallel()
	good := hash(t, "geheim")
	for text, want := range map[string]string{
		"":                                 "no user",
		"# a\n\n":                          "no user",
		"a":                                "line 1: must be NAME:HASH",
		"a:b":                              "the hash must be one of bcrypt",
		"\na:$apr1$x$y":                    "line 2: the hash must be one of bcrypt",
		"a:" + good[:59]:                   "the hash must be one of bcrypt",
		"a:" + good + ":write":             "the third field must be read-only",
		"a:" + good + ":":                  "the third field must be read-only",
		"a:" + good + ":read-only:x":       "must be NAME:HASH",
		":" + good:                         "the name must not be empty",
		"a\u202eb:" + good:                 "printable",
		"a:" + good + "\na:" + good:        "line 2: the name is there twice",
		"a:$2y$31$" + good[7:]:             "cost of the hash must be at most 16",
		"a:" + good + "\n\xff\xfe:" + good: "UTF-8",
	} {
		_, err := parseAccounts([][]byte{[]byte(text)})
		require.ErrorContains(t, err, want, text)
		assert.NotContains(t, err.Error(), "$2", "an error shows no hash")
	}
}

// TestAccounts_UnknownNamesAreChecked has hashes of several costs. The check of an unknown
// name must cost as much as that of some user, and always the same for a name.
func TestAccounts_UnknownNamesAreChecked(t *testing.T) {
	t.Parallel()
	a, err := parseAccounts([][]byte{[]byte("alice:" + hash(t, "geheim"))})
	require.NoError(t, err)
	assert.Equal(t, "alice", a.check("alice", "geheim").name)
	assert.Nil(t, a.check("carol", "geheim"), "the password of the user whose hash is checked")

	slow, err := bcrypt.GenerateFromPassword([]byte("geheim"), 9)
	require.NoError(t, err)
	a.list[0].hash = string(slow)
	cost := func(name string) time.Duration {
		begin := time.Now()
		assert.Nil(t, a.check(name, "wrong"))
		return time.Since(begin)
	}
	known, unknown := cost("alice"), cost("carol")
	for range 5 { // the minimum, because the machine may be busy
		known, unknown = min(known, cost("alice")), min(unknown, cost("carol"))
	}
	assert.Greater(t, unknown, known/4)
}

func TestUsers_FailuresAreLimited(t *testing.T) {
	t.Parallel()
	users, _ := newUsers(t, Config{}, "alice:"+hash(t, "geheim"), "bob:"+hash(t, "offen"))
	synctest.Test(t, func(t *testing.T) {
		b := newBrowser(t, users)
		for range failuresPerAddress {
			assert.Equal(t, http.StatusUnauthorized, b.post("/signin", credentials("alice", "wrong")).StatusCode)
		}
		for range 100 { // also with the right password, so that nobody learns it
			limited := b.post("/signin", credentials("alice", "geheim"))
			require.Equal(t, http.StatusTooManyRequests, limited.StatusCode)
			assert.Equal(t, "20", limited.Header.Get("Retry-After"))
		}
		assert.Equal(t, http.StatusTooManyRequests, b.post("/signin", credentials("bob", "offen")).StatusCode)
		other := newBrowser(t, users)
		other.from = "192.0.2.2:1"
		for range 3 * failuresPerAddress { // those that succeed do not count
			require.Equal(t, http.StatusSeeOther, other.post("/signin", credentials("alice", "geheim")).StatusCode)
		}
		time.Sleep(addressInterval)
		assert.Equal(t, http.StatusSeeOther, b.post("/signin", credentials("alice", "geheim")).StatusCode)

		// Many addresses guess one name, known or not. Requests that a limit rejects take nothing.
		for _, name := range []string{"alice", "nobody"} {
			time.Sleep(time.Hour)
			statuses := make(map[int]int)
			for i := range 100 {
				guess := newBrowser(t, users)
				guess.from = "[2001:db8:0:" + string(rune('a'+i%6)) + ":" + string(rune('a'+i%5)) + "::1]:1"
				statuses[guess.post("/signin", credentials(name, "wrong")).StatusCode]++
			}
			assert.Equal(t, map[int]int{http.StatusUnauthorized: failuresPerName, http.StatusTooManyRequests: 70}, statuses, name)
			for range 2 * failuresPerAddress {
				require.Equal(t, http.StatusTooManyRequests, other.post("/signin", credentials(name, "wrong")).StatusCode)
			}
			assert.Equal(t, http.StatusSeeOther, other.post("/signin", credentials("bob", "offen")).StatusCode, "another name")
		}
	})
}

// TestUsers_ConcurrentFailures sends many wrong passwords at the same time. No more of them than
// the limit may be checked.
func TestUsers_ConcurrentFailures(t *testing.T) {
	t.Parallel()
	users, _ := newUsers(t, Config{}, "alice:"+hash(t, "geheim"))
	synctest.Test(t, func(t *testing.T) {
		users.checks = make(chan struct{}, 2)
		var checked atomic.Int32
		var wait sync.WaitGroup
		for range 5 * failuresPerAddress {
			wait.Go(func() {
				if newBrowser(t, users).post("/signin", credentials("alice", "wrong")).StatusCode == http.StatusUnauthorized {
					checked.Add(1)
				}
			})
		}
		wait.Wait()
		assert.EqualValues(t, failuresPerAddress, checked.Load())
	})
}

// TestUsers_BusyChecks has all checks taken. A sign-in ends with a page, and counts as no failure.
func TestUsers_BusyChecks(t *testing.T) {
	t.Parallel()
	users, _ := newUsers(t, Config{}, "alice:"+hash(t, "geheim"))
	synctest.Test(t, func(t *testing.T) {
		users.checks = make(chan struct{}) // no place
		b := newBrowser(t, users)
		for range 2 * failuresPerName {
			require.Equal(t, http.StatusServiceUnavailable, b.post("/signin", credentials("alice", "geheim")).StatusCode)
		}
	})
}
