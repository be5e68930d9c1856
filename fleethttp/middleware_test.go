package fleethttp_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/fleethttp"
)

var tokenKey = []byte("0123456789abcdef0123456789abcdef")

// seen is what the next handler received.
type seen struct {
	decision   fleetdial.Decision
	request    fleetdial.Request
	classified bool
	header     http.Header
}

// byTenant classifies by the path and the X-Tenant header.
func byTenant(r *http.Request) fleetdial.Request {
	endpoint, index := fleethttp.OpenSearch(r.Method, r.URL)
	return fleetdial.Request{Tenant: r.Header.Get("X-Tenant"), Index: index, Endpoint: endpoint}
}

func serve(t *testing.T, store fleetdial.Store, cfg fleethttp.Config, header http.Header) (seen, *httptest.ResponseRecorder) {
	t.Helper()
	wrap, err := fleethttp.Middleware(store, cfg)
	require.NoError(t, err)
	var out seen
	handler := wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		out.decision, out.header = fleetdial.DecisionFrom(r.Context()), r.Header
		out.request, out.classified = fleethttp.RequestFrom(r.Context())
	}))
	r := httptest.NewRequest(http.MethodPost, "/orders/_search", strings.NewReader("{}"))
	for name, values := range header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return out, w
}

func TestMiddleware_DecisionInContext(t *testing.T) {
	t.Parallel()
	store := storeOf(t, fleetdial.Directive{
		ID: "a", Level: fleetdial.ShapeTiming, RingBuffer: true,
		Match: fleetdial.Match{Tenant: "acme", Index: "orders", Endpoint: fleetdial.Search},
	})
	got, _ := serve(t, store, fleethttp.Config{Classify: byTenant}, http.Header{"X-Tenant": {"acme"}, "X-Request-Id": {"r1"}})
	assert.Equal(t, fleetdial.Decision{Level: fleetdial.ShapeTiming, RingBuffer: true, By: "a"}, got.decision)
	assert.Equal(t, fleetdial.Request{Tenant: "acme", Index: "orders", Endpoint: fleetdial.Search, ID: "r1"}, got.request)
	assert.True(t, got.classified)

	got, _ = serve(t, store, fleethttp.Config{Classify: byTenant}, http.Header{"X-Tenant": {"globex"}})
	assert.Zero(t, got.decision)
	assert.False(t, got.classified)
	got, _ = serve(t, store, fleethttp.Config{}, http.Header{"X-Tenant": {"acme"}})
	assert.Zero(t, got.decision, "the default Classify must not set a tenant")
}

// TestMiddleware_NestedReplacesDecision nests two middlewares. The inner one has an empty
// set, so its handler must see no decision.
func TestMiddleware_NestedReplacesDecision(t *testing.T) {
	t.Parallel()
	outer, err := fleethttp.Middleware(storeOf(t, fleetdial.Directive{ID: "a", Level: fleetdial.Shape}), fleethttp.Config{})
	require.NoError(t, err)
	inner, err := fleethttp.Middleware(storeOf(t), fleethttp.Config{})
	require.NoError(t, err)
	decisions := []fleetdial.Decision{{Level: fleetdial.ShapeTiming}}
	handler := outer(inner(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		decisions = append(decisions[:0], fleetdial.DecisionFrom(r.Context()))
	})))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	assert.Equal(t, []fleetdial.Decision{{}}, decisions)
}

func TestMiddleware_GeneratesRequestID(t *testing.T) {
	t.Parallel()
	store := storeOf(t, fleetdial.Directive{ID: "a", Level: fleetdial.Shape})
	ids := map[string]bool{}
	for _, bad := range [][]string{nil, {}, {""}, {"a b"}, {"a\x7f"}, {"ü"}, {strings.Repeat("x", 129)}} {
		got, _ := serve(t, store, fleethttp.Config{}, http.Header{"X-Request-Id": bad})
		assert.Regexp(t, "^[0-9a-f]{32}$", got.request.ID)
		assert.Equal(t, []string{got.request.ID}, got.header["X-Request-Id"])
		ids[got.request.ID] = true
	}
	assert.Len(t, ids, 7)
	good := strings.Repeat("x", 128)
	got, _ := serve(t, store, fleethttp.Config{}, http.Header{"X-Request-Id": {good}})
	assert.Equal(t, good, got.request.ID)
	got, _ = serve(t, store, fleethttp.Config{Classify: func(*http.Request) fleetdial.Request {
		return fleetdial.Request{ID: "own"}
	}}, nil)
	assert.Equal(t, "own", got.request.ID)
}

func TestMiddleware_DirectiveToken(t *testing.T) {
	t.Parallel()
	sign := func(key []byte, d fleetdial.Directive) string {
		d.SamplePerMille = 1000
		if d.ExpiresAt.IsZero() {
			d.ExpiresAt = time.Now().Add(time.Minute)
		}
		text, err := fleetdial.SignToken(key, d)
		require.NoError(t, err)
		return text
	}
	token := func(d fleetdial.Directive) string { return sign(tokenKey, d) }
	high := token(fleetdial.Directive{Level: fleetdial.ShapeRewriteDiff, Capture: true})
	elsewhere := token(fleetdial.Directive{Level: fleetdial.ShapeRewriteDiff, Match: fleetdial.Match{Endpoint: fleetdial.Count}})
	store := storeOf(t, fleetdial.Directive{ID: "set", Level: fleetdial.ShapeTiming, RingBuffer: true})
	fromSet := fleetdial.Decision{Level: fleetdial.ShapeTiming, By: "set", RingBuffer: true}
	for name, tt := range map[string]struct {
		tokens []string
		want   fleetdial.Decision
		result string
	}{
		"none":  {nil, fromSet, ""},
		"equal": {[]string{token(fleetdial.Directive{Level: fleetdial.ShapeTiming})}, fromSet, "applied"},
		"higher": {
			[]string{high},
			fleetdial.Decision{Level: fleetdial.ShapeRewriteDiff, By: fleetdial.TokenID, RingBuffer: true, Capture: true},
			"applied",
		},
		"another endpoint": {[]string{elsewhere}, fromSet, "does not match"},
		"forged":           {[]string{sign([]byte("another key of enough bytes"), fleetdial.Directive{Level: fleetdial.Shape})}, fromSet, "rejected: " + fleetdial.ErrTokenForged.Error()},
		"two":              {[]string{high, high}, fromSet, "rejected: X-Debug-Directive: must be given once"},
		"too far": {
			[]string{token(fleetdial.Directive{Level: fleetdial.Shape, ExpiresAt: time.Now().Add(2 * time.Hour)})},
			fromSet, "rejected: exp: ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			if tt.tokens != nil {
				header[fleethttp.DirectiveHeader] = tt.tokens
			}
			got, w := serve(t, store, fleethttp.Config{TokenKey: tokenKey, MaxTokenTTL: time.Hour}, header)
			assert.Equal(t, tt.want, got.decision)
			result := w.Header().Get(fleethttp.DirectiveHeader)
			if strings.HasSuffix(tt.result, ": ") { // the reason is the text of another package
				assert.Greater(t, len(result), len(tt.result))
				result = result[:min(len(result), len(tt.result))]
			}
			assert.Equal(t, tt.result, result)
			assert.NotContains(t, got.header, fleethttp.DirectiveHeader, "the next handler must not see the token")
		})
	}
	got, w := serve(t, store, fleethttp.Config{}, http.Header{fleethttp.DirectiveHeader: {high}})
	assert.Equal(t, fromSet, got.decision, "the middleware must ignore tokens without a TokenKey")
	assert.Empty(t, w.Header())
}

func TestMiddleware_InvalidUse(t *testing.T) {
	t.Parallel()
	_, err := fleethttp.Middleware(storeOf(t), fleethttp.Config{TokenKey: tokenKey[:15]})
	require.ErrorIs(t, err, fleetdial.ErrTokenKey)
	wrap, err := fleethttp.Middleware(storeOf(t), fleethttp.Config{})
	require.NoError(t, err)
	assert.PanicsWithValue(t, "fleethttp: Middleware: the next handler is nil", func() { wrap(nil) })
}

// discardWriter is a ResponseWriter that discards the response without an allocation.
type discardWriter struct{ header http.Header }

func (w *discardWriter) Header() http.Header       { return w.header }
func (*discardWriter) Write(p []byte) (int, error) { return len(p), nil }
func (*discardWriter) WriteHeader(int)             {}

// serveUnmatched returns a function that serves a request that no directive matches. With
// wrapped, the handler has the middleware.
func serveUnmatched(tb testing.TB, header http.Header, wrapped bool) func() {
	tb.Helper()
	var directives []fleetdial.Directive
	for i := range 100 {
		directives = append(directives, fleetdial.Directive{
			ID: fmt.Sprint(i), Level: fleetdial.ShapeTiming, Match: fleetdial.Match{Tenant: fmt.Sprintf("tenant-%02d", i)},
		})
	}
	wrap, err := fleethttp.Middleware(storeOf(tb, directives...), fleethttp.Config{Classify: byTenant, TokenKey: tokenKey})
	require.NoError(tb, err)
	var next http.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	if wrapped {
		next = wrap(next)
	}
	w := &discardWriter{http.Header{}}
	r := httptest.NewRequest(http.MethodPost, "/orders/_search", http.NoBody)
	for name, values := range header {
		r.Header[name] = values
	}
	_, hasID := header[fleethttp.RequestIDHeader]
	return func() {
		if !hasID {
			delete(r.Header, fleethttp.RequestIDHeader)
		}
		next.ServeHTTP(w, r)
	}
}

var (
	withID    = http.Header{"X-Tenant": {"acme"}, "X-Request-Id": {"9f3c1c"}}
	withoutID = http.Header{"X-Tenant": {"acme"}}
)

// TestMiddleware_GeneratedIDsNotShared generates ids on several goroutines, and changes
// each header. The ids come from shared batches, so no change may reach another request.
func TestMiddleware_GeneratedIDsNotShared(t *testing.T) {
	t.Parallel()
	wrap, err := fleethttp.Middleware(storeOf(t), fleethttp.Config{})
	require.NoError(t, err)
	var ids sync.Map
	handler := wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Request-Id")
		_, twice := ids.LoadOrStore(id, true)
		assert.False(t, twice, "id %s was generated twice", id)
		assert.Len(t, id, 32)
		r.Header.Add("X-Request-Id", "another")
		r.Header["X-Request-Id"][0] = "changed"
	}))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", http.NoBody))
			}
		})
	}
	wg.Wait()
}

func TestMiddleware_NoAlloc(t *testing.T) {
	assert.Zero(t, testing.AllocsPerRun(1000, serveUnmatched(t, withID, true)))
	// With the race detector, sync.Pool drops values at random, so batches of ids are
	// generated more often.
	assert.LessOrEqual(t, testing.AllocsPerRun(1000, serveUnmatched(t, withoutID, true)), 1.0)
}

func BenchmarkMiddlewareNoAlloc(b *testing.B) {
	for _, bench := range []struct {
		name    string
		header  http.Header
		wrapped bool
	}{
		{"no middleware", withID, false},
		{"no match", withID, true},
		{"no match, generated id", withoutID, true},
	} {
		b.Run(bench.name, func(b *testing.B) {
			serve := serveUnmatched(b, bench.header, bench.wrapped)
			b.ReportAllocs()
			for b.Loop() {
				serve()
			}
		})
	}
}
