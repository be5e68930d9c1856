package wire

import (
	"fmt"
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// labels reads the labels of an instance.
func (d *reportReader) labels() map[string]string {
	n := d.mapOf("labels", directive.MaxLabels)
	labels := make(map[string]string, n)
	for range n {
		name := d.note("labels", directive.MaxLabelBytes)
		if _, twice := labels[name]; twice && d.err == nil {
			d.err = invalid("labels", "has a repeated name")
		}
		labels[name] = d.note("labels", directive.MaxLabelValueBytes)
	}
	return labels
}

// counters reads the counters of an instance.
func (d *reportReader) counters() map[string]int64 {
	n := d.mapOf("counters", maxCounters)
	counters := make(map[string]int64, n)
	for range n {
		name := d.note("counters", maxWordBytes)
		if _, twice := counters[name]; twice && d.err == nil {
			d.err = invalid("counters", "has a repeated name")
		}
		counters[name] = d.number("counters", 0, directive.MaxMillis)
	}
	return counters
}

// capabilities reads the capabilities of an instance. The result is not nil.
func (d *reportReader) capabilities() []Capability {
	n := d.arrayOf("capabilities", maxCapabilities)
	if d.err != nil {
		return nil
	}
	all := make([]Capability, n)
	for i := range all {
		all[i] = Capability(d.note("capabilities", maxWordBytes))
	}
	if d.err == nil {
		d.err = CheckCapabilities(all)
	}
	return all
}

func (d *reportReader) mapOf(field string, limit int) (n int) {
	if d.err != nil {
		return 0
	}
	if n, d.err = d.mapLen(field); d.err == nil && n > limit {
		d.err = invalid(field, fmt.Sprintf("are %d, the limit is %d", n, limit))
	}
	if d.err != nil {
		return 0
	}
	return n
}

// arrayOf reads the length of an array.
func (d *reportReader) arrayOf(field string, limit int) (n int) {
	if d.err != nil {
		return 0
	}
	if n, d.err = d.arrayLen(field); d.err == nil && n > limit {
		d.err = invalid(field, fmt.Sprintf("are %d, the limit is %d", n, limit))
	}
	if d.err != nil {
		return 0
	}
	return n
}

func (d *reportReader) number(field string, low, high int64) (n int64) {
	if d.err == nil {
		n, d.err = d.integer(field, low, high)
	}
	return n
}

func (d *reportReader) time(field string) time.Time {
	return time.UnixMilli(d.number(field, 0, directive.MaxMillis))
}

func (d *reportReader) flag(field string) (b bool) {
	if d.err == nil {
		b, d.err = d.boolean(field)
	}
	return b
}

// note reads a text.
func (d *reportReader) note(field string, limit int) (text string) {
	if d.err != nil {
		return ""
	}
	if text, d.err = d.text(field); d.err == nil {
		d.err = CheckNote(field, text, limit)
	}
	return text
}

// name reads the name of an instance.
func (d *reportReader) name(field string) string {
	name := d.note(field, MaxInstanceBytes)
	if d.err == nil {
		d.err = CheckInstance(name)
	}
	return name
}

// digits reads bytes as hex digits.
func (d *reportReader) digits(field string, bytes int) string {
	text := d.note(field, 2*bytes)
	if d.err == nil && !isHex(text, bytes) {
		d.err = invalid(field, fmt.Sprintf("must be %d hex digits in lower case", 2*bytes))
	}
	return text
}

// id reads the id of a revision, which may be empty.
func (d *reportReader) id(field string) string {
	id := d.note(field, 2*idBytes)
	if d.err == nil && id != "" {
		d.err = checkID(id)
	}
	return id
}
