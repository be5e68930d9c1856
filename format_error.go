package fleetdial

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/fleetdial/fleetdial/internal/redisstore"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// FormatError is returned by [Publisher.Publish], [Publisher.Update] and
// [Publisher.Rollback] if the set needs a format that a live instance does not read. An
// instance is live unless the roster shows it as InstanceGone. Nothing was written.
// PublishOptions.AnyFormat disables the check.
type FormatError struct {
	// Format is the lowest format that can express the set.
	Format int
	// Instances are the live instances of which no report says that they read the format,
	// in the order of their names.
	Instances []FormatInstance
	// Err is the reason why the roster cannot be read. It is nil if the roster was read.
	Err error
}

// FormatInstance is one instance of a [FormatError].
type FormatInstance struct {
	Name string
	// MaxFormat is the highest format that the instance reads, 1 for older builds. It is
	// 0 if the report of the instance is missing or cannot be read.
	MaxFormat int
}

// Error names the format and the first instances.
func (e *FormatError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("the set needs format %d, and the roster, which tells who reads it, cannot be read: %v", e.Format, e.Err)
	}
	const shown = 5
	var names []string
	for _, in := range e.Instances[:min(len(e.Instances), shown)] {
		reads := "unknown"
		if in.MaxFormat > 0 {
			reads = fmt.Sprint("up to ", in.MaxFormat)
		}
		names = append(names, fmt.Sprintf("%q (%s)", in.Name, reads))
	}
	text := fmt.Sprintf("the set needs format %d, which %d live instances do not read: %s",
		e.Format, len(e.Instances), strings.Join(names, ", "))
	if len(e.Instances) == 1 {
		text = fmt.Sprintf("the set needs format %d, which a live instance does not read: %s", e.Format, names[0])
	}
	if more := len(e.Instances) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// Unwrap returns Err.
func (e *FormatError) Unwrap() error { return e.Err }

// formats holds what the live instances of a fleet read.
type formats struct {
	instances []FormatInstance
	err       error // why Redis does not show the roster
}

// errFormatsUnknown ends an attempt whose set needs a higher format than 1 if the roster
// has not been read yet. The roster is read outside of the transaction, because the
// transaction uses one connection, and the client may have no other.
var errFormatsUnknown = errors.New("the formats that the fleet reads are not known")

// checkFormat returns a *FormatError if a live instance does not read the format of the set.
// Every instance reads format 1.
func (t *transaction) checkFormat(set *Set) error {
	format := wire.FormatOf(set)
	if format <= 1 || t.opts.AnyFormat {
		return nil
	}
	if t.formats == nil {
		return errFormatsUnknown
	}
	out := &FormatError{Format: format, Err: t.formats.err}
	for _, in := range t.formats.instances {
		if in.MaxFormat < format {
			out.Instances = append(out.Instances, in)
		}
	}
	if len(out.Instances) == 0 && out.Err == nil {
		return nil
	}
	return out
}

// readFormats reads the formats of the live instances from the roster. The error wraps
// ErrUnavailable if Redis cannot be reached. If the roster cannot be read for another
// reason, checkFormat returns that reason.
func (t *transaction) readFormats(ctx context.Context) error {
	roster, err := t.publisher.Roster(ctx)
	if errors.Is(err, ErrUnavailable) && !redisstore.IsDenied(err) {
		return err
	}
	t.formats = &formats{err: err}
	for _, in := range roster.Instances {
		if in.State == InstanceGone {
			continue
		}
		row := FormatInstance{Name: in.Name}
		if in.Report != nil {
			row.MaxFormat = max(in.Report.MaxFormat, 1)
		}
		t.formats.instances = append(t.formats.instances, row)
	}
	return nil
}
