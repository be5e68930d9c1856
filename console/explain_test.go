package console_test

import (
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/console"
)

var rowHead = regexp.MustCompile(`<th scope="row">([^<]*)</th>`)

// TestExplain_NearestFirst explains a request with a set whose directives that match best are last.
func TestExplain_NearestFirst(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	match := func(id string, m fleetdial.Match) fleetdial.Directive {
		d := directive(id, time.Hour)
		d.Match = m
		return d
	}
	elsewhere := directive("elsewhere", time.Hour)
	elsewhere.Instances = &fleetdial.Instances{Names: []string{"web"}}
	rare := directive("rare", time.Hour)
	rare.SamplePerMille = 0
	r.publish(
		match("three fields", fleetdial.Match{Tenant: "x", Index: "x", Principal: "x"}), match("two fields", fleetdial.Match{Tenant: "x", Index: "x"}),
		match("one field", fleetdial.Match{Tenant: "x"}), elsewhere, rare, directive("applies", time.Hour),
	)
	a := r.get("f/default/explain?explain=yes&tenant=acme&id=r")
	require.Equal(t, http.StatusOK, a.status, a.text())
	assert.Contains(t, a.text(), "Decision of the current revision")
	assert.NotContains(t, a.text(), "decision:", "the heading has the word")
	var ids []string
	for _, found := range rowHead.FindAllStringSubmatch(a.body, -1) {
		ids = append(ids, found[1])
	}
	assert.Equal(t, []string{"applies", "rare", "elsewhere", "one field", "two fields", "three fields"}, ids)
}

func TestExplain_HeadersWithoutPath(t *testing.T) {
	t.Parallel()
	r := start(t, func(cfg *console.Config) {
		cfg.Classify = func(req *http.Request) fleetdial.Request {
			return fleetdial.Request{Tenant: req.Header.Get("X-Tenant"), Index: "of " + req.URL.Path, Endpoint: fleetdial.Search}
		}
	})
	r.publish(directive("one", time.Hour))
	page := "f/default/explain?explain=yes&"
	a := r.get(page + values("path", "/orders", "headers", "X-Tenant: acme").Encode())
	assert.Contains(t, a.text(), `request: tenant=acme index="of /orders" endpoint=Search`)
	a = r.get(page + values("headers", "X-Tenant: acme\r\n\r\nX-Other:  b").Encode())
	assert.Contains(t, a.text(), "request: tenant=acme endpoint=Unknown", "the path is not known")
	a = r.get(page + values("headers", "X-Tenant: acme", "tenant", "other", "endpoint", "Search").Encode())
	assert.Contains(t, a.text(), "request: tenant=other endpoint=Search", "a field counts more than a header")
	for _, wrong := range []string{"X-Tenant", ": acme", "X-Tenant : acme"} {
		a = r.get(page + values("headers", wrong).Encode())
		assert.Equal(t, http.StatusBadRequest, a.status, wrong)
		assert.Contains(t, a.text(), "headers: each line must be NAME: VALUE", wrong)
	}
}
