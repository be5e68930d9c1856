package wire

import (
	"cmp"
	"fmt"
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// HeaderBytes is the length of a value's header: the first bytes, which name the
// revision.
const HeaderBytes = 128

// headerKeys is the number of revisionKeys that the header holds.
const headerKeys = 4

// DecodeHeader returns the version, the id and the time of the revision whose value
// begins with prefix. The first [HeaderBytes] of the value are enough. The other fields
// stay empty. The errors are those of [Decode]. With the error for an unknown format,
// DecodeHeader returns the revision too, because later formats keep the header.
func DecodeHeader(prefix []byte) (Revision, error) {
	if len(prefix) > HeaderBytes {
		prefix = prefix[:HeaderBytes]
	}
	var rev Revision
	r := &reader{in: string(prefix)}
	if _, err := decodeHeader(r, &rev); err != nil {
		return Revision{}, err
	}
	return rev, r.checkFormat()
}

// checkFormat returns an error if the value has a format that [Decode] does not read.
func (r *reader) checkFormat() error {
	if r.format < 1 || r.format > MaxFormat {
		return invalid("format", fmt.Sprintf("is %d, this fleetdial reads up to %d", r.format, MaxFormat))
	}
	return nil
}

// decodeHeader reads the header into rev, and returns the number of keys that follow it.
func decodeHeader(r *reader, rev *Revision) (rest int, err error) {
	if r.in == "" || kindOf(r.in[0]) != "map" {
		return 0, &MalformedError{0, noMap}
	}
	n, err := r.mapLen("")
	if err != nil {
		return 0, err
	}
	for i, field := range revisionKeys[:headerKeys] {
		var err error
		if i < n {
			err = expectKey(r, field)
		} else {
			err = invalid(field, "is missing")
		}
		if err == nil {
			err = decodeHeaderField(r, field, rev)
		}
		if err != nil && i > 0 {
			err = cmp.Or(r.checkFormat(), err)
		}
		if err != nil {
			return 0, err
		}
	}
	return n - headerKeys, nil
}

func decodeHeaderField(r *reader, field string, rev *Revision) (err error) {
	var n int64
	switch field {
	case "format":
		n, err = r.integer(field, 0, directive.MaxMillis)
		r.format = n
	case "id":
		if rev.ID, err = r.text(field); err == nil {
			err = checkID(rev.ID)
		}
	case "version":
		rev.Version, err = r.integer(field, 1, directive.MaxMillis)
	case "published_at":
		n, err = r.integer(field, 1, directive.MaxMillis)
		rev.PublishedAt = time.UnixMilli(n)
	}
	return err
}
