package review

import (
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// ErrPerMilleRange is the error of [ParsePerMille] for a number above 1000 per mille.
var ErrPerMilleRange = errors.New("must be 0 to 1000 per mille")

var perMilleForm = regexp.MustCompile(`^([0-9]+|[0-9]*\.[0-9]+|[0-9]+(\.[0-9]+)?%)$`)

// ParsePerMille returns the number per mille that a text means: an integer per mille (100), a
// percentage (10%) or a fraction (0.1).
func ParsePerMille(text string) (int, error) {
	number, isPercent := strings.CutSuffix(text, "%")
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !perMilleForm.MatchString(text) {
		return 0, errors.New("must be a number per mille (100), a percentage (10%) or a fraction (0.1)")
	}
	switch {
	case isPercent:
		n *= 10
	case strings.Contains(number, "."):
		n *= 1000
	}
	whole := math.Round(n)
	if n > 1000 {
		return 0, ErrPerMilleRange
	}
	if math.Abs(n-whole) > 1e-9 {
		return 0, errors.New("must be a whole number per mille, such as 1, 0.1% or 0.001")
	}
	return int(whole), nil
}
