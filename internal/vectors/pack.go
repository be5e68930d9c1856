package vectors

import (
	"bytes"
	"encoding/binary"
	"maps"
	"math"
	"slices"
)

// The msgpack types with a length of several widths. The number of bytes of the length is 0
// for the form that holds the length in its first byte.
type sized struct {
	fix   byte
	codes map[int]byte // by the number of bytes of the length
	max   int          // the largest length of the fix form
}

var (
	texts    = sized{0xa0, map[int]byte{1: 0xd9, 2: 0xda, 4: 0xdb}, 31}
	arrays   = sized{0x90, map[int]byte{2: 0xdc, 4: 0xdd}, 15}
	tables   = sized{0x80, map[int]byte{2: 0xde, 4: 0xdf}, 15}
	binaries = sized{0, map[int]byte{1: 0xc4, 2: 0xc5, 4: 0xc6}, -1}
)

// head returns the head of an item with a length in so many bytes.
func (s sized) head(n, width int) []byte {
	if width == 0 {
		return []byte{s.fix | byte(n)}
	}
	return append([]byte{s.codes[width]}, bigEndian(uint64(n), width)...)
}

// shortest returns the shortest head for a length.
func (s sized) shortest(n int) []byte {
	if n <= s.max {
		return s.head(n, 0)
	}
	for _, width := range []int{1, 2} {
		if _, ok := s.codes[width]; ok && n < 1<<(8*width) {
			return s.head(n, width)
		}
	}
	return s.head(n, 4)
}

func bigEndian(n uint64, width int) []byte {
	return binary.BigEndian.AppendUint64(nil, n)[8-width:]
}

func str(s string) []byte { return append(texts.shortest(len(s)), s...) }

func strOf(s string, width int) []byte { return append(texts.head(len(s), width), s...) }

func array(items ...[]byte) []byte {
	return append(arrays.shortest(len(items)), bytes.Join(items, nil)...)
}

func boolean(b bool) []byte {
	if b {
		return []byte{0xc3}
	}
	return []byte{0xc2}
}

// integer returns the shortest unsigned form, or the shortest signed form of a negative number.
func integer(n int64) []byte {
	switch {
	case n >= 0 && n < 1<<7:
		return []byte{byte(n)}
	case n >= 0:
		for _, width := range []int{1, 2, 4} {
			if uint64(n) < 1<<(8*width) {
				return unsigned(uint64(n), width)
			}
		}
		return unsigned(uint64(n), 8)
	case n >= -32:
		return []byte{byte(int8(n))}
	}
	for _, width := range []int{1, 2, 4} {
		if n >= -1<<(8*width-1) {
			return signed(n, width)
		}
	}
	return signed(n, 8)
}

func unsigned(n uint64, width int) []byte {
	return append([]byte{0xcc + log2(width)}, bigEndian(n, width)...)
}

func signed(n int64, width int) []byte {
	return append([]byte{0xd0 + log2(width)}, bigEndian(uint64(n), width)...)
}

func log2(width int) byte { return byte(math.Log2(float64(width))) }

// pair is one key of a map with its value, both packed.
type pair struct{ key, value []byte }

// fields is a map that keeps its order, so that a case can change one thing in it.
type fields []pair

// with returns the map in which a key has another value. The key is added if it is not there.
func (f fields) with(key string, value []byte) fields {
	out := slices.Clone(f)
	for i := range out {
		if bytes.Equal(out[i].key, str(key)) {
			out[i].value = value
			return out
		}
	}
	return append(out, pair{str(key), value})
}

// plus returns the map with one more pair, also if it has the key.
func (f fields) plus(key string, value []byte) fields {
	return append(slices.Clone(f), pair{str(key), value})
}

// inserted returns the map with one more pair at a place.
func (f fields) inserted(at int, key string, value []byte) fields {
	return slices.Insert(slices.Clone(f), at, pair{str(key), value})
}

// renamed returns the map in which a key has another name.
func (f fields) renamed(key string, to []byte) fields {
	out := slices.Clone(f)
	for i := range out {
		if bytes.Equal(out[i].key, str(key)) {
			out[i].key = to
		}
	}
	return out
}

func (f fields) without(key string) fields {
	return slices.DeleteFunc(slices.Clone(f), func(p pair) bool { return bytes.Equal(p.key, str(key)) })
}

func (f fields) body() []byte {
	var out []byte
	for _, p := range f {
		out = append(append(out, p.key...), p.value...)
	}
	return out
}

func (f fields) pack() []byte { return append(tables.shortest(len(f)), f.body()...) }

// packAs returns the map with a length of so many bytes.
func (f fields) packAs(width int) []byte { return append(tables.head(len(f), width), f.body()...) }

// fields returns the keys of a directive in the order in which fleetdial writes them.
func (d directive) fields() fields {
	f := fields{
		{str("id"), str(d.ID)},
		{str("level"), str(d.Level)},
		{str("sample_per_mille"), integer(int64(d.SamplePerMille))},
		{str("expires_at"), integer(d.ExpiresAt)},
		{str("ring_buffer"), boolean(d.RingBuffer)},
		{str("capture"), boolean(d.Capture)},
	}
	for _, o := range []struct{ key, text string }{
		{"tenant", d.Tenant}, {"index", d.Index}, {"principal", d.Principal}, {"endpoint", d.Endpoint},
	} {
		if o.text != "" {
			f = f.plus(o.key, str(o.text))
		}
	}
	if d.Instances != nil {
		f = f.plus("instances", d.Instances.fields().pack())
	}
	if d.MaxPerSecond != 0 {
		f = f.plus("max_per_second", integer(int64(d.MaxPerSecond)))
	}
	return f
}

func (in *instances) fields() (f fields) {
	if in.Names != nil {
		var names [][]byte
		for _, name := range in.Names {
			names = append(names, str(name))
		}
		f = f.plus("names", array(names...))
	}
	if in.Labels != nil {
		f = f.plus("labels", packLabels(in.Labels))
	}
	if in.PerMille != nil {
		f = f.plus("per_mille", integer(int64(*in.PerMille)))
	}
	return f
}

func packLabels(labels map[string]string) []byte {
	var f fields
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		f = f.plus(name, str(labels[name]))
	}
	return f.pack()
}

// fields returns the keys of a revision, in the lowest format that can express it.
func (r revision) fields() fields {
	format := int64(1)
	var all [][]byte
	for _, d := range r.Directives {
		if d.Instances != nil || d.MaxPerSecond != 0 {
			format = 2
		}
		all = append(all, d.fields().pack())
	}
	return fields{
		{str("format"), integer(format)},
		{str("id"), str(r.ID)},
		{str("version"), integer(r.Version)},
		{str("published_at"), integer(r.PublishedAt)},
		{str("publisher"), str(*r.Publisher)},
		{str("reason"), str(*r.Reason)},
		{str("directives"), array(all...)},
	}
}

func (r revision) pack() []byte { return r.fields().pack() }
