package plain

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Printable returns a text that an eye can tell from every other text. Names, reasons and
// errors come from other people: an unquoted newline or escape sequence could forge a row of
// a table, and two names may differ only in a trailing blank or in an invisible character.
// Printable quotes such a text as Go does. It also quotes an empty text, and the words that
// stand for an absent value.
func Printable(s string) string {
	switch {
	case needsASCII(s):
		return strconv.QuoteToASCII(s)
	case needsQuotes(s):
		return strconv.Quote(s)
	}
	return s
}

// Quoted is [Printable] with quotes around every text.
func Quoted(s string) string {
	if needsASCII(s) {
		return strconv.QuoteToASCII(s)
	}
	return strconv.Quote(s)
}

// Word is [Printable] for a text inside a line that lists several. It also quotes a text
// that would read as more than one.
func Word(s string) string {
	if p := Printable(s); p != s || !strings.ContainsAny(s, " ,;=→") {
		return p
	}
	return strconv.Quote(s)
}

func needsQuotes(s string) bool {
	switch strings.ToLower(s) {
	case "", "any", "none", "-", "*":
		return true
	}
	return s[0] == ' ' || s[len(s)-1] == ' ' || s[0] == '"' || strings.Contains(s, "  ") ||
		strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// needsASCII reports whether a text holds characters that print as nothing or as another
// character.
func needsASCII(s string) bool {
	latin, other, alike := false, false, true
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"): // invalid UTF-8
			return true
		case r < utf8.RuneSelf:
			latin = latin || unicode.IsLetter(r)
		case invisible(r), unicode.Is(unicode.M, r) && latin, strings.ContainsRune(likePunctuation, r), '！' <= r && r <= '～':
			return true
		case unicode.In(r, unicode.Cyrillic, unicode.Greek, unicode.Armenian, unicode.Cherokee):
			other = true
			alike = alike && strings.ContainsRune(likeLatin, r)
		case unicode.Is(unicode.Latin, r):
			latin = true
		}
	}
	return other && (latin || alike)
}

const (
	// likeLatin holds the letters of other scripts that look like a Latin letter.
	likeLatin = "аеорсухіјѕԁһԛԝАВЕЅІЈКМНОРСТУХҮΑΒΕΖΗΙΚΜΝΟΡΤΥΧονρυіόаոսօ"
	// likePunctuation holds the characters that look like punctuation of ASCII.
	likePunctuation = "‐‑‒−∗⁎﹡⁄∕ː․‚ʹʺ"
)

// invisible reports whether a character prints as nothing, although Unicode counts it among
// the printable characters.
func invisible(r rune) bool {
	switch r {
	case 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, 0x1D159:
		return true
	}
	return 0x180B <= r && r <= 0x180F || 0xFE00 <= r && r <= 0xFE0F || 0xE0100 <= r && r <= 0xE01EF
}

// PrintableLines returns a message of several lines with escapes for the characters that a
// terminal interprets or does not show. It keeps newlines.
func PrintableLines(s string) string {
	var out strings.Builder
	for i, r := range s {
		switch {
		case r == '\n':
			out.WriteRune(r)
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&out, `\x%02x`, s[i])
		case !unicode.IsPrint(r) || invisible(r):
			quoted := strconv.QuoteRuneToASCII(r)
			out.WriteString(quoted[1 : len(quoted)-1])
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

// EscapeJSON escapes the characters in JSON that a terminal interprets or does not show. The
// JSON keeps its meaning.
func EscapeJSON(text []byte) []byte { return escape(text, true) }

// EscapeBody is [EscapeJSON] for JSON that is also YAML. YAML has no surrogate pairs, so the
// characters that need them stay as they are.
func EscapeBody(text []byte) []byte { return escape(text, false) }

func escape(text []byte, surrogates bool) []byte {
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == '\n' || r != 0x7f && r < utf8.RuneSelf || unicode.IsPrint(r) && !invisible(r):
			out = append(out, text[:size]...)
		case r > 0xFFFF && !surrogates:
			out = append(out, text[:size]...)
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		text = text[size:]
	}
	return out
}
