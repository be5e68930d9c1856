package review

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/fleetdial/fleetdial"
)

func TestOthersEnded(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_700_000_000_000)
	ends := map[string]time.Time{"mine": now.Add(time.Hour), "theirs": now.Add(time.Hour), "over": now}
	revision := func(version int64, author string, ids ...string) fleetdial.HistoryEntry {
		return fleetdial.HistoryEntry{Revision: fleetdial.Revision{
			Version: version, ID: string(rune('a' + version)), PublishedBy: author, Set: setOf(t, ends, ids...),
		}}
	}
	history := []fleetdial.HistoryEntry{revision(3, "ann", "mine", "theirs", "over"), revision(2, "bob", "theirs", "over"), revision(1, "ann")}
	first := []fleetdial.HistoryEntry{revision(1, "ann", "mine")}
	shorter := map[string]time.Time{"mine": now.Add(time.Minute), "theirs": now.Add(time.Minute)}
	for name, c := range map[string]struct {
		entries []fleetdial.HistoryEntry // the first one is the current revision
		known   bool                     // the history can be read
		to      *fleetdial.Set
		want    []string
	}{
		"all removed": {history, true, new(fleetdial.Set), []string{"live directives of others would end: theirs (added by bob) (--merge keeps them)"}},
		"own removed": {history, true, setOf(t, ends, "theirs"), nil},
		"shortened": {
			history, true, setOf(t, shorter, "mine", "theirs"), []string{"live directives of others would end earlier: theirs (added by bob)"},
		},
		"truncated": {history[:1], true, setOf(t, ends, "theirs"), []string{
			"live directives of others would end: mine (the history does not tell who added it) (--merge keeps them)",
		}},
		"unknown history": {history, false, setOf(t, ends, "theirs"), []string{
			"live directives of others would end: mine (the history does not tell who added it) (--merge keeps them)",
		}},
		"unknown history of the first revision": {first, false, new(fleetdial.Set), nil},
	} {
		from, entries := c.entries[0].Revision, c.entries
		if !c.known {
			entries = nil
		}
		diff := fleetdial.DiffSets(from.Set, c.to)
		assert.Equal(t, c.want, OthersEnded(from, entries, diff, "ann", now), name)
		assert.True(t, EndsAny(diff, now), name)
	}
	assert.False(t, EndsAny(fleetdial.DiffSets(setOf(t, ends, "over"), nil), now), "the directive has expired")
}
