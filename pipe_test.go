package fleetdial

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// pipeRedis is a Redis in this process that knows the commands of a subscriber. Its connections
// are pipes, so that it works in virtual time, within a synctest bubble.
type pipeRedis struct {
	mu       sync.Mutex
	value    string
	skew     time.Duration // how far its clock is ahead of the local one
	down     bool          // connections end at once
	hung     bool          // commands get no reply
	stuck    chan struct{} // replies to GETRANGE wait until it is closed; nil for at once
	conns    map[net.Conn]bool
	channels map[net.Conn]bool // those that are subscribed
}

// newPipeRedis returns a server that holds the value, and its client, which the caller closes.
func newPipeRedis(value []byte) (*pipeRedis, *redis.Client) {
	p := &pipeRedis{value: string(value), conns: make(map[net.Conn]bool), channels: make(map[net.Conn]bool)}
	return p, redis.NewClient(&redis.Options{
		Protocol: 2, DisableIdentity: true, ContextTimeoutEnabled: true, MaxRetries: -1, DialerRetries: 1, Dialer: p.dial,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}

// change changes the server while a subscriber uses it. Connections end if it is down.
func (p *pipeRedis) change(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	if p.down {
		for c := range p.conns {
			_ = c.Close()
		}
	}
}

func (p *pipeRedis) dial(context.Context, string, string) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	client, server := net.Pipe()
	if p.down {
		_ = server.Close()
		return client, nil
	}
	p.conns[server] = true
	go p.serve(server)
	return client, nil
}

func (p *pipeRedis) serve(conn net.Conn) {
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, conn)
		delete(p.channels, conn)
		_ = conn.Close()
	}()
	in := bufio.NewReader(conn)
	for {
		var replies strings.Builder
		for {
			args, err := readCommand(in)
			if err != nil {
				return
			}
			replies.WriteString(p.reply(conn, args))
			if in.Buffered() == 0 {
				break // the end of a pipeline
			}
		}
		p.mu.Lock()
		stuck, hung := p.stuck, p.hung
		p.mu.Unlock()
		if stuck != nil && strings.Contains(replies.String(), p.value) {
			<-stuck
		}
		if hung {
			continue
		}
		if _, err := io.WriteString(conn, replies.String()); err != nil {
			return
		}
	}
}

// readCommand reads one command in the protocol of Redis, RESP.
func readCommand(in *bufio.Reader) ([]string, error) {
	line := func() (int, error) {
		text, err := in.ReadString('\n')
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(strings.TrimSpace(text[1:]))
	}
	n, err := line()
	if err != nil {
		return nil, err
	}
	args := make([]string, n)
	for i := range args {
		length, err := line()
		if err != nil {
			return nil, err
		}
		b := make([]byte, length+2)
		if _, err = io.ReadFull(in, b); err != nil {
			return nil, err
		}
		args[i] = string(b[:length])
	}
	return args, nil
}

func bulk(s string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(s), s) }

// reply returns the reply to a command, also to one within a transaction: the client does not
// tell QUEUED from another string.
func (p *pipeRedis) reply(conn net.Conn, args []string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch strings.ToLower(args[0]) {
	case "subscribe":
		p.channels[conn] = true
		return "*3\r\n" + bulk("subscribe") + bulk(args[1]) + ":1\r\n"
	case "ping":
		if p.channels[conn] {
			return "*2\r\n" + bulk("pong") + bulk("")
		}
		return "+PONG\r\n"
	case "time":
		now := time.Now().Add(p.skew)
		return "*2\r\n" + bulk(fmt.Sprint(now.Unix())) + bulk(fmt.Sprint(now.Nanosecond()/1000))
	case "getrange":
		last, _ := strconv.Atoi(args[3])
		return bulk(p.value[:min(len(p.value), last+1)])
	case "strlen":
		return fmt.Sprintf(":%d\r\n", len(p.value))
	}
	return fmt.Sprintf("-ERR unknown command '%s'\r\n", args[0])
}

// message sends a message to all subscribers, from a goroutine of its own.
func (p *pipeRedis) message(payload string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.channels {
		go func() { _, _ = io.WriteString(conn, "*3\r\n"+bulk("message")+bulk(testKey)+bulk(payload)) }()
	}
}
