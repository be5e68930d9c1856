package testutil

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Switch stands between clients and one of several servers, on a port of its own, which stays when the server is another.
// It ends with the test. Under load it serves where a Proxy does not: toxiproxy 2.5.0 leaves goroutines behind when a toxic
// is taken away from connections that are busy.
type Switch struct {
	listener net.Listener
	wg       sync.WaitGroup

	mu       sync.Mutex
	upstream string
	conns    map[net.Conn]struct{}
	swallows map[Direction]bool
}

// StartSwitch starts a switch that leads to the server at that address.
func StartSwitch(t testing.TB, upstream string) *Switch {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("start a switch: %v", err)
	}
	s := &Switch{listener: l, upstream: upstream, conns: make(map[net.Conn]struct{}), swallows: make(map[Direction]bool)}
	s.wg.Go(s.accept)
	t.Cleanup(func() {
		_ = l.Close()
		s.To("")
		s.wg.Wait()
	})
	return s
}

// Addr returns host and port that clients connect to.
func (s *Switch) Addr() string { return s.listener.Addr().String() }

// To leads to another server from now on, or to none if the address is empty. The connections that there are end.
func (s *Switch) To(upstream string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.upstream = upstream
	s.closeAll()
}

func (s *Switch) closeAll() {
	for c := range s.conns {
		_ = c.Close()
	}
}

// Swallow lets what goes in that direction disappear, while connections stay and new ones are accepted.
func (s *Switch) Swallow(d Direction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.swallows[d] = true
}

// Heal ends what Swallow began, and all connections.
func (s *Switch) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.swallows)
	s.closeAll()
}

func (s *Switch) accept() {
	for {
		client, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.wg.Go(func() { s.serve(client) })
	}
}

func (s *Switch) serve(client net.Conn) {
	defer client.Close()
	s.mu.Lock()
	upstream := s.upstream
	s.mu.Unlock()
	if upstream == "" {
		return
	}
	server, err := net.Dial("tcp", upstream)
	if err != nil {
		return
	}
	defer server.Close()
	if !s.add(upstream, client, server) {
		return
	}
	done := make(chan struct{}, 2)
	for d, way := range map[Direction][2]net.Conn{ToClient: {client, server}, ToServer: {server, client}} {
		go func() {
			_, _ = io.Copy(swallower{way[0], d, s}, way[1])
			_, _ = client.Close(), server.Close()
			done <- struct{}{}
		}()
	}
	<-done
	<-done
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, client)
	delete(s.conns, server)
}

// add reports false if the switch leads elsewhere by now.
func (s *Switch) add(upstream string, conns ...net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.upstream != upstream {
		return false
	}
	for _, c := range conns {
		s.conns[c] = struct{}{}
	}
	return true
}

// swallower writes to a connection, unless what goes in its direction is to disappear.
type swallower struct {
	to io.Writer
	d  Direction
	s  *Switch
}

func (w swallower) Write(b []byte) (int, error) {
	w.s.mu.Lock()
	swallow := w.s.swallows[w.d]
	w.s.mu.Unlock()
	if swallow {
		return len(b), nil
	}
	return w.to.Write(b)
}
