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

// MaxSnapshotBytes bounds the encoded snapshot.
const MaxSnapshotBytes = MaxValueBytes + 1<<10

// snapshotFormat is the format of the file, of which the format of the value is independent.
const snapshotFormat = 1

// Snapshot is the file that a subscriber keeps on disk: the value of the key, and the
// readings of the clocks at the time of the write.
type Snapshot struct {
	// Name is the name of the fleet's key.
	Name string
	// TakenAt is the time of the write by the clock of Redis.
	TakenAt time.Time
	// LocalAt is the time of the write by the wall clock of the machine.
	LocalAt time.Time
	// Boot identifies the boot of the machine. It is empty if the system has no boot id.
	Boot string
	// Uptime is the time since the boot. It is 0 if the system does not report it.
	Uptime time.Duration
	// Value is the value of the key. An empty value clears the fleet.
	Value []byte
}

// EncodeSnapshot returns the snapshot as a map with the digest of the value, followed by
// the value.
func EncodeSnapshot(s *Snapshot) []byte {
	var buf bytes.Buffer
	e := encoder{msgpack.NewEncoder(&buf)}
	sum := sha256.Sum256(s.Value)
	_ = e.EncodeMapLen(7)
	e.integer("format", snapshotFormat)
	e.text("key", s.Name)
	e.integer("taken_at", s.TakenAt.UnixMilli())
	e.integer("local_at", max(0, s.LocalAt.UnixMilli()))
	e.text("boot", s.Boot)
	e.integer("uptime_ms", s.Uptime.Milliseconds())
	e.text("sha256", hex.EncodeToString(sum[:]))
	buf.Write(s.Value)
	return buf.Bytes()
}

// snapshotFields are the fields of a snapshot.
var snapshotFields = []string{"format", "key", "taken_at", "local_at", "boot", "uptime_ms", "sha256"}

var errDigest = errors.New("the value does not match its digest")

// DecodeSnapshot returns the snapshot that [EncodeSnapshot] wrote. It checks the digest
// of the value, and does not decode the value. The errors are those of [Decode], or
// report a digest that does not match.
func DecodeSnapshot(b []byte) (*Snapshot, error) {
	if len(b) > MaxSnapshotBytes {
		return nil, invalid("", fmt.Sprintf("the snapshot is more than %d bytes", MaxSnapshotBytes))
	}
	d := &reportReader{reader: reader{in: string(b)}}
	s, digest := &Snapshot{}, ""
	d.fields(snapshotFields, func(key string) bool {
		switch key {
		case "format":
			if n := d.number(key, 0, directive.MaxMillis); d.err == nil && n != snapshotFormat {
				d.err = invalid(key, fmt.Sprintf("is %d, this fleetdial reads %d", n, snapshotFormat))
			}
		case "key":
			s.Name = d.note(key, MaxReasonBytes)
		case "taken_at":
			s.TakenAt = d.time(key)
		case "local_at":
			s.LocalAt = d.time(key)
		case "boot":
			s.Boot = d.note(key, maxWordBytes)
		case "uptime_ms":
			s.Uptime = time.Duration(d.number(key, 0, maxMillis)) * time.Millisecond
		case "sha256":
			digest = d.note(key, 2*sha256.Size)
		default:
			d.err = invalid(key, "is unknown")
		}
		return true
	})
	if d.err != nil {
		return nil, d.err
	}
	s.Value = b[d.pos:]
	if sum := sha256.Sum256(s.Value); hex.EncodeToString(sum[:]) != digest {
		return nil, errDigest
	}
	return s, nil
}
