package redisstore

import (
	"encoding/json"
)

// announcement is the message that says a revision is there; a hint, never the truth.
type announcement struct {
	Version int64  `json:"version"`
	ID      string `json:"id"`
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

// parseAnnouncement returns false for anything else, which is a request to look at the key.
func parseAnnouncement(payload string) (announcement, bool) {
	if len(payload) > maxAnnouncementBytes {
		return announcement{}, false
	}
	var a announcement
	if err := json.Unmarshal([]byte(payload), &a); err != nil || a.Version < 1 || a.ID == "" {
		return announcement{}, false
	}
	return a, true
}
