package wire

import (
	"fmt"

	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// reader reads typed msgpack values from untrusted bytes. It rejects a value of another
// type. The strings that it returns share the memory of its input. It does not use the
// decoder of the msgpack library, because that decoder reads each byte through an
// interface and copies each key, so that decoding takes twice as long.
type reader struct {
	in  string
	pos int
	// format is that of the value, once its header has been read.
	format int64
	// names and labels hold the instances of the directive that is being read, so that a value
	// with many of them allocates memory once.
	names  []string
	labels map[string]string
}

// kindOf returns the type of the msgpack value that begins with byte c.
func kindOf(c byte) string {
	switch {
	case msgpcode.IsString(c):
		return "string"
	case c == msgpcode.Nil:
		return "nil"
	case c == msgpcode.True, c == msgpcode.False:
		return "boolean"
	case msgpcode.IsFixedArray(c), c == msgpcode.Array16, c == msgpcode.Array32:
		return "array"
	case msgpcode.IsFixedMap(c), c == msgpcode.Map16, c == msgpcode.Map32:
		return "map"
	}
	return "integer"
}

// next reads the next token, whose type must be want. The token of an array or a map is
// its head only. next returns the token and the position of its first byte.
func (r *reader) next(field, want string) (t token, at int, err error) {
	at = r.pos
	t, reason := readToken(r.in[at:])
	if reason != "" {
		return t, at, &MalformedError{at, reason}
	}
	if got := kindOf(r.in[at]); got != want {
		return t, at, invalid(field, fmt.Sprintf("must be of type %s, not %s", want, got))
	}
	r.pos += t.size
	if t.items > len(r.in)-r.pos {
		return t, at, &MalformedError{at, lengthTooLarge}
	}
	return t, at, nil
}

// text reads a string. It does not check that the string is valid UTF-8.
func (r *reader) text(field string) (string, error) {
	// This is the fast path: most strings are short, and have a head of one byte.
	if r.pos < len(r.in) {
		if c := r.in[r.pos]; msgpcode.IsFixedString(c) {
			start := r.pos + 1
			if end := start + int(c&msgpcode.FixedStrMask); end <= len(r.in) {
				r.pos = end
				return r.in[start:end], nil
			}
		}
	}
	t, at, err := r.next(field, "string")
	if err != nil {
		return "", err
	}
	return r.in[at+t.head : r.pos], nil
}

// integer reads an integer from low to high.
func (r *reader) integer(field string, low, high int64) (int64, error) {
	n, fast := r.commonInteger()
	if !fast {
		_, at, err := r.next(field, "integer")
		if err != nil {
			return 0, err
		}
		n = int64(int8(r.in[at]))
		if digits := r.in[at+1 : r.pos]; digits != "" {
			n = integerOf(r.in[at], digits)
		}
	}
	if n < low || n > high {
		return 0, invalid(field, fmt.Sprintf("must be %d to %d", low, high))
	}
	return n, nil
}

// commonInteger is the fast path of integer. It reads the two lengths that most samples
// and times have: one byte and nine bytes.
func (r *reader) commonInteger() (n int64, ok bool) {
	rest := r.in[r.pos:]
	switch {
	case len(rest) > 0 && rest[0] < 0x80:
		r.pos++
		return int64(rest[0]), true
	case len(rest) > 8 && rest[0] == msgpcode.Uint64:
		r.pos += 9
		return int64(uint64(rest[1])<<56 | uint64(rest[2])<<48 | uint64(rest[3])<<40 | uint64(rest[4])<<32 |
			uint64(rest[5])<<24 | uint64(rest[6])<<16 | uint64(rest[7])<<8 | uint64(rest[8])), true
	}
	return 0, false
}

// integerOf returns the value of an integer from its code and its digits, the bytes after
// the code. An unsigned integer beyond int64 becomes negative, which every caller
// rejects.
func integerOf(code byte, digits string) int64 {
	var u uint64
	for i := range len(digits) {
		u = u<<8 | uint64(digits[i])
	}
	switch code {
	case msgpcode.Int8:
		return int64(int8(u))
	case msgpcode.Int16:
		return int64(int16(u))
	case msgpcode.Int32:
		return int64(int32(u))
	}
	return int64(u)
}

func (r *reader) boolean(field string) (bool, error) {
	if r.pos < len(r.in) {
		if c := r.in[r.pos]; c == msgpcode.True || c == msgpcode.False {
			r.pos++
			return c == msgpcode.True, nil
		}
	}
	_, at, err := r.next(field, "boolean")
	return err == nil && r.in[at] == msgpcode.True, err
}

// arrayLen reads the head of an array and returns its number of items. The number is at
// most the number of bytes that are left.
func (r *reader) arrayLen(field string) (int, error) {
	t, _, err := r.next(field, "array")
	return t.items, err
}

// mapLen reads the head of a map and returns its number of pairs. Each pair has at least
// two bytes left.
func (r *reader) mapLen(field string) (int, error) {
	t, _, err := r.next(field, "map")
	return t.items / 2, err
}
