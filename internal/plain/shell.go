package plain

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ShellWord quotes a text for a shell if necessary. In a text with characters that a terminal
// interprets or does not show, it escapes these as bash, ksh and zsh do.
func ShellWord(text string) string {
	if IsShellWord(text) {
		return text
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, isNotShown) {
		return escapedWord(text)
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

func isNotShown(r rune) bool { return !unicode.IsPrint(r) || invisible(r) }

// escapedWord quotes a text as $'…' does.
func escapedWord(text string) string {
	var out strings.Builder
	out.WriteString("$'")
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == '\\', r == '\'':
			out.WriteString("\\" + text[:size])
		case r == '\n':
			out.WriteString(`\n`)
		case r == utf8.RuneError && size == 1, isNotShown(r):
			for _, b := range []byte(text[:size]) {
				fmt.Fprintf(&out, `\x%02x`, b)
			}
		default:
			out.WriteString(text[:size])
		}
		text = text[size:]
	}
	return out.String() + "'"
}

// IsShellWord reports whether every shell takes a word literally. Completion offers no other
// word.
func IsShellWord(word string) bool { return plainWord.MatchString(word) }

// plainWord matches the words that every shell takes literally. Completion offers no other
// word, because shells evaluate the command line that they complete: an id with a command
// substitution would run the command of whoever published the id. A tab would begin a
// description, which a shell shows, and a newline another word.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:@%+,/-]*$`)
