package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/plain"
	"github.com/fleetdial/fleetdial/internal/suggest"
)

const (
	// defaultFleet is the fleet of a command without --fleet. Its first publish needs no
	// confirmation, because nobody has typed its name.
	defaultFleet = "default"
	// scanTime limits the scan for the names of fleets.
	scanTime = 2 * time.Second
	// namesShown is how many fleets, or instances, a message names.
	namesShown = 10
)

// checkFleet keeps a mistyped name from creating a fleet. A command that does not create
// fleets is rejected if the fleet does not exist. For a command that creates fleets,
// checkFleet returns what the operator has to confirm, except for the fleet "default".
//
// checkFleet never fails because of an error reply of Redis, as where a command is denied or
// renamed: it lets the command go on, which reports what the command cannot do without.
func (a *app) checkFleet(ctx context.Context, p *fleetdial.Publisher, creates bool) (warnings []string, err error) {
	if creates && a.fleet == defaultFleet {
		return nil, nil
	}
	exists, err := a.fleetExists(ctx, p)
	if err != nil || exists {
		return nil, err
	}
	if creates {
		return []string{"does not exist yet" + a.fleetNames(ctx)}, nil
	}
	return nil, &rejectedError{&noFleetError{
		fmt.Sprintf("fleet %q: does not exist%s; nothing was written", a.fleet, a.fleetNames(ctx)),
	}}
}

// unknownFleet says that the fleet does not exist, and names those that do. The text is empty if
// the fleet exists, or is the fleet "default". It is what a command adds that reads nothing,
// because its user may have mistyped the name.
func (a *app) unknownFleet(ctx context.Context, p *fleetdial.Publisher) string {
	if a.fleet == defaultFleet {
		return ""
	}
	if exists, err := a.fleetExists(ctx, p); err != nil || exists {
		return ""
	}
	return fmt.Sprintf("fleet %q: does not exist%s", a.fleet, a.fleetNames(ctx))
}

// noteUnknownFleet writes that the fleet does not exist, if so.
func (a *app) noteUnknownFleet(ctx context.Context, p *fleetdial.Publisher) {
	if text := a.unknownFleet(ctx, p); text != "" {
		a.messagef("%s", text)
	}
}

// noFleetError is the error about a fleet that does not exist, or has no current revision. It
// may exist on another server.
type noFleetError struct{ text string }

func (e *noFleetError) Error() string { return e.text }

// fleetExists reports whether the fleet exists. After an error reply, the fleet may exist.
func (a *app) fleetExists(ctx context.Context, p *fleetdial.Publisher) (bool, error) {
	ctx, cancel := a.timed(ctx)
	defer cancel()
	exists, err := p.Exists(ctx)
	if _, isReply := errors.AsType[redis.Error](err); isReply {
		return true, nil
	}
	return exists, err
}

// fleetNames describes the fleets that exist, in brackets: first the name that may be meant.
// The description is empty if Redis does not tell the names.
func (a *app) fleetNames(ctx context.Context) string {
	fleets, err := a.knownFleets(ctx)
	switch {
	case err != nil:
		return ""
	case len(fleets) == 0:
		return " (there are no fleets)"
	}
	text := "there are: "
	if likely := suggest.Closest(a.fleet, fleets); likely != "" {
		text = "did you mean " + likely + "? " + text
		fleets = slices.Insert(slices.DeleteFunc(fleets, func(f string) bool { return f == likely }), 0, likely)
	}
	return " (" + text + plain.First(namesShown, plain.Words(fleets)) + ")"
}

// knownFleets returns the names of the fleets in Redis.
func (a *app) knownFleets(ctx context.Context) ([]string, error) {
	client, err := a.connect()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, min(a.timeout, scanTime))
	defer cancel()
	return fleetdial.Fleets(ctx, client)
}
