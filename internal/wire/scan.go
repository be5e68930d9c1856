package wire

import (
	"fmt"

	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// maxDepth bounds how deeply maps and arrays may nest. A revision needs three levels. The
// cmsgpack of Redis' Lua truncates values that nest more deeply than this.
const maxDepth = 16

// MalformedError reports bytes that are not a value. A value with a wrong field is
// reported as a [*directive.ValidationError] instead.
type MalformedError struct {
	Offset int
	Reason string
}

// Error returns the reason and the offset.
func (e *MalformedError) Error() string {
	return fmt.Sprintf("not a fleetdial value: %s at byte %d", e.Reason, e.Offset)
}

// token is the head of one msgpack value: its type and its length.
type token struct {
	head  int // the bytes before the content
	size  int // the bytes of the head and, for a scalar, of its content
	items int // the values inside: an array's length, or twice a map's length
	isMap bool
	deep  bool // the value is an array or a map
}

// The reasons of a MalformedError that several decoders return.
const (
	unexpectedEnd  = "unexpected end"
	lengthTooLarge = "length exceeds the remaining data"
	noMap          = "expected a map"
)

// scanMap returns the end of the msgpack map that begins at start.
func scanMap(b string, start int) (end int, err error) {
	if t, reason := readToken(b[start:]); reason == "" && !t.isMap {
		return 0, &MalformedError{start, noMap}
	}
	return scanValue(b, start)
}

// scanValue returns the end of the msgpack value that begins at start. It accepts every type
// that Redis' Lua can unpack. It does not recurse and does not allocate.
func scanValue(b string, start int) (end int, err error) {
	fail := func(at int, reason string) (int, error) { return 0, &MalformedError{at, reason} }
	var open [maxDepth]int // the number of values that are still to come, by depth
	depth, pos := 0, start
	for {
		t, reason := readToken(b[pos:])
		if reason != "" {
			return fail(pos, reason)
		}
		at := pos
		pos += t.size
		if t.items > len(b)-pos {
			return fail(at, lengthTooLarge)
		}
		if t.deep && t.items > 0 {
			if depth == maxDepth {
				return fail(at, "nested too deeply")
			}
			open[depth] = t.items
			depth++
			continue
		}
		for depth > 0 {
			open[depth-1]--
			if open[depth-1] > 0 {
				break
			}
			depth--
		}
		if depth == 0 {
			return pos, nil
		}
	}
}

// readToken reads the token of the value that b begins with. If b has no valid token, it
// returns the reason.
func readToken(b string) (t token, reason string) {
	if len(b) == 0 {
		return t, unexpectedEnd
	}
	c := b[0]
	switch {
	case msgpcode.IsFixedNum(c), c == msgpcode.Nil, c == msgpcode.False, c == msgpcode.True:
		return token{size: 1}, ""
	case msgpcode.IsFixedString(c):
		t = token{head: 1, size: 1 + int(c&msgpcode.FixedStrMask)}
	case msgpcode.IsFixedArray(c):
		return token{size: 1, items: int(c & msgpcode.FixedArrayMask), deep: true}, ""
	case msgpcode.IsFixedMap(c):
		return token{size: 1, items: 2 * int(c&msgpcode.FixedMapMask), isMap: true, deep: true}, ""
	case c == msgpcode.Uint8, c == msgpcode.Int8:
		t.size = 2
	case c == msgpcode.Uint16, c == msgpcode.Int16:
		t.size = 3
	case c == msgpcode.Uint32, c == msgpcode.Int32:
		t.size = 5
	case c == msgpcode.Uint64, c == msgpcode.Int64:
		t.size = 9
	default:
		return readLongToken(b)
	}
	return bounded(t, b)
}

// readLongToken is readToken for strings, arrays and maps whose length is stored in bytes
// after the type.
func readLongToken(b string) (t token, reason string) {
	lengthBytes := 0
	switch b[0] {
	case msgpcode.Str8:
		lengthBytes = 1
	case msgpcode.Str16, msgpcode.Array16, msgpcode.Map16:
		lengthBytes = 2
	case msgpcode.Str32, msgpcode.Array32, msgpcode.Map32:
		lengthBytes = 4
	default:
		return t, "unsupported type"
	}
	t.size = 1 + lengthBytes
	if t.size > len(b) {
		return t, unexpectedEnd
	}
	t.head = t.size
	declared := uint64(0)
	for i := 1; i < t.size; i++ {
		declared = declared<<8 | uint64(b[i])
	}
	if declared > uint64(len(b)) {
		return t, lengthTooLarge
	}
	length := int(declared)
	switch b[0] {
	case msgpcode.Array16, msgpcode.Array32:
		t.items, t.deep = length, true
	case msgpcode.Map16, msgpcode.Map32:
		t.items, t.isMap, t.deep = 2*length, true, true
	default:
		t.size += length
	}
	return bounded(t, b)
}

// bounded returns t, and a reason if t is longer than b.
func bounded(t token, b string) (token, string) {
	if t.size > len(b) {
		return t, unexpectedEnd
	}
	return t, ""
}
