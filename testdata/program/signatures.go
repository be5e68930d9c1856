package main

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial"
)

// The signatures that programs in other modules rely on.
var (
	_ func(context.Context, redis.UniversalClient, fleetdial.SubscriberConfig) (*fleetdial.Subscriber, error) = fleetdial.Subscribe

	_ func(*fleetdial.Subscriber) *fleetdial.Set                                 = (*fleetdial.Subscriber).Load
	_ func(*fleetdial.Subscriber, fleetdial.Request) fleetdial.Decision          = (*fleetdial.Subscriber).Decide
	_ func(*fleetdial.Subscriber) fleetdial.Status                               = (*fleetdial.Subscriber).Status
	_ func(*fleetdial.Subscriber, context.Context) error                         = (*fleetdial.Subscriber).Refresh
	_ func(*fleetdial.Subscriber, func(fleetdial.Change)) func()                 = (*fleetdial.Subscriber).OnChange
	_ func(*fleetdial.Subscriber) error                                          = (*fleetdial.Subscriber).Close
	_ func(redis.UniversalClient, fleetdial.PublisherConfig) (*publisher, error) = fleetdial.NewPublisher

	_ func(*publisher, context.Context, *fleetdial.Set, fleetdial.PublishOptions) (fleetdial.Revision, error) = (*publisher).Publish
	_ func(*publisher, context.Context, change, fleetdial.PublishOptions) (fleetdial.Revision, error)         = (*publisher).Update

	_ func(*publisher, context.Context) (fleetdial.Revision, error)       = (*publisher).Current
	_ func(*publisher, context.Context) ([]fleetdial.HistoryEntry, error) = (*publisher).History

	_ func(*publisher, context.Context, int64, fleetdial.RollbackOptions) (fleetdial.Revision, []fleetdial.Directive, error) = (*publisher).Rollback

	_ func(*publisher, context.Context) (fleetdial.Roster, error) = (*publisher).Roster

	_ func(*publisher, context.Context, fleetdial.Revision, fleetdial.Roster, fleetdial.WaitOptions) (fleetdial.WaitStatus, error) = (*publisher).Wait

	_ func(*publisher, context.Context) (time.Time, error)                  = (*publisher).Now
	_ func() *fleetdial.Memory                                              = fleetdial.NewMemory
	_ func(*fleetdial.Set) fleetdial.Store                                  = fleetdial.Static
	_ func([]fleetdial.Directive) (*fleetdial.Set, error)                   = fleetdial.NewSet
	_ func([]byte, time.Time) (*fleetdial.Set, error)                       = fleetdial.ParseSet
	_ func(*fleetdial.Set, fleetdial.Request, time.Time) fleetdial.Decision = (*fleetdial.Set).Evaluate
	_ func(*fleetdial.Set) int                                              = (*fleetdial.Set).Len
	_ func(string) (fleetdial.Level, error)                                 = fleetdial.ParseLevel
	_ func(string) (fleetdial.Endpoint, error)                              = fleetdial.ParseEndpoint
	_ func(string) (*redis.UniversalOptions, error)                         = fleetdial.ParseURL
	_ func(*fleetdial.Set, *fleetdial.Set) fleetdial.Diff                   = fleetdial.DiffSets
	_ []error                                                               = []error{fleetdial.ErrNoInstances, fleetdial.ErrWaitIncomplete, fleetdial.ErrRevisionLost}
	_ int64                                                                 = fleetdial.IfAbsent
)

type (
	publisher = fleetdial.Publisher
	change    = func(fleetdial.Revision) (*fleetdial.Set, error)
)
