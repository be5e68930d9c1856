package directive

import (
	"errors"
	"fmt"
)

// Level is how much a proxy records of a request. Levels are ordered. A higher level
// includes the lower levels. The highest level of the directives that apply to a request
// wins.
type Level uint8

// The levels, from nothing to everything. The zero Level is Off.
const (
	// Off records nothing in addition to what the proxy always records.
	Off Level = iota
	// Shape records the shape of a request: ids, names, sizes and status. It never
	// records a value of a document or a query.
	Shape
	// ShapeTiming records the shape, and the time that each stage took.
	ShapeTiming
	// ShapeRewriteDiff records the shape, the timing, and which parts of the request the
	// proxy rewrote. It records the names of these parts, and never their values.
	ShapeRewriteDiff
)

var levelNames = [...]string{"Off", "Shape", "ShapeTiming", "ShapeRewriteDiff"}

// String returns the name of the level in publish bodies and in Redis. It returns
// Level(n) for a number that is not a level.
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return fmt.Sprintf("Level(%d)", uint8(l))
}

// MarshalText returns the name, so that logs and JSON show the name instead of a number.
// It never returns an error.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

var errLevel = errors.New("unknown level (use Off, Shape, ShapeTiming or ShapeRewriteDiff)")

// ParseLevel returns the level with the name. Names are case-sensitive. ParseLevel
// rejects every other string.
func ParseLevel(name string) (Level, error) {
	for l, n := range levelNames {
		if n == name {
			return Level(l), nil
		}
	}
	return Off, errLevel
}
