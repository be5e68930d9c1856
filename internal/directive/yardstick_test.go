package directive

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// scan is the evaluation as osproxy makes it: three passes over all directives, for the
// level, the ring buffer and the capture.
type scan []Directive

//go:noinline
func (s scan) level(req *Request, now time.Time) (level Level) {
	for i := range s {
		if s[i].Level > level && s.applies(i, req, now) {
			level = s[i].Level
		}
	}
	return level
}

//go:noinline
func (s scan) ringBuffer(req *Request, now time.Time) bool {
	for i := range s {
		if s[i].RingBuffer && s.applies(i, req, now) {
			return true
		}
	}
	return false
}

//go:noinline
func (s scan) capture(req *Request, now time.Time) bool {
	for i := range s {
		if s[i].Capture && s.applies(i, req, now) {
			return true
		}
	}
	return false
}

func (s scan) applies(i int, req *Request, now time.Time) bool {
	d := &s[i]
	return now.Before(d.ExpiresAt) && d.Match.matches(req) &&
		(d.Match.Endpoint == AnyEndpoint || d.Match.Endpoint == req.Endpoint) &&
		(d.SamplePerMille == 1000 || SampleBucket(req.ID) < d.SamplePerMille)
}

// yardstickCases are sets and requests that the plain scans in Go and in C (yardstick/scan.c)
// evaluate too.
func yardstickCases() (cases []yardstickCase) {
	req := Request{Tenant: "tenant-00000", Index: "orders", Principal: "svc", Endpoint: Search, ID: requestID}
	add := func(name string, all []Directive, req Request) {
		cases = append(cases, yardstickCase{name, all, req})
	}
	add("empty", nil, req)
	for _, length := range []int{8, 36, 128} {
		r := req
		r.ID = (requestID + strings.Repeat("x", 128))[:length]
		add(fmt.Sprint("sampled/id=", length), []Directive{
			dir("sampled", func(d *Directive) {
				d.Match.Tenant, d.Level, d.SamplePerMille = req.Tenant, ShapeTiming, 400
			}),
			dir("all", nil),
		}, r)
	}
	for _, n := range []int{1, 2, 3, 4, 8, 16, 64, 1024, 10_000} {
		for _, names := range []struct{ name, format, tenant string }{
			{"prefix", "tenant-%05d", "tenant-00000"},
			{"uuid", "0d9b5a7e-3f0a-4a53-9f6b-3b1c%08x", "0d9b5a7e-3f0a-4a53-9f6b-3b1cffffffff"},
		} {
			all := make([]Directive, n)
			for i := range all {
				all[i] = dir(fmt.Sprint(i), func(d *Directive) {
					d.Match.Tenant, d.Level = fmt.Sprintf(names.format, i+1), ShapeTiming
				})
			}
			r := req
			r.Tenant = names.tenant
			add(fmt.Sprintf("others=%d/%s", n, names.name), all, r)
			if n == 10_000 && names.name == "prefix" {
				one := append([]Directive(nil), all...)
				one[5000].Match.Tenant = r.Tenant
				add("one of 10000", one, r)
			}
		}
	}
	return cases
}

type yardstickCase struct {
	name string
	all  []Directive
	req  Request
}

// BenchmarkScanNoAlloc measures the plain scan in Go.
func BenchmarkScanNoAlloc(b *testing.B) {
	for _, c := range yardstickCases() {
		b.Run(c.name, func(b *testing.B) {
			s := scan(c.all)
			b.ReportAllocs()
			for b.Loop() {
				s.level(&c.req, noon)
				s.ringBuffer(&c.req, noon)
				s.capture(&c.req, noon)
			}
		})
	}
}

// BenchmarkYardstickNoAlloc measures Evaluate with the sets of the plain scans.
func BenchmarkYardstickNoAlloc(b *testing.B) {
	for _, c := range yardstickCases() {
		b.Run(c.name, func(b *testing.B) { benchmarkEvaluate(b, c.all, c.req) })
	}
}
