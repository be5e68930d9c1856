// Package suggest finds the word that somebody who made a typing mistake may have meant.
package suggest

import "strings"

// maxDistance is the number of typing mistakes from which on two words have nothing in
// common.
const maxDistance = 3

// Closest returns the known word that is most similar to a word, and an empty string if no
// known word is similar. Upper and lower case are the same.
func Closest(word string, known []string) string {
	best, likely := maxDistance, ""
	word = strings.ToLower(word)
	for _, k := range known {
		if abs(len(word)-len(k)) >= best {
			continue
		}
		if d := distance(word, strings.ToLower(k)); d < min(best, len(k)) {
			best, likely = d, k
		}
	}
	return likely
}

func abs(n int) int { return max(n, -n) }

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
