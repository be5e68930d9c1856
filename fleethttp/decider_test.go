package fleethttp_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/fleethttp"
)

func deciderOf(t testing.TB, store fleetdial.Store, cfg fleethttp.Config) *fleethttp.Decider {
	t.Helper()
	d, err := fleethttp.NewDecider(store, cfg)
	require.NoError(t, err)
	return d
}

// TestDecider_DecidesOutsideMiddleware decides on a request with a token. The chain of the
// test clears the response header, as a proxy may.
func TestDecider_DecidesOutsideMiddleware(t *testing.T) {
	t.Parallel()
	store := storeOf(t, fleetdial.Directive{ID: "set", Level: fleetdial.Shape, Match: fleetdial.Match{Tenant: "acme", Index: "orders"}})
	decider := deciderOf(t, store, fleethttp.Config{Classify: byTenant, TokenKey: tokenKey})
	token, err := fleetdial.SignToken(tokenKey, fleetdial.Directive{
		Level: fleetdial.ShapeTiming, SamplePerMille: 1000, ExpiresAt: time.Now().Add(time.Minute), Capture: true,
	})
	require.NoError(t, err)
	r := httptest.NewRequest(http.MethodGet, "/orders/_search", http.NoBody)
	r.Header.Set("X-Tenant", "acme")
	r.Header.Set(fleethttp.DirectiveHeader, token)
	recorder := httptest.NewRecorder()

	w, decided, d := decider.Decide(recorder, r)
	assert.Equal(t, fleetdial.Decision{Level: fleetdial.ShapeTiming, Capture: true, By: fleetdial.TokenID}, d)
	assert.Equal(t, d, fleetdial.DecisionFrom(decided.Context()))
	req, ok := fleethttp.RequestFrom(decided.Context())
	assert.True(t, ok)
	assert.Equal(t, "orders", req.Index)
	assert.Equal(t, []string{req.ID}, decided.Header["X-Request-Id"])
	assert.NotContains(t, decided.Header, fleethttp.DirectiveHeader)
	added, removed := fleethttp.HeadersChanged(decided.Context())
	assert.Equal(t, []string{"X-Request-Id"}, added)
	assert.Equal(t, []string{fleethttp.DirectiveHeader}, removed)

	clear(w.Header())
	w.WriteHeader(http.StatusTeapot)
	assert.Equal(t, "applied", recorder.Result().Header.Get(fleethttp.DirectiveHeader))
}

// TestDecider_NothingApplies decides on a request that no directive matches. The chain
// must continue with the same values, and Decide must not allocate.
func TestDecider_NothingApplies(t *testing.T) {
	decider := deciderOf(t, storeOf(t), fleethttp.Config{TokenKey: tokenKey})
	r := httptest.NewRequest(http.MethodGet, "/orders/_search", http.NoBody)
	r.Header.Set("X-Request-Id", "r1")
	r.Header.Set("Connection", "keep-alive, Upgrade")
	recorder := httptest.NewRecorder()
	w, decided, d := decider.Decide(recorder, r)
	assert.Same(t, recorder, w)
	assert.Same(t, r, decided)
	assert.Zero(t, d)
	assert.Zero(t, testing.AllocsPerRun(1000, func() { decider.Decide(w, r) }))
}

// TestDecider_RequestIDReachesUpstream sends headers that would remove or double the
// request id on the way to the upstream.
func TestDecider_RequestIDReachesUpstream(t *testing.T) {
	t.Parallel()
	decider := deciderOf(t, storeOf(t, fleetdial.Directive{ID: "a", Level: fleetdial.Shape}), fleethttp.Config{})
	for _, tt := range []struct {
		ids, connection, wantConnection, wantRemoved []string
	}{
		{[]string{"r1"}, nil, nil, nil},
		{[]string{"r1", "r2"}, nil, nil, []string{"X-Request-Id"}},
		{[]string{"r1"}, []string{"X-Request-Id"}, nil, nil},
		{[]string{"r1"}, []string{"close", "x-request-ID , Upgrade"}, []string{"close, Upgrade"}, nil},
		{[]string{"r1"}, []string{"X-Request-Id-2, close"}, []string{"X-Request-Id-2, close"}, nil},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Header["X-Request-Id"] = tt.ids
		if tt.connection != nil {
			r.Header["Connection"] = tt.connection
		}
		_, decided, _ := decider.Decide(httptest.NewRecorder(), r)
		assert.Equal(t, []string{"r1"}, decided.Header["X-Request-Id"])
		assert.Equal(t, tt.wantConnection, decided.Header["Connection"])
		_, removed := fleethttp.HeadersChanged(decided.Context())
		assert.Equal(t, tt.wantRemoved, removed)
	}
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	r.Header.Set("Connection", "X-Request-Id")
	_, decided, _ := decider.Decide(httptest.NewRecorder(), r)
	assert.Len(t, decided.Header.Get("X-Request-Id"), 32)
	assert.NotContains(t, decided.Header, "Connection", "the generated id must not be removed either")
}

// TestConstructors_InvalidConfig passes invalid stores and fields to the constructors that
// return an error. The error must name the parameter or the field.
func TestConstructors_InvalidConfig(t *testing.T) {
	t.Parallel()
	var noSubscriber *fleetdial.Subscriber
	var noMemory *fleetdial.Memory
	good := storeOf(t)
	for name, tt := range map[string]struct {
		store fleetdial.Store
		cfg   fleethttp.Config
		want  string
	}{
		"nil store":          {nil, fleethttp.Config{}, "fleethttp: store: is nil"},
		"nil Subscriber":     {noSubscriber, fleethttp.Config{}, "fleethttp: store: is nil"},
		"nil Memory":         {noMemory, fleethttp.Config{}, "fleethttp: store: is nil"},
		"short TokenKey":     {good, fleethttp.Config{TokenKey: tokenKey[:15]}, "fleethttp: Config.TokenKey: " + fleetdial.ErrTokenKey.Error()},
		"empty TokenKey":     {good, fleethttp.Config{TokenKey: []byte{}}, "fleethttp: Config.TokenKey: " + fleetdial.ErrTokenKey.Error()},
		"negative token TTL": {good, fleethttp.Config{MaxTokenTTL: -1}, "fleethttp: Config.MaxTokenTTL: must not be negative"},
	} {
		wrap, err := fleethttp.Middleware(tt.store, tt.cfg)
		require.EqualError(t, err, tt.want, name)
		assert.Nil(t, wrap, name)
		decider, err := fleethttp.NewDecider(tt.store, tt.cfg)
		require.EqualError(t, err, tt.want, name)
		assert.Nil(t, decider, name)
	}
	for _, store := range []fleetdial.Store{nil, noSubscriber, noMemory} {
		handler, err := fleethttp.AdminHandler(store, fleethttp.AdminConfig{Token: adminToken})
		require.EqualError(t, err, "fleethttp: store: is nil")
		assert.Nil(t, handler)
	}
	_, err := fleethttp.AdminHandler(good, fleethttp.AdminConfig{Token: adminToken[:15]})
	require.EqualError(t, err, "fleethttp: AdminConfig.Token: must be at least 16 bytes")
}

// TestHealthz_NilStore serves the handler of a program that ignored the error of
// Subscribe.
func TestHealthz_NilStore(t *testing.T) {
	t.Parallel()
	for _, store := range []fleetdial.Store{nil, (*fleetdial.Subscriber)(nil), (*fleetdial.Memory)(nil)} {
		w := httptest.NewRecorder()
		fleethttp.Healthz(store).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/healthz", http.NoBody))
		assert.Equal(t, http.StatusOK, w.Code)
		assert.Contains(t, w.Body.String(), `"status":"degraded"`)
	}
}

// TestDecider_ConfigCopied changes the key of a Config after NewDecider.
func TestDecider_ConfigCopied(t *testing.T) {
	t.Parallel()
	key := []byte(string(tokenKey))
	decider := deciderOf(t, storeOf(t), fleethttp.Config{TokenKey: key})
	clear(key)
	token, err := fleetdial.SignToken(tokenKey, fleetdial.Directive{
		Level: fleetdial.Shape, SamplePerMille: 1000, ExpiresAt: time.Now().Add(time.Minute),
	})
	require.NoError(t, err)
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	r.Header.Set(fleethttp.DirectiveHeader, token)
	w, _, _ := decider.Decide(httptest.NewRecorder(), r)
	assert.Equal(t, "applied", w.Header().Get(fleethttp.DirectiveHeader))
}
