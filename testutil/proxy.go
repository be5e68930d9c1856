package testutil

import (
	"context"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Proxy stands between a client and a server, on a port of its own, and can let what they send disappear. It ends with
// the test.
type Proxy struct {
	t     testing.TB
	proxy *toxiproxy.Proxy
}

// StartProxy starts a proxy to the server at that address.
func StartProxy(t testing.TB, upstream string) *Proxy {
	t.Helper()
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := &Proxy{t, toxiproxy.NewProxy(api, t.Name(), "127.0.0.1:0", upstream)}
	if err := p.proxy.Start(); err != nil {
		t.Fatalf("start a proxy: %v", err)
	}
	t.Cleanup(p.proxy.Stop)
	return p
}

// Addr returns host and port that clients connect to.
func (p *Proxy) Addr() string { return p.proxy.Listen }

// Direction is one of the two ways that bytes go.
type Direction string

// The directions.
const (
	ToServer Direction = "upstream"
	ToClient Direction = "downstream"
)

// Swallow lets what goes in that direction disappear, as a network does that has lost its way: connections stay, new
// ones are accepted, and nothing arrives.
func (p *Proxy) Swallow(d Direction) {
	p.t.Helper()
	_, err := p.proxy.Toxics.AddToxicJson(strings.NewReader(
		`{"name":"swallow-` + string(d) + `","type":"timeout","stream":"` + string(d) + `","attributes":{"timeout":0}}`))
	if err != nil {
		p.t.Errorf("swallow: %v", err)
	}
}

// Heal ends what Swallow began. The connections that suffered are closed.
func (p *Proxy) Heal(d Direction) {
	p.t.Helper()
	if err := p.proxy.Toxics.RemoveToxic(context.Background(), "swallow-"+string(d)); err != nil {
		p.t.Errorf("heal: %v", err)
	}
}
