package wire

import (
	"fmt"
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// DecodeReport returns the report that an instance wrote. It is as strict as [Decode], and so
// are its errors.
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

// reportReader reads the fields of a map one after another, and keeps the first error. After an
// error, everything reads as zero.
type reportReader struct {
	reader
	err error
	// next is a key that has been read, but did not come next.
	ahead   string
	isAhead bool
	left    int // pairs of the map that is being read
}

func (d *reportReader) report() *Report {
	r := &Report{}
	d.begin("")
	if n := d.integerOf("format", 0, directive.MaxMillis); d.err == nil && n != Format {
		d.err = invalid("format", fmt.Sprintf("is %d, this fleetdial reads %d", n, Format))
	}
	r.Instance = d.textOf("instance", MaxInstanceBytes)
	if d.err == nil {
		d.err = CheckInstance(r.Instance)
	}
	r.Fleetdial = d.textOf("fleetdial", maxWordBytes)
	r.Labels = d.labels()
	r.StartedAt = d.timeOf("started_at")
	r.WrittenAt = d.timeOf("written_at")
	r.Every = time.Duration(d.integerOf("every_ms", 0, maxMillis)) * time.Millisecond
	r.State = State(d.textOf("state", maxWordBytes))
	r.Since = d.timeOf("since")
	r.Source = Source(d.textOf("source", maxWordBytes))
	if d.has("applied") {
		r.Applied = d.applied()
	}
	if d.has("rejected") {
		r.Rejected = d.rejected()
	}
	r.Error = d.textOf("error", MaxErrorBytes)
	r.ClockOffset = time.Duration(d.integerOf("clock_offset_ms", -maxMillis, maxMillis)) * time.Millisecond
	r.Counters = d.counters()
	d.end()
	return r
}

// maxMillis keeps milliseconds within a Duration.
const maxMillis = int64(1<<63-1) / int64(time.Millisecond)

func (d *reportReader) applied() *Applied {
	outer := d.enter("applied")
	a := &Applied{Version: d.integerOf("version", 0, directive.MaxMillis), ID: d.idOf("id")}
	a.PublishedAt, a.At = d.timeOf("published_at"), d.timeOf("at")
	if d.has("signed_by") {
		a.SignedBy = d.textOf("signed_by", 2*keyIDBytes)
		if d.err == nil && !isHex(a.SignedBy, keyIDBytes) {
			d.err = invalid("signed_by", "must be the id of a key")
		}
	}
	if d.has("digest") {
		a.Digest = d.textOf("digest", 2*digestBytes)
		if d.err == nil && !isHex(a.Digest, digestBytes) {
			d.err = invalid("digest", "must be 16 hex digits in lower case")
		}
	}
	d.leave(outer)
	return a
}

func (d *reportReader) rejected() *Rejected {
	outer := d.enter("rejected")
	j := &Rejected{Version: d.integerOf("version", 0, directive.MaxMillis), ID: d.idOf("id")}
	j.Reason = RejectReason(d.textOf("reason", maxWordBytes))
	j.Error = d.textOf("error", MaxErrorBytes)
	j.At = d.timeOf("at")
	d.leave(outer)
	return j
}

func (d *reportReader) labels() map[string]string {
	n := d.mapOf("labels", MaxLabels)
	labels := make(map[string]string, n)
	for range n {
		name := d.note("labels", MaxLabelBytes)
		if _, twice := labels[name]; twice && d.err == nil {
			d.err = invalid("labels", "has a repeated name")
		}
		labels[name] = d.note("labels", MaxLabelValueBytes)
	}
	return labels
}

func (d *reportReader) counters() map[string]int64 {
	n := d.mapOf("counters", maxCounters)
	counters := make(map[string]int64, n)
	for range n {
		name := d.note("counters", maxWordBytes)
		if _, twice := counters[name]; twice && d.err == nil {
			d.err = invalid("counters", "has a repeated name")
		}
		if d.err == nil {
			counters[name], d.err = d.integer("counters", 0, directive.MaxMillis)
		}
	}
	return counters
}

// begin reads the length of a map, and end checks that all of it was read.
func (d *reportReader) begin(field string) {
	if d.err == nil {
		d.left, d.err = d.mapLen(field)
	}
}

func (d *reportReader) end() {
	if d.err == nil && d.left > 0 {
		d.err = invalid("", "has an unknown or a repeated field")
	}
}

// enter begins the map that is the value of a key which has been read; leave ends it.
func (d *reportReader) enter(field string) (outer int) {
	outer, d.isAhead = d.left-1, false
	d.begin(field)
	return outer
}

func (d *reportReader) leave(outer int) {
	d.end()
	d.left = outer
}

// has reports whether that key comes next. It stays to be read by enter.
func (d *reportReader) has(want string) bool {
	if d.err != nil || d.left == 0 {
		return false
	}
	if !d.isAhead {
		if d.ahead, d.err = d.text(""); d.err != nil {
			return false
		}
		d.isAhead = true
	}
	return d.ahead == want
}

// key reads the key that has to come next.
func (d *reportReader) key(want string) bool {
	if d.err != nil {
		return false
	}
	if !d.has(want) {
		if d.err == nil {
			d.err = invalid(want, "is missing or in another place")
		}
		return false
	}
	d.isAhead = false
	d.left--
	return true
}

func (d *reportReader) integerOf(key string, low, high int64) (n int64) {
	if d.key(key) {
		n, d.err = d.integer(key, low, high)
	}
	return n
}

func (d *reportReader) timeOf(key string) time.Time {
	return time.UnixMilli(d.integerOf(key, 0, directive.MaxMillis))
}

func (d *reportReader) textOf(key string, limit int) string {
	if !d.key(key) {
		return ""
	}
	return d.note(key, limit)
}

// note reads a text.
func (d *reportReader) note(field string, limit int) (text string) {
	if d.err != nil {
		return ""
	}
	if text, d.err = d.text(field); d.err == nil {
		d.err = CheckNote(field, text, limit)
	}
	return text
}

// idOf reads a revision's id, which may be empty.
func (d *reportReader) idOf(key string) string {
	id := d.textOf(key, 2*idBytes)
	if d.err == nil && id != "" {
		d.err = checkID(id)
	}
	return id
}

func (d *reportReader) mapOf(key string, limit int) (n int) {
	if !d.key(key) {
		return 0
	}
	if n, d.err = d.mapLen(key); d.err == nil && n > limit {
		d.err = invalid(key, fmt.Sprintf("are %d, the limit is %d", n, limit))
	}
	if d.err != nil {
		return 0
	}
	return n
}
