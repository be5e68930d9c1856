package plain

import (
	"fmt"
	"strings"
	"time"
)

// Left returns the cell of the column LEFT.
func Left(at, now time.Time) string { return strings.TrimPrefix(Remaining(at, now), "in ") }

// Age formats the time since an event with two units at most.
func Age(d time.Duration) string {
	d = max(0, d).Round(time.Second)
	switch {
	case d < time.Hour:
		return d.String()
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

// Remaining returns the cell of the column ENDS.
func Remaining(at, now time.Time) string {
	if !at.After(now) {
		return "expired"
	}
	return "in " + at.Sub(now).Round(time.Second).String()
}

// Time formats a time for people, in seconds.
func Time(t time.Time) string { return t.UTC().Format(time.RFC3339) }
