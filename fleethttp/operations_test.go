package fleethttp_test

import (
	_ "embed"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/fleethttp"
)

//go:embed testdata/opensearch_operations.txt
var operationLines string

// operationEndpoints maps the names of operations to endpoints. All other operations are
// Unknown, except those of _cat and _cluster.
var operationEndpoints = map[string]fleetdial.Endpoint{
	"index": fleetdial.IngestDoc, "create": fleetdial.IngestDoc, "update": fleetdial.IngestDoc,
	"bulk": fleetdial.IngestBulk, "bulk_stream": fleetdial.IngestBulk,
	"get": fleetdial.GetByID, "exists": fleetdial.GetByID,
	"get_source": fleetdial.GetByID, "exists_source": fleetdial.GetByID,
	"delete": fleetdial.DeleteByID, "delete_by_query": fleetdial.DeleteByQuery,
	"search": fleetdial.Search, "search_template": fleetdial.Search,
	"msearch": fleetdial.MultiSearch, "msearch_template": fleetdial.MultiSearch,
	"count": fleetdial.Count, "mget": fleetdial.MultiGet,
	"scroll": fleetdial.Cursor, "clear_scroll": fleetdial.Cursor,
	"create_pit": fleetdial.Cursor, "delete_pit": fleetdial.Cursor,
	"get_all_pits": fleetdial.Cursor, "delete_all_pits": fleetdial.Cursor,
}

// indexParameters are the parameters that name an index at the start of a path.
var indexParameters = []string{"/{index}", "/{alias}", "/{target}"}

func TestOpenSearch_AllOperations(t *testing.T) {
	t.Parallel()
	operations := 0
	for line := range strings.Lines(operationLines) {
		var name, method, path string
		if strings.HasPrefix(line, "#") {
			continue
		}
		_, err := fmt.Sscan(line, &name, &method, &path)
		require.NoError(t, err, line)
		operations++

		want, known := operationEndpoints[name]
		if !known {
			want = fleetdial.Unknown
			if strings.HasPrefix(path+"/", "/_cat/") || strings.HasPrefix(path+"/", "/_cluster/") {
				want = fleetdial.Admin
			}
		}
		index := ""
		for _, parameter := range indexParameters {
			if after, found := strings.CutPrefix(path, parameter); found && (after == "" || after[0] == '/') {
				index = "orders"
				path = "/orders" + after
			}
		}
		path = strings.NewReplacer("{", "", "}", "").Replace(path)
		u, err := url.ParseRequestURI(path)
		require.NoError(t, err, line)
		endpoint, gotIndex := fleethttp.OpenSearch(method, u)
		assert.Equal(t, want, endpoint, line)
		assert.Equal(t, index, gotIndex, line)
	}
	assert.Equal(t, 715, operations)
}
