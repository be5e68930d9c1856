package fleethttp_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/fleethttp"
	"github.com/fleetdial/fleetdial/testutil"
)

const (
	adminToken = "a-token-of-enough-bytes"
	goodBody   = `{"directives":[{"id":"a","level":"Shape","tenant":"acme","ttl_secs":60}]}`
)

// call is one request to an admin handler. The zero call is a valid GET.
type call struct {
	method, query, body, auth string
	plain                     bool
}

type answer struct {
	code   int
	body   map[string]any
	header http.Header
}

func (c call) to(t *testing.T, h http.Handler) answer {
	t.Helper()
	if c.method == "" {
		c.method = http.MethodGet
	}
	r := httptest.NewRequestWithContext(t.Context(), c.method, "/admin/directives?"+c.query, strings.NewReader(c.body))
	if !c.plain {
		r.TLS = &tls.ConnectionState{}
	}
	switch c.auth {
	case "":
		r.Header.Set("Authorization", "Bearer "+adminToken)
	case "none":
	default:
		r.Header.Set("Authorization", c.auth)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	out := answer{code: w.Code, header: w.Header()}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &out.body), w.Body.String())
	assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	return out
}

func adminOf(t *testing.T, store fleetdial.Store, cfg fleethttp.AdminConfig) http.Handler {
	t.Helper()
	h, err := fleethttp.AdminHandler(store, cfg)
	require.NoError(t, err)
	return h
}

func TestAdmin_RejectedRequests(t *testing.T) {
	t.Parallel()
	store := storeOf(t, fleetdial.Directive{ID: "kept", Level: fleetdial.Shape})
	memory := adminOf(t, store, fleethttp.AdminConfig{Token: adminToken})
	disabled := adminOf(t, store, fleethttp.AdminConfig{})
	static := adminOf(t, fleetdial.Static(nil), fleethttp.AdminConfig{Token: adminToken})
	post := http.MethodPost
	for name, tt := range map[string]struct {
		h      http.Handler
		call   call
		code   int
		reason fleethttp.Reason
	}{
		"no token configured": {disabled, call{}, 404, fleethttp.ReasonNotEnabled},
		"plain HTTP":          {memory, call{plain: true}, 403, fleethttp.ReasonTLSRequired},
		"no token":            {memory, call{auth: "none"}, 401, fleethttp.ReasonUnauthorized},
		"wrong token":         {memory, call{auth: "Bearer " + adminToken + "x"}, 401, fleethttp.ReasonUnauthorized},
		"Basic scheme":        {memory, call{auth: "Basic " + adminToken}, 401, fleethttp.ReasonUnauthorized},
		"DELETE":              {memory, call{method: http.MethodDelete}, 405, fleethttp.ReasonMethod},
		"static store":        {static, call{method: post, body: goodBody}, 404, fleethttp.ReasonNotEnabled},
		"unknown parameter":   {memory, call{method: post, query: "ifversion=3", body: goodBody}, 400, fleethttp.ReasonParameter},
		"repeated parameter":  {memory, call{method: post, query: "reason=a&reason=b", body: goodBody}, 400, fleethttp.ReasonParameter},
		"version in memory":   {memory, call{method: post, query: "if_version=1", body: goodBody}, 400, fleethttp.ReasonParameter},
		"not a truth value":   {memory, call{method: post, query: "any_format=1", body: goodBody}, 400, fleethttp.ReasonParameter},
		"not a version":       {memory, call{method: post, query: "if_version=x", body: goodBody}, 400, fleethttp.ReasonParameter},
		"malformed query":     {memory, call{method: post, query: "%zz", body: goodBody}, 400, fleethttp.ReasonParameter},
		"wrong type":          {memory, call{method: post, body: strings.Replace(goodBody, `"acme"`, "5", 1)}, 400, fleethttp.ReasonInvalid},
		"no body":             {memory, call{method: post}, 400, fleethttp.ReasonInvalid},
		"too large": {
			memory, call{method: post, body: strings.Repeat(" ", fleetdial.MaxBodyBytes+1)}, 413, fleethttp.ReasonTooLarge,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := tt.call.to(t, tt.h)
			assert.Equal(t, tt.code, got.code)
			assert.Equal(t, string(tt.reason), got.body["error"])
			assert.Equal(t, "application/problem+json", got.header.Get("Content-Type"))
			assert.EqualValues(t, tt.code, got.body["status"])
			assert.Equal(t, http.StatusText(tt.code), got.body["title"])
			assert.Equal(t, "kept", store.Load().Directives()[0].ID)
			if tt.code == http.StatusUnauthorized {
				assert.Contains(t, got.header.Get("WWW-Authenticate"), "Bearer")
			}
		})
	}
	_, err := fleethttp.AdminHandler(store, fleethttp.AdminConfig{Token: "short"})
	require.ErrorContains(t, err, "at least 16 bytes")
}

func TestAdmin_InvalidSetNamesField(t *testing.T) {
	t.Parallel()
	h := adminOf(t, fleetdial.NewMemory(), fleethttp.AdminConfig{Token: adminToken, AllowPlainHTTP: true})
	got := call{method: http.MethodPost, plain: true, body: strings.Replace(goodBody, `"acme"`, "5", 1)}.to(t, h)
	assert.Equal(t, "directives[0].tenant", got.body["field"])
	assert.Regexp(t, `^directives\[0\]\.tenant: .*string`, got.body["detail"])
}

func TestAdmin_MemoryStore(t *testing.T) {
	t.Parallel()
	store := storeOf(t, fleetdial.Directive{ID: "over", Level: fleetdial.Shape, ExpiresAt: time.Now().Add(-time.Second)})
	h := adminOf(t, store, fleethttp.AdminConfig{Token: adminToken})
	got := call{}.to(t, h)
	require.Equal(t, http.StatusOK, got.code)
	assert.Equal(t, true, got.body["directives"].([]any)[0].(map[string]any)["expired"])

	got = call{method: http.MethodPost, body: goodBody}.to(t, h)
	require.Equal(t, http.StatusOK, got.code)
	assert.Equal(t, map[string]any{"directives": 1.0, "published": 1.0}, got.body)

	got = call{}.to(t, h)
	shown := got.body["directives"].([]any)[0].(map[string]any)
	assert.NotEmpty(t, shown["expires_at"])
	delete(shown, "expires_at")
	delete(shown, "hits") // of a store that counts
	assert.Equal(t, map[string]any{
		"id": "a", "level": "Shape", "tenant": "acme", "sample_per_mille": 1000.0,
		"ring_buffer": false, "capture": false, "expired": false,
	}, shown)
	assert.NotContains(t, got.body, "revision")

	got = call{method: http.MethodPost, body: `{"directives":[]}`}.to(t, h)
	require.Equal(t, http.StatusOK, got.code)
	assert.Zero(t, store.Load().Len())
}

// TestAdmin_FleetPublish publishes with the handler of a proxy, and reads the set of the
// proxy's subscriber with the same handler.
func TestAdmin_FleetPublish(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	pub, err := fleetdial.NewPublisher(client, fleetdial.PublisherConfig{PublishedBy: "admin"})
	require.NoError(t, err)
	sub, err := fleetdial.Subscribe(t.Context(), client, fleetdial.SubscriberConfig{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer sub.Close()
	h := adminOf(t, sub, fleethttp.AdminConfig{Token: adminToken, Publisher: pub})

	got := call{method: http.MethodPost, query: "reason=slow+searches&if_version=0", body: goodBody}.to(t, h)
	require.Equal(t, http.StatusOK, got.code, got.body)
	assert.Equal(t, 1.0, got.body["revision"].(map[string]any)["version"])
	assert.Equal(t, 1.0, got.body["published"])
	got = call{method: http.MethodPost, query: "if_version=7", body: goodBody}.to(t, h)
	assert.Equal(t, http.StatusConflict, got.code)
	assert.Equal(t, string(fleethttp.ReasonConflict), got.body["error"])
	assert.Equal(t, 1.0, got.body["version"])
	got = call{method: http.MethodPost, query: "if_version=0", body: goodBody}.to(t, h)
	assert.Equal(t, http.StatusConflict, got.code, "version 0 is no current revision")
	got = call{method: http.MethodPost, query: "if_version=1", body: goodBody}.to(t, h)
	assert.Equal(t, http.StatusOK, got.code)
	got = call{method: http.MethodPost, query: "reason=slow+searches", body: goodBody}.to(t, h)
	assert.Equal(t, http.StatusOK, got.code)

	require.NoError(t, client.ZAdd(t.Context(), "fleetdial:{default}:fleet", redis.Z{
		Score: float64(time.Now().UnixMilli()), Member: "without-report",
	}).Err())
	limited := strings.Replace(goodBody, `"level"`, `"max_per_second":1,"level"`, 1)
	got = call{method: http.MethodPost, body: limited}.to(t, h)
	assert.Equal(t, http.StatusConflict, got.code)
	assert.Equal(t, string(fleethttp.ReasonFormat), got.body["error"])
	assert.Contains(t, got.body["detail"], "without-report")
	got = call{method: http.MethodPost, query: "any_format=true&reason=slow+searches", body: limited}.to(t, h)
	assert.Equal(t, http.StatusOK, got.code, got.body)

	require.NoError(t, sub.Refresh(t.Context()))
	got = call{}.to(t, h)
	assert.Equal(t, "slow searches", got.body["revision"].(map[string]any)["reason"])
	assert.Equal(t, "admin", got.body["revision"].(map[string]any)["publisher"])
	assert.Equal(t, "live", got.body["status"].(map[string]any)["state"])
	assert.Len(t, got.body["directives"], 1)

	server.Kill()
	got = call{method: http.MethodPost, body: goodBody}.to(t, h)
	assert.Equal(t, http.StatusServiceUnavailable, got.code)
	assert.Equal(t, string(fleethttp.ReasonUnavailable), got.body["error"])
	assert.NotContains(t, got.body, "detail", "a Redis error names servers, so it must not be in the response")
}

// TestAdmin_ShowsInstancesAndHits shows the directives that concern an instance, and what they
// have counted.
func TestAdmin_ShowsInstancesAndHits(t *testing.T) {
	t.Parallel()
	client := testutil.StartRedis(t).Client(t)
	pub, err := fleetdial.NewPublisher(client, fleetdial.PublisherConfig{})
	require.NoError(t, err)
	set, err := fleetdial.ParseSet([]byte(`{"directives":[
		{"id":"all","level":"Shape","tenant":"acme","ttl_secs":60},
		{"id":"canary","level":"Shape","tenant":"acme","ttl_secs":60,"max_per_second":1,
			"instances":{"names":["web-1","web-2"],"labels":{"zone":"eu"},"per_mille":1000}},
		{"id":"other","level":"Shape","tenant":"acme","ttl_secs":60,"instances":{"per_mille":0}}]}`), time.Now())
	require.NoError(t, err)
	_, err = pub.Publish(t.Context(), set, fleetdial.PublishOptions{})
	require.NoError(t, err)
	sub, err := fleetdial.Subscribe(t.Context(), client, fleetdial.SubscriberConfig{
		Instance: "web-1", Labels: map[string]string{"zone": "eu"}, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	defer sub.Close()
	const requests = 1000
	for range requests {
		sub.Decide(fleetdial.Request{Tenant: "acme", ID: "r"})
	}
	directives := call{}.to(t, adminOf(t, sub, fleethttp.AdminConfig{Token: adminToken})).body["directives"].([]any)
	require.Len(t, directives, 2, "the directive of other instances is left out")
	all, canary := directives[0].(map[string]any), directives[1].(map[string]any)
	assert.NotContains(t, all, "instances")
	assert.NotContains(t, all, "max_per_second")
	assert.Equal(t, map[string]any{"applied": float64(requests), "capped": 0.0}, all["hits"])
	assert.Equal(t, map[string]any{
		"names": []any{"web-1", "web-2"}, "labels": map[string]any{"zone": "eu"}, "per_mille": 1000.0,
	}, canary["instances"])
	assert.Equal(t, 1.0, canary["max_per_second"])
	hits := canary["hits"].(map[string]any)
	assert.Positive(t, hits["applied"])
	assert.Positive(t, hits["capped"])
	assert.Equal(t, float64(requests), hits["applied"].(float64)+hits["capped"].(float64))

	static := call{}.to(t, adminOf(t, fleetdial.Static(set), fleethttp.AdminConfig{Token: adminToken}))
	for _, d := range static.body["directives"].([]any) {
		assert.NotContains(t, d, "hits", "a store that does not count")
	}
}

// TestAdmin_UnknownFailureIsNotShown has a Redis whose key for the fleet is of another type,
// which is an error of no kind that the handler knows.
func TestAdmin_UnknownFailureIsNotShown(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	pub, err := fleetdial.NewPublisher(server.Client(t), fleetdial.PublisherConfig{})
	require.NoError(t, err)
	server.Do(t, "LPUSH", "fleetdial:{default}", "canary")
	h := adminOf(t, fleetdial.NewMemory(), fleethttp.AdminConfig{Token: adminToken, Publisher: pub})
	got := call{method: http.MethodPost, body: goodBody}.to(t, h)
	assert.Equal(t, http.StatusInternalServerError, got.code)
	assert.Equal(t, map[string]any{
		"error": string(fleethttp.ReasonFailed), "status": 500.0, "title": http.StatusText(500), "type": got.body["type"],
	}, got.body)
}

// TestAdmin_PublishedWithoutHistory publishes with a client whose LPUSH is an SADD. Redis
// executes the write, and rejects the SADD, because the history is a list.
func TestAdmin_PublishedWithoutHistory(t *testing.T) {
	t.Parallel()
	client := testutil.StartRedis(t).Client(t)
	pub, err := fleetdial.NewPublisher(client, fleetdial.PublisherConfig{})
	require.NoError(t, err)
	_, err = pub.Publish(t.Context(), nil, fleetdial.PublishOptions{})
	require.NoError(t, err)
	client.AddHook(sadd{})
	h := adminOf(t, fleetdial.NewMemory(), fleethttp.AdminConfig{Token: adminToken, Publisher: pub})
	got := call{method: http.MethodPost, body: goodBody}.to(t, h)
	assert.Equal(t, http.StatusInternalServerError, got.code)
	assert.Equal(t, map[string]any{
		"error": string(fleethttp.ReasonIncomplete), "status": 500.0, "title": http.StatusText(500), "type": got.body["type"],
		"version": 2.0, "detail": "the set is published, but a later command failed",
	}, got.body)
	rev, err := pub.Current(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 2, rev.Version)
}

// sadd replaces LPUSH by SADD.
type sadd struct{}

func (sadd) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (sadd) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (sadd) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for _, cmd := range cmds {
			if cmd.Name() == "lpush" {
				cmd.Args()[0] = "sadd"
			}
		}
		return next(ctx, cmds)
	}
}

// TestAdmin_RosterErrorIsNotShown publishes a set of format 2 to a fleet whose roster cannot be
// read. The error names a key of Redis.
func TestAdmin_RosterErrorIsNotShown(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	pub, err := fleetdial.NewPublisher(server.Client(t), fleetdial.PublisherConfig{})
	require.NoError(t, err)
	server.Do(t, "SET", "fleetdial:{default}:fleet", "canary")
	h := adminOf(t, fleetdial.NewMemory(), fleethttp.AdminConfig{Token: adminToken, Publisher: pub})
	limited := `{"directives":[{"id":"a","level":"Shape","ttl_secs":60,"max_per_second":5}]}`
	got := call{method: http.MethodPost, body: limited}.to(t, h)
	assert.Equal(t, http.StatusInternalServerError, got.code)
	assert.Equal(t, string(fleethttp.ReasonFailed), got.body["error"])
	assert.NotContains(t, got.body, "detail")
	got = call{method: http.MethodPost, body: limited, query: "any_format=true"}.to(t, h)
	assert.Equal(t, http.StatusOK, got.code)
}

func TestHealthz_AlwaysOK(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	pub, err := fleetdial.NewPublisher(client, fleetdial.PublisherConfig{})
	require.NoError(t, err)
	_, err = pub.Publish(t.Context(), nil, fleetdial.PublishOptions{})
	require.NoError(t, err)
	sub, err := fleetdial.Subscribe(t.Context(), client, fleetdial.SubscriberConfig{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer sub.Close()

	health := func(store fleetdial.Store) (out map[string]any) {
		w := httptest.NewRecorder()
		fleethttp.Healthz(store).ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/healthz", http.NoBody))
		require.Equal(t, http.StatusOK, w.Code)
		body, err := io.ReadAll(w.Body)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(body, &out))
		assert.NotContains(t, string(body), server.Addr())
		return out
	}
	assert.Equal(t, "ok", health(fleetdial.NewMemory())["status"])
	out := health(sub)
	assert.Equal(t, "ok", out["status"])
	assert.Equal(t, "live", out["state"])
	assert.EqualValues(t, 1, out["version"])
	server.Kill()
	testutil.Eventually(t, 10*time.Second, "the status is degraded", func() bool { return health(sub)["status"] == "degraded" })
	assert.Equal(t, "stale", health(sub)["state"])
}
