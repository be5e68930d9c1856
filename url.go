package fleetdial

import (
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial/internal/redisurl"
)

// ParseURL returns the options of a client that suits a [Subscriber] and a [Publisher], for
// redis.NewUniversalClient:
//
//	redis://USER:PASSWORD@HOST:PORT/NUMBER  one server and a database; rediss:// with TLS
//	unix:///PATH?db=NUMBER                  one server, by its Unix socket
//	redis+sentinel://HOST:PORT,HOST:PORT/MASTER/NUMBER
//	redis+cluster://HOST:PORT,HOST:PORT
//
// Ports, user, password and database may be left out. An IPv6 address is in brackets, as in
// redis://[2001:db8::5]:6379. In a user name and a password, the characters / ? # % [ ] and
// blanks are percent-encoded. A part that ParseURL does not understand is an error. No error
// contains a part of the URL, because each part of a mistyped URL may be a password.
//
// Options of go-redis may follow as a query, such as ?read_timeout=5s&pool_size=20. With
// Sentinel, USER and PASSWORD are those of the servers. The options sentinel_username and
// sentinel_password are those of the Sentinels.
//
// Defaults that differ from those of go-redis:
//
//   - Dials, reads and writes time out after two seconds, and end with their context.
//   - A pooled connection ends after 10 minutes, with a jitter of two minutes, so that a name
//     that moves to another server moves the connections too. The options conn_max_lifetime and
//     conn_max_lifetime_jitter change that. The default jitter is a fifth of the lifetime.
//     conn_max_lifetime=0 means no end. A connection of a subscription does not age.
//   - client_name is best effort: a server that denies CLIENT SETNAME is used without a name.
//     ParseURL therefore sets OnConnect, and not ClientName.
//   - Maintenance notifications are disabled.
func ParseURL(rawURL string) (*redis.UniversalOptions, error) {
	opts, err := redisurl.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("fleetdial: parse the Redis URL: %w", err)
	}
	return opts, nil
}
