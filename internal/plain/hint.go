package plain

import (
	"fmt"

	"github.com/fleetdial/fleetdial/internal/suggest"
)

// Hint is didYouMean for the middle of an error.
func Hint(word string, known []string) string {
	if likely := suggest.Closest(word, known); likely != "" && likely != word {
		return fmt.Sprintf(" (did you mean %s?)", Printable(likely))
	}
	return ""
}
