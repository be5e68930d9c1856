package directive

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newSet(t testing.TB, directives ...Directive) *Set {
	t.Helper()
	s, err := NewSet(directives)
	require.NoError(t, err)
	return s
}

// dir returns a directive that lasts an hour from noon, with the change.
func dir(id string, change func(*Directive)) Directive {
	d := Directive{ID: id, Level: Shape, SamplePerMille: 1000, ExpiresAt: noon.Add(time.Hour)}
	if change != nil {
		change(&d)
	}
	return d
}

func TestEvaluate_Decisions(t *testing.T) {
	t.Parallel()
	full := Request{Tenant: "t", Index: "i", Principal: "p", Endpoint: Search, ID: "r"}
	match := func(m Match) []Directive { return []Directive{dir("d", func(d *Directive) { d.Match = m })} }
	applies := Decision{Level: Shape, By: "d"}
	for name, c := range map[string]struct {
		set  []Directive
		req  Request
		want Decision
	}{
		"no directives":                {nil, full, Decision{}},
		"matches everything":           {match(Match{}), full, applies},
		"matches an empty request":     {match(Match{}), Request{}, applies},
		"all fields":                   {match(Match{"t", "i", "p", Search}), full, applies},
		"other tenant":                 {match(Match{Tenant: "T"}), full, Decision{}},
		"other index":                  {match(Match{Tenant: "t", Index: "x"}), full, Decision{}},
		"other principal":              {match(Match{Tenant: "t", Principal: "x"}), full, Decision{}},
		"other endpoint":               {match(Match{Tenant: "t", Endpoint: Count}), full, Decision{}},
		"tenant not resolved":          {match(Match{Tenant: "t"}), Request{Index: "i", Endpoint: Search}, Decision{}},
		"endpoint alone":               {match(Match{Endpoint: Search}), Request{Endpoint: Search}, applies},
		"unknown, set":                 {match(Match{Endpoint: Unknown}), Request{Endpoint: Unknown}, applies},
		"unknown, unset":               {match(Match{Endpoint: Unknown}), Request{}, applies},
		"unset is not search":          {match(Match{Endpoint: Search}), Request{}, Decision{}},
		"highest level wins":           {[]Directive{dir("a", nil), dir("b", level(ShapeRewriteDiff)), dir("c", level(ShapeTiming))}, full, Decision{Level: ShapeRewriteDiff, By: "b"}},
		"first among equals":           {[]Directive{dir("o", level(Off)), dir("a", nil), dir("b", nil)}, full, Decision{Level: Shape, By: "a"}},
		"level off alone":              {[]Directive{dir("a", level(Off))}, full, Decision{}},
		"ring buffer at off":           {[]Directive{dir("a", func(d *Directive) { d.Level, d.RingBuffer = Off, true })}, full, Decision{RingBuffer: true}},
		"capture of a lower level":     {[]Directive{dir("a", level(ShapeTiming)), dir("b", func(d *Directive) { d.Capture = true })}, full, Decision{Level: ShapeTiming, Capture: true, By: "a"}},
		"flags of two directives":      {[]Directive{dir("a", func(d *Directive) { d.RingBuffer = true }), dir("b", func(d *Directive) { d.Capture = true })}, full, Decision{Level: Shape, RingBuffer: true, Capture: true, By: "a"}},
		"sample 0 never applies":       {[]Directive{dir("a", func(d *Directive) { d.SamplePerMille, d.RingBuffer, d.Capture = 0, true, true })}, full, Decision{}},
		"expired does not apply":       {[]Directive{dir("a", func(d *Directive) { d.ExpiresAt = noon; d.Capture = true }), dir("b", nil)}, full, Decision{Level: Shape, By: "b"}},
		"higher level of other tenant": {[]Directive{dir("a", nil), dir("b", func(d *Directive) { d.Level, d.Match.Tenant = ShapeTiming, "x" })}, full, Decision{Level: Shape, By: "a"}},
	} {
		assert.Equal(t, c.want, newSet(t, c.set...).Evaluate(c.req, noon), name)
	}
}

// level returns a change of the level.
func level(l Level) func(*Directive) { return func(d *Directive) { d.Level = l } }

func TestEvaluate_ExpiryIsExact(t *testing.T) {
	t.Parallel()
	s := newSet(t, dir("a", func(d *Directive) { d.ExpiresAt = noon.Add(time.Millisecond + 999*time.Microsecond) }))
	assert.Equal(t, noon.Add(time.Millisecond), s.Directives()[0].ExpiresAt.UTC(), "the expiry must be rounded down to a millisecond")
	assert.Equal(t, Shape, s.Evaluate(Request{}, noon.Add(time.Millisecond-1)).Level)
	assert.Equal(t, Off, s.Evaluate(Request{}, noon.Add(time.Millisecond)).Level)
	latest := newSet(t, dir("a", func(d *Directive) { d.ExpiresAt = time.UnixMilli(MaxMillis) }))
	assert.Equal(t, Shape, latest.Evaluate(Request{}, noon).Level)
}

func TestSampleBucket_FNV1a(t *testing.T) {
	t.Parallel()
	// http://www.isthe.com/chongo/src/fnv/test_fnv.c
	for id, hash := range map[string]uint64{
		"": 0xcbf29ce484222325, "a": 0xaf63dc4c8601ec8c, "foobar": 0x85944171f73967e8,
	} {
		assert.Equal(t, int(hash%1000), SampleBucket(id), id)
	}
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.String().Draw(t, "id")
		h := fnv.New64a()
		h.Write([]byte(id))
		require.Equal(t, int(h.Sum64()%1000), SampleBucket(id))
	})
	id := "req-1" // bucket 97
	s := func(n int) Level {
		return newSet(t, dir("a", func(d *Directive) { d.SamplePerMille = n })).Evaluate(Request{ID: id}, noon).Level
	}
	assert.Equal(t, 97, SampleBucket(id))
	assert.Equal(t, Off, s(97))
	assert.Equal(t, Shape, s(98))
}

func TestNewSet_RejectsBeyondLimits(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", MaxNameBytes+1)
	for name, c := range map[string]struct {
		change func(*Directive)
		want   string
	}{
		"id empty":          {func(d *Directive) { d.ID = "" }, "directives[1].id: must not be empty"},
		"id long":           {func(d *Directive) { d.ID = long[:MaxIDBytes+1] }, "directives[1].id: is 129 bytes, the limit is 128"},
		"id not UTF-8":      {func(d *Directive) { d.ID = "\xff" }, "directives[1].id: is not valid UTF-8"},
		"id again":          {func(d *Directive) { d.ID = "first" }, "directives[1].id: is the same as that of directives[0]"},
		"tenant long":       {func(d *Directive) { d.Match.Tenant = long }, "directives[1].tenant: is 257 bytes, the limit is 256"},
		"index long":        {func(d *Directive) { d.Match.Index = long }, "directives[1].index: is 257 bytes, the limit is 256"},
		"principal":         {func(d *Directive) { d.Match.Principal = "\xc0" }, "directives[1].principal: is not valid UTF-8"},
		"level":             {level(ShapeRewriteDiff + 1), "directives[1].level: " + errLevel.Error()},
		"endpoint":          {func(d *Directive) { d.Match.Endpoint = Unknown + 1 }, "directives[1].endpoint: " + errEndpoint.Error()},
		"sample below":      {func(d *Directive) { d.SamplePerMille = -1 }, "directives[1].sample_per_mille: must be 0 to 1000"},
		"sample above":      {func(d *Directive) { d.SamplePerMille = 1001 }, "directives[1].sample_per_mille: must be 0 to 1000"},
		"no expiry":         {func(d *Directive) { d.ExpiresAt = time.Time{} }, "directives[1].expires_at: is missing (a directive must expire)"},
		"expiry before all": {func(d *Directive) { d.ExpiresAt = time.UnixMilli(0) }, "directives[1].expires_at: must be after 1970 and before the year 5138"},
		"expiry after all":  {func(d *Directive) { d.ExpiresAt = time.UnixMilli(MaxMillis + 1) }, "directives[1].expires_at: must be after 1970 and before the year 5138"},
	} {
		_, err := NewSet([]Directive{dir("first", nil), dir("d", c.change)})
		assert.EqualError(t, err, c.want, name)
	}
	_, err := NewSet(many(MaxDirectives + 1))
	assert.EqualError(t, err, "directives: holds 10001, the limit is 10000")
	_, err = NewSet(append(many(MaxDirectives-1), dir(long[:MaxIDBytes], func(d *Directive) {
		d.Match = Match{long[:MaxNameBytes], long[:MaxNameBytes], long[:MaxNameBytes], Unknown}
	})))
	assert.NoError(t, err, "at the limits")
}

// many returns n directives with different tenants.
func many(n int) []Directive {
	all := make([]Directive, n)
	for i := range all {
		all[i] = dir(fmt.Sprint(i), func(d *Directive) { d.Match.Tenant = fmt.Sprint("tenant-", i) })
	}
	return all
}

func TestSet_CopiesDirectives(t *testing.T) {
	t.Parallel()
	given := []Directive{dir("a", nil)}
	s := newSet(t, given...)
	given[0].Level = Off
	s.Directives()[0].Level = Off
	assert.Equal(t, Shape, s.Evaluate(Request{}, noon).Level)
	assert.Equal(t, Shape, s.Directives()[0].Level)

	var none *Set
	for _, empty := range []*Set{none, {}, newSet(t)} {
		assert.Zero(t, empty.Len())
		assert.Nil(t, empty.Directives())
		assert.Zero(t, empty.Evaluate(Request{}, noon))
	}
}

func TestLevelAndEndpoint_Names(t *testing.T) {
	t.Parallel()
	for l := Off; l <= ShapeRewriteDiff; l++ {
		got, err := ParseLevel(l.String())
		require.NoError(t, err)
		assert.Equal(t, l, got)
	}
	for e := IngestDoc; e <= Unknown; e++ {
		got, err := ParseEndpoint(e.String())
		require.NoError(t, err)
		assert.Equal(t, e, got)
	}
	for _, wrong := range []string{"", "shape", "SHAPE", " Shape", "Level(4)", "Any", "GetByID"} {
		_, err := ParseLevel(wrong)
		assert.True(t, err != nil || wrong == "Shape", wrong)
		_, err = ParseEndpoint(wrong)
		assert.Error(t, err, wrong)
	}
	assert.Equal(t, "Level(9)", Level(9).String())
	assert.Equal(t, "Endpoint(99)", Endpoint(99).String())
	assert.Equal(t, "Any", AnyEndpoint.String())
}

// applies reports whether a directive applies to a request.
func applies(x *Directive, req Request, now time.Time) bool {
	if req.Endpoint == AnyEndpoint {
		req.Endpoint = Unknown
	}
	m := x.Match
	return (m.Tenant == "" || m.Tenant == req.Tenant) && (m.Index == "" || m.Index == req.Index) &&
		(m.Principal == "" || m.Principal == req.Principal) && (m.Endpoint == AnyEndpoint || m.Endpoint == req.Endpoint) &&
		SampleBucket(req.ID) < x.SamplePerMille && now.Before(x.ExpiresAt)
}

// reference is the reference evaluation. It follows the definition, directive by
// directive.
func reference(all []Directive, req Request, now time.Time) (d Decision) {
	for _, x := range all {
		if !applies(&x, req, now) {
			continue
		}
		if x.Level > d.Level {
			d.Level, d.By = x.Level, x.ID
		}
		d.RingBuffer = d.RingBuffer || x.RingBuffer
		d.Capture = d.Capture || x.Capture
	}
	return d
}

var (
	// someNames have equal lengths and common parts, of each length that nameKey reads in
	// another way.
	someNames = rapid.SampledFrom([]string{
		"", "a", "b", "ab", "abcd", "abce", "tenant-1", "tenant-2", "tenant-000001", "tenant-000002",
		"0d9b5a7e-3f0a-4a53-9f6b-3b1c9a1f7c55", "0d9b5a7e-3f0a-4a53-9f6c-3b1c9a1f7c55",
	})
	someRequest = rapid.Custom(func(t *rapid.T) Request {
		return Request{
			Tenant: someNames.Draw(t, "tenant"), Index: someNames.Draw(t, "index"),
			Principal: someNames.Draw(t, "principal"),
			Endpoint:  rapid.SampledFrom([]Endpoint{AnyEndpoint, Search, Count, Unknown, 16 + Search}).Draw(t, "endpoint"),
			ID:        rapid.StringN(0, 4, -1).Draw(t, "id"),
		}
	})
	someDirectives = rapid.Custom(func(t *rapid.T) []Directive {
		// The number of directives is below and above smallSet.
		all := make([]Directive, rapid.IntRange(0, 4*smallSet).Draw(t, "n"))
		for i := range all {
			req := someRequest.Draw(t, "match")
			all[i] = Directive{
				ID:             fmt.Sprint("d", i),
				Match:          Match{req.Tenant, req.Index, req.Principal, min(req.Endpoint, Unknown)},
				Level:          Level(rapid.IntRange(0, 3).Draw(t, "level")),
				SamplePerMille: rapid.SampledFrom([]int{0, 1, 300, 999, 1000}).Draw(t, "sample"),
				ExpiresAt:      noon.Add(time.Duration(rapid.IntRange(-3, 3).Draw(t, "ends")) * time.Millisecond),
				RingBuffer:     rapid.Bool().Draw(t, "ring"),
				Capture:        rapid.Bool().Draw(t, "capture"),
			}
		}
		return all
	})
)

func TestLevelAndEndpoint_JSON(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(map[string]any{"level": ShapeTiming, "endpoint": GetByID})
	require.NoError(t, err)
	assert.JSONEq(t, `{"level":"ShapeTiming","endpoint":"GetById"}`, string(text))
}

func TestEvaluate_EqualsReference(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		all, req := someDirectives.Draw(t, "set"), someRequest.Draw(t, "request")
		s, err := NewSet(all)
		require.NoError(t, err)
		want := reference(all, req, noon)
		require.Equal(t, want, s.Evaluate(req, noon))

		reads := 0
		got := EvaluateNow(s, &req, func(epoch time.Time) time.Duration {
			reads++
			return noon.Sub(epoch)
		})
		require.Equal(t, want, got)
		require.LessOrEqual(t, reads, 1)
		if reference(all, req, time.Unix(0, 0)) == (Decision{}) {
			require.Zero(t, reads, "the clock must be read only if a directive would apply")
		}
	})
}

func TestEvaluate_DoesNotAllocate(t *testing.T) {
	s := newSet(t, append(many(100), dir("all", func(d *Directive) { d.SamplePerMille = 500 }))...)
	req := Request{Tenant: "tenant-5", ID: "0d9b5a7e-3f0a-4a53-9f6b-3b1c9a1f7c55"}
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		s.Evaluate(req, noon)
		EvaluateNow(s, &req, time.Since)
	}))
}
