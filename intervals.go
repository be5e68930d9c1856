package fleetdial

import (
	"fmt"
	"time"
)

// checkIntervals returns an error that names an interval that is too short. A negative
// SubscriptionAge or ReportInterval means never.
func (cfg *SubscriberConfig) checkIntervals() error {
	const shortest = 10 * time.Millisecond
	for _, interval := range []struct {
		field    string
		value    time.Duration
		canBeOff bool
	}{
		{"ResyncInterval", cfg.ResyncInterval, false},
		{"SubscriptionTimeout", cfg.SubscriptionTimeout, false},
		{"SubscriptionAge", cfg.SubscriptionAge, true},
		{"ReportInterval", cfg.ReportInterval, true},
	} {
		if interval.value < shortest && (interval.value >= 0 || !interval.canBeOff) {
			return fmt.Errorf("%s: must be at least %v", interval.field, shortest)
		}
	}
	return nil
}
