package redisstore

import "strings"

// ACL holds the rules that the users of a fleet need in Redis 7.0 and later, as arguments of
// ACL SETUSER. Each list begins with reset, and sets no password: until one is set, nobody
// can log in.
type ACL struct {
	// Proxy may read the key, subscribe, and read and write rows of the roster.
	Proxy []string
	// Publisher may do all that the publish command does, except bench.
	Publisher []string
}

// NewACL returns the rules for a fleet. The error says that the name is not valid.
func NewACL(fleet string) (ACL, error) {
	k, err := newKeys(fleet)
	if err != nil {
		return ACL{}, err
	}
	// For the connection: a client name, a database, and the topology of a Cluster.
	const connection = "+ping +hello +select +client|setname +cluster|slots +cluster|shards +command +time "
	const follow = "+subscribe +unsubscribe +getrange +strlen +exists +multi +exec "
	return ACL{
		Proxy: rules(k, "%R~", "%W~", "%RW~", "", connection+follow+
			"+watch +unwatch +set +del +zadd +zrem +zremrangebyscore"),
		Publisher: rules(k, "%RW~", "%R~", "%R~", "%RW~", connection+follow+
			"+watch +unwatch +discard +set +lpush +ltrim +publish +spublish +pubsub|numsub "+
			"+llen +lindex +zrevrange +zcount +scan", forget(k)),
	}, nil
}

// forget returns the selector with which a publisher may remove the fleet's keys. A right in
// the list of the user would let the publisher also write the roster with its other commands.
func forget(k keys) string {
	return "(+del %W~" + k.revision + " %W~" + k.history + " %W~" + k.fleet + " %W~" + k.instance + "*)"
}

// rules joins what a user may do with each key, if anything, and with which commands.
// The selectors grant more rights, each apart from the others.
func rules(k keys, revision, fleet, instance, history, commands string, selectors ...string) []string {
	out := []string{"reset", "on", revision + k.revision, fleet + k.fleet, instance + k.instance + "*", "&" + k.channel}
	if history != "" {
		out = append(out, history+k.history)
	}
	return append(append(out, strings.Fields(commands)...), selectors...)
}
