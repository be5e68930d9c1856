package directive

// filter rejects most requests that a rule does not match without a comparison of names. It
// compares a few bits of each name, and the endpoint, in one step.
type filter struct{ want, mask uint64 }

// The bits of a key: 20 of each name, and 4 of the endpoint.
const (
	nameBits     = 20
	nameMask     = 1<<nameBits - 1
	endpointMask = 0xf << (3 * nameBits)
)

const _ = uint(0xf - Unknown) // every endpoint fits

// passes reports whether a request with this key may match.
func (f *filter) passes(key uint64) bool { return (key^f.want)&f.mask == 0 }

// named reports whether the rule names a tenant, an index or a principal.
func (f *filter) named() bool { return f.mask&^endpointMask != 0 }

// newFilter returns the filter of a match.
func newFilter(m *Match) (f filter) {
	for i, name := range [...]string{m.Tenant, m.Index, m.Principal} {
		if name != "" {
			f.want |= nameKey(name) << (i * nameBits)
			f.mask |= nameMask << (i * nameBits)
		}
	}
	if m.Endpoint != AnyEndpoint {
		f.want |= uint64(m.Endpoint) << (3 * nameBits)
		f.mask |= endpointMask
	}
	return f
}

// key returns the key of a request, of those fields that the rules of the program name.
func (p *program) key(req *Request) (key uint64) {
	if p.named&nameMask != 0 {
		key = nameKey(req.Tenant)
	}
	if p.named&(nameMask<<nameBits) != 0 {
		key |= nameKey(req.Index) << nameBits
	}
	if p.named&(nameMask<<(2*nameBits)) != 0 {
		key |= nameKey(req.Principal) << (2 * nameBits)
	}
	endpoint := uint64(req.Endpoint)
	switch {
	case req.Endpoint == AnyEndpoint:
		endpoint = uint64(Unknown)
	case req.Endpoint > Unknown:
		endpoint = 0 // no rule names it
	}
	return key | endpoint<<(3*nameBits)
}

// nameKey returns bits of a name that most other names do not have. It reads the first eight
// and the last eight bytes, because names often have a common prefix.
func nameKey(name string) uint64 {
	const odd = 0x9e3779b97f4a7c15
	n := len(name)
	var first, last uint64
	switch {
	case n >= 8:
		first, last = word8(name), word8(name[n-8:])
	case n >= 4:
		first, last = uint64(word4(name)), uint64(word4(name[n-4:]))
	case n > 0:
		first, last = uint64(name[0])|uint64(name[n/2])<<8, uint64(name[n-1])
	}
	return ((first*odd ^ last) + uint64(n)) * odd >> (64 - nameBits)
}

func word8(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func word4(s string) uint32 {
	_ = s[3]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}
