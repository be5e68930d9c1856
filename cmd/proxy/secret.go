package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
)

// byteOrderMark is what some editors write at the start of a file.
const byteOrderMark = "\ufeff"

// readAdminToken returns the token in a file, without the byte order mark, blanks and
// newlines around it. It rejects a token that cannot be in an Authorization header,
// because no request could ever have it.
func readAdminToken(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(strings.TrimPrefix(string(text), byteOrderMark))
	if token == "" {
		return "", fmt.Errorf("%s: %w", file, errEmpty)
	}
	for _, c := range []byte(token) {
		if c <= ' ' || c > '~' {
			return "", fmt.Errorf("%s: must be one line of visible ASCII characters without blanks", file)
		}
	}
	return token, nil
}

var errAroundKey = errors.New("must not have a byte order mark, or blanks or more than one newline around the key")

// readTokenKey returns the key in a file, without the newline at its end. The command
// publish reads the file in the same way, and signs with exactly this key. readTokenKey
// rejects other blanks around the key instead of trimming them, because the keys of the
// two commands would differ otherwise.
func readTokenKey(file string) ([]byte, error) {
	key, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	key = bytes.TrimSuffix(bytes.TrimSuffix(key, []byte("\n")), []byte("\r"))
	switch {
	case len(bytes.TrimSpace(key)) == 0:
		return nil, fmt.Errorf("%s: %w", file, errEmpty)
	case len(bytes.TrimSpace(key)) != len(key), bytes.HasPrefix(key, []byte(byteOrderMark)):
		return nil, fmt.Errorf("%s: %w", file, errAroundKey)
	}
	return key, nil
}
