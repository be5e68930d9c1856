// Package fleetprom exports the status of a store as Prometheus metrics.
package fleetprom

import (
	"reflect"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fleetdial/fleetdial"
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("fleetdial_"+name, help, labels, nil)
}

var (
	directives = desc("directives", "Number of directives in the set, by condition (active or expired).", "condition")
	hits       = desc("hits_total", "Number of requests that directives applied to, by level. A request counts once for each directive.", "level")
	capped     = desc("capped_total", "Number of requests that directives did not apply to because of their max_per_second, by level.", "level")

	state           = desc("state", "State of the subscriber: 1 for the current state, 0 for the other states.", "state")
	lastSync        = desc("last_sync_timestamp_seconds", "Local Unix time of the last successful read of the fleet's key.")
	appliedVersion  = desc("applied_version", "Version of the applied revision, 0 without a revision or for an empty value.")
	clockOffset     = desc("clock_offset_seconds", "Clock of Redis minus the local clock.")
	applies         = desc("applies_total", "Number of revisions applied.")
	rejections      = desc("rejections_total", "Number of values rejected, by reason.", "reason")
	announcements   = desc("announcements_total", "Number of announcements received.")
	fetches         = desc("fetches_total", "Number of fetches of the whole value.")
	corrections     = desc("corrections_total", "Number of revisions found by a resync whose announcement was lost.")
	reconnects      = desc("reconnects_total", "Number of subscriptions that replaced a lost subscription.")
	regressions     = desc("regressions_total", "Number of revisions applied with a lower version than the previous revision.")
	clockJumps      = desc("clock_jumps_total", "Number of confirmed jumps of the clock of Redis.")
	announceToApply = desc("announce_to_apply_seconds", "Time from the arrival of an announcement until its revision was applied.")
	publishToApply  = desc("publish_to_apply_seconds", "Time from the publish of a revision, by the clock of Redis, until the revision was applied.")
)

// states are the values of the label "state" of fleetdial_state.
var states = []fleetdial.State{
	fleetdial.StateLive, fleetdial.StateStale, fleetdial.StateMissing, fleetdial.StateRejected, fleetdial.StateEmpty,
}

// reasons are the values of the label "reason" of fleetdial_rejections_total.
var reasons = []fleetdial.RejectReason{
	fleetdial.RejectTooLarge, fleetdial.RejectWrongType, fleetdial.RejectMalformed, fleetdial.RejectInvalid,
	fleetdial.RejectUnsigned, fleetdial.RejectUnknownKey, fleetdial.RejectAltered, fleetdial.RejectReplayed,
}

type collector struct{ store fleetdial.Store }

// NewCollector returns a collector that reports the number of directives in the store. If
// the store counts, the collector also reports the hits by level, as the method LevelHits
// of [fleetdial.Set] returns them. If the store is a [fleetdial.StatusStore], such as a
// [*fleetdial.Subscriber], the collector also reports its status. A nil store has no
// directives.
//
// The collector reads only memory, and is safe for concurrent use. The label values are
// fixed words for states, reasons, conditions and levels. They never contain a name from
// a directive. A process with several fleets registers each collector with
// [prometheus.WrapRegistererWith] and a label for the fleet.
func NewCollector(store fleetdial.Store) prometheus.Collector {
	if v := reflect.ValueOf(store); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		store = fleetdial.Static(nil)
	}
	return collector{store}
}

// Describe sends the descriptions of the metrics that Collect can send.
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- directives
	ch <- hits
	ch <- capped
	if _, ok := c.store.(fleetdial.StatusStore); !ok {
		return
	}
	for _, d := range []*prometheus.Desc{
		state, lastSync, appliedVersion, clockOffset, applies, rejections, announcements, fetches, corrections, reconnects,
		regressions, clockJumps, announceToApply, publishToApply,
	} {
		ch <- d
	}
}

// Collect sends the current values of the metrics.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	set := c.store.Load()
	active, expired := count(set)
	gauge(directives, float64(active), "active")
	gauge(directives, float64(expired), "expired")
	s, ok := c.store.(fleetdial.StatusStore)
	collectHits(ch, set, ok)
	if !ok {
		return
	}
	status := s.Status()
	for _, each := range states {
		value := 0.0
		if each == status.State {
			value = 1
		}
		gauge(state, value, string(each))
	}
	if !status.LastSync.IsZero() {
		gauge(lastSync, float64(status.LastSync.UnixMilli())/1000)
	}
	gauge(appliedVersion, float64(status.Revision.Version))
	gauge(clockOffset, status.ClockOffset.Seconds())
	collectCounters(ch, status.Counters)
	ch <- histogram(announceToApply, status.AnnounceToApply)
	ch <- histogram(publishToApply, status.PublishToApply)
}

// collectHits sends the hits by level. A set that does not count has none, or zeros, as before
// the first revision of a subscriber.
func collectHits(ch chan<- prometheus.Metric, set *fleetdial.Set, zeros bool) {
	all := set.LevelHits()
	if all == nil && zeros {
		for level := fleetdial.Off; level <= fleetdial.ShapeRewriteDiff; level++ {
			all = append(all, fleetdial.LevelHits{Level: level})
		}
	}
	for _, h := range all {
		level := h.Level.String()
		ch <- prometheus.MustNewConstMetric(hits, prometheus.CounterValue, float64(h.Applied), level)
		ch <- prometheus.MustNewConstMetric(capped, prometheus.CounterValue, float64(h.Capped), level)
	}
}

func collectCounters(ch chan<- prometheus.Metric, counters fleetdial.Counters) {
	counter := func(d *prometheus.Desc, value int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
	}
	counter(applies, counters.Applies)
	counter(announcements, counters.Announcements)
	counter(fetches, counters.Fetches)
	counter(corrections, counters.Corrections)
	counter(reconnects, counters.Reconnects)
	counter(regressions, counters.Regressions)
	counter(clockJumps, counters.ClockJumps)
	for _, reason := range reasons {
		counter(rejections, counters.Rejections[reason], string(reason))
	}
}

// count returns the number of active and expired directives, by the clock that the set
// uses.
func count(set *fleetdial.Set) (active, expired int) {
	for _, d := range set.Explain(fleetdial.Request{}, time.Now()).Directives {
		if d.Expired {
			expired++
		} else {
			active++
		}
	}
	return active, expired
}

// histogram converts a histogram into a Prometheus histogram, whose buckets are
// cumulative.
func histogram(d *prometheus.Desc, h fleetdial.Histogram) prometheus.Metric {
	buckets := make(map[float64]uint64, len(h.Bounds))
	var total uint64
	for i, n := range h.Counts {
		total += n
		if i < len(h.Bounds) {
			buckets[h.Bounds[i].Seconds()] = total
		}
	}
	return prometheus.MustNewConstHistogram(d, total, h.Sum.Seconds(), buckets)
}
