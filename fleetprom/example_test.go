package fleetprom_test

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/fleetprom"
)

// For a store without Redis, the collector reports only the number of directives.
func ExampleNewCollector() {
	registry := prometheus.NewRegistry()
	if err := registry.Register(fleetprom.NewCollector(fleetdial.NewMemory())); err != nil {
		fmt.Println(err)
		return
	}
	families, err := registry.Gather()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range families[0].GetMetric() {
		fmt.Println(families[0].GetName(), m.GetLabel()[0].GetValue(), m.GetGauge().GetValue())
	}
	// Output:
	// fleetdial_directives active 0
	// fleetdial_directives expired 0
}
