// Package tokenkey reads the key of X-Debug-Directive tokens, which the proxies and the command
// that makes tokens share.
package tokenkey

import (
	"bytes"
	"errors"
	"fmt"
	"os"
)

var (
	errEmpty  = errors.New("must not be empty")
	errAround = errors.New("must not have a byte order mark, or blanks or more than one newline around the key")
)

// Read returns the key in a file, without the newline at its end. It rejects other blanks
// around the key instead of trimming them, because a program that trims less would have
// another key.
func Read(file string) ([]byte, error) {
	key, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	key = bytes.TrimSuffix(bytes.TrimSuffix(key, []byte("\n")), []byte("\r"))
	switch trimmed := bytes.TrimSpace(key); {
	case len(trimmed) == 0:
		return nil, fmt.Errorf("%s: %w", file, errEmpty)
	case len(trimmed) != len(key), bytes.HasPrefix(key, []byte("\ufeff")):
		return nil, fmt.Errorf("%s: %w", file, errAround)
	}
	return key, nil
}
