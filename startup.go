package fleetdial

// Startup selects what [Subscribe] does if Redis cannot be reached.
type Startup uint8

const (
	// FailFast, the default, makes Subscribe return an error. A missing key and a
	// rejected value are not errors of Subscribe: see [Status].
	FailFast Startup = iota
	// StartEmpty makes Subscribe return a Subscriber with an empty set, after the first
	// attempt has failed or at the deadline of ctx. The Subscriber continues to try.
	StartEmpty
	// UseSnapshot is like StartEmpty, but the Subscriber begins with the set in
	// SubscriberConfig.SnapshotFile. Each directive in the file keeps its expiry. A
	// missing file is an empty set. A file that is rejected is logged, and is an empty
	// set too.
	//
	// A file is rejected if a value in Redis with these bytes would be rejected, if the
	// file is of another fleet, or if the machine's clock shows a time before the file
	// was written. If the machine's clock is ahead, directives from the file end early.
	// Publishing them with another expiry brings them back.
	UseSnapshot
)
