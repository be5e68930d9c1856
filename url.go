package fleetdial

import (
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial/internal/redisurl"
)

// ParseURL returns the options of a client that suits a [Subscriber] and a [Publisher], for
// redis.NewUniversalClient:
//
//	redis://user:password@host:6379/0       one server; rediss:// with TLS
//	unix:///path/to/socket?db=0             one server, by its Unix socket
//	redis+sentinel://host:26379,host/master/0
//	redis+cluster://host:6379,host
//
// Ports and database may be left out. With Sentinel, user and password are those of the
// servers. Options that go-redis knows may follow as a query, such as ?read_timeout=5s. By
// default, dials, reads and writes end after two seconds, and with their context, and go-redis
// does nothing about maintenance notifications. No part of the URL is in an error, because it
// may hold a password.
func ParseURL(rawURL string) (*redis.UniversalOptions, error) {
	opts, err := redisurl.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("fleetdial: parse the Redis URL: %w", err)
	}
	return opts, nil
}
