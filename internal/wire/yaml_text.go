package wire

import "bytes"

// The library builds the whole tree before anything can look at it, and some hundred bytes for each token. These
// bound what it is given: a set at every limit, with all that may be quoted in quotes, has 210,000 and 320,000.
const (
	maxYAMLMarks  = 300_000 // of what separates two values: [ { , ? and : and - where they do
	maxYAMLQuotes = 500_000
)

// checkYAMLText refuses, before it is parsed, what would take the library minutes or gigabytes, and the line breaks
// that only YAML 1.1 knows: with them a comment ends where no editor shows it.
func checkYAMLText(body []byte) error {
	marks, quotes := 0, 0
	for i, c := range body {
		switch c {
		case '%':
			// The library compares each directive with all that came before.
			if i == 0 || body[i-1] == '\n' || body[i-1] == '\r' {
				return invalid("", "YAML directives are not allowed, at "+place(body, i))
			}
		case '[', '{', ',', '?':
			marks++
		case ':':
			if !isAlphanumeric(body, i-1) || !isAlphanumeric(body, i+1) {
				marks++
			}
		case '-':
			if i+1 == len(body) || bytes.IndexByte([]byte(" \t\r\n"), body[i+1]) >= 0 {
				marks++
			}
		case '"', '\'':
			quotes++
		case 0xC2, 0xE2:
			if isOldBreak(body[i:]) {
				return invalid("", "holds a line break that YAML versions disagree about, at "+place(body, i)+
					": write it as an escape, in double quotes")
			}
		}
	}
	if marks > maxYAMLMarks || quotes > maxYAMLQuotes {
		return invalid("", "holds more values than any set takes")
	}
	return nil
}

func isAlphanumeric(body []byte, i int) bool {
	if i < 0 || i >= len(body) {
		return false
	}
	c := body[i]
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isOldBreak(b []byte) bool {
	return bytes.HasPrefix(b, []byte("\u0085")) || bytes.HasPrefix(b, []byte("\u2028")) || bytes.HasPrefix(b, []byte("\u2029"))
}
