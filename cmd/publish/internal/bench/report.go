package bench

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/fleetdial/fleetdial/internal/plain"
)

// Report is the result of [Run].
type Report struct {
	Redis       string `json:"redis"`
	Subscribers int    `json:"subscribers"`
	Directives  int    `json:"directives"`
	Publishes   int    `json:"publishes"`
	ValueBytes  int    `json:"value_bytes"`
	Fleet       Side   `json:"fleetdial"`
	// Floor is the same measurement with bare Redis clients.
	Floor Side `json:"floor"`
	// Ratio is the median of Fleet.All divided by the median of Floor.All.
	Ratio float64 `json:"ratio"`
	// HeapBytes is the heap of one subscriber and its client.
	HeapBytes int64 `json:"heap_bytes_per_subscriber"`
}

// Side holds the measurements of fleetdial or of the floor.
type Side struct {
	// One is the time from the call of publish until one subscriber has the set.
	One Quantiles `json:"one"`
	// All is the time from the call of publish until all subscribers have the set.
	All Quantiles `json:"all"`
	// CPU, ReportCPU and BytesOut are the median cost of one publish to Redis: the CPU time until
	// all subscribers have the set, that of the reports after it, and all output. They are nil if
	// Redis does not report its CPU time and output.
	CPU       *float64 `json:"redis_cpu_ms_per_publish,omitempty"`
	ReportCPU *float64 `json:"redis_cpu_ms_of_reports,omitempty"`
	BytesOut  *float64 `json:"redis_bytes_out_per_publish,omitempty"`
}

// Quantiles are in milliseconds.
type Quantiles struct {
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`
	Max float64 `json:"max_ms"`
}

func quantilesOf(all []time.Duration) Quantiles {
	slices.Sort(all)
	at := func(q float64) float64 {
		d := all[min(len(all)-1, int(q*float64(len(all))))]
		return float64(d.Microseconds()) / 1000
	}
	return Quantiles{P50: at(0.5), P99: at(0.99), Max: at(1)}
}

// WriteText writes the report as a table and sentences.
func (r Report) WriteText(out io.Writer) error {
	fmt.Fprintf(out, "%s, a set of %s (%d bytes), %s\n\n", plain.Count(r.Subscribers, "subscriber"),
		plain.Count(r.Directives, "directive"), r.ValueBytes, r.Redis)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "publish to visible, ms\tp50\tp99\tmax\t")
	for _, row := range []struct {
		name string
		q    Quantiles
	}{
		{"one subscriber", r.Fleet.One},
		{"all subscribers", r.Fleet.All},
		{"bare, one", r.Floor.One},
		{"bare, all", r.Floor.All},
	} {
		fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.2f\t\n", row.name, row.q.P50, row.q.P99, row.q.Max)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nall subscribers, p50: %.2f times the floor\n", r.Ratio)
	for _, side := range []struct {
		name string
		s    Side
	}{{"fleetdial", r.Fleet}, {"the floor", r.Floor}} {
		if side.s.CPU != nil && side.s.BytesOut != nil {
			fmt.Fprintf(out, "Redis per publish with %s: %.2f ms of CPU, %.2f for reports after it, %.0f bytes out\n",
				side.name, *side.s.CPU, *side.s.ReportCPU, *side.s.BytesOut)
		}
	}
	_, err := fmt.Fprintf(out, "heap per subscriber: %.0f KB\n", float64(r.HeapBytes)/1000)
	return err
}
