package directive

import (
	"fmt"
	"testing"
	"time"
)

// requestID has the 36 characters of a UUID, a typical length. Its bucket is 318.
const requestID = "0d9b5a7e-3f0a-4a53-9f6b-3b1c9a1f7c55"

// benchSets returns sets of n directives, by the number of directives that match the
// tenant tenant-acme.
func benchSets(n int) map[string][]Directive {
	one := dir("acme", func(d *Directive) { d.Match.Tenant = "tenant-acme" })
	several := make([]Directive, 0, n)
	for i := range n {
		several = append(several, dir(fmt.Sprint(i), func(d *Directive) {
			d.Match.Tenant = fmt.Sprintf("tenant-%04d", i)
			if i%8 == 0 {
				d.Match.Tenant, d.Level = "tenant-acme", Level(1+i%3)
			}
		}))
	}
	return map[string][]Directive{
		"none": many(n),
		"one":  append(many(max(0, n-1)), one),
		"many": several,
	}
}

func benchmarkEvaluate(b *testing.B, all []Directive, req Request) {
	s := newSet(b, all...)
	b.ReportAllocs()
	for b.Loop() {
		s.Evaluate(req, noon)
	}
}

// BenchmarkEvaluateNoAlloc measures Evaluate by the number of directives, and by how many
// of them match the request.
func BenchmarkEvaluateNoAlloc(b *testing.B) {
	req := Request{Tenant: "tenant-acme", Index: "orders", Principal: "svc", Endpoint: Search, ID: requestID}
	for _, n := range []int{0, 2, 8, 64, 1024, 10_000} {
		for name, all := range benchSets(n) {
			if n == 0 && name != "none" {
				continue
			}
			b.Run(fmt.Sprintf("n=%d/matching=%s", n, name), func(b *testing.B) { benchmarkEvaluate(b, all, req) })
		}
		b.Run(fmt.Sprintf("n=%d/unresolved", n), func(b *testing.B) {
			benchmarkEvaluate(b, many(n), Request{Endpoint: Search, ID: requestID})
		})
	}
}

// BenchmarkEvaluateSampledNoAlloc measures Evaluate for a set with a sampled directive
// that matches, and the hash of the request id alone.
func BenchmarkEvaluateSampledNoAlloc(b *testing.B) {
	all := []Directive{
		dir("sampled", func(d *Directive) {
			d.Match.Tenant, d.Level, d.SamplePerMille = "tenant-acme", ShapeTiming, 100
		}),
		dir("other", func(d *Directive) { d.Match.Tenant = "tenant-1" }),
	}
	req := Request{Tenant: "tenant-acme", Index: "orders", Principal: "svc", Endpoint: Search, ID: requestID}
	b.Run("evaluate", func(b *testing.B) { benchmarkEvaluate(b, all, req) })
	b.Run("hash", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			SampleBucket(requestID)
		}
	})
}

// BenchmarkCompile measures NewSet.
func BenchmarkCompile(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			all := many(n)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := NewSet(all); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkDecideNoAlloc measures what counting and a limit cost a decision, on one processor
// and on several (-cpu 1,2). The set has one directive that matches, or none.
func BenchmarkDecideNoAlloc(b *testing.B) {
	others := many(7)
	for _, matching := range []bool{true, false} {
		tenant := "tenant-acme"
		if !matching {
			tenant = "tenant-zeta"
		}
		plain := newSet(b, append(others, dir("acme", func(d *Directive) { d.Match.Tenant = tenant }))...)
		limited := newSet(b, append(others, dir("acme", func(d *Directive) { d.Match.Tenant, d.MaxPerSecond = tenant, 100 }))...)
		for _, c := range []struct {
			name string
			set  *Set
		}{
			{"uncounted", Anchor(plain, time.Now())},
			{"counted", Metered(Anchor(plain, time.Now()), nil)},
			{"limited", Metered(Anchor(limited, time.Now()), nil)},
		} {
			b.Run(fmt.Sprintf("matching=%t/%s", matching, c.name), func(b *testing.B) {
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					req := Request{Tenant: "tenant-acme", Index: "orders", Endpoint: Search, ID: requestID}
					for pb.Next() {
						EvaluateNow(c.set, &req, time.Since)
					}
				})
			})
		}
	}
}
