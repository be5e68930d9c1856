package directive

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// The limits of a set.
const (
	// MaxDirectives is how many directives a set may hold.
	MaxDirectives = 10_000
	// MaxIDBytes is the length of the longest directive id.
	MaxIDBytes = 128
	// MaxNameBytes is the length of the longest tenant, index or principal.
	MaxNameBytes = 256
	// MaxMillis bounds every time, in Unix ms, from above: the largest integer that Redis' own Lua shows without loss.
	MaxMillis = 100_000_000_000_000 - 1
)

// ValidationError says which field of a set is wrong, and why. The path is the field's place as a publish body writes
// it, such as "directives[3].tenant"; it is empty where the whole is meant. The reason holds nothing that an operator
// wrote as a value, so that a proxy may log it.
type ValidationError struct {
	Path   string
	Reason string
}

// Error returns path and reason in one line.
func (e *ValidationError) Error() string {
	if e.Path == "" {
		return e.Reason
	}
	return e.Path + ": " + e.Reason
}

// Validate returns the *ValidationError that NewSet would have for a set of this directive alone, with the field for its
// path.
func (d *Directive) Validate() error {
	if err := d.validate(); err != nil {
		return err
	}
	return nil
}

func (d *Directive) validate() *ValidationError {
	if err := checkText("id", d.ID, MaxIDBytes); err != nil {
		return err
	}
	if int(d.Level) >= len(levelNames) {
		return &ValidationError{"level", errLevel.Error()}
	}
	for _, name := range []struct{ field, value string }{
		{"tenant", d.Match.Tenant},
		{"index", d.Match.Index},
		{"principal", d.Match.Principal},
	} {
		if name.value == "" {
			continue
		}
		if err := checkText(name.field, name.value, MaxNameBytes); err != nil {
			return err
		}
	}
	if int(d.Match.Endpoint) >= len(endpointNames) {
		return &ValidationError{"endpoint", errEndpoint.Error()}
	}
	if d.SamplePerMille < 0 || d.SamplePerMille > 1000 {
		return &ValidationError{"sample_per_mille", "must be 0 to 1000"}
	}
	return checkExpiry(d.ExpiresAt)
}

func checkText(field, value string, limit int) *ValidationError {
	reason := ""
	switch {
	case value == "":
		reason = "must not be empty"
	case len(value) > limit:
		reason = fmt.Sprintf("is %d bytes, the limit is %d", len(value), limit)
	case !utf8.ValidString(value):
		reason = "is not valid UTF-8"
	default:
		return nil
	}
	return &ValidationError{field, reason}
}

func checkExpiry(t time.Time) *ValidationError {
	if t.IsZero() {
		return &ValidationError{"expires_at", "is missing: a directive has to end"}
	}
	if t.Before(time.UnixMilli(1)) || t.After(time.UnixMilli(MaxMillis)) {
		return &ValidationError{"expires_at", "must lie after 1970 and before the year 5138"}
	}
	return nil
}

// InDirective returns err with the place of the directive with that index in front, if it is a ValidationError.
func InDirective(index int, err error) error {
	invalid, ok := errors.AsType[*ValidationError](err)
	if !ok {
		return err
	}
	path := fmt.Sprintf("directives[%d]", index)
	if invalid.Path != "" {
		path += "." + invalid.Path
	}
	return &ValidationError{path, invalid.Reason}
}

// TooMany returns the error for a set of n directives where that is more than MaxDirectives, nil otherwise.
func TooMany(n int) error {
	if n <= MaxDirectives {
		return nil
	}
	return &ValidationError{"directives", fmt.Sprintf("holds %d, the limit is %d", n, MaxDirectives)}
}
