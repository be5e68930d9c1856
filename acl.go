package fleetdial

import "github.com/fleetdial/fleetdial/internal/redisstore"

// ACL holds the rules that the users of a fleet need in Redis 7.0 and later, as arguments of
// ACL SETUSER. Each list begins with reset, and sets no password: until one is set, nobody
// can log in.
//
//	type ACL struct {
//		Proxy     []string // may subscribe, read the key and write its own row of the roster
//		Publisher []string // may do all that the publish command does, except bench
//	}
type ACL = redisstore.ACL

// NewACL returns the rules for a fleet. An empty name is "default". The error says that the
// name is not valid.
func NewACL(fleet string) (ACL, error) { return redisstore.NewACL(fleet) }
