package testutil

import (
	"testing"
	"time"
)

// Eventually asks ok again and again, every few milliseconds, and fails the test, with what was to come about, if it
// has not returned true within that time.
func Eventually(t testing.TB, within time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}
