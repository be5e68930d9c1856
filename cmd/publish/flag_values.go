package main

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/review"
)

// checkNames checks the limits of the names. Its error names the flag.
func (f *addFlags) checkNames() error {
	probe := fleetdial.Directive{
		ID: cmp.Or(f.id, "id"), ExpiresAt: time.Now(),
		Match: fleetdial.Match{Tenant: f.tenant, Index: f.index, Principal: f.principal},
	}
	if invalid, ok := errors.AsType[*fleetdial.ValidationError](probe.Validate()); ok {
		return fmt.Errorf("--%s: %s", invalid.Path, invalid.Reason)
	}
	return nil
}

// perMille is the value of --sample: an integer per mille, a percentage or a fraction.
type perMille struct{ to *int }

func (p perMille) String() string {
	if p.to == nil {
		return ""
	}
	return strconv.Itoa(*p.to)
}
func (p perMille) Type() string { return "sample" }

func (p perMille) Set(s string) error {
	n, err := review.ParsePerMille(s)
	if errors.Is(err, review.ErrPerMilleRange) {
		return &rejectedError{err}
	}
	if err == nil {
		*p.to = n
	}
	return err
}
