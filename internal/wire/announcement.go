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
	// ReportMillis asks each subscriber to report at a random moment within so many milliseconds
	// after it has applied the revision. Zero leaves the moment to the subscriber.
	ReportMillis int64 `json:"report_ms,omitempty"`
}

// MaxSpread is the longest time over which an announcement spreads the fetches of a fleet.
// It bounds by how much a forged announcement can delay a revision.
const MaxSpread = time.Second

// MaxReportSpread is the longest time over which an announcement spreads the reports of a fleet.
const MaxReportSpread = 2 * time.Second

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

// ReportSpread returns the time over which the announcement asks the fleet to spread its reports,
// at most [MaxReportSpread].
func (a Announcement) ReportSpread() time.Duration {
	return time.Duration(min(max(0, a.ReportMillis), MaxReportSpread.Milliseconds())) * time.Millisecond
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
	if err != nil || a.Version < 1 || a.ID == "" || max(a.SpreadMillis, a.ReportMillis) > maxSpreadMillis {
		return Announcement{}, false
	}
	return a, true
}

// parseCanonical reads an announcement as [Announcement.Encode] writes it, without a spread of
// the fetches. It takes a tenth of the time that encoding/json takes, and every proxy does it for
// each publish.
func parseCanonical(payload string) (Announcement, bool) {
	rest, ok := strings.CutPrefix(payload, `{"version":`)
	if !ok {
		return Announcement{}, false
	}
	digits, rest, ok := strings.Cut(rest, `,"id":"`)
	if !ok || len(rest) < 2*idBytes {
		return Announcement{}, false
	}
	id, rest := rest[:2*idBytes], rest[2*idBytes:]
	version, ok := parseCount(digits)
	if !ok || !isHex(id, idBytes) {
		return Announcement{}, false
	}
	a := Announcement{Version: version, ID: id}
	if rest == `"}` {
		return a, true
	}
	rest, ok = strings.CutPrefix(rest, `","report_ms":`)
	digits, isWhole := strings.CutSuffix(rest, `}`)
	if !ok || !isWhole {
		return Announcement{}, false
	}
	a.ReportMillis, ok = parseCount(digits)
	return a, ok && a.ReportMillis <= maxSpreadMillis
}

// parseCount reads a positive integer of up to 15 digits as encoding/json writes it.
func parseCount(digits string) (n int64, ok bool) {
	if len(digits) == 0 || len(digits) > 15 || digits[0] == '0' {
		return 0, false
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return 0, false
		}
		n = 10*n + int64(digits[i]-'0')
	}
	return n, true
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

// Subscribers that share two cores with Redis fetch and decode a set in about fetchTime each,
// and fetchRate bytes of large sets a second. A fleet leaves out the first fifth of the time
// over which it spreads its reports. With five times as long as its fetches take, its reports
// seldom compete with them. Fetches that take less than reportsAbove need no spread.
const (
	fetchTime    = 50 * time.Microsecond
	fetchRate    = 256 << 20
	reportsAbove = 5 * time.Millisecond
)

// ReportMillis returns over how many milliseconds to spread the reports of so many subscribers.
func ReportMillis(valueBytes int, subscribers int64) int64 {
	each := fetchTime + time.Duration(valueBytes)*time.Second/fetchRate
	fetches := time.Duration(min(max(0, subscribers), int64(MaxReportSpread/fetchTime))) * each
	if fetches < reportsAbove {
		return 0
	}
	return min(5*fetches, MaxReportSpread).Milliseconds()
}
