package notify

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestGroup_SlowListenerGetsTheNewest(t *testing.T) {
	t.Parallel()
	g := NewGroup(slog.New(slog.DiscardHandler), 0)
	calls, release := make(chan [2]int), make(chan struct{})
	g.Add(func(from, to int) {
		calls <- [2]int{from, to}
		<-release
	})
	g.Tell(1)
	assert.Equal(t, [2]int{0, 1}, <-calls)
	g.Tell(2)
	g.Tell(3)
	release <- struct{}{}
	assert.Equal(t, [2]int{1, 3}, <-calls)
	release <- struct{}{}
	g.Close()
	g.Tell(4)
	assert.NotPanics(t, g.Add(func(int, int) { t.Error("a closed group called a listener") }))
}

func TestGroup_PanicIsKeptFromOthers(t *testing.T) {
	t.Parallel()
	g := NewGroup(slog.New(slog.DiscardHandler), 0)
	calls := make(chan int)
	g.Add(func(int, int) { panic("listener") })
	g.Add(func(_, to int) { calls <- to })
	g.Tell(1)
	assert.Equal(t, 1, <-calls)
	g.Tell(2)
	assert.Equal(t, 2, <-calls)
	g.Close()
}
