package testutil

import (
	"testing"
	"time"
)

// Eventually calls ok every few milliseconds until ok returns true. If ok does not return
// true in time, Eventually fails the test with the condition what.
func Eventually(t testing.TB, within time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("timed out after %v waiting for: %s", within, what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}
