package directive

import (
	"fmt"
	"hash/fnv"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func share(perMille int) *int { return &perMille }

// on returns a directive for these instances.
func on(id string, in *Instances) Directive {
	return dir(id, func(d *Directive) { d.Instances = in })
}

// includes is the definition of Instances.
func includes(in *Instances, name string, labels map[string]string) bool {
	if in == nil {
		return true
	}
	if in.Names != nil {
		named := false
		for _, n := range in.Names {
			named = named || n == name
		}
		if !named {
			return false
		}
	}
	for label, value := range in.Labels {
		if have, ok := labels[label]; !ok || have != value {
			return false
		}
	}
	if in.PerMille == nil {
		return true
	}
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()%1000 < uint64(*in.PerMille)
}

var (
	someInstance = rapid.SampledFrom([]string{"", "p1", "p2", "p3", "p4", "proxy-7f9c6d-x2x1q", "eu"})
	someLabels   = rapid.MapOfN(rapid.SampledFrom([]string{"zone", "rack", "eu"}), rapid.SampledFrom([]string{"eu", "us", "1", "zone"}), 0, 3)
	// someInstances selects by every combination of fields, or all instances.
	someInstances = rapid.Custom(func(t *rapid.T) *Instances {
		in := &Instances{PerMille: rapid.SampledFrom([]*int{nil, nil, share(0), share(1), share(500), share(1000)}).Draw(t, "share")}
		names := rapid.SliceOfNDistinct(someInstance.Filter(func(name string) bool { return name != "" }), 0, 3, rapid.ID)
		if names := names.Draw(t, "names"); len(names) > 0 {
			in.Names = names
		}
		if labels := someLabels.Draw(t, "labels"); len(labels) > 0 {
			in.Labels = labels
		}
		if in.Names == nil && in.Labels == nil && in.PerMille == nil {
			return nil
		}
		return in
	})
)

// requireSame checks that two lists have the same directives in the same order.
func requireSame(t require.TestingT, want, got []Directive) {
	require.Len(t, got, len(want))
	for i := range want {
		require.True(t, want[i].Equal(got[i]), "%+v is not %+v", got[i], want[i])
	}
}

func TestForInstance_EqualsDefinition(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		all, req := someDirectives.Draw(t, "set"), someRequest.Draw(t, "request")
		name, labels := someInstance.Draw(t, "instance"), someLabels.Draw(t, "labels")
		var mine, everybodys []Directive
		for i := range all {
			all[i].Instances = someInstances.Draw(t, "instances")
			if rapid.Bool().Draw(t, "applies") {
				all[i].Match, all[i].SamplePerMille, all[i].ExpiresAt = Match{}, 1000, noon.Add(time.Hour)
			}
			if includes(all[i].Instances, name, labels) {
				mine = append(mine, all[i])
			}
			if all[i].Instances == nil {
				everybodys = append(everybodys, all[i])
			}
		}
		whole, err := NewSet(all)
		require.NoError(t, err)
		local := whole.ForInstance(name, labels)
		requireSame(t, mine, local.Directives())
		requireSame(t, all, whole.Directives())
		require.Equal(t, reference(mine, req, noon), local.Evaluate(req, noon))
		require.Equal(t, reference(mine, req, noon), EvaluateNow(local, &req, noon.Sub))
		require.Equal(t, reference(everybodys, req, noon), whole.Evaluate(req, noon), "a set of no instance")
		require.Equal(t, reference(everybodys, req, noon), EvaluateNow(whole, &req, noon.Sub))
		if len(everybodys) == len(all) {
			require.Same(t, whole, local)
		}
		again := local.ForInstance(name, labels)
		requireSame(t, mine, again.Directives())
		require.Equal(t, reference(mine, req, noon), again.Evaluate(req, noon))

		for i, ground := range local.Explain(req, noon).Directives {
			if mine[i].Level != Off {
				require.Equal(t, reference(mine[i:i+1], req, noon).Level != Off, ground.Applies)
			}
			require.False(t, ground.OtherInstances)
		}
		for i, ground := range whole.Explain(req, noon).Directives {
			require.Equal(t, all[i].Instances != nil, ground.OtherInstances)
			require.False(t, ground.Applies && ground.OtherInstances)
		}
	})
}

func TestForInstance_EmptySets(t *testing.T) {
	t.Parallel()
	var none *Set
	assert.Nil(t, none.ForInstance("a", nil))
	empty := &Set{}
	assert.Same(t, empty, empty.ForInstance("a", nil))
	other := newSet(t, on("a", &Instances{Names: []string{"b"}})).ForInstance("a", nil)
	assert.Zero(t, other.Len())
	assert.Zero(t, other.Evaluate(Request{}, noon))
	assert.Zero(t, EvaluateNow(other, &Request{}, noon.Sub))
	assert.Empty(t, other.Directives())
}

func TestForInstance_WholeSetAppliesNone(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 4 * smallSet} {
		var all []Directive
		for i := range n {
			all = append(all, on(fmt.Sprint(i), &Instances{PerMille: share(1000)}))
		}
		whole := newSet(t, all...)
		for _, s := range []*Set{whole, Anchor(whole, time.Unix(0, 0)), Metered(whole, nil)} {
			assert.Zero(t, s.Evaluate(Request{}, noon))
			assert.Zero(t, EvaluateNow(s, &Request{}, noon.Sub))
			assert.Equal(t, "0", s.ForInstance("any", nil).Evaluate(Request{}, noon).By)
		}
	}
}

func TestInstances_Include(t *testing.T) {
	t.Parallel()
	zone := map[string]string{"zone": "eu"}
	for what, c := range map[string]struct {
		in     *Instances
		name   string
		labels map[string]string
		want   bool
	}{
		"all":                            {nil, "a", nil, true},
		"all, without a name":            {nil, "", nil, true},
		"the name":                       {&Instances{Names: []string{"b", "a"}}, "a", nil, true},
		"another name":                   {&Instances{Names: []string{"b"}}, "a", nil, false},
		"a part of the name":             {&Instances{Names: []string{"a"}}, "ab", nil, false},
		"another case":                   {&Instances{Names: []string{"A"}}, "a", nil, false},
		"the label":                      {&Instances{Labels: zone}, "a", zone, true},
		"the same label, another name":   {&Instances{Labels: zone}, "b", zone, true},
		"more labels":                    {&Instances{Labels: zone}, "a", map[string]string{"zone": "eu", "rack": "1"}, true},
		"no labels":                      {&Instances{Labels: zone}, "a", nil, false},
		"another value":                  {&Instances{Labels: zone}, "a", map[string]string{"zone": "us"}, false},
		"an empty value":                 {&Instances{Labels: zone}, "a", map[string]string{"zone": ""}, false},
		"another label":                  {&Instances{Labels: zone}, "a", map[string]string{"eu": "zone"}, false},
		"one of two labels":              {&Instances{Labels: map[string]string{"zone": "eu", "rack": "1"}}, "a", zone, false},
		"the name, another label":        {&Instances{Names: []string{"a"}, Labels: zone}, "a", nil, false},
		"the label, another name":        {&Instances{Names: []string{"a"}, Labels: zone}, "b", zone, false},
		"the name of two, and the label": {&Instances{Names: []string{"a", "b"}, Labels: zone}, "b", zone, true},
		"none":                           {&Instances{PerMille: share(0)}, "a", nil, false},
		"the whole share":                {&Instances{PerMille: share(1000)}, "a", nil, true},
		"the name, no share":             {&Instances{Names: []string{"a"}, PerMille: share(0)}, "a", nil, false},
		"the whole share, another name":  {&Instances{Names: []string{"b"}, PerMille: share(1000)}, "a", nil, false},
		"below the bucket":               {&Instances{PerMille: share(SampleBucket("a"))}, "a", nil, false},
		"above the bucket":               {&Instances{PerMille: share(SampleBucket("a") + 1)}, "a", nil, true},
	} {
		assert.Equal(t, c.want, c.in.Include(c.name, c.labels), what)
	}
}

// TestInstances_WideningKeepsInstances widens the share of 500 instances step by step.
func TestInstances_WideningKeepsInstances(t *testing.T) {
	t.Parallel()
	before := map[string]bool{}
	for perMille := 0; perMille <= 1000; perMille += 25 {
		s := newSet(t, on("d", &Instances{PerMille: share(perMille)}))
		now := map[string]bool{}
		for i := range 500 {
			name := fmt.Sprint("proxy-", i)
			if s.ForInstance(name, nil).Len() == 1 {
				now[name] = true
			}
		}
		for name := range before {
			assert.True(t, now[name], "%s of %d", name, perMille-25)
		}
		assert.InDelta(t, perMille/2, len(now), 50, "of %d", perMille)
		before = now
	}
	assert.Len(t, before, 500)
}

// end returns the local time at which the rule of a directive ends, and false if the set has
// no such rule.
func end(s *Set, id string) (at time.Time, ok bool) {
	for i := range s.program.rules {
		if r := &s.program.rules[i]; s.directives.ids[r.index] == id {
			return s.epoch.Add(r.expiry), true
		}
	}
	return at, false
}

// TestForInstance_KeepsAnchors moves the clock at random, as the follower of one instance
// does. A directive of the instance ends when it does in a set without Instances, and the set
// may be saved with the same epoch.
func TestForInstance_KeepsAnchors(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		epoch := time.Unix(1_000_000, 0)
		whole, twin := &Set{}, &Set{}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			epoch = epoch.Add(time.Duration(rapid.IntRange(-5000, 5000).Draw(t, "moved")) * time.Millisecond)
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				all := make([]Directive, rapid.IntRange(0, 2*smallSet).Draw(t, "n"))
				plain := make([]Directive, len(all))
				for i := range all {
					plain[i] = dir(fmt.Sprint("d", i), nil)
					all[i] = plain[i]
					all[i].Instances = rapid.SampledFrom([]*Instances{
						nil, {Names: []string{"here"}}, {Names: []string{"there"}}, {PerMille: share(1000)},
					}).Draw(t, "instances")
				}
				provisional := rapid.Bool().Draw(t, "provisional")
				next, err := NewSet(all)
				require.NoError(t, err)
				whole = AnchorAfter(next, whole, epoch, provisional)
				next, err = NewSet(plain)
				require.NoError(t, err)
				twin = AnchorAfter(next, twin, epoch, provisional)
			case 1:
				whole, twin = Reanchor(whole, epoch), Reanchor(twin, epoch)
			case 2:
				whole, twin = Settle(whole, epoch), Settle(twin, epoch)
			case 3:
				whole, twin = Shift(whole, time.Second), Shift(twin, time.Second)
			}
			local := whole.ForInstance("here", nil)
			for i, d := range whole.Directives() {
				want, _ := end(twin, d.ID)
				got, ok := end(local, d.ID)
				require.Equal(t, d.Instances.Include("here", nil), ok, "%d", i)
				if ok {
					require.Equal(t, want, got, "%s", d.ID)
				}
			}
			require.Equal(t, EarliestEpoch(twin), EarliestEpoch(whole), "the epoch of the file")
			moved := Reanchor(local, epoch.Add(-time.Hour))
			for _, d := range local.Directives() {
				want, _ := end(Reanchor(twin, epoch.Add(-time.Hour)), d.ID)
				got, _ := end(moved, d.ID)
				require.Equal(t, want, got, "a set of an instance that is anchored again")
			}
		}
	})
}

// TestForInstance_KeepsLimits has one request a second, on a set that is anchored to two clocks.
func TestForInstance_KeepsLimits(t *testing.T) {
	t.Parallel()
	limited := func(id string, in *Instances) Directive {
		return dir(id, func(d *Directive) { d.Instances, d.MaxPerSecond, d.Match.Tenant = in, 1, id })
	}
	whole := newSet(t, on("other", &Instances{Names: []string{"there"}}), limited("here", &Instances{Names: []string{"here"}}), limited("all", nil))
	local := Anchor(whole, time.Unix(1000, 0)).ForInstance("here", nil)
	require.Equal(t, 2, local.Len())
	later := Reanchor(local, time.Unix(900, 0))
	require.NotSame(t, local, later)
	for _, tenant := range []string{"here", "all"} {
		req := Request{Tenant: tenant}
		now := time.Unix(1000, 0).Add(time.Duration(noon.UnixNano()))
		assert.Equal(t, tenant, EvaluateNow(local, &req, now.Sub).By)
		assert.Empty(t, EvaluateNow(local, &req, now.Sub).By)
		assert.Empty(t, EvaluateNow(later, &req, now.Sub).By, "another anchor gives no further token")
		assert.Equal(t, tenant, local.Evaluate(req, now).By, "Evaluate regards no limit")
		for _, ground := range later.Explain(req, now).Directives {
			assert.False(t, ground.OtherInstances)
			assert.Equal(t, ground.Directive.ID == tenant, ground.Applies)
		}
	}
}

func TestNewSet_CopiesInstances(t *testing.T) {
	t.Parallel()
	in := &Instances{Names: []string{"a", "b"}, Labels: map[string]string{"zone": "eu"}, PerMille: share(SampleBucket("a") + 1)}
	want := in.Clone()
	assert.Equal(t, in, want)
	s := newSet(t, on("d", in))
	for _, shown := range []*Instances{in, s.Directives()[0].Instances, At(s, 0).Instances, s.ForInstance("a", map[string]string{"zone": "eu"}).Directives()[0].Instances} {
		shown.Names[0], shown.Labels["zone"], *shown.PerMille = "x", "us", 1000
	}
	assert.Equal(t, want, At(s, 0).Instances)
}

func TestInstances_Equal(t *testing.T) {
	t.Parallel()
	full := func() *Instances {
		return &Instances{Names: []string{"a", "b"}, Labels: map[string]string{"zone": "eu"}, PerMille: share(5)}
	}
	assert.True(t, full().Equal(full()))
	swapped := full()
	slices.Reverse(swapped.Names)
	assert.True(t, full().Equal(swapped), "the order of names means nothing")
	assert.True(t, (*Instances)(nil).Equal(nil))
	for name, change := range map[string]func(*Instances){
		"a name more":    func(in *Instances) { in.Names = append(in.Names, "c") },
		"another name":   func(in *Instances) { in.Names[0] = "c" },
		"no names":       func(in *Instances) { in.Names = nil },
		"another label":  func(in *Instances) { in.Labels["zone"] = "us" },
		"a label more":   func(in *Instances) { in.Labels["rack"] = "1" },
		"no labels":      func(in *Instances) { in.Labels = nil },
		"another share":  func(in *Instances) { *in.PerMille = 6 },
		"no share":       func(in *Instances) { in.PerMille = nil },
		"all, not these": func(in *Instances) { *in = Instances{} },
	} {
		other := full()
		change(other)
		assert.False(t, full().Equal(other), name)
		assert.False(t, other.Equal(full()), name)
		assert.False(t, other.Equal(nil), name)
		before, after := newSet(t, on("d", full())), on("d", other)
		if other.validate() == nil {
			changes := DiffSets(before, newSet(t, after)).Changed
			require.Len(t, changes, 1, name)
			assert.Equal(t, []Field{FieldInstances}, changes[0].Fields(), name)
		}
	}
}
