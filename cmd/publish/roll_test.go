package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/internal/connection"
	"github.com/fleetdial/fleetdial/testutil"
)

// rollFleet is a fleet of subscribers in this process.
type rollFleet struct {
	url         string
	subscribers map[string]*fleetdial.Subscriber
}

// startRollFleet starts n subscribers of the zones eu, us and ap. The last one has a limit for the
// bytes of a value.
func startRollFleet(t *testing.T, n, maxBytes int) *rollFleet {
	t.Helper()
	server := testutil.StartRedis(t)
	f := &rollFleet{server.URL(), make(map[string]*fleetdial.Subscriber)}
	client := server.Client(t)
	for i := range n {
		cfg := fleetdial.SubscriberConfig{
			Instance: fmt.Sprintf("web-%02d", i), Labels: map[string]string{"zone": []string{"eu", "us", "ap"}[i%3]},
			ReportInterval: 2 * time.Second, Logger: slog.New(slog.DiscardHandler),
		}
		if i == n-1 {
			cfg.MaxBytes = maxBytes
		}
		sub, err := fleetdial.Subscribe(t.Context(), client, cfg)
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, sub.Close()) })
		f.subscribers[cfg.Instance] = sub
	}
	return f
}

// recording returns the names of the instances that record the requests of a tenant.
func (f *rollFleet) recording(tenant string) (names []string) {
	for name, sub := range f.subscribers {
		if sub.Decide(fleetdial.Request{Tenant: tenant, ID: "r"}).Level > fleetdial.Off {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// heldRoll is a roll in the background. Its checks wait for release.
type heldRoll struct {
	dir  string
	done chan struct{}
	// The result, once done is closed.
	code   int
	stderr string
}

// startRoll starts a roll with a check that tells the names of the instances, and waits.
func (f *rollFleet) startRoll(t *testing.T, args ...string) *heldRoll {
	t.Helper()
	h := &heldRoll{dir: t.TempDir(), done: make(chan struct{})}
	check := fmt.Sprintf(`cd '%s' && echo "$FLEETDIAL_INSTANCES" >names && mv names "names-$FLEETDIAL_STEP" &&
		until [ -e "go-$FLEETDIAL_STEP" ]; do [ -d . ] || exit 1; sleep 0.01; done`, h.dir)
	go func() {
		defer close(h.done)
		h.code, _, h.stderr = runAt(t, f.url, append([]string{"roll", "--pause", "0s", "--check", check}, args...)...)
	}()
	return h
}

// namesOf waits for the check of a step, and returns the names of the instances of the step.
func (h *heldRoll) namesOf(t *testing.T, step int) []string {
	t.Helper()
	var text []byte
	testutil.Eventually(t, time.Minute, fmt.Sprintf("the check of step %d", step), func() bool {
		select {
		case <-h.done:
			t.Fatalf("the roll ended before step %d: %s", step, h.stderr)
		default:
		}
		var err error
		text, err = os.ReadFile(filepath.Join(h.dir, fmt.Sprintf("names-%d", step)))
		return err == nil
	})
	return strings.Fields(string(text))
}

// release makes the check of a step pass.
func (h *heldRoll) release(t *testing.T, step int) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(h.dir, fmt.Sprintf("go-%d", step)), nil, 0o600))
}

// TestRoll_Fleet rolls a directive out over 50 instances, and compares what each step names with
// the decisions of every instance.
func TestRoll_Fleet(t *testing.T) {
	t.Parallel()
	f := startRollFleet(t, 50, 0)
	code, _, stderr := runAt(t, f.url, strings.Fields("add --id other --level Shape --tenant globex --ttl 1h")...)
	require.Zero(t, code, stderr)
	h := f.startRoll(t, strings.Fields("add --id a --level Shape --tenant acme --ttl 1h --steps 1,5,30%,100%")...)
	var before []string
	for step := 1; step <= 4; step++ {
		names := h.namesOf(t, step)
		assert.Equal(t, names, f.recording("acme"), "step %d", step)
		assert.Subset(t, names, before, "step %d loses instances", step)
		assert.Len(t, f.recording("globex"), 50, "step %d", step)
		switch step {
		case 1:
			assert.Len(t, names, 1)
		case 2:
			assert.Len(t, names, 5)
		case 3:
			assert.Greater(t, len(names), 5)
			assert.Less(t, len(names), 50)
		case 4:
			assert.Len(t, names, 50)
		}
		before = names
		h.release(t, step)
	}
	<-h.done
	assert.Zero(t, h.code, h.stderr)
	assert.Contains(t, h.stderr, "rolled out: version 5 on 50 instances")
}

// TestRoll_RejectionTakesBack rolls a file out over 50 instances, one of which rejects the second
// step, because its value is too large.
func TestRoll_RejectionTakesBack(t *testing.T) {
	t.Parallel()
	f := startRollFleet(t, 50, 600)
	code, _, stderr := runAt(t, f.url, strings.Fields("add --id a --level Shape --tenant acme --ttl 1h --as ann")...)
	require.Zero(t, code, stderr)
	before, _, _ := runBody(t, f.url)
	h := f.startRoll(t, strings.Fields("add --id b --level Shape --tenant globex --ttl 1h --steps 1,40,100% --as ann")...)
	assert.Equal(t, h.namesOf(t, 1), f.recording("globex"))
	h.release(t, 1)
	<-h.done
	assert.Equal(t, exitInstanceRejected, h.code, h.stderr)
	assert.Contains(t, h.stderr, "web-49 REJECTED version 3")
	assert.Contains(t, h.stderr, "roll stopped at step 2/3: the revision was rejected by 1 of 50; reverted: version 4 holds")
	after, _, _ := runBody(t, f.url)
	assert.Equal(t, before, after)
	testutil.Eventually(t, time.Minute, "the fleet has what it had before", func() bool {
		return len(f.recording("acme")) == 50 && len(f.recording("globex")) == 0
	})
	_, history, _ := runAt(t, f.url, "history")
	for _, want := range []string{"+b", "roll 1/3: b", "roll 2/3: b", "-b", "roll 2/3: reverted: the revision was rejected by 1 of 50"} {
		assert.Contains(t, history, want)
	}
}

// TestRoll_OthersWhileChecking publishes a directive while the check of the first step runs.
func TestRoll_OthersWhileChecking(t *testing.T) {
	t.Parallel()
	f := startRollFleet(t, 10, 0)
	h := f.startRoll(t, strings.Fields("add --id a --level Shape --tenant acme --ttl 1h --steps 1,100%")...)
	names := h.namesOf(t, 1)
	code, _, stderr := runAt(t, f.url, strings.Fields("add --id b --level Shape --tenant globex --ttl 1h --as bob")...)
	require.Zero(t, code, stderr)
	h.release(t, 1)
	<-h.done
	assert.Equal(t, exitConflict, h.code, h.stderr)
	assert.Contains(t, h.stderr, "in force: version 2, 2 directives: a b; of the roll: a as in step 1/2")
	testutil.Eventually(t, time.Minute, "the fleet has the other revision", func() bool { return len(f.recording("globex")) == 10 })
	assert.Equal(t, names, f.recording("acme"))
}

// runBody returns the current set as a publish body.
func runBody(t *testing.T, url string) (body string, code int, stderr string) {
	t.Helper()
	code, body, stderr = runAt(t, url, "get", "--body")
	require.Zero(t, code, stderr)
	return body, code, stderr
}

func TestRollReason_Parse(t *testing.T) {
	t.Parallel()
	number, of, why, ok := parseRollReason("roll 2/13: slow\nsearches")
	assert.Equal(t, []any{2, 13, "slow\nsearches", true}, []any{number, of, why, ok})
	for _, reason := range []string{
		"", "roll", "roll 2/3", "roll 0/3: x", "roll 4/3: x", "Roll 1/3: x", "a roll 1/3: x", "roll 1/99999999999999999999: x",
	} {
		_, _, _, ok := parseRollReason(reason)
		assert.False(t, ok, reason)
	}
}

func TestIsNarrowed_OnlyWithinOwnInstances(t *testing.T) {
	t.Parallel()
	count, part, last := rollStep{count: 1}, rollStep{perMille: 100}, rollStep{perMille: 1000}
	names := func(names ...string) *fleetdial.Instances { return &fleetdial.Instances{Names: names} }
	zone := &fleetdial.Instances{Labels: map[string]string{"zone": "eu"}, PerMille: share(500)}
	inZone := &fleetdial.Instances{Labels: map[string]string{"zone": "eu"}, PerMille: share(50)}
	for _, c := range []struct {
		step           rollStep
		published, own *fleetdial.Instances
		want           bool
	}{
		{count, names("a"), nil, true},
		{count, nil, nil, false},
		{count, names("a"), names("a", "b"), true},
		{count, names("c"), names("a", "b"), false},
		{count, names("a"), zone, false},
		{part, inZone, zone, true},
		{part, zone, inZone, false},
		{part, &fleetdial.Instances{PerMille: share(100)}, nil, true},
		{part, names("a"), nil, false},
		{part, names("a"), names("a"), false},
		{last, nil, nil, true},
		{last, zone, zone, true},
		{last, names("a"), nil, false},
	} {
		published := fleetdial.Directive{ID: "a", Level: fleetdial.Shape, ExpiresAt: inOneHour, Instances: c.published}
		own := fleetdial.Directive{ID: "a", Level: fleetdial.Shape, Instances: c.own}
		assert.Equal(t, c.want, isNarrowed(published, own, c.step), "%v: %+v of %+v", c.step, c.published, c.own)
		own.Level = fleetdial.Off
		assert.False(t, isNarrowed(published, own, c.step), "another level")
	}
}

func TestBeforeRoll_FollowsTheHistory(t *testing.T) {
	t.Parallel()
	entry := func(version int64, reason string) fleetdial.HistoryEntry {
		return fleetdial.HistoryEntry{Revision: fleetdial.Revision{Version: version, Reason: reason, Set: new(fleetdial.Set)}}
	}
	third, second, first := entry(7, "roll 3/3: x"), entry(6, "roll 2/3: x"), entry(5, "roll 1/3: x")
	base, err := beforeRoll([]fleetdial.HistoryEntry{third, second, first, entry(4, "roll 3/3: x")}, third.Revision, 3)
	require.NoError(t, err)
	assert.EqualValues(t, 4, base.Version)
	for _, entries := range [][]fleetdial.HistoryEntry{
		nil,
		{third, second},
		{third, second, first},
		{third, first, entry(4, "")},
		{third, second, entry(5, "other"), entry(4, "")},
		{entry(8, "other"), third, second, first, entry(4, "")},
	} {
		_, err := beforeRoll(entries, third.Revision, 3)
		assert.ErrorIs(t, err, errBaseUnknown)
	}
	base, err = beforeRoll([]fleetdial.HistoryEntry{entry(1, "roll 1/3: x")}, entry(1, "").Revision, 1)
	require.NoError(t, err)
	assert.Zero(t, base.Version)
	assert.Zero(t, base.Set.Len())
}

func TestTruncated_KeepsWholeCharacters(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                        "",
		"a\nb":                    "a",
		strings.Repeat("a", 200):  strings.Repeat("a", 200),
		strings.Repeat("é", 1000): strings.Repeat("é", 101) + "…",
		"a\xffb":                  "a",
	} {
		got := truncated(text)
		assert.Equal(t, want, got)
		assert.LessOrEqual(t, len(got), 210)
	}
}

func TestJoined_WholeNamesWithinTheLimit(t *testing.T) {
	t.Parallel()
	text, left := joined([]string{"aa", "bb", "cc"}, 100)
	assert.Equal(t, "aa bb cc", text)
	assert.Zero(t, left)
	text, left = joined([]string{"aa", "bb", "cc"}, 7)
	assert.Equal(t, "aa bb", text)
	assert.Equal(t, 1, left)
}

// TestRoll_StopRevertsAfterTimeOut has a time-out whose last reading failed, and then an error
// of Redis alone. Only the time-out takes the directives back.
func TestRoll_StopRevertsAfterTimeOut(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	p, err := fleetdial.NewPublisher(server.Client(t), fleetdial.PublisherConfig{})
	require.NoError(t, err)
	published := func() fleetdial.Revision {
		set, err := fleetdial.NewSet([]fleetdial.Directive{{ID: "a", ExpiresAt: time.Now().Add(time.Hour)}})
		require.NoError(t, err)
		rev, err := p.Publish(t.Context(), set, fleetdial.PublishOptions{})
		require.NoError(t, err)
		return rev
	}
	a := &app{
		stdout: &dataWriter{Writer: io.Discard}, stderr: io.Discard, fleet: "default", timeout: time.Minute,
		connection: connection.Flags{URL: server.URL()},
	}
	r := &roll{app: a, p: p, steps: []rollStep{{count: 1}, {perMille: 1000}}, base: published(), last: published()}
	r.plan = planRoll(nil, r.steps, nil, 0, nil)
	r.view = newRollView(r)
	r.view.setRoster()
	err = r.stop(t.Context(), fleetdial.ErrUnavailable)
	require.ErrorContains(t, err, "version 2 stays in force")
	assert.Equal(t, exitUnavailable, exitCode(err))
	err = r.stop(t.Context(), fmt.Errorf("%w; the last reading failed: %w", fleetdial.ErrWaitIncomplete, fleetdial.ErrUnavailable))
	require.ErrorContains(t, err, "reverted: version 3 holds the directives of version 1, from before the roll")
	assert.Equal(t, exitTimedOut, exitCode(err))
}
