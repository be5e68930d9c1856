package wire

import "bytes"

// These limits bound the input of the YAML library, because it builds the whole tree
// first and allocates some hundred bytes for each token. The largest set without
// instances has 230,000 separators and 320,000 quotes.
const (
	maxYAMLSeparators = 300_000 // [ { , ? and, where they separate values, : and -
	maxYAMLQuotes     = 500_000
)

// checkYAMLText checks a body before it is parsed. It rejects bodies for which the
// library needs minutes or gigabytes. It also rejects the line breaks that only YAML 1.1
// has, because they can end a comment where no editor shows a new line.
func checkYAMLText(body []byte) error {
	separators, quotes := 0, 0
	for i, c := range body {
		switch c {
		case '%':
			// Each YAML directive costs time, because the library compares it with all
			// earlier ones.
			if i == 0 || body[i-1] == '\n' || body[i-1] == '\r' {
				return invalid("", "YAML directives are not allowed, at "+place(body, i))
			}
		case '[', '{', ',', '?':
			separators++
		case ':':
			if !isAlphanumeric(body, i-1) || !isAlphanumeric(body, i+1) {
				separators++
			}
		case '-':
			if i+1 == len(body) || bytes.IndexByte([]byte(" \t\r\n"), body[i+1]) >= 0 {
				separators++
			}
		case '"', '\'':
			quotes++
		case 0xC2, 0xE2:
			if isOldBreak(body[i:]) {
				return invalid("", "holds a line break that YAML versions interpret differently, at "+
					place(body, i)+" (write it as an escape in double quotes)")
			}
		}
	}
	if separators > maxYAMLSeparators || quotes > maxYAMLQuotes {
		return invalid("", "holds more values than are accepted in YAML (write the body in JSON)")
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
