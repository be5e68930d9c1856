package plain

import (
	"regexp"
	"strings"
)

// ShellWord quotes a text for a shell if necessary.
func ShellWord(text string) string {
	if IsShellWord(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// IsShellWord reports whether every shell takes a word literally. Completion offers no other
// word.
func IsShellWord(word string) bool { return plainWord.MatchString(word) }

// plainWord matches the words that every shell takes literally. Completion offers no other
// word, because shells evaluate the command line that they complete: an id with a command
// substitution would run the command of whoever published the id. A tab would begin a
// description, which a shell shows, and a newline another word.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:@%+,/-]*$`)
