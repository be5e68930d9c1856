package plain

import (
	"fmt"
	"strings"
)

// Listed joins words. Of a long list, it names the first words and the number of the others.
func Listed(words []string) string {
	const limit = 8
	if more := len(words) - limit; more > 0 {
		words = append(words[:limit:limit], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, " ")
}

// Words returns texts as words of a line.
func Words(texts []string) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = Word(text)
	}
	return out
}

// First joins the first words, up to a limit, and the number of the others.
func First(limit int, words []string) string {
	if more := len(words) - limit; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(words[:limit], ", "), more)
	}
	return strings.Join(words, ", ")
}
