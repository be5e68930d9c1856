package wire

import (
	"encoding/json"
	"strings"
	"time"
)

// Announcement is the message that a revision exists. It is a hint, never the truth.
type Announcement struct {
	Version int64  `json:"version"`
	ID      string `json:"id"`
	// SpreadMillis asks each subscriber to fetch at a random moment within so many
	// milliseconds. Zero asks for an immediate fetch.
	SpreadMillis int64 `json:"spread_ms,omitempty"`
}

// MaxSpread is the longest time over which an announcement spreads the fetches of a fleet.
// It bounds by how much a forged announcement can delay a revision.
const MaxSpread = time.Second

const (
	// maxAnnouncementBytes is more than any announcement takes.
	maxAnnouncementBytes = 256
	// maxSpreadMillis keeps a forged announcement from overflowing a Duration.
	maxSpreadMillis = 1 << 32
)

// Encode returns the announcement in JSON.
func (a Announcement) Encode() []byte {
	b, err := json.Marshal(a)
	if err != nil {
		panic(err) // an integer and a string always encode
	}
	return b
}

// Spread returns the time over which the announcement asks the fleet to spread its fetches,
// at most [MaxSpread].
func (a Announcement) Spread() time.Duration {
	return time.Duration(min(max(0, a.SpreadMillis), MaxSpread.Milliseconds())) * time.Millisecond
}

// ParseAnnouncement returns the announcement in a message. It returns false for any other
// message, which is a request to fetch.
func ParseAnnouncement(payload string) (Announcement, bool) {
	if len(payload) > maxAnnouncementBytes {
		return Announcement{}, false
	}
	if a, ok := parseCanonical(payload); ok {
		return a, true
	}
	var a Announcement
	err := json.Unmarshal([]byte(payload), &a)
	if err != nil || a.Version < 1 || a.ID == "" || a.SpreadMillis > maxSpreadMillis {
		return Announcement{}, false
	}
	return a, true
}

// parseCanonical reads an announcement as [Announcement.Encode] writes it, without a spread. It
// takes a tenth of the time that encoding/json takes, and every proxy does it for each publish.
func parseCanonical(payload string) (Announcement, bool) {
	rest, ok := strings.CutPrefix(payload, `{"version":`)
	if !ok {
		return Announcement{}, false
	}
	digits, rest, ok := strings.Cut(rest, `,"id":"`)
	id, isWhole := strings.CutSuffix(rest, `"}`)
	if !ok || !isWhole || !isHex(id, idBytes) || len(digits) == 0 || len(digits) > 15 || digits[0] == '0' {
		return Announcement{}, false
	}
	version := int64(0)
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return Announcement{}, false
		}
		version = 10*version + int64(digits[i]-'0')
	}
	return Announcement{Version: version, ID: id}, true
}

// If a fleet's fetches of one revision come to more than spreadAbove bytes, they spread out so
// that Redis sends spreadRate bytes a second, over MaxSpread at most. One server sends one to
// two GB/s on loopback, and less on most networks.
const spreadAbove, spreadRate = 256 << 20, 512 << 20

// SpreadMillis returns over how many milliseconds to spread the fetches of so many subscribers.
func SpreadMillis(valueBytes int, subscribers int64) int64 {
	total := int64(valueBytes) * subscribers
	if total <= spreadAbove {
		return 0
	}
	return min(total*1000/spreadRate, MaxSpread.Milliseconds())
}
