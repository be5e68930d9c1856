package redisstore

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// FuzzParseAnnouncement has anyone who can publish write to the channel.
func FuzzParseAnnouncement(f *testing.F) {
	f.Add(string(announcement{Version: 42, ID: strings.Repeat("0a", 16)}.encode()))
	f.Add(string(announcement{Version: directive.MaxMillis, ID: strings.Repeat("f", 32), SpreadMillis: 2000}.encode()))
	f.Add(`{"version":1,"id":"a","spread_ms":-9223372036854775807}`)
	f.Add("look")
	f.Fuzz(func(t *testing.T, payload string) {
		a, ok := parseAnnouncement(payload)
		if !ok {
			require.Zero(t, a, "what is no announcement says nothing")
			return
		}
		require.Positive(t, a.Version)
		require.NotEmpty(t, a.ID)
		spread := a.spread()
		require.GreaterOrEqual(t, spread, time.Duration(0))
		require.LessOrEqual(t, spread, longestSpread)
		if a.SpreadMillis <= 0 {
			require.Zero(t, spread)
		}
		encoded := string(a.encode())
		if len(encoded) > maxAnnouncementBytes {
			return // an id that JSON writes at more length than it was given
		}
		back, ok := parseAnnouncement(encoded)
		require.True(t, ok, encoded)
		require.Equal(t, a, back)
	})
}
