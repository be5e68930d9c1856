package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// jsonReader makes nodes from JSON as RFC 8259 defines it, in UTF-8. It rejects repeated
// names.
type jsonReader struct {
	builder
	body []byte
	dec  *jsontext.Decoder
}

func readJSON(body []byte) (node, position, error) {
	// The decoder allows repeated names. checkName rejects them, because it can name
	// their path.
	r := &jsonReader{body: body, dec: jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true))}
	n, err := r.read(1)
	if err != nil {
		return node{}, r.fault, err
	}
	end := r.dec.InputOffset()
	if _, err := r.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return node{}, position{}, invalid("", "data after the end of the JSON, at "+place(body, int(end)))
	}
	return n, position{}, nil
}

func (r *jsonReader) read(depth int) (node, error) {
	at := r.next()
	if err := r.enter(depth, at); err != nil {
		return node{}, err
	}
	token, err := r.dec.ReadToken()
	if err != nil {
		return node{}, r.syntax(err)
	}
	switch token.Kind() {
	case 'n':
		return node{kind: null, at: at}, nil
	case 't', 'f':
		return node{kind: boolean, at: at, text: token.String()}, nil
	case '0':
		return node{kind: number, at: at, text: token.String()}, nil
	case '"':
		return node{kind: text, at: at, text: token.String()}, nil
	case '[':
		return r.readArray(at, depth)
	}
	return r.readObject(at, depth)
}

// next returns the position of the next token.
func (r *jsonReader) next() position {
	offset := int(r.dec.InputOffset())
	for offset < len(r.body) && strings.IndexByte(" \t\r\n,:", r.body[offset]) >= 0 {
		offset++
	}
	return position{offset: offset + 1} // 0 is no position
}

func (r *jsonReader) readArray(at position, depth int) (node, error) {
	n := node{kind: array, at: at}
	for r.dec.PeekKind() != ']' {
		value, err := r.read(depth + 1)
		if err != nil {
			return node{}, under(item(len(n.items)), err)
		}
		n.items = append(n.items, value)
	}
	_, err := r.dec.ReadToken()
	return n, r.syntax(err)
}

func (r *jsonReader) readObject(at position, depth int) (node, error) {
	n := node{kind: object, at: at}
	for r.dec.PeekKind() != '}' {
		at := r.next()
		token, err := r.dec.ReadToken()
		if err != nil {
			return node{}, r.syntax(err)
		}
		name := token.String()
		if err := r.checkName(&n, name, at); err != nil {
			return node{}, err
		}
		value, err := r.read(depth + 1)
		if err != nil {
			return node{}, under(inPath(name), err)
		}
		n.entries = append(n.entries, entry{name: name, at: at, value: value})
	}
	_, err := r.dec.ReadToken()
	return n, r.syntax(err)
}

// syntax turns an error of the decoder into a validation error that names the place.
func (r *jsonReader) syntax(err error) error {
	if err == nil {
		return nil
	}
	r.fault = position{} // the reason names the place
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		// The decoder quotes a part of the body in back quotes. That part may be a value.
		reason, _, _ := strings.Cut(syntactic.Err.Error(), " `")
		return invalid("", fmt.Sprintf("not valid JSON: %s, at %s", reason, place(r.body, int(syntactic.ByteOffset))))
	}
	return invalid("", fmt.Sprintf("not valid JSON: unexpected end, at %s", place(r.body, int(r.dec.InputOffset()))))
}
