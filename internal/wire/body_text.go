package wire

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// checkText checks the bytes of a body.
func checkText(body []byte) error {
	switch {
	case len(body) > MaxBodyBytes:
		return invalid("", fmt.Sprintf("the body is %d bytes, the limit is %d", len(body), MaxBodyBytes))
	case len(bytes.TrimSpace(body)) == 0:
		return errEmptyBody
	case !utf8.Valid(body):
		return invalid("", "the body is not valid UTF-8, at "+place(body, validPrefix(body)))
	case bytes.HasPrefix(body, []byte("\uFEFF")):
		return invalid("", "the body begins with a byte order mark (save the file without it)")
	}
	if i := loneReturn(body); i >= 0 {
		// YAML ends a comment there, but most editors show no new line.
		return invalid("", "holds a carriage return without a line feed, at "+place(body, i)+" (end lines with a line feed)")
	}
	return nil
}

// loneReturn returns the offset of the first carriage return without a line feed, and -1 if
// there is none.
func loneReturn(body []byte) int {
	for start := 0; ; {
		i := bytes.IndexByte(body[start:], '\r')
		if i < 0 {
			return -1
		}
		if start += i + 1; start == len(body) || body[start] != '\n' {
			return start - 1
		}
	}
}

// validPrefix returns the number of bytes before the first one that is not valid UTF-8.
func validPrefix(body []byte) int {
	i := 0
	for i < len(body) {
		r, size := utf8.DecodeRune(body[i:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		i += size
	}
	return i
}
