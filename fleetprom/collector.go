// Package fleetprom shows Prometheus how a store stands to its fleet.
package fleetprom

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fleetdial/fleetdial"
)

// statuser is a store that knows how it stands: a *fleetdial.Subscriber.
type statuser interface{ Status() fleetdial.Status }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("fleetdial_"+name, help, labels, nil)
}

var (
	directives = desc("directives", "Directives of the set, by whether they have ended.", "condition")

	state           = desc("state", "1 for the state that the subscriber is in, 0 for the others.", "state")
	lastSync        = desc("last_sync_timestamp_seconds", "When the fleet's key was last read, by the local clock.")
	appliedVersion  = desc("applied_version", "The version of the revision applied; 0 for none and for an empty value.")
	clockOffset     = desc("clock_offset_seconds", "How far the clock of Redis is ahead of the local one.")
	applies         = desc("applies_total", "Revisions that became the subscriber's set.")
	rejections      = desc("rejections_total", "Values that were refused, by the kind of reason.", "reason")
	announcements   = desc("announcements_total", "Announcements received.")
	fetches         = desc("fetches_total", "How often the whole value was read.")
	corrections     = desc("corrections_total", "Revisions that the resync found, of which a working session had not heard.")
	reconnects      = desc("reconnects_total", "Sessions after the first.")
	regressions     = desc("regressions_total", "Revisions applied whose version was lower than the one before.")
	announceToApply = desc("announce_to_apply_seconds", "From an announcement's arrival until its revision was applied.")
	publishToApply  = desc("publish_to_apply_seconds", "From the publishing of a revision, by the clock of Redis, until it was applied.")
)

// states are the values of the label of fleetdial_state.
var states = []fleetdial.State{
	fleetdial.StateLive, fleetdial.StateStale, fleetdial.StateMissing, fleetdial.StateRejected, fleetdial.StateEmpty,
}

// reasons are the values of the label of fleetdial_rejections_total.
var reasons = []fleetdial.RejectReason{
	fleetdial.RejectTooLarge, fleetdial.RejectWrongType, fleetdial.RejectMalformed, fleetdial.RejectInvalid,
	fleetdial.RejectUnsigned, fleetdial.RejectUnknownKey, fleetdial.RejectAltered, fleetdial.RejectReplayed,
}

type collector struct{ store fleetdial.Store }

// NewCollector returns a collector that shows how many directives the store has and, if that is a *fleetdial.Subscriber,
// what its Status says. It reads memory only. No label ever holds what a directive names: they are the fixed words of
// states, reasons and conditions. A process with several fleets registers each collector through
// prometheus.WrapRegistererWith, under a label of its own. It is safe for concurrent use.
func NewCollector(store fleetdial.Store) prometheus.Collector { return collector{store} }

// Describe sends what Collect may send.
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- directives
	if _, ok := c.store.(statuser); !ok {
		return
	}
	for _, d := range []*prometheus.Desc{
		state, lastSync, appliedVersion, clockOffset, applies, rejections, announcements, fetches, corrections, reconnects,
		regressions, announceToApply, publishToApply,
	} {
		ch <- d
	}
}

// Collect sends the metrics as they are now.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	active, expired := count(c.store.Load())
	gauge(directives, float64(active), "active")
	gauge(directives, float64(expired), "expired")
	s, ok := c.store.(statuser)
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
	for _, reason := range reasons {
		counter(rejections, counters.Rejections[reason], string(reason))
	}
}

// count returns how many directives have not ended, and how many have, by the clock that the set goes by.
func count(set *fleetdial.Set) (active, expired int) {
	for _, g := range set.Explain(fleetdial.Request{}, time.Now()).Directives {
		if g.Expired {
			expired++
		} else {
			active++
		}
	}
	return active, expired
}

// histogram makes Prometheus' cumulative buckets of those that count each by itself.
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
