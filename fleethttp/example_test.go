package fleethttp_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/fleethttp"
)

// The middleware decides once per request. The proxy reads the decision from the context
// of the request.
func ExampleMiddleware() {
	set, err := fleetdial.ParseSet([]byte(`{"directives":[
		{"id":"acme-search","level":"ShapeTiming","tenant":"acme","endpoint":"Search","ttl_secs":600}
	]}`), time.Now())
	if err != nil {
		fmt.Println(err)
		return
	}
	decide, err := fleethttp.Middleware(fleetdial.Static(set), fleethttp.Config{
		Classify: func(r *http.Request) fleetdial.Request {
			endpoint, index := fleethttp.OpenSearch(r.Method, r.URL)
			return fleetdial.Request{Tenant: r.Header.Get("X-Tenant"), Index: index, Endpoint: endpoint}
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	proxy := decide(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Header.Get("X-Tenant"), fleetdial.DecisionFrom(r.Context()).Level)
	}))
	for _, tenant := range []string{"acme", "globex"} {
		r := httptest.NewRequest(http.MethodGet, "/orders/_search", http.NoBody)
		r.Header.Set("X-Tenant", tenant)
		proxy.ServeHTTP(httptest.NewRecorder(), r)
	}
	// Output:
	// acme ShapeTiming
	// globex Off
}

// frameworkContext is the request of a framework with a handler chain of its own, as in Echo or
// Gin.
type frameworkContext struct {
	w http.ResponseWriter
	r *http.Request
}

// A program whose framework does not use http.Handler calls Decide at the start of the
// chain. The rest of the chain uses the ResponseWriter and the Request that Decide
// returns.
func ExampleDecider_Decide() {
	set, err := fleetdial.ParseSet([]byte(`{"directives":[
		{"id":"orders","level":"Shape","index":"orders","ttl_secs":600}
	]}`), time.Now())
	if err != nil {
		fmt.Println(err)
		return
	}
	decider, err := fleethttp.NewDecider(fleetdial.Static(set), fleethttp.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	chain := []func(*frameworkContext){
		func(c *frameworkContext) { c.w, c.r, _ = decider.Decide(c.w, c.r) },
		func(c *frameworkContext) {
			d := fleetdial.DecisionFrom(c.r.Context())
			fmt.Fprintf(c.w, "%s: %v because of %q", c.r.URL.Path, d.Level, d.By)
		},
	}
	recorder := httptest.NewRecorder()
	c := &frameworkContext{recorder, httptest.NewRequest(http.MethodGet, "/orders/_search", http.NoBody)}
	for _, handle := range chain {
		handle(c)
	}
	fmt.Println(recorder.Body)
	// Output: /orders/_search: Shape because of "orders"
}

// A service that is not OpenSearch has a Classify of its own. It uses the name of the
// resource as the index, and leaves the endpoint unset, which counts as Unknown. Directives
// without an endpoint match, and directives with the endpoint Unknown.
func ExampleConfig_otherServices() {
	set, err := fleetdial.ParseSet([]byte(`{"directives":[
		{"id":"a","level":"Shape","index":"orders","ttl_secs":600},
		{"id":"b","level":"ShapeTiming","index":"orders","endpoint":"Unknown","principal":"billing","ttl_secs":600},
		{"id":"c","level":"ShapeRewriteDiff","index":"orders","endpoint":"Search","ttl_secs":600}
	]}`), time.Now())
	if err != nil {
		fmt.Println(err)
		return
	}
	decide, err := fleethttp.Middleware(fleetdial.Static(set), fleethttp.Config{
		Classify: func(r *http.Request) fleetdial.Request {
			rest, _ := strings.CutPrefix(r.URL.Path, "/api/")
			resource, _, _ := strings.Cut(rest, "/")
			user, _, _ := r.BasicAuth()
			return fleetdial.Request{Tenant: r.Header.Get("X-Tenant"), Index: resource, Principal: user}
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	service := decide(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		d := fleetdial.DecisionFrom(r.Context())
		fmt.Printf("%s %v %q\n", r.URL.Path, d.Level, d.By)
	}))
	for _, path := range []string{"/api/orders", "/api/orders/42", "/api/customers"} {
		for _, user := range []string{"shop", "billing"} {
			r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
			r.SetBasicAuth(user, "secret")
			service.ServeHTTP(httptest.NewRecorder(), r)
		}
	}
	// Output:
	// /api/orders Shape "a"
	// /api/orders ShapeTiming "b"
	// /api/orders/42 Shape "a"
	// /api/orders/42 ShapeTiming "b"
	// /api/customers Off ""
	// /api/customers Off ""
}

// The handler of the admin listener shows the set, and publishes another one.
func ExampleAdminHandler() {
	memory := fleetdial.NewMemory() // a Subscriber in a program that follows a fleet
	admin, err := fleethttp.AdminHandler(memory, fleethttp.AdminConfig{
		Token:          "a-secret-of-16-bytes-or-more",
		AllowPlainHTTP: true, // the TLS terminator is in front of this program
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	body := `{"directives":[{"id":"acme","level":"Shape","tenant":"acme","ttl_secs":600}]}`
	r := httptest.NewRequest(http.MethodPost, "/admin/directives?reason=slow", strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer a-secret-of-16-bytes-or-more")
	recorder := httptest.NewRecorder()
	admin.ServeHTTP(recorder, r)
	fmt.Print(recorder.Code, " ", recorder.Body)
	fmt.Println(fleetdial.Decide(memory, fleetdial.Request{Tenant: "acme"}).Level)
	// Output:
	// 200 {"directives":1,"published":1}
	// Shape
}

func ExampleHealthz() {
	recorder := httptest.NewRecorder()
	fleethttp.Healthz(fleetdial.NewMemory()).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/healthz", http.NoBody))
	fmt.Print(recorder.Code, " ", recorder.Body)
	// Output: 200 {"status":"ok","version":0,"clock_offset_ms":0}
}

func ExampleOpenSearch() {
	for _, path := range []string{"/orders/_search", "/orders/_doc/42", "/_cat/indices", "/metrics"} {
		endpoint, index := fleethttp.OpenSearch(http.MethodGet, &url.URL{Path: path})
		fmt.Printf("%s: %v %q\n", path, endpoint, index)
	}
	// Output:
	// /orders/_search: Search "orders"
	// /orders/_doc/42: GetById "orders"
	// /_cat/indices: Admin ""
	// /metrics: Unknown "metrics"
}
