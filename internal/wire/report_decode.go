package wire

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// DecodeReport returns the report that an instance wrote. The fields may be in any order. Unknown
// fields are ignored, because a newer build may have written the report. DecodeReport is
// otherwise as strict as [Decode], and so are its errors.
func DecodeReport(value []byte) (*Report, error) {
	if len(value) > MaxReportBytes {
		return nil, invalid("", fmt.Sprintf("the report is more than %d bytes", MaxReportBytes))
	}
	d := &reportReader{reader: reader{in: string(value)}}
	out := d.report()
	if d.err == nil && d.pos < len(d.in) {
		d.err = &MalformedError{d.pos, "data after the end"}
	}
	if d.err != nil {
		return nil, d.err
	}
	return out, nil
}

// Owner says which run wrote a report, and when.
type Owner struct {
	Run                  string
	StartedAt, WrittenAt time.Time
	Every                time.Duration
}

// DecodeOwner returns the owner of a report from its first [OwnerBytes]. It returns false if the
// report names no run.
func DecodeOwner(head []byte) (Owner, bool) {
	d := &reportReader{reader: reader{in: string(head)}}
	r := &Report{}
	pairs, err := d.mapLen("")
	seen := 0
	for ; err == nil && d.err == nil && pairs > 0 && seen < 4; pairs-- {
		var key string
		if key, err = d.text(""); err != nil {
			break
		}
		switch key {
		case "run", "started_at", "written_at", "every_ms":
			d.head(key, r)
			seen++
		default:
			d.skip()
		}
	}
	return Owner{r.Run, r.StartedAt, r.WrittenAt, r.Every}, seen == 4 && d.err == nil
}

// reportReader reads the fields of a report, and keeps the first error. After an error,
// everything reads as zero.
type reportReader struct {
	reader
	err error
}

// The fields that a report, and its maps, must have.
var (
	reportFields = []string{
		"format", "instance", "fleetdial", "labels", "started_at", "written_at", "every_ms", "state", "since", "source",
		"error", "clock_offset_ms", "counters",
	}
	appliedFields  = []string{"version", "id", "published_at", "at"}
	rejectedFields = []string{"version", "id", "reason", "error", "at"}
)

// maxMillis keeps milliseconds within a Duration.
const maxMillis = int64(1<<63-1) / int64(time.Millisecond)

func (d *reportReader) report() *Report {
	r := &Report{}
	var hits []string
	d.fields(reportFields, func(key string) bool {
		if d.hits(key, r) {
			hits = append(hits, key)
			return true
		}
		return d.head(key, r) || d.body(key, r)
	})
	if d.err == nil && len(hits) != 0 && len(hits) != 3 {
		d.err = invalid("hits", "must have hits_window_ms and hits_total")
	}
	return r
}

// fields reads a map. It calls read with each key, and skips the value if read does not know the
// key. A repeated key is an error, and so is the lack of a required one.
func (d *reportReader) fields(required []string, read func(key string) bool) {
	pairs := 0
	if d.err == nil {
		pairs, d.err = d.mapLen("")
	}
	var seen []string
	for ; d.err == nil && pairs > 0; pairs-- {
		var key string
		if key, d.err = d.text(""); d.err != nil {
			return
		}
		switch {
		case slices.Contains(seen, key):
			d.err = invalid(key, "is repeated")
		case read(key):
			seen = append(seen, key)
		default:
			d.skip()
		}
	}
	for _, key := range required {
		if d.err == nil && !slices.Contains(seen, key) {
			d.err = invalid(key, "is missing")
		}
	}
}

// skip passes over a value of any type.
func (d *reportReader) skip() {
	if d.err == nil {
		var end int
		if end, d.err = scanValue(d.in, d.pos); d.err == nil {
			d.pos = end
		}
	}
}

// head reads the value of a field that tells who wrote the report, and when. It returns false
// for any other key.
func (d *reportReader) head(key string, r *Report) bool {
	switch key {
	case "format":
		if n := d.number(key, 0, directive.MaxMillis); d.err == nil && n != reportFormat {
			d.err = invalid(key, fmt.Sprintf("is %d, this fleetdial reads %d", n, reportFormat))
		}
	case "instance":
		r.Instance = d.name(key)
	case "run":
		r.Run = d.digits(key, runDigits/2)
	case "shared":
		r.Shared = d.name(key)
	case "started_at":
		r.StartedAt = d.time(key)
	case "written_at":
		r.WrittenAt = d.time(key)
	case "every_ms":
		r.Every = time.Duration(d.number(key, 0, maxMillis)) * time.Millisecond
	default:
		return false
	}
	return true
}

// body reads the value of any other field of a report. It returns false for an unknown key.
func (d *reportReader) body(key string, r *Report) bool {
	switch key {
	case "fleetdial":
		r.Fleetdial = d.note(key, maxWordBytes)
	case "labels":
		r.Labels = d.labels()
	case "state":
		r.State = State(d.note(key, maxWordBytes))
	case "since":
		r.Since = d.time(key)
	case "source":
		r.Source = Source(d.note(key, maxWordBytes))
	case "applied":
		r.Applied = d.applied()
	case "rejected":
		r.Rejected = d.rejected()
	case "error":
		r.Error = d.note(key, MaxErrorBytes)
	case "clock_offset_ms":
		r.ClockOffset = time.Duration(d.number(key, -maxMillis, maxMillis)) * time.Millisecond
	case "counters":
		r.Counters = d.counters()
	case "capabilities":
		r.Capabilities = d.capabilities()
	case "verifies":
		r.Verifies = d.flag(key)
	case "max_format":
		r.MaxFormat = int(d.number(key, 0, math.MaxInt32))
	default:
		return false
	}
	return true
}

func (d *reportReader) applied() *Applied {
	a := &Applied{}
	d.fields(appliedFields, func(key string) bool {
		switch key {
		case "version":
			a.Version = d.number(key, 0, directive.MaxMillis)
		case "id":
			a.ID = d.id(key)
		case "published_at":
			a.PublishedAt = d.time(key)
		case "at":
			a.At = d.time(key)
		case "signed_by":
			a.SignedBy = d.digits(key, keyIDBytes)
		case "digest":
			a.Digest = d.digits(key, digestBytes)
		default:
			return false
		}
		return true
	})
	return a
}

func (d *reportReader) rejected() *Rejected {
	j := &Rejected{}
	d.fields(rejectedFields, func(key string) bool {
		switch key {
		case "version":
			j.Version = d.number(key, 0, directive.MaxMillis)
		case "id":
			j.ID = d.id(key)
		case "reason":
			j.Reason = RejectReason(d.note(key, maxWordBytes))
		case "error":
			j.Error = d.note(key, MaxErrorBytes)
		case "at":
			j.At = d.time(key)
		default:
			return false
		}
		return true
	})
	return j
}
