package fleethttp_test

import (
	"net/url"
	"os"
	"regexp"
	"strings"
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
	{"GET", "/<logs-{now%2Fd}>/_search", fleetdial.Search, "<logs-{now/d}>"},
	{"GET", "/<logs-{now%2fd{yyyy.MM.dd|%2B12:00}}>/_search", fleetdial.Search, "<logs-{now/d{yyyy.MM.dd|+12:00}}>"},
	{"GET", "/%3Clogs-{now%2Fd}%3E/_count", fleetdial.Count, "<logs-{now/d}>"},
	{"PUT", "/orders/_doc/{a%2Fb|c}", fleetdial.IngestDoc, "orders"},
	{"GET", "/orders/_doc/a^b\\c\"%2F", fleetdial.GetByID, "orders"},
	{"GET", "/<a%2F_doc%2F1/_search", fleetdial.Search, "<a/_doc/1"},
	{"GET", "/a<%2F_search", fleetdial.Unknown, "a</_search"},
	{"GET", "/orders/%5Fsearch", fleetdial.Unknown, "orders"},
	{"GET", "/<orders>/%5Fsearch", fleetdial.Unknown, "<orders>"},
	{"GET", "/orders/../_search", fleetdial.Unknown, "orders"},
	{"GET", "/*/_search", fleetdial.Search, "*"},
	{"GET", "http://other/<logs-{now%2Fd}>/_search", fleetdial.Search, "<logs-{now/d}>"},
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

// TestRawPath_ChangedPath changes the path of a parsed URL. RawPath must ignore the path
// that the client sent then.
func TestRawPath_ChangedPath(t *testing.T) {
	t.Parallel()
	u, err := url.ParseRequestURI("/<a%2Fb>/_search")
	require.NoError(t, err)
	assert.Equal(t, "/<a%2Fb>/_search", fleethttp.RawPath(u))
	u.Path = "/c/_search"
	assert.Equal(t, "/c/_search", fleethttp.RawPath(u))
}

// byGroup has the endpoints of the operations of testdata/operations.txt that are neither
// Admin nor Unknown.
var byGroup = map[string]fleetdial.Endpoint{
	"index": fleetdial.IngestDoc, "create": fleetdial.IngestDoc, "update": fleetdial.IngestDoc,
	"bulk": fleetdial.IngestBulk, "bulk_stream": fleetdial.IngestBulk,
	"search": fleetdial.Search, "search_template": fleetdial.Search,
	"msearch": fleetdial.MultiSearch, "msearch_template": fleetdial.MultiSearch,
	"count": fleetdial.Count, "mget": fleetdial.MultiGet,
	"get": fleetdial.GetByID, "exists": fleetdial.GetByID, "get_source": fleetdial.GetByID, "exists_source": fleetdial.GetByID,
	"delete": fleetdial.DeleteByID, "delete_by_query": fleetdial.DeleteByQuery,
	"scroll": fleetdial.Cursor, "clear_scroll": fleetdial.Cursor, "create_pit": fleetdial.Cursor, "delete_pit": fleetdial.Cursor,
	"delete_all_pits": fleetdial.Cursor, "get_all_pits": fleetdial.Cursor,
}

// TestOpenSearch_Specification classifies every operation of OpenSearch's API
// specification.
func TestOpenSearch_Specification(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/operations.txt")
	require.NoError(t, err)
	operations := 0
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if strings.HasPrefix(line, "#") {
			continue
		}
		require.Len(t, fields, 3, line)
		method, template, group := fields[0], fields[1], fields[2]
		want, known := byGroup[group]
		switch first, _, _ := strings.Cut(template[1:], "/"); {
		case known:
		case first == "_cat" || first == "_cluster":
			want = fleetdial.Admin
		default:
			want = fleetdial.Unknown
		}
		index := ""
		if strings.HasPrefix(template, "/{") {
			index = "x"
		}
		u, err := url.ParseRequestURI(regexp.MustCompile(`\{\w+\}`).ReplaceAllString(template, "x"))
		require.NoError(t, err)
		endpoint, gotIndex := fleethttp.OpenSearch(method, u)
		assert.Equal(t, want, endpoint, line)
		assert.Equal(t, index, gotIndex, line)
		operations++
	}
	assert.Greater(t, operations, 700)
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
