package directive

import (
	"errors"
	"fmt"
)

// Level is how much a proxy records of a request. Levels are ordered: a higher one includes the lower ones, and among
// the directives that apply to a request the highest wins.
type Level uint8

// The levels, from nothing to everything. The zero Level is Off.
const (
	// Off records nothing beyond what the proxy always records.
	Off Level = iota
	// Shape records what a request looked like: ids, names, sizes, status. Never a value of a document or a query.
	Shape
	// ShapeTiming is Shape and the time that each stage took.
	ShapeTiming
	// ShapeRewriteDiff is ShapeTiming and which parts of the request the proxy rewrote: their names, never their values.
	ShapeRewriteDiff
)

var levelNames = [...]string{"Off", "Shape", "ShapeTiming", "ShapeRewriteDiff"}

// String returns the level's name as it is written in publish bodies and in Redis, or Level(n) for a number that is
// no level.
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return fmt.Sprintf("Level(%d)", uint8(l))
}

// MarshalText returns the name, so that logs and JSON show it instead of a number. It never fails.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

var errLevel = errors.New("unknown level: use Off, Shape, ShapeTiming or ShapeRewriteDiff")

// ParseLevel returns the level with that name. Names are case-sensitive; anything else is an error.
func ParseLevel(name string) (Level, error) {
	for l, n := range levelNames {
		if n == name {
			return Level(l), nil
		}
	}
	return Off, errLevel
}
