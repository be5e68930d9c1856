package testutil

import (
	"fmt"
	"testing"
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// reopenChecks returns the checks of the suite for a store that persists its set.
func reopenChecks(h StoreHarness) map[string]func(testing.TB) {
	checks := map[string]func(testing.TB){
		"ReopenEmpty":      func(t testing.TB) { h.reopens(t) },
		"ReopenExpired":    h.checkReopenExpired,
		"ReopenAllExpired": func(t testing.TB) { h.reopens(t, everything("a", -time.Hour), everything("b", -24*time.Hour)) },
		"ReopenLongLived":  h.checkReopenLongLived,
		"ReopenFull":       h.checkReopenFull,
	}
	if h.Publish != nil {
		checks["ReopenPublish"] = h.checkReopenPublish
	}
	return checks
}

// everything returns a directive that matches every request, and expires in ttl.
func everything(id string, ttl time.Duration) directive.Directive {
	return directive.Directive{ID: id, Level: directive.Shape, SamplePerMille: 1000, ExpiresAt: time.Now().Add(ttl)}
}

// reopens fails the test unless the store has these directives when it is opened and when it
// is opened again. It returns the set of the second time.
func (h StoreHarness) reopens(t testing.TB, want ...directive.Directive) *directive.Set {
	t.Helper()
	initial, err := directive.NewSet(want)
	if err != nil {
		t.Fatal(err)
	}
	s := h.Open(t, initial)
	if problem := difference(initial, s.Load()); problem != "" {
		t.Fatalf("the store has %s", problem)
	}
	set := h.Reopen(t, s).Load()
	if problem := difference(initial, set); problem != "" {
		t.Fatalf("after it was opened again, the store has %s", problem)
	}
	return set
}

// difference returns how a set differs from the wanted one. It returns "" for the same set.
func difference(want, got *directive.Set) string {
	if got == nil {
		return "a nil set"
	}
	if got.Len() != want.Len() {
		return fmt.Sprintf("%d directives, want %d", got.Len(), want.Len())
	}
	all := got.Directives()
	for i, d := range want.Directives() {
		if !d.Equal(all[i]) {
			return fmt.Sprintf("%+v as directive %d, want %+v", all[i], i, d)
		}
	}
	return ""
}

// checkReopenExpired opens a store again after one of its directives has expired. The other
// directive must apply, and the expired one must not.
func (h StoreHarness) checkReopenExpired(t testing.TB) {
	expired := everything("expired", -time.Hour)
	expired.Level = directive.ShapeRewriteDiff
	set := h.reopens(t, expired, everything("live", time.Hour))
	if d := set.Evaluate(directive.Request{ID: "r"}, time.Now()); d.By != "live" {
		t.Fatalf("after the store was opened again, %q decided, want %q", d.By, "live")
	}
}

// checkReopenLongLived opens a store again whose directives expire after 30 days and at the
// last possible time.
func (h StoreHarness) checkReopenLongLived(t testing.TB) {
	last := everything("last", 0)
	last.ExpiresAt = time.UnixMilli(directive.MaxMillis)
	set := h.reopens(t, everything("month", 30*24*time.Hour), last)
	for _, after := range []time.Duration{0, 29 * 24 * time.Hour, 100 * 365 * 24 * time.Hour} {
		if d := set.Evaluate(directive.Request{ID: "r"}, time.Now().Add(after)); d.Level != directive.Shape {
			t.Fatalf("no directive applies after %v", after)
		}
	}
}

// checkReopenFull opens a store again that has as many directives as a set can hold.
func (h StoreHarness) checkReopenFull(t testing.TB) {
	all := make([]directive.Directive, directive.MaxDirectives)
	for i := range all {
		all[i] = everything(fmt.Sprintf("d%05d", i), time.Hour)
		all[i].Match.Tenant = all[i].ID
	}
	set := h.reopens(t, all...)
	last := all[len(all)-1].ID
	if d := set.Evaluate(directive.Request{Tenant: last, ID: "r"}, time.Now()); d.By != last {
		t.Fatalf("after the store was opened again, %q decided, want %q", d.By, last)
	}
}

// checkReopenPublish opens a store again after its set was replaced, and replaces the set
// again.
func (h StoreHarness) checkReopenPublish(t testing.TB) {
	s := h.Open(t, numbered(t, 1))
	h.Publish(t, s, numbered(t, 2))
	s = h.Reopen(t, s)
	h.wants(t, s, 2)
	h.Publish(t, s, numbered(t, 3))
	h.wants(t, s, 3)
	h.Publish(t, s, nil)
	h.wants(t, h.Reopen(t, s), -1)
}
