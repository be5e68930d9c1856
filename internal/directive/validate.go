package directive

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// The limits of a set.
const (
	// MaxDirectives bounds the number of directives in a set.
	MaxDirectives = 10_000
	// MaxIDBytes bounds the length of a directive id.
	MaxIDBytes = 128
	// MaxNameBytes bounds the length of a tenant, index or principal.
	MaxNameBytes = 256
	// MaxMillis bounds every time in Unix ms. It is the largest integer that Redis' Lua
	// prints without a loss of digits.
	MaxMillis = 100_000_000_000_000 - 1
	// MaxRate bounds the MaxPerSecond of a directive.
	MaxRate = 1_000_000
)

// ValidationError reports an invalid field of a set.
type ValidationError struct {
	// Path is the path of the field in a publish body, such as "directives[3].tenant". It
	// is empty if the error concerns the whole body.
	Path string
	// Reason is the problem. It quotes no value that an operator wrote, so that a proxy
	// may log it.
	Reason string
}

// Error returns the path and the reason in one line.
func (e *ValidationError) Error() string {
	if e.Path == "" {
		return e.Reason
	}
	return e.Path + ": " + e.Reason
}

// Validate checks the fields of the directive. The error is a [*ValidationError] whose
// path is the name of the field.
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
	if err := d.Instances.validate(); err != nil {
		return err
	}
	if d.MaxPerSecond < 0 || d.MaxPerSecond > MaxRate {
		return &ValidationError{"max_per_second", fmt.Sprintf("must be 1 to %d", MaxRate)}
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
		return &ValidationError{"expires_at", "is missing (a directive must expire)"}
	}
	if t.Before(time.UnixMilli(1)) || t.After(time.UnixMilli(MaxMillis)) {
		return &ValidationError{"expires_at", "must be after 1970 and before the year 5138"}
	}
	return nil
}

// InDirective adds the path of the directive with the index before the path of err. It
// returns err unchanged if err is not a [*ValidationError].
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

// TooMany returns a [*ValidationError] if n directives are more than [MaxDirectives]
// allows.
func TooMany(n int) error {
	if n <= MaxDirectives {
		return nil
	}
	return &ValidationError{"directives", fmt.Sprintf("holds %d, the limit is %d", n, MaxDirectives)}
}
