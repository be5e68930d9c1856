package fleetdial

import "github.com/fleetdial/fleetdial/internal/redisstore"

// ACL holds the rules of the users of a fleet in Redis 7.0 and later, as arguments of ACL
// SETUSER. Each list begins with reset and sets no password, so that nobody can log in
// until a password is set.
//
//	type ACL struct {
//		Proxy     []string // for a Subscriber: read the key, subscribe, and write reports
//		Publisher []string // for a Publisher, and for all of the command publish except bench
//	}
type ACL = redisstore.ACL

// NewACL returns the rules for a fleet. An empty name is the fleet "default". The error
// reports a name that is not valid.
func NewACL(fleet string) (ACL, error) { return redisstore.NewACL(fleet) }
