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

// TestOpenSearch_ClientRequests sends a request to each endpoint with the Go client of
// OpenSearch.
func TestOpenSearch_ClientRequests(t *testing.T) {
	t.Parallel()
	seen := &classifier{}
	client, err := api.NewClient(api.Config{Client: opensearch.Config{
		Addresses: []string{"http://opensearch.invalid"}, Transport: seen,
	}})
	require.NoError(t, err)
	ctx := context.Background()
	body := func() io.Reader { return strings.NewReader("{}") }
	orders := []string{"orders"}
	seen.got = nil
	all := []struct {
		endpoint fleetdial.Endpoint
		index    string
		send     func() error
	}{
		{fleetdial.IngestDoc, "orders", func() error {
			_, err := client.Index(ctx, api.IndexReq{Index: "orders", DocumentID: "1", Body: body()})
			return err
		}},
		{fleetdial.IngestDoc, "orders", func() error {
			_, err := client.Index(ctx, api.IndexReq{Index: "orders", Body: body()})
			return err
		}},
		{fleetdial.IngestDoc, "orders", func() error {
			_, err := client.Document.Create(ctx, api.DocumentCreateReq{Index: "orders", DocumentID: "a/b", Body: body()})
			return err
		}},
		{fleetdial.IngestDoc, "orders", func() error {
			_, err := client.Update(ctx, api.UpdateReq{Index: "orders", DocumentID: "1", Body: body()})
			return err
		}},
		{fleetdial.IngestBulk, "", func() error {
			_, err := client.Bulk(ctx, api.BulkReq{Body: body()})
			return err
		}},
		{fleetdial.IngestBulk, "orders", func() error {
			_, err := client.Bulk(ctx, api.BulkReq{Index: "orders", Body: body()})
			return err
		}},
		{fleetdial.Search, "orders,sales", func() error {
			_, err := client.Search(ctx, &api.SearchReq{Indices: []string{"orders", "sales"}, Body: body()})
			return err
		}},
		{fleetdial.Search, "", func() error {
			_, err := client.Search(ctx, nil)
			return err
		}},
		{fleetdial.MultiSearch, "orders", func() error {
			_, err := client.MSearch(ctx, api.MSearchReq{Indices: orders, Body: body()})
			return err
		}},
		{fleetdial.Count, "orders", func() error {
			_, err := client.Indices.Count(ctx, &api.IndicesCountReq{Indices: orders, Body: body()})
			return err
		}},
		{fleetdial.GetByID, "orders", func() error {
			_, err := client.Document.Get(ctx, api.DocumentGetReq{Index: "orders", DocumentID: "1"})
			return err
		}},
		{fleetdial.GetByID, "orders", func() error {
			_, err := client.Document.Exists(ctx, api.DocumentExistsReq{Index: "orders", DocumentID: "1"})
			return err
		}},
		{fleetdial.GetByID, "orders", func() error {
			_, err := client.Document.Source(ctx, api.DocumentSourceReq{Index: "orders", DocumentID: "1"})
			return err
		}},
		{fleetdial.MultiGet, "orders", func() error {
			_, err := client.MGet(ctx, api.MGetReq{Index: "orders", Body: body()})
			return err
		}},
		{fleetdial.DeleteByID, "orders", func() error {
			_, err := client.Document.Delete(ctx, api.DocumentDeleteReq{Index: "orders", DocumentID: "1"})
			return err
		}},
		{fleetdial.DeleteByQuery, "orders", func() error {
			_, err := client.Document.DeleteByQuery(ctx, api.DocumentDeleteByQueryReq{Indices: orders, Body: body()})
			return err
		}},
		{fleetdial.Cursor, "", func() error {
			_, err := client.Scroll.Get(ctx, api.ScrollGetReq{ScrollID: "abc"})
			return err
		}},
		{fleetdial.Cursor, "", func() error {
			_, err := client.Scroll.Delete(ctx, api.ScrollDeleteReq{ScrollIDs: []string{"abc"}})
			return err
		}},
		{fleetdial.Cursor, "orders", func() error {
			_, err := client.PointInTime.Create(ctx, api.PointInTimeCreateReq{Indices: orders})
			return err
		}},
		{fleetdial.Cursor, "", func() error {
			_, err := client.PointInTime.Delete(ctx, api.PointInTimeDeleteReq{PitID: []string{"abc"}})
			return err
		}},
		{fleetdial.Admin, "", func() error {
			_, err := client.Cluster.Health(ctx, nil)
			return err
		}},
		{fleetdial.Admin, "", func() error {
			_, err := client.Cat.Indices(ctx, &api.CatIndicesReq{Indices: orders})
			return err
		}},
		{fleetdial.Unknown, "orders", func() error {
			_, err := client.Indices.Create(ctx, api.IndicesCreateReq{Index: "orders"})
			return err
		}},
	}
	covered := map[fleetdial.Endpoint]bool{}
	for i, tt := range all {
		before := len(seen.got)
		_ = tt.send() // the client rejects the empty response of some requests
		require.Len(t, seen.got, before+1, "request %d", i)
		assert.Equal(t, fmt.Sprintf("%v %s", tt.endpoint, tt.index), seen.got[before], "request %d", i)
		covered[tt.endpoint] = true
	}
	for endpoint := fleetdial.IngestDoc; endpoint <= fleetdial.Unknown; endpoint++ {
		assert.True(t, covered[endpoint], "no request for endpoint %v", endpoint)
	}
}
