package redisstore

import "strings"

// ACL is what Redis has to allow the users of a fleet, as rules of ACL SETUSER, for Redis 7.0 and later.
type ACL struct {
	// Proxy may read the key, subscribe and write its own row of the roster.
	Proxy []string
	// Publisher may do all that the publish command does.
	Publisher []string
}

// NewACL returns the rules for a fleet. Each list begins with reset, and sets no password: until one is set, nobody can
// log in.
func NewACL(fleet string) (ACL, error) {
	k, err := newKeys(fleet)
	if err != nil {
		return ACL{}, err
	}
	// For the connection: a client name, a database, and finding one's way in a Cluster.
	connection := "+ping +hello +select +client|setname +cluster|slots +cluster|shards +command +time"
	return ACL{
		Proxy: strings.Fields("reset on %R~" + k.revision + " %RW~" + k.fleet + " %RW~" + k.instance + "* &" + k.channel + " " +
			connection + " +subscribe +unsubscribe +ssubscribe +sunsubscribe +getrange +exists +multi +exec " +
			"+set +del +zadd +zrem +zremrangebyscore"),
		Publisher: strings.Fields("reset on %RW~" + k.revision + " %RW~" + k.history + " %R~" + k.fleet + " %R~" + k.instance + "* &" + k.channel + " " +
			connection + " +subscribe +unsubscribe +ssubscribe +sunsubscribe +publish +spublish +pubsub|numsub +pubsub|shardnumsub " +
			"+watch +unwatch +multi +exec +discard +set +getrange +exists +lpush +ltrim +llen +lindex +lrange " +
			"+zrevrange +zmscore +scan"),
	}, nil
}
