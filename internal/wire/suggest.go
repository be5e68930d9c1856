package wire

import (
	"fmt"
	"strings"
)

// unknownName returns the error for an unknown field. The error suggests the known field
// with the most similar name, if there is one.
func unknownName(name string, known []string) error {
	reason := fmt.Sprintf("unknown field %q", shown(name))
	best, likely := 3, "" // a name at a distance of 3 or more is too different
	for _, k := range known {
		if d := distance(strings.ToLower(shown(name)), k); d < min(best, len(k)) {
			best, likely = d, k
		}
	}
	if likely != "" {
		reason += fmt.Sprintf(": did you mean %q?", likely)
	}
	return invalid("", reason)
}

// distance returns the Levenshtein distance of two short strings, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
