package testutil

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Direction is the direction of bytes on a Link.
type Direction string

// The directions.
const (
	ToServer Direction = "to the server"
	ToClient Direction = "to the client"
)

// Link is a TCP proxy between clients and a server, with its own port. A test can connect
// it to another server, and make it discard data. It ends with the test.
type Link struct {
	listener net.Listener
	wg       sync.WaitGroup

	mu       sync.Mutex
	upstream string
	conns    map[net.Conn]struct{}
	discards map[Direction]bool
}

// StartLink starts a link to the server at the address upstream.
func StartLink(t testing.TB, upstream string) *Link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("start a link: %v", err)
	}
	l := &Link{listener: listener, upstream: upstream, conns: make(map[net.Conn]struct{}), discards: make(map[Direction]bool)}
	l.wg.Go(l.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		l.To("")
		l.wg.Wait()
	})
	return l
}

// Addr returns the host and port that clients connect to.
func (l *Link) Addr() string { return l.listener.Addr().String() }

// To connects the link to another server, or to no server if upstream is empty. It closes
// all connections.
func (l *Link) To(upstream string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.upstream = upstream
	l.closeAll()
}

// closeAll closes all connections. The caller holds mu.
func (l *Link) closeAll() {
	for c := range l.conns {
		_ = c.Close()
	}
}

// Swallow makes the link discard all data in the direction, like a broken network:
// connections stay open, new connections are accepted, and no data arrives.
func (l *Link) Swallow(d Direction) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.discards[d] = true
}

// Heal ends the effect of Swallow, and closes all connections.
func (l *Link) Heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.discards)
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

// serve copies data between a client and the server until either closes its connection.
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
			_, _ = io.Copy(linkWriter{way[0], d, l}, way[1])
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

// add registers the connections. It returns false if the link now leads to another
// server.
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

// linkWriter writes to a connection, unless the link discards data in its direction.
type linkWriter struct {
	to   io.Writer
	d    Direction
	link *Link
}

func (w linkWriter) Write(b []byte) (int, error) {
	w.link.mu.Lock()
	discard := w.link.discards[w.d]
	w.link.mu.Unlock()
	if discard {
		return len(b), nil
	}
	return w.to.Write(b)
}
