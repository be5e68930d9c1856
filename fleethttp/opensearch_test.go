package fleethttp_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/fleethttp"
)

// openSearchPaths are requests, and the endpoint and index that OpenSearch must return.
var openSearchPaths = []struct {
	method, path string
	want         fleetdial.Endpoint
	index        string
}{
	{"PUT", "/orders/_doc/1", fleetdial.IngestDoc, "orders"},
	{"POST", "/orders/_doc/1", fleetdial.IngestDoc, "orders"},
	{"POST", "/orders/_doc", fleetdial.IngestDoc, "orders"},
	{"PUT", "/orders/_doc", fleetdial.Unknown, "orders"},
	{"PUT", "/orders/_create/1", fleetdial.IngestDoc, "orders"},
	{"POST", "/orders/_update/1", fleetdial.IngestDoc, "orders"},
	{"POST", "/orders/_update", fleetdial.Unknown, "orders"},
	{"GET", "/orders/_doc/1", fleetdial.GetByID, "orders"},
	{"HEAD", "/orders/_doc/1", fleetdial.GetByID, "orders"},
	{"GET", "/orders/_source/1", fleetdial.GetByID, "orders"},
	{"GET", "/orders/_doc", fleetdial.Unknown, "orders"},
	{"GET", "/orders/_doc/1/2", fleetdial.Unknown, "orders"},
	{"GET", "/_doc/1", fleetdial.Unknown, ""},
	{"DELETE", "/orders/_doc/1", fleetdial.DeleteByID, "orders"},
	{"PATCH", "/orders/_doc/1", fleetdial.Unknown, "orders"},
	{"POST", "/_bulk", fleetdial.IngestBulk, ""},
	{"PUT", "/orders/_bulk", fleetdial.IngestBulk, "orders"},
	{"GET", "/_bulk", fleetdial.Unknown, ""},
	{"POST", "/_bulk/stream", fleetdial.IngestBulk, ""},
	{"PUT", "/orders/_bulk/stream", fleetdial.IngestBulk, "orders"},
	{"GET", "/_bulk/stream", fleetdial.Unknown, ""},
	{"POST", "/_bulk/stream/1", fleetdial.Unknown, ""},
	{"POST", "/_bulk/streams", fleetdial.Unknown, ""},
	{"GET", "/_search", fleetdial.Search, ""},
	{"POST", "/orders/_search", fleetdial.Search, "orders"},
	{"POST", "/orders,sales/_search/", fleetdial.Search, "orders,sales"},
	{"POST", "/orders/_search/template", fleetdial.Search, "orders"},
	{"POST", "/_all/_search", fleetdial.Search, "_all"},
	{"DELETE", "/orders/_search", fleetdial.Unknown, "orders"},
	{"POST", "/_msearch", fleetdial.MultiSearch, ""},
	{"GET", "/orders/_msearch/template", fleetdial.MultiSearch, "orders"},
	{"GET", "/orders/_count", fleetdial.Count, "orders"},
	{"POST", "/_mget", fleetdial.MultiGet, ""},
	{"GET", "/orders/_mget", fleetdial.MultiGet, "orders"},
	{"POST", "/orders/_delete_by_query", fleetdial.DeleteByQuery, "orders"},
	{"POST", "/_delete_by_query", fleetdial.Unknown, ""},
	{"POST", "/_search/scroll", fleetdial.Cursor, ""},
	{"DELETE", "/_search/scroll/abc", fleetdial.Cursor, ""},
	{"POST", "/orders/_search/point_in_time", fleetdial.Cursor, "orders"},
	{"DELETE", "/_search/point_in_time/_all", fleetdial.Cursor, ""},
	{"POST", "/orders/_pit", fleetdial.Cursor, "orders"},
	{"DELETE", "/_pit", fleetdial.Cursor, ""},
	{"GET", "/_cat/indices/orders", fleetdial.Admin, ""},
	{"PUT", "/_cluster/settings", fleetdial.Admin, ""},
	{"GET", "/orders/_cat", fleetdial.Unknown, "orders"},
	{"POST", "/orders/_update_by_query", fleetdial.Unknown, "orders"},
	{"PUT", "/orders", fleetdial.Unknown, "orders"},
	{"GET", "/", fleetdial.Unknown, ""},
	{"OPTIONS", "*", fleetdial.Unknown, "*"},
	{"GET", "//orders//_search", fleetdial.Search, "orders"},
	{"GET", "/a%2Fb/_search", fleetdial.Search, "a/b"},
	{"GET", "/%3Clogs-%7Bnow%2Fd%7D%3E/_search", fleetdial.Search, "<logs-{now/d}>"},
	{"GET", "/a%2541/_search", fleetdial.Search, "a%41"},
}

func TestOpenSearch_Paths(t *testing.T) {
	t.Parallel()
	for _, tt := range openSearchPaths {
		u, err := url.ParseRequestURI(tt.path)
		require.NoError(t, err)
		endpoint, index := fleethttp.OpenSearch(tt.method, u)
		assert.Equal(t, tt.want, endpoint, "%s %s", tt.method, tt.path)
		assert.Equal(t, tt.index, index, "%s %s", tt.method, tt.path)
	}
}

func FuzzOpenSearch(f *testing.F) {
	f.Add("GET", "/orders/_search")
	f.Add("POST", "/a%2Fb/_doc/%41")
	f.Fuzz(func(t *testing.T, method, path string) {
		endpoint, index := fleethttp.OpenSearch(method, &url.URL{Path: path})
		if endpoint < fleetdial.IngestDoc || endpoint > fleetdial.Unknown {
			t.Errorf("%q: got endpoint %d, want a known endpoint", path, endpoint)
		}
		if endpoint == fleetdial.Admin && index != "" {
			t.Errorf("%q: got index %q, want no index for Admin", path, index)
		}
	})
}
