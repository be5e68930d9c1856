package directive

import (
	"fmt"
	"time"
)

// Builder makes a set of directives that are added one after another. It keeps none of their
// strings once the set is made.
type Builder struct {
	directives records
	names      []byte
	seen       map[string]int32
	err        error
}

// nameBytes is the room that a Builder has at first for the names of each directive.
const nameBytes = 48

// NewBuilder returns a builder for n directives, at most [MaxDirectives].
func NewBuilder(n int) *Builder {
	return &Builder{
		directives: records{list: make([]record, 0, n)}, names: make([]byte, 0, n*nameBytes), seen: make(map[string]int32, n),
	}
}

// Add adds a directive. If the directive breaks a limit or repeats an id, Set returns an error
// for the first such directive.
func (b *Builder) Add(d *Directive) {
	if b.err != nil {
		return
	}
	i := len(b.directives.list)
	if err := d.validate(); err != nil {
		b.err = InDirective(i, err)
		return
	}
	if first, dup := b.seen[d.ID]; dup {
		b.err = InDirective(i, &ValidationError{"id", fmt.Sprintf("is the same as that of directives[%d]", first)})
		return
	}
	b.seen[d.ID] = int32(i)
	b.names = b.directives.add(d, b.names)
}

// Set returns the set of the directives, in the order in which they were added. The error is
// that of [NewSet]. No directive may be added after it.
func (b *Builder) Set() (*Set, error) {
	if b.err != nil {
		return nil, b.err
	}
	b.directives.complete(b.names)
	s := &Set{directives: b.directives, anchor: anchor{epoch: time.Unix(0, 0)}}
	s.compile()
	s.meters = newMeters(s)
	return s, nil
}
