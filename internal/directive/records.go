package directive

import "time"

// records holds the directives of a set in a compact form, because a set may have many
// directives, and is kept for as long as it is in use. A [Directive] takes 120 bytes and its
// names. A record takes 40 bytes and its names.
type records struct {
	list []record
	// ids holds the id of each directive, so that an evaluation reads it in one step.
	ids []string
	// names holds the names of all directives, one after another, and nothing else of the
	// value that they were decoded from. The ids are parts of names.
	names string
	// details holds what few directives have, by the index of the directive.
	details map[uint16]detail
}

// detail holds the fields of a directive that most directives do not have.
type detail struct {
	instances    *Instances
	maxPerSecond int
}

// record is a valid directive without its id.
type record struct {
	expiry int64  // Unix ms
	names  uint32 // where the tenant begins in records.names; index and principal follow
	sample uint16
	// tenant, index and principal are the lengths of the names.
	tenant, index, principal uint16
	level                    Level
	endpoint                 Endpoint
	flags                    flags
}

// hasEffect reports whether the directive can change a decision.
func (r *record) hasEffect() bool { return r.sample > 0 && (r.level != Off || r.flags != 0) }

type flags uint8

const (
	ringBuffer flags = 1 << iota
	capture
)

// The fields of a record, a rule, a group and an anchor hold every number that they may get.
const (
	_ = uint16(MaxDirectives + 1)
	_ = uint16(MaxNameBytes)
	_ = uint32(MaxDirectives * (MaxIDBytes + 3*MaxNameBytes))
)

// add appends a directive that is valid, and returns names with its names at the end. names
// is a buffer until [records.complete] makes it a string.
func (rs *records) add(d *Directive, names []byte) []byte {
	names = append(names, d.ID...)
	r := record{
		expiry: d.ExpiresAt.UnixMilli(), names: uint32(len(names)), sample: uint16(d.SamplePerMille),
		tenant: uint16(len(d.Match.Tenant)), index: uint16(len(d.Match.Index)), principal: uint16(len(d.Match.Principal)),
		level: d.Level, endpoint: d.Match.Endpoint,
	}
	if d.RingBuffer {
		r.flags |= ringBuffer
	}
	if d.Capture {
		r.flags |= capture
	}
	if d.Instances != nil || d.MaxPerSecond != 0 {
		if rs.details == nil {
			rs.details = make(map[uint16]detail)
		}
		rs.details[uint16(len(rs.list))] = detail{d.Instances.Clone(), d.MaxPerSecond}
	}
	rs.list = append(rs.list, r)
	names = append(names, d.Match.Tenant...)
	names = append(names, d.Match.Index...)
	return append(names, d.Match.Principal...)
}

// complete sets the names and the ids.
func (rs *records) complete(names []byte) {
	rs.names = string(names)
	rs.ids = make([]string, len(rs.list))
	start := 0
	for i := range rs.list {
		r := &rs.list[i]
		rs.ids[i] = rs.names[start:r.names]
		start = int(r.names) + int(r.tenant) + int(r.index) + int(r.principal)
	}
}

// match returns the match of a directive.
func (rs *records) match(i int) Match {
	r := &rs.list[i]
	names := rs.names[r.names:]
	tenant, names := names[:r.tenant], names[r.tenant:]
	index, names := names[:r.index], names[r.index:]
	return Match{Tenant: tenant, Index: index, Principal: names[:r.principal], Endpoint: r.endpoint}
}

// directive returns a directive.
func (rs *records) directive(i int) Directive {
	r, detail := &rs.list[i], rs.detail(i)
	return Directive{
		ID: rs.ids[i], Match: rs.match(i), Level: r.level, SamplePerMille: int(r.sample), ExpiresAt: time.UnixMilli(r.expiry),
		RingBuffer: r.flags&ringBuffer != 0, Capture: r.flags&capture != 0,
		Instances: detail.instances.Clone(), MaxPerSecond: detail.maxPerSecond,
	}
}

// detail returns the detail of a directive. It is zero for most directives.
func (rs *records) detail(i int) detail { return rs.details[uint16(i)] }

// subset returns the directives with these indices. The names are shared.
func (rs *records) subset(indices []int) records {
	out := records{list: make([]record, len(indices)), ids: make([]string, len(indices)), names: rs.names}
	for to, from := range indices {
		out.list[to], out.ids[to] = rs.list[from], rs.ids[from]
		if d, ok := rs.details[uint16(from)]; ok {
			if out.details == nil {
				out.details = make(map[uint16]detail)
			}
			out.details[uint16(to)] = d
		}
	}
	return out
}

// expiry returns the expiry of a directive since the Unix epoch.
func (rs *records) expiry(i int) time.Duration {
	return sinceUnixZero(time.UnixMilli(rs.list[i].expiry))
}

// byID returns the index of each directive by its id.
func (rs *records) byID() map[string]int32 {
	indices := make(map[string]int32, len(rs.ids))
	for i, id := range rs.ids {
		indices[id] = int32(i)
	}
	return indices
}
