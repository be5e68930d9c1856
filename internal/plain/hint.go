package plain

import (
	"fmt"

	"github.com/fleetdial/fleetdial/internal/suggest"
)

// Hint asks whether a known word is meant, for the middle of an error. It returns an empty
// text if no known word is similar, or if the word itself is known.
func Hint(word string, known []string) string {
	if likely := suggest.Closest(word, known); likely != "" && likely != word {
		return fmt.Sprintf(" (did you mean %s?)", Printable(likely))
	}
	return ""
}
