package main

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/fleetdial/fleetdial"
)

func TestRollSteps_Parse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]rollStep{
		"100%":            {{perMille: 1000}},
		"1,10%,100%":      {{count: 1}, {perMille: 100}, {perMille: 1000}},
		"1, 5 ,0.1%,100%": {{count: 1}, {count: 5}, {perMille: 1}, {perMille: 1000}},
	} {
		got, err := parseRollSteps(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for text, want := range map[string]string{
		"":               `step "": must be a number of instances`,
		"1,,100%":        `step "": must be a number of instances`,
		"0,100%":         `step "0": must be a number of instances, 1 to 100`,
		"101,100%":       `step "101": must be a number of instances, 1 to 100`,
		"01,100%":        `step "01": must be a number`,
		"0%,100%":        `step "0%": must be 0.1% to 100%`,
		"0.01%,100%":     `step "0.01%": must be 0.1% to 100%`,
		"101%":           `step "101%": must be 0.1% to 100%`,
		"5,5,100%":       "step 5: must be more than the step before, 5",
		"20%,10%,100%":   "step 10%: must be more than the step before, 20%",
		"100%,100%":      "step 100%: must be more than the step before, 100%",
		"10%,5,100%":     "step 5: a number of instances must not follow a percentage",
		"1,10%":          "the last step must be 100%",
		"1,2,3":          "the last step must be 100%",
		"ten%":           `step "ten%": must be 0.1% to 100%`,
		rollStepsOf(100): "must be at most 15 steps",
	} {
		_, err := parseRollSteps(text)
		assert.ErrorContains(t, err, want, text)
	}
}

// rollStepsOf returns n steps that are too many.
func rollStepsOf(n int) (text string) {
	for i := range n {
		text += fmt.Sprintf("%d,", i+1)
	}
	return text + "100%"
}

func TestBucketOf_IsThatOfPerMille(t *testing.T) {
	t.Parallel()
	seen := make(map[int]bool)
	for i := range 5000 {
		name := fmt.Sprintf("web-%d", i)
		bucket := bucketOf(name)
		without, with := bucket, bucket+1
		require.False(t, (&fleetdial.Instances{PerMille: &without}).Include(name, nil), name)
		require.True(t, (&fleetdial.Instances{PerMille: &with}).Include(name, nil), name)
		seen[bucket] = true
	}
	assert.Greater(t, len(seen), 950)
}

func fleetOf(n int) (fleet []member) {
	for i := range n {
		zone := []string{"eu", "us", "ap"}[i%3]
		fleet = append(fleet, member{name: fmt.Sprintf("web-%03d", i), labels: map[string]string{"zone": zone}})
	}
	return newFleet(fleet...)
}

func share(n int) *int { return &n }

func TestRollPlan_Steps(t *testing.T) {
	t.Parallel()
	fleet := fleetOf(50)
	steps, err := parseRollSteps("1,4,10%,100%")
	require.NoError(t, err)
	plan := planRoll([]fleetdial.Directive{{ID: "a"}}, steps, fleet, 0, nil)
	require.Len(t, plan, 4)
	first, second, third := plan[0].directives[0].Instances, plan[1].directives[0].Instances, plan[2].directives[0].Instances
	lowest := candidates(nil, fleet)
	assert.Equal(t, []string{lowest[0].name}, first.Names)
	assert.Equal(t, []string{lowest[0].name, lowest[1].name, lowest[2].name, lowest[3].name}, second.Names)
	assert.Nil(t, third.Names)
	require.NotNil(t, third.PerMille)
	assert.Equal(t, max(100, bucketOf(lowest[3].name)+1), *third.PerMille)
	assert.Nil(t, plan[3].directives[0].Instances)
	assert.Len(t, concernedBy(plan[3].directives, fleet), 50)
	assert.Equal(t, "step 3/4", plan[2].label())
}

func TestRollPlan_RaisesShareThatConcernsNobody(t *testing.T) {
	t.Parallel()
	fleet := fleetOf(3)
	steps, err := parseRollSteps("0.1%,100%")
	require.NoError(t, err)
	plan := planRoll([]fleetdial.Directive{{ID: "a"}}, steps, fleet, 0, nil)
	lowest := candidates(nil, fleet)[0].name
	assert.Equal(t, []string{"a"}, plan[0].raised)
	assert.Equal(t, bucketOf(lowest)+1, *plan[0].directives[0].Instances.PerMille)
	assert.Equal(t, []string{lowest}, concernedBy(plan[0].directives, fleet))
	assert.Empty(t, plan[1].raised)
}

func TestRollPlan_NarrowsWithinOwnInstances(t *testing.T) {
	t.Parallel()
	fleet := fleetOf(60)
	steps, err := parseRollSteps("1,50%,100%")
	require.NoError(t, err)
	own := &fleetdial.Instances{Labels: map[string]string{"zone": "eu"}, PerMille: share(800)}
	plan := planRoll([]fleetdial.Directive{{ID: "a", Instances: own}}, steps, fleet, 0, nil)
	all := concernedBy([]fleetdial.Directive{{Instances: own}}, fleet)
	assert.Len(t, concernedBy(plan[0].directives, fleet), 1)
	assert.Subset(t, all, concernedBy(plan[0].directives, fleet))
	assert.Equal(t, 400, *plan[1].directives[0].Instances.PerMille, "half of 800")
	assert.Equal(t, "eu", plan[1].directives[0].Instances.Labels["zone"])
	assert.True(t, own.Equal(plan[2].directives[0].Instances))
}

func TestRollPlan_NobodyStaysNobody(t *testing.T) {
	t.Parallel()
	fleet := fleetOf(5)
	steps, err := parseRollSteps("1,10%,100%")
	require.NoError(t, err)
	own := &fleetdial.Instances{Labels: map[string]string{"zone": "ue"}}
	plan := planRoll([]fleetdial.Directive{{ID: "a", Instances: own}}, steps, fleet, 0, nil)
	for _, step := range plan {
		assert.Empty(t, concernedBy(step.directives, fleet), step.label())
		assert.Empty(t, step.raised)
		require.NotNil(t, step.directives[0].Instances)
	}
}

// drawInstances returns the instances that a directive was asked for.
func drawInstances(t *rapid.T, fleet []member) *fleetdial.Instances {
	out := &fleetdial.Instances{}
	if rapid.Bool().Draw(t, "labels") {
		out.Labels = map[string]string{"zone": rapid.SampledFrom([]string{"eu", "us", "nowhere"}).Draw(t, "zone")}
	}
	if rapid.Bool().Draw(t, "perMille") {
		out.PerMille = share(rapid.IntRange(0, 1000).Draw(t, "share"))
	}
	if rapid.Bool().Draw(t, "names") {
		for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, 120), 1, 20, rapid.ID[int]).Draw(t, "named") {
			name := fmt.Sprintf("gone-%d", i)
			if i < len(fleet) {
				name = fleet[i].name
			}
			out.Names = append(out.Names, name)
		}
	}
	if out.Names == nil && out.Labels == nil && out.PerMille == nil {
		return nil
	}
	return out
}

func drawSteps(t *rapid.T) (steps []rollStep) {
	counts := rapid.SliceOfNDistinct(rapid.IntRange(1, 100), 0, 4, rapid.ID[int]).Draw(t, "counts")
	shares := rapid.SliceOfNDistinct(rapid.IntRange(1, 999), 0, 4, rapid.ID[int]).Draw(t, "shares")
	slices.Sort(counts)
	slices.Sort(shares)
	for _, n := range counts {
		steps = append(steps, rollStep{count: n})
	}
	for _, n := range append(shares, 1000) {
		steps = append(steps, rollStep{perMille: n})
	}
	return steps
}

// TestRollPlan_Properties checks, for any fleet, that each step keeps the instances of the step
// before and stays within the instances that were asked for, that every step concerns an instance
// if one can be concerned, and that the last step is what was asked for. A roll that goes on with
// another fleet keeps its instances, too.
func TestRollPlan_Properties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		fleet := fleetOf(rapid.IntRange(0, 100).Draw(t, "instances"))
		steps := drawSteps(t)
		own := []fleetdial.Directive{{
			ID: "a", Level: fleetdial.Shape, ExpiresAt: inOneHour, Instances: drawInstances(t, fleet),
		}}
		plan := planRoll(own, steps, fleet, 0, nil)
		checkPlan(t, plan, own, fleet, 0)

		done := rapid.IntRange(1, len(steps)).Draw(t, "done")
		later := fleet[rapid.IntRange(0, len(fleet)).Draw(t, "restarted"):]
		for i := range rapid.IntRange(0, 20).Draw(t, "joined") {
			later = append(slices.Clip(later), member{name: fmt.Sprintf("new-%d", i), labels: map[string]string{"zone": "eu"}})
		}
		later = newFleet(slices.Clone(later)...)
		before := plan[done-1].directives
		resumed := planRoll(own, steps, later, done, before)
		checkPlan(t, resumed[done-1:], own, later, 1)
	})
}

// checkPlan checks the steps of a plan, the first ones of which the fleet already has.
func checkPlan(t *rapid.T, plan []plannedStep, own []fleetdial.Directive, fleet []member, published int) {
	var before []string
	all := concernedBy(own, fleet)
	for i, step := range plan {
		if _, err := fleetdial.NewSet(step.directives); err != nil {
			t.Fatalf("%s: %v", step.label(), err)
		}
		names := concernedBy(step.directives, fleet)
		for _, name := range before {
			if !slices.Contains(names, name) {
				t.Fatalf("%s loses %s: %v", step.label(), name, names)
			}
		}
		for _, name := range names {
			if !slices.Contains(all, name) {
				t.Fatalf("%s concerns %s, which was not asked for", step.label(), name)
			}
		}
		if i >= published && len(all) > 0 && len(names) == 0 {
			t.Fatalf("%s concerns no instance", step.label())
		}
		if published == 0 && step.count > 0 && len(names) != min(step.count, len(all)) {
			t.Fatalf("%s concerns %d instances", step.label(), len(names))
		}
		before = names
	}
	if last := plan[len(plan)-1]; last.isLast() && !last.directives[0].Instances.Equal(own[0].Instances) {
		t.Fatalf("the last step is not what was asked for: %+v", last.directives[0].Instances)
	}
}

var inOneHour = time.UnixMilli(1_700_000_000_000)

func TestMembersOf_LiveInstancesUnderTheirConfiguredNames(t *testing.T) {
	t.Parallel()
	zone := map[string]string{"zone": "eu"}
	roster := fleetdial.Roster{Instances: []fleetdial.Instance{
		{Name: "a", State: fleetdial.InstanceSynced, Report: &fleetdial.Report{Instance: "a", Labels: zone}},
		{Name: "a~2", State: fleetdial.InstancePending, Report: &fleetdial.Report{Instance: "a~2", Shared: "a", Labels: zone}},
		{Name: "b", State: fleetdial.InstanceStale},
		{Name: "c", State: fleetdial.InstanceGone, Report: &fleetdial.Report{Labels: zone}},
	}}
	var names []string
	for _, m := range membersOf(roster) {
		names = append(names, m.name)
		assert.Equal(t, m.name == "a", m.labels != nil)
		assert.Equal(t, bucketOf(m.name), m.bucket)
	}
	slices.Sort(names)
	assert.Equal(t, []string{"a", "a", "b"}, names)
}

// TestRollPlan_ResumedCountKeepsItsNames goes on after instances with lower buckets have joined,
// and one that was named is gone.
func TestRollPlan_ResumedCountKeepsItsNames(t *testing.T) {
	t.Parallel()
	fleet := fleetOf(60)
	steps, err := parseRollSteps("2,4,100%")
	require.NoError(t, err)
	own := []fleetdial.Directive{{ID: "a"}}
	named := []string{fleet[40].name, "gone"}
	before := []fleetdial.Directive{{ID: "a", Instances: &fleetdial.Instances{Names: named}}}
	plan := planRoll(own, steps, fleet, 1, before)
	assert.Equal(t, before, plan[0].directives)
	assert.Equal(t, append(named, fleet[0].name, fleet[1].name), plan[1].directives[0].Instances.Names)
}

func TestRoll_CommandThatEndsIt(t *testing.T) {
	t.Parallel()
	for want, ids := range map[string][]string{
		"publish remove a 'b c' --fleet prod":     {"a", "b c"},
		"publish remove --fleet prod -- a '-b'":   {"a", "-b"},
		"publish remove --fleet prod -- '-b' a-b": {"-b", "a-b"},
	} {
		r := roll{app: &app{target: target{writes: " --fleet prod"}}, baseErr: errors.New("not in the history")}
		for _, id := range ids {
			r.own = append(r.own, fleetdial.Directive{ID: id})
		}
		assert.Equal(t, want, r.endsIt())
	}
}
