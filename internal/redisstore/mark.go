package redisstore

import (
	"crypto/sha256"

	"github.com/fleetdial/fleetdial/internal/wire"
)

// mark tells what the key holds from a value other than what it held before: the revision's id or, where none can be
// read, the bytes in its place. The zero mark is none.
type mark struct {
	id     string
	prefix string
	// digest is of the whole value, zero where the id has to do.
	digest [sha256.Size]byte
}

// has reports whether the mark is that of the revision with this id.
func (m mark) has(id string) bool { return id != "" && m.id == id }

var (
	markMissing   = mark{prefix: "missing"}
	markEmpty     = mark{prefix: "empty"}
	markWrongType = mark{prefix: "wrong type"}
)

// markOf returns the mark of what was read; whole has it tell values apart by all their bytes.
func markOf(r reading, whole bool) mark {
	switch {
	case r.wrongType:
		return markWrongType
	case r.missing:
		return markMissing
	case len(r.value) == 0:
		return markEmpty
	}
	var m mark
	if head, err := wire.Peek(r.value); err == nil {
		m.id = head.ID
	} else {
		m.prefix = "?" + string(r.value[:min(len(r.value), wire.PeekBytes)])
	}
	if whole {
		m.digest = sha256.Sum256(r.value)
	}
	return m
}
