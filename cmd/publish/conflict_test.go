package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

// beforeEachWrite is a hook that is called before each transaction is sent.
type beforeEachWrite func()

func (f beforeEachWrite) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (f beforeEachWrite) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (f beforeEachWrite) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if cmds[0].Name() == "multi" {
			f()
		}
		return next(ctx, cmds)
	}
}

// overtakenApp is a command whose first write is overtaken by a rival. It has no terminal.
type overtakenApp struct {
	*app
	publisher, rival *fleetdial.Publisher
	stderr           *bytes.Buffer
}

func setOf(t *testing.T, ids ...string) *fleetdial.Set {
	t.Helper()
	var all []fleetdial.Directive
	for _, id := range ids {
		all = append(all, fleetdial.Directive{
			ID: id, Level: fleetdial.Shape, SamplePerMille: 1000, Match: fleetdial.Match{Tenant: id},
			ExpiresAt: time.Now().Add(time.Hour),
		})
	}
	set, err := fleetdial.NewSet(all)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func newOvertakenApp(t *testing.T) *overtakenApp {
	t.Helper()
	server := testutil.StartRedis(t)
	a := &overtakenApp{stderr: new(bytes.Buffer)}
	a.app = &app{stdin: strings.NewReader(""), stdout: &dataWriter{Writer: new(bytes.Buffer), end: func() {}}, stderr: a.stderr, fleet: "default", timeout: 10 * time.Second}
	client := server.Client(t)
	client.AddHook(beforeEachWrite(sync.OnceFunc(func() { a.publishRival(t, "a", "rival") })))
	var err error
	if a.publisher, err = fleetdial.NewPublisher(client, fleetdial.PublisherConfig{}); err != nil {
		t.Fatal(err)
	}
	a.rival, err = fleetdial.NewPublisher(server.Client(t), fleetdial.PublisherConfig{PublishedBy: "rival"})
	if err != nil {
		t.Fatal(err)
	}
	a.publishRival(t, "a")
	return a
}

func (a *overtakenApp) publishRival(t *testing.T, ids ...string) {
	t.Helper()
	_, err := a.rival.Publish(t.Context(), setOf(t, ids...), fleetdial.PublishOptions{Reason: "because"})
	if err != nil {
		t.Error(err)
	}
}

// ids returns the ids of the current directives.
func (a *overtakenApp) ids(t *testing.T) string {
	t.Helper()
	current, err := a.rival.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, d := range current.Set.Directives() {
		ids = append(ids, d.ID)
	}
	return strings.Join(ids, " ")
}

func TestPublish_ConflictOfWholeSetEndsCommand(t *testing.T) {
	t.Parallel()
	a := newOvertakenApp(t)
	whole := func(context.Context, fleetdial.Revision) (*fleetdial.Set, error) { return setOf(t, "b"), nil }
	err := a.publish(t.Context(), a.publisher, writeFlags{}, change{set: whole, replaces: true})
	if exitCode(err) != exitConflict || !strings.Contains(err.Error(), `by "rival" ("because")`) {
		t.Errorf("got %v", err)
	}
	if ids := a.ids(t); ids != "a rival" {
		t.Errorf("the set is %q", ids)
	}
}

// withB adds directive b to the current set.
func withB(t *testing.T) func(context.Context, fleetdial.Revision) (*fleetdial.Set, error) {
	return func(_ context.Context, current fleetdial.Revision) (*fleetdial.Set, error) {
		return fleetdial.NewSet(append(current.Set.Directives(), setOf(t, "b").Directives()...))
	}
}

func TestPublish_ConflictOfAddStartsAgain(t *testing.T) {
	t.Parallel()
	a := newOvertakenApp(t)
	if err := a.publish(t.Context(), a.publisher, writeFlags{}, change{set: withB(t)}); err != nil {
		t.Fatal(err)
	}
	if ids := a.ids(t); ids != "a rival b" {
		t.Errorf("the set is %q", ids)
	}
	messages := a.stderr.String()
	for _, want := range []string{
		"changes from version 1:\n", `version 2 was published in between by "rival" ("because")`, "changes from version 2:\n",
		"published version 3 ",
	} {
		before, after, found := strings.Cut(messages, want)
		if !found {
			t.Errorf("no %q in %q after %q", want, messages, before)
		}
		messages = after
	}
}

func TestPublish_ConflictWithIfVersionEndsCommand(t *testing.T) {
	t.Parallel()
	a := newOvertakenApp(t)
	err := a.publish(t.Context(), a.publisher, writeFlags{hasIf: true, ifVersion: 1}, change{set: withB(t)})
	if exitCode(err) != exitConflict {
		t.Errorf("got %v", err)
	}
	if ids := a.ids(t); ids != "a rival" {
		t.Errorf("the set is %q", ids)
	}
}

func TestConflicts_EndAtLimit(t *testing.T) {
	t.Parallel()
	conflict := &fleetdial.ConflictError{}
	var c conflicts
	if !c.wait(t.Context(), conflict, time.Hour, false) {
		t.Error("the first conflict ends the command")
	}
	if c.wait(t.Context(), errors.New("other"), time.Hour, false) {
		t.Error("another error starts again")
	}
	c.began = time.Now().Add(-time.Minute)
	if c.wait(t.Context(), conflict, time.Minute, false) {
		t.Error("a conflict after the limit starts again")
	}
	if !c.wait(t.Context(), conflict, time.Minute, true) {
		t.Error("the time of a question counts")
	}
}
