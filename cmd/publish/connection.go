package main

import "github.com/redis/go-redis/v9"

// clientName names the connections of the command in CLIENT LIST.
const clientName = "fleetdial-publish"

// connect returns a client of the Redis that the flags name. It does not contact Redis.
func (a *app) connect() (redis.UniversalClient, error) {
	opts, err := a.connection.Options(clientName)
	if err != nil {
		return nil, &usageError{err}
	}
	return redis.NewUniversalClient(opts), nil
}

// showsPassword reports whether the command line, which every user of the machine can
// read, holds a password.
func (a *app) showsPassword() bool { return a.urlIsArgument && a.connection.HasPassword() }
