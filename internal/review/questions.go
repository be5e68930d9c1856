package review

import (
	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/plain"
)

// broad describes the added and changed directives that match every request, or
// that capture traffic without a tenant, index or principal.
func broad(diff fleetdial.Diff) (broad []string) {
	for _, d := range diff.Added {
		broad = appendBroad(broad, d)
	}
	for _, c := range diff.Changed {
		broad = appendBroad(broad, c.After)
	}
	return broad
}

// appendBroad appends a description of the directive if the directive is broad.
func appendBroad(broad []string, d fleetdial.Directive) []string {
	switch m := d.Match; {
	case m == (fleetdial.Match{}):
		return append(broad, "directive "+plain.Printable(d.ID)+" matches every request")
	case d.Capture && m.Tenant == "" && m.Index == "" && m.Principal == "":
		return append(broad,
			"directive "+plain.Printable(d.ID)+" captures traffic without a tenant, index or principal")
	}
	return broad
}
