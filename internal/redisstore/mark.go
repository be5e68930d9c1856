package redisstore

import "github.com/fleetdial/fleetdial/internal/wire"

// mark tells what the key holds from a value other than what it held before: the revision's id or, where none can be
// read, the bytes in its place. The zero mark is none.
type mark struct {
	id     string
	prefix string
}

// has reports whether the mark is that of the revision with this id.
func (m mark) has(id string) bool { return id != "" && m.id == id }

var (
	markAbsent    = mark{prefix: "absent"}
	markEmpty     = mark{prefix: "empty"}
	markWrongType = mark{prefix: "wrong type"}
)

func markOf(r reading) mark {
	switch {
	case r.wrongType:
		return markWrongType
	case r.absent:
		return markAbsent
	case len(r.value) == 0:
		return markEmpty
	}
	head, err := wire.Peek(r.value)
	if err != nil {
		return mark{prefix: "?" + string(r.value[:min(len(r.value), wire.PeekBytes)])}
	}
	return mark{id: head.ID}
}
