package wire

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// FuzzParseAnnouncement reads what anyone who may publish can write to the channel.
func FuzzParseAnnouncement(f *testing.F) {
	f.Add(string(Announcement{Version: 42, ID: strings.Repeat("0a", 16)}.Encode()))
	f.Add(string(Announcement{Version: directive.MaxMillis, ID: strings.Repeat("f", 32), SpreadMillis: 2000}.Encode()))
	f.Add(`{"version":1,"id":"a","spread_ms":-9223372036854775807}`)
	f.Add("look")
	f.Fuzz(func(t *testing.T, payload string) {
		a, ok := ParseAnnouncement(payload)
		if !ok {
			require.Zero(t, a, "another message carries no announcement")
			return
		}
		require.Positive(t, a.Version)
		require.NotEmpty(t, a.ID)
		spread := a.Spread()
		require.GreaterOrEqual(t, spread, time.Duration(0))
		require.LessOrEqual(t, spread, MaxSpread)
		if a.SpreadMillis <= 0 {
			require.Zero(t, spread)
		}
		encoded := string(a.Encode())
		if len(encoded) > maxAnnouncementBytes {
			return // an id that JSON writes with more bytes than it was given
		}
		back, ok := ParseAnnouncement(encoded)
		require.True(t, ok, encoded)
		require.Equal(t, a, back)
	})
}
