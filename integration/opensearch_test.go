package integration_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/opensearch-project/opensearch-go/v4"
	api "github.com/opensearch-project/opensearch-go/v4/opensearchapi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/fleethttp"
)

// classifier is an http.RoundTripper that classifies each request of a client, keeps the
// result, and returns an empty JSON object.
type classifier struct {
	got []string
}

func (c *classifier) RoundTrip(r *http.Request) (*http.Response, error) {
	endpoint, index := fleethttp.OpenSearch(r.Method, r.URL)
	c.got = append(c.got, fmt.Sprintf("%v %s", endpoint, index))
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader("{}")), Request: r,
	}, nil
}

func emptyObject() io.Reader { return strings.NewReader("{}") }

var orders = []string{"orders"}

// clientRequests are requests of the client, and the endpoint and index that
// fleethttp.OpenSearch must return.
var clientRequests = []struct {
	endpoint fleetdial.Endpoint
	index    string
	send     func(*api.Client) error
}{
	{fleetdial.IngestDoc, "orders", func(client *api.Client) error {
		_, err := client.Index(context.Background(), api.IndexReq{Index: "orders", DocumentID: "1", Body: emptyObject()})
		return err
	}},
	{fleetdial.IngestDoc, "orders", func(client *api.Client) error {
		_, err := client.Index(context.Background(), api.IndexReq{Index: "orders", Body: emptyObject()})
		return err
	}},
	{fleetdial.IngestDoc, "orders", func(client *api.Client) error {
		_, err := client.Document.Create(context.Background(), api.DocumentCreateReq{Index: "orders", DocumentID: "a/b", Body: emptyObject()})
		return err
	}},
	{fleetdial.IngestDoc, "orders", func(client *api.Client) error {
		_, err := client.Update(context.Background(), api.UpdateReq{Index: "orders", DocumentID: "1", Body: emptyObject()})
		return err
	}},
	{fleetdial.IngestBulk, "", func(client *api.Client) error {
		_, err := client.Bulk(context.Background(), api.BulkReq{Body: emptyObject()})
		return err
	}},
	{fleetdial.IngestBulk, "orders", func(client *api.Client) error {
		_, err := client.Bulk(context.Background(), api.BulkReq{Index: "orders", Body: emptyObject()})
		return err
	}},
	{fleetdial.Search, "orders,sales", func(client *api.Client) error {
		_, err := client.Search(context.Background(), &api.SearchReq{Indices: []string{"orders", "sales"}, Body: emptyObject()})
		return err
	}},
	{fleetdial.Search, "", func(client *api.Client) error {
		_, err := client.Search(context.Background(), nil)
		return err
	}},
	{fleetdial.MultiSearch, "orders", func(client *api.Client) error {
		_, err := client.MSearch(context.Background(), api.MSearchReq{Indices: orders, Body: emptyObject()})
		return err
	}},
	{fleetdial.Count, "orders", func(client *api.Client) error {
		_, err := client.Indices.Count(context.Background(), &api.IndicesCountReq{Indices: orders, Body: emptyObject()})
		return err
	}},
	{fleetdial.GetByID, "orders", func(client *api.Client) error {
		_, err := client.Document.Get(context.Background(), api.DocumentGetReq{Index: "orders", DocumentID: "1"})
		return err
	}},
	{fleetdial.GetByID, "orders", func(client *api.Client) error {
		_, err := client.Document.Exists(context.Background(), api.DocumentExistsReq{Index: "orders", DocumentID: "1"})
		return err
	}},
	{fleetdial.GetByID, "orders", func(client *api.Client) error {
		_, err := client.Document.Source(context.Background(), api.DocumentSourceReq{Index: "orders", DocumentID: "1"})
		return err
	}},
	{fleetdial.MultiGet, "orders", func(client *api.Client) error {
		_, err := client.MGet(context.Background(), api.MGetReq{Index: "orders", Body: emptyObject()})
		return err
	}},
	{fleetdial.DeleteByID, "orders", func(client *api.Client) error {
		_, err := client.Document.Delete(context.Background(), api.DocumentDeleteReq{Index: "orders", DocumentID: "1"})
		return err
	}},
	{fleetdial.DeleteByQuery, "orders", func(client *api.Client) error {
		_, err := client.Document.DeleteByQuery(context.Background(), api.DocumentDeleteByQueryReq{Indices: orders, Body: emptyObject()})
		return err
	}},
	{fleetdial.Cursor, "", func(client *api.Client) error {
		_, err := client.Scroll.Get(context.Background(), api.ScrollGetReq{ScrollID: "abc"})
		return err
	}},
	{fleetdial.Cursor, "", func(client *api.Client) error {
		_, err := client.Scroll.Delete(context.Background(), api.ScrollDeleteReq{ScrollIDs: []string{"abc"}})
		return err
	}},
	{fleetdial.Cursor, "orders", func(client *api.Client) error {
		_, err := client.PointInTime.Create(context.Background(), api.PointInTimeCreateReq{Indices: orders})
		return err
	}},
	{fleetdial.Cursor, "", func(client *api.Client) error {
		_, err := client.PointInTime.Delete(context.Background(), api.PointInTimeDeleteReq{PitID: []string{"abc"}})
		return err
	}},
	{fleetdial.Admin, "", func(client *api.Client) error {
		_, err := client.Cluster.Health(context.Background(), nil)
		return err
	}},
	{fleetdial.Admin, "", func(client *api.Client) error {
		_, err := client.Cat.Indices(context.Background(), &api.CatIndicesReq{Indices: orders})
		return err
	}},
	{fleetdial.Unknown, "orders", func(client *api.Client) error {
		_, err := client.Indices.Create(context.Background(), api.IndicesCreateReq{Index: "orders"})
		return err
	}},
}

// TestOpenSearch_ClientRequests sends a request to each endpoint with the Go client of
// OpenSearch.
func TestOpenSearch_ClientRequests(t *testing.T) {
	t.Parallel()
	seen := &classifier{}
	client, err := api.NewClient(api.Config{Client: opensearch.Config{
		Addresses: []string{"http://opensearch.invalid"}, Transport: seen,
	}})
	require.NoError(t, err)
	covered := map[fleetdial.Endpoint]bool{}
	for i, tt := range clientRequests {
		before := len(seen.got)
		_ = tt.send(client) // the client rejects the empty response of some requests
		require.Len(t, seen.got, before+1, "request %d", i)
		assert.Equal(t, fmt.Sprintf("%v %s", tt.endpoint, tt.index), seen.got[before], "request %d", i)
		covered[tt.endpoint] = true
	}
	for endpoint := fleetdial.IngestDoc; endpoint <= fleetdial.Unknown; endpoint++ {
		assert.True(t, covered[endpoint], "no request for endpoint %v", endpoint)
	}
}
