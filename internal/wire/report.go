package wire

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// The limits of a report.
const (
	// MaxReportBytes bounds a whole report.
	MaxReportBytes = 16 << 10
	// MaxInstanceBytes bounds an instance's name.
	MaxInstanceBytes = directive.MaxInstanceBytes
	// MaxErrorBytes is the length to which an error is truncated.
	MaxErrorBytes = 512
	// maxWordBytes bounds states, sources, reasons and versions of fleetdial, maxCounters the counters.
	maxWordBytes, maxCounters = 64, 32
	// maxCapabilities bounds the capabilities.
	maxCapabilities = 16
	// OwnerBytes is how many bytes of a report [DecodeOwner] needs.
	OwnerBytes = 256
	// reportFormat is the format of reports. A build that adds keys keeps it, because readers
	// ignore keys that they do not know.
	reportFormat = 1
	// A run is named by runDigits hex digits, of which asideDigits are in an instance's name.
	runDigits, asideDigits = 16, 6
)

// Capability is something that an instance can do with a decision.
type Capability string

// The capabilities that a directive may need.
const (
	CapabilityCaptures   Capability = "captures"
	CapabilityRingBuffer Capability = "ring_buffer"
)

// Report is what an instance says of itself. Its times are by the clock of Redis, in whole
// milliseconds.
type Report struct {
	Instance string
	// Run is the id of the Subscriber, random and its own. It is empty in reports of builds that
	// write none.
	Run string
	// Shared is the name that the instance is configured with, if another instance has that
	// name too and reports under it. Otherwise, it is empty.
	Shared string
	// Fleetdial is the version of the library.
	Fleetdial string
	Labels    map[string]string
	StartedAt time.Time
	WrittenAt time.Time
	// Every is how often the instance reports when nothing changes.
	Every time.Duration
	State State
	Since time.Time
	// Source is where the set comes from.
	Source      Source
	Applied     *Applied  // nil before the first
	Rejected    *Rejected // nil if nothing was since
	Error       string
	ClockOffset time.Duration
	Counters    map[string]int64
	// Capabilities is what the instance can do, nil if it does not state that.
	Capabilities []Capability
	// Verifies says that the instance applies only revisions that a trusted key signed.
	Verifies bool
	// MaxFormat is the highest format that the instance reads, 0 if it does not state that.
	MaxFormat int
	// Hits is what the instance has counted, nil if it does not count.
	Hits *ReportHits
}

// ConfiguredName returns the name that the instance is configured with. It is the name that
// [directive.Instances] select the instance by.
func (r *Report) ConfiguredName() string { return cmp.Or(r.Shared, r.Instance) }

// Applied is the revision that an instance has applied. Version 0 and no id stand for the
// empty value.
type Applied struct {
	Version         int64
	ID              string
	PublishedAt, At time.Time
	// SignedBy is the id of the key whose signature was checked, empty if none was.
	SignedBy string
	// Digest is that of the value that was applied, as [Digest] returns it. It is empty for an
	// empty value.
	Digest string
}

// Rejected is what an instance has rejected. Version 0 and no id stand for a value in which
// they cannot be read.
type Rejected struct {
	Version int64
	ID      string
	Reason  RejectReason
	Error   string
	At      time.Time
}

// EncodeReport returns the value that Redis holds for a report. It truncates texts that are too
// long: labels and the name were checked when the subscriber began. The fields of [Owner] come
// first. Fields that are empty and not in every report are left out.
func EncodeReport(r *Report) []byte {
	var buf bytes.Buffer
	e := encoder{msgpack.NewEncoder(&buf)}
	_ = e.EncodeMapLen(13 + optionalFields(r))
	e.integer("format", reportFormat)
	e.text("instance", r.Instance)
	if r.Run != "" {
		e.text("run", r.Run)
	}
	e.integer("started_at", r.StartedAt.UnixMilli())
	e.integer("written_at", r.WrittenAt.UnixMilli())
	e.integer("every_ms", r.Every.Milliseconds())
	if r.Shared != "" {
		e.text("shared", r.Shared)
	}
	e.text("fleetdial", truncate(r.Fleetdial, maxWordBytes))
	_ = e.EncodeString("labels")
	e.labels(r.Labels)
	e.text("state", string(r.State))
	e.integer("since", r.Since.UnixMilli())
	e.text("source", string(r.Source))
	if r.Applied != nil {
		e.applied(r.Applied)
	}
	if r.Rejected != nil {
		e.rejected(r.Rejected)
	}
	e.text("error", truncate(r.Error, MaxErrorBytes))
	e.integer("clock_offset_ms", r.ClockOffset.Milliseconds())
	_ = e.EncodeString("counters")
	_ = e.EncodeMapLen(len(r.Counters))
	for _, name := range slices.Sorted(maps.Keys(r.Counters)) {
		e.integer(name, r.Counters[name])
	}
	e.abilities(r)
	e.hits(r.Hits)
	return buf.Bytes()
}

// optionalFields returns how many fields of a report are written that may be left out.
func optionalFields(r *Report) (n int) {
	for _, written := range []bool{
		r.Run != "", r.Shared != "", r.Applied != nil, r.Rejected != nil, r.Capabilities != nil, r.Verifies,
		r.MaxFormat != 0,
	} {
		if written {
			n++
		}
	}
	if r.Hits != nil {
		n += 3
	}
	return n
}

func (e encoder) abilities(r *Report) {
	if r.Capabilities != nil {
		_ = e.EncodeString("capabilities")
		_ = e.EncodeArrayLen(len(r.Capabilities))
		for _, c := range r.Capabilities {
			_ = e.EncodeString(string(c))
		}
	}
	if r.Verifies {
		e.boolean("verifies", true)
	}
	if r.MaxFormat != 0 {
		e.integer("max_format", int64(r.MaxFormat))
	}
}

func (e encoder) applied(a *Applied) {
	_ = e.EncodeString("applied")
	fields := 4
	for _, optional := range []string{a.SignedBy, a.Digest} {
		if optional != "" {
			fields++
		}
	}
	_ = e.EncodeMapLen(fields)
	e.integer("version", a.Version)
	e.text("id", a.ID)
	e.integer("published_at", max(0, a.PublishedAt.UnixMilli()))
	e.integer("at", a.At.UnixMilli())
	if a.SignedBy != "" {
		e.text("signed_by", a.SignedBy)
	}
	if a.Digest != "" {
		e.text("digest", a.Digest)
	}
}

func (e encoder) rejected(j *Rejected) {
	_ = e.EncodeString("rejected")
	_ = e.EncodeMapLen(5)
	e.integer("version", j.Version)
	e.text("id", j.ID)
	e.text("reason", truncate(string(j.Reason), maxWordBytes))
	e.text("error", truncate(j.Error, MaxErrorBytes))
	e.integer("at", j.At.UnixMilli())
}

// truncate shortens a text to a limit, and makes it valid UTF-8.
func truncate(text string, limit int) string {
	if len(text) > limit {
		text = text[:limit]
	}
	return string(bytes.ToValidUTF8([]byte(text), nil))
}

// CheckInstance returns a *directive.ValidationError if the name of an instance is not valid.
func CheckInstance(name string) error {
	if reason := directive.CheckInstance(name); reason != "" {
		return invalid("instance", reason)
	}
	return nil
}

// NewRun returns the id of a run.
func NewRun() string { return NewID()[:runDigits] }

// AsideName returns the name under which a run reports while another instance reports under
// its own name.
func AsideName(name, run string) string {
	suffix := "~" + run[:min(len(run), asideDigits)]
	return name[:min(len(name), MaxInstanceBytes-len(suffix))] + suffix
}

// CheckCapabilities returns a *directive.ValidationError if capabilities are too many, repeated
// or no words.
func CheckCapabilities(all []Capability) error {
	if len(all) > maxCapabilities {
		return invalid("capabilities", fmt.Sprintf("are %d, the limit is %d", len(all), maxCapabilities))
	}
	for i, c := range all {
		if c == "" || len(c) > maxWordBytes || !isPrintable(string(c)) {
			return invalid("capabilities", fmt.Sprintf("must be 1 to %d bytes of printable ASCII without spaces", maxWordBytes))
		}
		if slices.Contains(all[:i], c) {
			return invalid("capabilities", "has a repeated item")
		}
	}
	return nil
}

// isPrintable reports whether a text is printable ASCII without spaces.
func isPrintable(text string) bool {
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

// CheckLabels returns a *directive.ValidationError if labels are too many, too long, not UTF-8 or empty.
func CheckLabels(labels map[string]string) error {
	if len(labels) > directive.MaxLabels {
		return invalid("labels", fmt.Sprintf("are %d, the limit is %d", len(labels), directive.MaxLabels))
	}
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if name == "" {
			return invalid("labels", "must have names")
		}
		if err := CheckNote("labels", name, directive.MaxLabelBytes); err != nil {
			return err
		}
		if err := CheckNote("labels."+name, labels[name], directive.MaxLabelValueBytes); err != nil {
			return err
		}
	}
	return nil
}
