package redisstore

import (
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/fleetdial/fleetdial/internal/wire"
)

func TestHistogramBounds(t *testing.T) {
	t.Parallel()
	h := newHistogram()
	for _, d := range []time.Duration{-time.Second, time.Millisecond, time.Millisecond + 1, time.Minute, time.Minute + 1} {
		h.observe(d)
	}
	assert.EqualValues(t, 2, h.Counts[0])
	assert.EqualValues(t, 1, h.Counts[1])
	assert.EqualValues(t, 1, h.Counts[len(h.Bounds)-1])
	assert.EqualValues(t, 1, h.Counts[len(h.Bounds)])
	assert.Equal(t, 2*time.Minute+2*time.Millisecond+2, h.Sum)
}

// TestLatencies applies revisions at known times: the first one, one that was announced, one that went unannounced and
// one that goes back.
func TestLatencies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr := newTracker(slog.New(slog.NewTextHandler(io.Discard, nil)))
		tr.clock(clockReading{offset: time.Hour})
		revision := func(id string, version int64) wire.Revision {
			return wire.Revision{ID: id, Version: version, PublishedAt: time.Now().Add(time.Hour), Set: emptySet}
		}
		old := revision("1", 1)
		time.Sleep(time.Hour)
		tr.applies(old, mark{}, 0)

		announced := revision("2", 2)
		time.Sleep(3 * time.Millisecond)
		tr.announcement(announcement{Version: 2, ID: "2"})
		tr.announcement(announcement{Version: 2, ID: "2"})
		time.Sleep(20 * time.Millisecond)
		tr.applies(announced, mark{}, 0)

		missed := revision("3", 3)
		time.Sleep(10 * time.Second)
		tr.applies(missed, mark{}, 0)
		tr.applies(announced, mark{}, 0)

		s := tr.get()
		assert.Equal(t, 20*time.Millisecond, s.AnnounceToApply.Sum)
		assert.Equal(t, 10023*time.Millisecond, s.PublishToApply.Sum)
		assert.Equal(t, time.Now(), s.LastSync)
	})
}
