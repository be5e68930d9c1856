package main

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial"
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

var sampleForm = regexp.MustCompile(`^([0-9]+|[0-9]*\.[0-9]+|[0-9]+(\.[0-9]+)?%)$`)

func (p perMille) Set(s string) error {
	number, isPercent := strings.CutSuffix(s, "%")
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !sampleForm.MatchString(s) {
		return errors.New("must be a number per mille (100), a percentage (10%) or a fraction (0.1)")
	}
	switch {
	case isPercent:
		n *= 10
	case strings.Contains(number, "."):
		n *= 1000
	}
	whole := math.Round(n)
	if n > 1000 {
		return &rejectedError{errors.New("must be 0 to 1000 per mille")}
	}
	if math.Abs(n-whole) > 1e-9 {
		return errors.New("must be a whole number per mille, such as 1, 0.1% or 0.001")
	}
	*p.to = int(whole)
	return nil
}
