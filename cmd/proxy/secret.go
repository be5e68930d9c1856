package main

import (
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
		return "", fmt.Errorf("%s: must not be empty", file)
	}
	for _, c := range []byte(token) {
		if c <= ' ' || c > '~' {
			return "", fmt.Errorf("%s: must be one line of visible ASCII characters without blanks", file)
		}
	}
	return token, nil
}
