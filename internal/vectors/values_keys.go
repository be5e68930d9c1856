package vectors

import (
	"fmt"
	"slices"
)

var revisionKeys = []string{"format", "id", "version", "published_at", "publisher", "reason", "directives"}

var directiveKeys = []string{
	"id", "level", "sample_per_mille", "expires_at", "ring_buffer", "capture", "tenant", "index", "principal", "endpoint", "instances",
	"max_per_second",
}

// wrongKeys returns values whose keys are missing, repeated, unknown or in another order.
func wrongKeys() (all []value) {
	bad := func(name string, f fields) { all = append(all, rejected(name, "V5", invalid, f.pack())) }
	f := someRevision(someDirective()).fields()
	for i, key := range revisionKeys {
		bad(key+" is missing", f.without(key))
		bad(key+" is repeated", f.plus(key, f[i].value))
		bad(key+" is repeated at once", f.inserted(i, key, f[i].value))
		bad(fmt.Sprintf("an unknown key before %s", key), f.inserted(i, "extra", integer(1)))
		bad(fmt.Sprintf("an unknown key instead of %s", key), f.renamed(key, str("extra")))
		if i > 0 {
			swapped := slices.Clone(f)
			swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
			bad(key+" before "+revisionKeys[i-1], swapped)
		}
	}
	bad("an unknown key at the end", f.plus("extra", integer(1)))
	bad("an empty key at the end", f.plus("", integer(1)))
	bad("a key in upper case", f.renamed("reason", str("Reason")))
	bad("a map without keys", nil)
	reversed := slices.Clone(f)
	slices.Reverse(reversed)
	bad("keys of the revision reversed", reversed)
	packed := f.pack()
	for _, pairs := range []byte{5, 6, 8, 15} {
		wrong := slices.Clone(packed)
		wrong[0] = 0x80 | pairs
		all = append(all, rejected(fmt.Sprintf("a map of %d pairs that holds 7", pairs), "V2 V5", malformed, wrong))
	}
	return append(all, wrongDirectiveKeys()...)
}

func wrongDirectiveKeys() (all []value) {
	bad := func(name string, f fields) {
		all = append(all, rejected(name, "V6", invalid, withOne2(f.pack()).pack()))
	}
	d := someDirective()
	d.Index, d.Principal, d.Endpoint = "orders", "svc", "Search"
	d.Instances, d.MaxPerSecond = &instances{PerMille: pointer(500)}, 10
	f := d.fields()
	for i, key := range directiveKeys {
		if i < 6 {
			bad("directives[0]."+key+" is missing", f.without(key))
		}
		bad("directives[0]."+key+" is repeated", f.plus(key, f[i].value))
		bad("directives[0]."+key+" is repeated at once", f.inserted(i, key, f[i].value))
	}
	for _, key := range []string{
		"extra", "", "Tenant", "TENANT", "tenant ", "ttl_secs", "match", "format", "sample", "ringBuffer", "maxPerSecond", "names",
	} {
		bad(fmt.Sprintf("the unknown key %q in a directive", key), f.plus(key, str("x")))
		bad(fmt.Sprintf("the unknown key %q instead of tenant", key), f.renamed("tenant", str(key)))
	}
	bad("a directive without keys", nil)
	repeated := someRevision(someDirective(), directive{ID: "b", Level: "Off", ExpiresAt: 1}, directive{ID: "a", Level: "Off", ExpiresAt: 1})
	all = append(all,
		rejected("two directives with the same id", "V8", invalid, someRevision(someDirective(), someDirective()).pack()),
		rejected("the first and the third directive with the same id", "V8", invalid, repeated.pack()))
	wide := withOne(someDirective().fields().pack()).with("directives", array(
		someDirective().fields().pack(), someDirective().fields().with("id", strOf("a", 4)).pack()))
	return append(all, rejected("the same id in two widths", "V8", invalid, wide.pack()))
}
