package redisstore

import (
	"encoding/json"
	"time"
)

// announcement is the message that says a revision is there; a hint, never the truth.
type announcement struct {
	Version int64  `json:"version"`
	ID      string `json:"id"`
	// SpreadMillis asks each subscriber to fetch at a random moment within so many milliseconds; absent, at once.
	SpreadMillis int64 `json:"spread_ms,omitempty"`
}

// Where a fleet's fetches of one revision come to more than spreadAbove bytes, they spread out so that Redis sends
// spreadRate bytes a second, over longestSpread at most. What one server sends is from one to two GB/s on loopback, and
// less on most networks.
const (
	spreadAbove   = 256 << 20
	spreadRate    = 512 << 20
	longestSpread = 2 * time.Second
)

// spreadMillis returns over how many milliseconds to spread the fetches of so many subscribers.
func spreadMillis(valueBytes int, subscribers int64) int64 {
	total := int64(valueBytes) * subscribers
	if total <= spreadAbove {
		return 0
	}
	return min(total*1000/spreadRate, longestSpread.Milliseconds())
}

// spread returns what the announcement asks for, within reason.
func (a announcement) spread() time.Duration {
	return time.Duration(min(max(0, a.SpreadMillis), longestSpread.Milliseconds())) * time.Millisecond
}

func (a announcement) encode() []byte {
	b, err := json.Marshal(a)
	if err != nil {
		panic(err) // an integer and a string always encode
	}
	return b
}

// maxAnnouncementBytes is more than any announcement takes.
const maxAnnouncementBytes = 256

// maxSpreadMillis keeps a lying announcement from overflowing a Duration.
const maxSpreadMillis = 1 << 32

// parseAnnouncement returns false for anything else, which is a request to look at the key.
func parseAnnouncement(payload string) (announcement, bool) {
	if len(payload) > maxAnnouncementBytes {
		return announcement{}, false
	}
	var a announcement
	if err := json.Unmarshal([]byte(payload), &a); err != nil || a.Version < 1 || a.ID == "" || a.SpreadMillis > maxSpreadMillis {
		return announcement{}, false
	}
	return a, true
}
