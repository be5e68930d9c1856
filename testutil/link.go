package testutil

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Direction is one of the two ways that bytes go.
type Direction string

// The directions.
const (
	ToServer Direction = "to the server"
	ToClient Direction = "to the client"
)

// Link is a network link between clients and a server, with a port of its own: it can lead to another server, and lose what
// it carries. It ends with the test.
type Link struct {
	listener net.Listener
	wg       sync.WaitGroup

	mu       sync.Mutex
	upstream string
	conns    map[net.Conn]struct{}
	swallows map[Direction]bool
}

// StartLink starts a link that leads to the server at that address.
func StartLink(t testing.TB, upstream string) *Link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("start a link: %v", err)
	}
	l := &Link{listener: listener, upstream: upstream, conns: make(map[net.Conn]struct{}), swallows: make(map[Direction]bool)}
	l.wg.Go(l.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		l.To("")
		l.wg.Wait()
	})
	return l
}

// Addr returns host and port that clients connect to.
func (l *Link) Addr() string { return l.listener.Addr().String() }

// To leads to another server from now on, or to none if the address is empty. The connections that there are end.
func (l *Link) To(upstream string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.upstream = upstream
	l.closeAll()
}

func (l *Link) closeAll() {
	for c := range l.conns {
		_ = c.Close()
	}
}

// Swallow lets what goes in that direction disappear, as a network does that has lost its way: connections stay, new ones
// are accepted, and nothing arrives.
func (l *Link) Swallow(d Direction) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.swallows[d] = true
}

// Heal ends what Swallow began, and all connections.
func (l *Link) Heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.swallows)
	l.closeAll()
}

func (l *Link) accept() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.wg.Go(func() { l.serve(client) })
	}
}

func (l *Link) serve(client net.Conn) {
	defer client.Close()
	l.mu.Lock()
	upstream := l.upstream
	l.mu.Unlock()
	if upstream == "" {
		return
	}
	server, err := net.Dial("tcp", upstream)
	if err != nil {
		return
	}
	defer server.Close()
	if !l.add(upstream, client, server) {
		return
	}
	done := make(chan struct{}, 2)
	for d, way := range map[Direction][2]net.Conn{ToClient: {client, server}, ToServer: {server, client}} {
		go func() {
			_, _ = io.Copy(swallower{way[0], d, l}, way[1])
			_, _ = client.Close(), server.Close()
			done <- struct{}{}
		}()
	}
	<-done
	<-done
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, client)
	delete(l.conns, server)
}

// add reports false if the link leads elsewhere by now.
func (l *Link) add(upstream string, conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.upstream != upstream {
		return false
	}
	for _, c := range conns {
		l.conns[c] = struct{}{}
	}
	return true
}

// swallower writes to a connection, unless what goes in its direction is to disappear.
type swallower struct {
	to   io.Writer
	d    Direction
	link *Link
}

func (w swallower) Write(b []byte) (int, error) {
	w.link.mu.Lock()
	swallow := w.link.swallows[w.d]
	w.link.mu.Unlock()
	if swallow {
		return len(b), nil
	}
	return w.to.Write(b)
}
