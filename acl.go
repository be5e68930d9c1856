package fleetdial

import "github.com/fleetdial/fleetdial/internal/redisstore"

// ACL is what Redis has to allow the users of a fleet, as rules of ACL SETUSER for Redis 7.0 and later: Proxy, of one
// that subscribes and reports to the roster, and Publisher, of one that does what the publish command does, but for
// bench. Both are []string, begin with reset, and set no password: until one is set, nobody can log in.
type ACL = redisstore.ACL

// NewACL returns the rules for a fleet; an empty name is "default". The error says that the name is none.
func NewACL(fleet string) (ACL, error) { return redisstore.NewACL(fleet) }
