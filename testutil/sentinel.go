package testutil

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// SentinelMaster is the name of the master in the configuration of the sentinels.
const SentinelMaster = "main"

// Sentinels is a master, its replicas, and the sentinels that monitor them. All are
// processes of the test. They end with the test.
type Sentinels struct {
	// Servers holds the first master and its two replicas. Master returns the current
	// master.
	Servers   []*Redis
	sentinels []*Redis
	clients   []*redis.SentinelClient
}

// StartSentinels starts a master, two replicas and three sentinels, and waits until every
// sentinel has found the others. A sentinel considers a master down after one second of
// silence.
func StartSentinels(t testing.TB) *Sentinels {
	t.Helper()
	return StartSentinelsWith(t, SentinelConfig{})
}

// SentinelConfig configures [StartSentinelsWith]. The zero value has no passwords.
type SentinelConfig struct {
	// Password is the password of the sentinels.
	Password string
	// User is an ACL rule of the sentinels: the name of one more user, and what it may do.
	User string
	// ServerArgs are further arguments of the servers.
	ServerArgs []string
}

// StartSentinelsWith is [StartSentinels] with a configuration.
func StartSentinelsWith(t testing.TB, cfg SentinelConfig) *Sentinels {
	t.Helper()
	args := append([]string{"--repl-diskless-sync-delay", "0"}, cfg.ServerArgs...)
	s := &Sentinels{Servers: []*Redis{StartRedis(t, args...)}}
	host, port, _ := net.SplitHostPort(s.Servers[0].Addr())
	for range 2 {
		s.Servers = append(s.Servers, StartRedis(t, append([]string{"--replicaof", host + " " + port}, args...)...))
	}
	config := fmt.Sprintf("sentinel monitor %[1]s %[2]s %[3]s 2\nsentinel down-after-milliseconds %[1]s 1000\n"+
		"sentinel failover-timeout %[1]s 5000\n", SentinelMaster, host, port)
	if cfg.Password != "" {
		config += "requirepass " + cfg.Password + "\n"
	}
	if cfg.User != "" {
		config += "user " + cfg.User + "\n"
	}
	for range 3 {
		sentinel := startOnFreePorts(t, config)
		client := redis.NewSentinelClient(&redis.Options{Addr: sentinel.Addr(), Password: cfg.Password, Protocol: 2})
		t.Cleanup(func() { _ = client.Close() })
		s.sentinels, s.clients = append(s.sentinels, sentinel), append(s.clients, client)
	}
	Eventually(t, 30*time.Second, "every sentinel has found the replicas and the other sentinels", func() bool {
		for _, c := range s.clients {
			replicas, err := c.Replicas(context.Background(), SentinelMaster).Result()
			others, err2 := c.Sentinels(context.Background(), SentinelMaster).Result()
			if err != nil || err2 != nil || len(replicas) != 2 || len(others) != 2 || !allUp(replicas) {
				return false
			}
		}
		return true
	})
	return s
}

// allUp reports whether every replica is connected to its master.
func allUp(replicas []map[string]string) bool {
	for _, r := range replicas {
		if r["master-link-status"] != "ok" || r["flags"] != "slave" {
			return false
		}
	}
	return true
}

// Master returns the master according to the sentinels. It returns nil if no server of
// Servers is the master.
func (s *Sentinels) Master() *Redis {
	for _, c := range s.clients {
		addr, err := c.GetMasterAddrByName(context.Background(), SentinelMaster).Result()
		if err != nil || len(addr) != 2 {
			continue
		}
		for _, r := range s.Servers {
			if r.Addr() == net.JoinHostPort(addr[0], addr[1]) {
				return r
			}
		}
	}
	return nil
}

// URL returns the redis+sentinel:// URL of all sentinels.
func (s *Sentinels) URL() string {
	var addrs []string
	for _, r := range s.sentinels {
		addrs = append(addrs, r.Addr())
	}
	return "redis+sentinel://" + strings.Join(addrs, ",") + "/" + SentinelMaster
}
