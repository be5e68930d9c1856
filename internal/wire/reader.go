package wire

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// reader reads typed msgpack values with the library's decoder, which by itself takes nil for zero, bytes for strings
// and much more: each value's type is looked at before it is read. It reads only what scanMap has passed, so that no
// declared length exceeds the bytes that are there.
type reader struct {
	dec  *msgpack.Decoder
	left *bytes.Reader
}

func newReader(b []byte) reader {
	left := bytes.NewReader(b)
	return reader{msgpack.NewDecoder(left), left}
}

// kind names the type of the value that comes next.
func (r reader) kind() (string, error) {
	c, err := r.dec.PeekCode()
	if err != nil {
		return "", fmt.Errorf("read msgpack: %w", err)
	}
	switch {
	case msgpcode.IsString(c):
		return "string", nil
	case c == msgpcode.Nil:
		return "nil", nil
	case c == msgpcode.True, c == msgpcode.False:
		return "boolean", nil
	case msgpcode.IsFixedArray(c), c == msgpcode.Array16, c == msgpcode.Array32:
		return "array", nil
	case msgpcode.IsFixedMap(c), c == msgpcode.Map16, c == msgpcode.Map32:
		return "map", nil
	}
	return "integer", nil
}

// expect returns an error unless the value of that field has the wanted type.
func (r reader) expect(field, want string) error {
	got, err := r.kind()
	if err != nil {
		return err
	}
	if got != want {
		return invalid(field, fmt.Sprintf("must be of type %s, not %s", want, got))
	}
	return nil
}

func (r reader) text(field string) (string, error) {
	if err := r.expect(field, "string"); err != nil {
		return "", err
	}
	s, err := r.dec.DecodeString()
	if err != nil {
		return "", fmt.Errorf("read msgpack: %w", err)
	}
	if !utf8.ValidString(s) {
		return "", invalid(field, "is not valid UTF-8")
	}
	return s, nil
}

// integer reads an integer from low to high.
func (r reader) integer(field string, low, high int64) (int64, error) {
	if err := r.expect(field, "integer"); err != nil {
		return 0, err
	}
	n, err := r.dec.DecodeInt64() // an unsigned one beyond int64 comes out negative
	if err != nil {
		return 0, fmt.Errorf("read msgpack: %w", err)
	}
	if n < low || n > high {
		return 0, invalid(field, fmt.Sprintf("must be %d to %d", low, high))
	}
	return n, nil
}

func (r reader) boolean(field string) (bool, error) {
	if err := r.expect(field, "boolean"); err != nil {
		return false, err
	}
	return r.dec.DecodeBool()
}

func (r reader) arrayLen(field string) (int, error) {
	if err := r.expect(field, "array"); err != nil {
		return 0, err
	}
	return r.dec.DecodeArrayLen()
}

func (r reader) mapLen(field string) (int, error) {
	if err := r.expect(field, "map"); err != nil {
		return 0, err
	}
	return r.dec.DecodeMapLen()
}
