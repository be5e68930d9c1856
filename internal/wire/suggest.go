package wire

import (
	"fmt"

	"github.com/fleetdial/fleetdial/internal/suggest"
)

// unknownName returns the error for an unknown field. The error suggests the known field
// with the most similar name, if there is one.
func unknownName(name string, known []string) error {
	return invalid("", fmt.Sprintf("unknown field %q", shown(name))+didYouMean(shown(name), known))
}

// didYouMean returns the end of an error about an unknown word. It is empty if no known
// word is similar.
func didYouMean(word string, known []string) string {
	if likely := suggest.Closest(word, known); likely != "" {
		return fmt.Sprintf(": did you mean %q?", likely)
	}
	return ""
}
