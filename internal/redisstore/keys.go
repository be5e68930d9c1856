package redisstore

import (
	"errors"
	"regexp"
)

// DefaultFleet is the default name of a fleet.
const DefaultFleet = "default"

var fleetName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

//lint:ignore ST1005 it begins with the name of a field
var errFleetName = errors.New("Fleet: must be 1 to 64 letters, digits, dots, underscores and dashes")

// keys names every key and channel of a fleet. The braces make Redis Cluster put all of them
// into one slot.
type keys struct {
	revision string // the current revision: the truth
	channel  string // announcements; the same name, in the space of channels
	history  string // a list of the last revisions, newest first
	fleet    string // a sorted set: names of instances by when they were last seen, Unix ms
	instance string // the prefix of the key that holds an instance's last report
}

func newKeys(fleet string) (keys, error) {
	if fleet == "" {
		fleet = DefaultFleet
	}
	if !fleetName.MatchString(fleet) {
		return keys{}, errFleetName
	}
	base := "fleetdial:{" + fleet + "}"
	return keys{
		revision: base, channel: base, history: base + ":history", fleet: base + ":fleet", instance: base + ":instance:",
	}, nil
}
