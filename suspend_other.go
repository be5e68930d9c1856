//go:build !linux

package fleetdial

import "time"

// suspendedTime returns nothing: the system does not tell. The next fetch measures the clock of
// Redis again, which shows that time has passed.
func suspendedTime() time.Duration { return 0 }
