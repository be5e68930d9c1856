package wire

import (
	"fmt"
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// PeekBytes is how much of a value tells which revision it holds.
const PeekBytes = 128

// headKeys is how many of revisionKeys stand in what Peek reads.
const headKeys = 4

// Peek returns the version, the id and the time of the revision that begins with these bytes, of which PeekBytes are
// enough. The other fields stay empty. It refuses with the errors of Decode.
func Peek(prefix []byte) (Revision, error) {
	if len(prefix) > PeekBytes {
		prefix = prefix[:PeekBytes]
	}
	var rev Revision
	if _, err := decodeHead(&reader{in: string(prefix)}, &rev); err != nil {
		return Revision{}, err
	}
	return rev, nil
}

// decodeHead reads what Peek tells and returns how many keys are left.
func decodeHead(r *reader, rev *Revision) (rest int, err error) {
	if r.in == "" || kindOf(r.in[0]) != "map" {
		return 0, &MalformedError{0, "no map"}
	}
	n, err := r.mapLen("")
	if err != nil {
		return 0, err
	}
	for i, field := range revisionKeys[:headKeys] {
		if i == n {
			return 0, invalid(field, "is missing")
		}
		if err := expectKey(r, field); err != nil {
			return 0, err
		}
		if err := decodeHeadField(r, field, rev); err != nil {
			return 0, err
		}
	}
	return n - headKeys, nil
}

func decodeHeadField(r *reader, field string, rev *Revision) (err error) {
	var n int64
	switch field {
	case "format":
		n, err = r.integer(field, 0, directive.MaxMillis)
		if err == nil && n != Format {
			err = invalid(field, fmt.Sprintf("is %d, this fleetdial reads %d", n, Format))
		}
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
