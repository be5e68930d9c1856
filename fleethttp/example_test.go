package fleethttp_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
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
