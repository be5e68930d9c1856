package console_test

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/console"
	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

// TestMain looks for leaked goroutines for up to two seconds, because the pool of a client that
// could not dial sleeps for one second before it notices that the client is closed.
func TestMain(m *testing.M) {
	code := m.Run()
	for deadline := time.Now().Add(2 * time.Second); code == 0; {
		err := goleak.Find()
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// signIn knows every request as the same user.
type signIn struct{ user atomic.Pointer[console.User] }

var _ console.SignIn = (*signIn)(nil)

func (s *signIn) User(*http.Request) (console.User, bool) {
	user := s.user.Load()
	if user == nil {
		return console.User{}, false
	}
	return *user, true
}

func (s *signIn) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "sign in", http.StatusUnauthorized)
}

// rig is a console with a Redis of its own. Ann uses it, who may publish.
type rig struct {
	testing.TB
	redis  *testutil.Redis
	client *redis.Client
	ui     *console.Console
	base   string
	signIn *signIn
	log    *testutil.Buffer
}

// start returns a console. The function may change its configuration, or be nil.
func start(t testing.TB, configure func(*console.Config)) *rig {
	t.Helper()
	server := testutil.StartRedis(t)
	return startWith(t, server, server.Client(t), configure)
}

func startWith(t testing.TB, server *testutil.Redis, client *redis.Client, configure func(*console.Config)) *rig {
	t.Helper()
	r := &rig{TB: t, redis: server, client: client, signIn: new(signIn), log: new(testutil.Buffer)}
	r.user("Ann", true)
	cfg := console.Config{
		Client: client, BasePath: "/console/", AllowPublish: true, SignIn: r.signIn,
		Logger: slog.New(slog.NewTextHandler(r.log, nil)),
	}
	if configure != nil {
		configure(&cfg)
	}
	var err error
	r.ui, err = console.Handler(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.ui.Close()) })
	r.base = cfg.BasePath
	return r
}

// user changes who sends requests.
func (r *rig) user(name string, mayPublish bool) {
	r.signIn.user.Store(&console.User{Name: name, MayPublish: mayPublish})
}

// publisher returns a publisher of the fleet "default".
func (r *rig) publisher(author string) *fleetdial.Publisher { return r.publisherOf("default", author) }

func (r *rig) publisherOf(fleet, author string) *fleetdial.Publisher {
	r.Helper()
	p, err := fleetdial.NewPublisher(r.client, fleetdial.PublisherConfig{Fleet: fleet, PublishedBy: author, MaxTTL: 48 * time.Hour})
	require.NoError(r, err)
	return p
}

// publish publishes directives as Bob.
func (r *rig) publish(directives ...fleetdial.Directive) fleetdial.Revision {
	r.Helper()
	set, err := fleetdial.NewSet(directives)
	require.NoError(r, err)
	rev, err := r.publisher("Bob").Publish(r.Context(), set, fleetdial.PublishOptions{Reason: "of Bob"})
	require.NoError(r, err)
	return rev
}

// current returns the current revision, a zero one if there is none.
func (r *rig) current() fleetdial.Revision {
	r.Helper()
	rev, err := r.publisher("").Current(r.Context())
	if err != nil {
		require.ErrorIs(r, err, fleetdial.ErrNoRevision)
	}
	return rev
}

// report writes the report of an instance that has just applied the revision 1, as the instance
// itself does. The function may change the report, or be nil.
func (r *rig) report(name string, change func(*wire.Report)) {
	r.Helper()
	now := time.Now()
	report := wire.Report{
		Instance: name, StartedAt: now.Add(-time.Hour), Since: now.Add(-time.Hour), WrittenAt: now, Every: time.Minute,
		State: fleetdial.StateLive, Source: "redis", MaxFormat: 2,
		Applied: &wire.Applied{Version: 1, ID: strings.Repeat("0", 32), PublishedAt: now, At: now},
	}
	if change != nil {
		change(&report)
	}
	_, err := r.client.Pipelined(r.Context(), func(pipe redis.Pipeliner) error {
		pipe.Set(r.Context(), "fleetdial:{default}:instance:"+name, wire.EncodeReport(&report), time.Hour)
		pipe.ZAdd(r.Context(), "fleetdial:{default}:fleet", redis.Z{Score: float64(now.UnixMilli()), Member: name})
		return nil
	})
	require.NoError(r, err)
}

// directive returns a directive of tenant acme.
func directive(id string, ttl time.Duration) fleetdial.Directive {
	return fleetdial.Directive{
		ID: id, Match: fleetdial.Match{Tenant: "acme"}, Level: fleetdial.ShapeTiming, SamplePerMille: 1000,
		ExpiresAt: time.Now().Add(ttl).Truncate(time.Millisecond),
	}
}

// answer is an answer of the console.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request to a path below the base path.
func (r *rig) do(method, path string, form url.Values, change ...func(*http.Request)) answer {
	r.Helper()
	req := httptest.NewRequest(method, r.base+path, strings.NewReader(form.Encode()))
	req.Host = "localhost"
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, f := range change {
		f(req)
	}
	w := httptest.NewRecorder()
	r.ui.ServeHTTP(w, req)
	return answer{w.Code, w.Result().Header, w.Body.String()}
}

func (r *rig) get(path string) answer { r.Helper(); return r.do("GET", path, nil) }

// post sends a form of the fleet "default", given as name, value, name, value.
func (r *rig) post(page string, pairs ...string) answer {
	r.Helper()
	return r.do("POST", "f/default/"+page, values(pairs...))
}

func values(pairs ...string) url.Values {
	form := make(url.Values)
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return form
}

var (
	reviewForm = regexp.MustCompile(`(?s)<form method="post" action="([^"]*)" class="confirm">(.*?)</form>`)
	inputTag   = regexp.MustCompile(`<input ([^>]*)>`)
	attribute  = regexp.MustCompile(`([a-z-]+)="([^"]*)"`)
	anyTag     = regexp.MustCompile(`<[^>]*>`)
	anyBlanks  = regexp.MustCompile(`\s+`)
)

// text returns what a page shows: without tags and needless blanks.
func (a answer) text() string {
	return strings.TrimSpace(anyBlanks.ReplaceAllString(html.UnescapeString(anyTag.ReplaceAllString(a.body, " ")), " "))
}

// review returns the form with which a page asks for the confirmation of a change.
func (r *rig) review(a answer) url.Values {
	r.Helper()
	found := reviewForm.FindStringSubmatch(a.body)
	require.NotNil(r, found, "no review on the page:\n%s", a.text())
	form := make(url.Values)
	for _, tag := range inputTag.FindAllStringSubmatch(found[2], -1) {
		attributes := make(map[string]string)
		for _, a := range attribute.FindAllStringSubmatch(tag[1], -1) {
			attributes[a[1]] = html.UnescapeString(a[2])
		}
		if attributes["name"] != "confirm" {
			form.Add(attributes["name"], attributes["value"])
		}
	}
	return form
}

// apply confirms the review on a page, with further fields.
func (r *rig) apply(page string, reviewed answer, pairs ...string) answer {
	r.Helper()
	form := r.review(reviewed)
	for name, value := range values(pairs...) {
		form[name] = value
	}
	return r.do("POST", "f/default/"+page, form)
}

// published checks that an answer leads to the rollout of a version.
func (r *rig) published(a answer, version string) {
	r.Helper()
	require.Equal(r, http.StatusSeeOther, a.status, a.text())
	require.Equal(r, r.base+"f/default/rollout/"+version, a.header.Get("Location"))
}

// signKey returns a key that is the same for the same number.
func signKey(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}
