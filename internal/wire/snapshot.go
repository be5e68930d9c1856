package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// MaxSnapshotBytes bounds a snapshot.
const MaxSnapshotBytes = MaxValueBytes + 1<<10

// Snapshot is what a subscriber keeps on disk: a value as the key held it, and how the clocks stood when it was written.
type Snapshot struct {
	// Name is that of the fleet's key.
	Name string
	// TakenAt is the time by the clock of Redis, and LocalAt by that of the machine, both when it was written.
	TakenAt, LocalAt time.Time
	// Boot names the machine's boot, and Uptime is how long ago that was; empty and 0 where the machine does not tell.
	Boot   string
	Uptime time.Duration
	// Value may be empty: that clears the fleet.
	Value []byte
}

// EncodeSnapshot returns a snapshot as a map, which holds the value's digest, and the value after it.
func EncodeSnapshot(s *Snapshot) []byte {
	var buf bytes.Buffer
	e := encoder{msgpack.NewEncoder(&buf)}
	sum := sha256.Sum256(s.Value)
	_ = e.EncodeMapLen(7)
	e.integer("format", Format)
	e.text("key", s.Name)
	e.integer("taken_at", s.TakenAt.UnixMilli())
	e.integer("local_at", max(0, s.LocalAt.UnixMilli()))
	e.text("boot", s.Boot)
	e.integer("uptime_ms", s.Uptime.Milliseconds())
	e.text("sha256", hex.EncodeToString(sum[:]))
	buf.Write(s.Value)
	return buf.Bytes()
}

var errDigest = errors.New("the value is not the one that was written: its digest is another")

// DecodeSnapshot returns the snapshot that EncodeSnapshot wrote. It sees that the value is what was written, and not what
// it says. The errors are those of Decode, or tell that the digest is wrong.
func DecodeSnapshot(b []byte) (*Snapshot, error) {
	if len(b) > MaxSnapshotBytes {
		return nil, invalid("", fmt.Sprintf("the snapshot is more than %d bytes", MaxSnapshotBytes))
	}
	d := &reportReader{reader: reader{in: string(b)}}
	d.begin("")
	if n := d.integerOf("format", 0, directive.MaxMillis); d.err == nil && n != Format {
		d.err = invalid("format", fmt.Sprintf("is %d, this fleetdial reads %d", n, Format))
	}
	s := &Snapshot{Name: d.textOf("key", MaxReasonBytes)}
	s.TakenAt, s.LocalAt = d.timeOf("taken_at"), d.timeOf("local_at")
	s.Boot = d.textOf("boot", maxWordBytes)
	s.Uptime = time.Duration(d.integerOf("uptime_ms", 0, maxMillis)) * time.Millisecond
	digest := d.textOf("sha256", 2*sha256.Size)
	d.end()
	if d.err != nil {
		return nil, d.err
	}
	s.Value = b[d.pos:]
	if sum := sha256.Sum256(s.Value); hex.EncodeToString(sum[:]) != digest {
		return nil, errDigest
	}
	return s, nil
}
