package redisstore

import (
	"context"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial/internal/store"
)

// Interruptible is a Client whose calls return when their context ends. The client of Redis
// cannot interrupt a command under way, so each call runs on a goroutine of its own, and the
// caller stops waiting. The goroutine ends with the command: with its reply, at the client's
// read timeout or, without one, when the client is closed. It shares nothing with the caller.
type Interruptible struct{ *Client }

// answer is the result of a call.
type answer[T any] struct {
	value T
	err   error
}

// await returns the answer, or the error of the context if the context ends first.
func await[T any](ctx context.Context, tried string, answers <-chan answer[T]) (T, error) {
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
	}
	select {
	case a := <-answers: // both came at once
		return a.value, a.err
	default:
		return *new(T), Classify(tried, ctx.Err())
	}
}

// interruptibly returns what call returns, or the error of the context if the context ends first.
func interruptibly[T any](ctx context.Context, tried string, call func() (T, error)) (T, error) {
	if err := ctx.Err(); err != nil {
		return *new(T), Classify(tried, err)
	}
	answers := make(chan answer[T], 1)
	go func() {
		value, err := call()
		answers <- answer[T]{value, err}
	}()
	return await(ctx, tried, answers)
}

// RefreshTopology is [Client.RefreshTopology].
func (c Interruptible) RefreshTopology(ctx context.Context) {
	_, _ = interruptibly(ctx, "find the fleet's node", func() (struct{}, error) {
		c.Client.RefreshTopology(ctx)
		return struct{}{}, nil
	})
}

// ReadHeader is [Client.ReadHeader].
func (c Interruptible) ReadHeader(ctx context.Context, bytes int) (store.Reading, error) {
	return interruptibly(ctx, "read the fleet's key", func() (store.Reading, error) {
		return c.Client.ReadHeader(ctx, bytes)
	})
}

// ReadValue is [Client.ReadValue].
func (c Interruptible) ReadValue(ctx context.Context, limit int) (store.Reading, error) {
	return interruptibly(ctx, "read the fleet's key", func() (store.Reading, error) {
		return c.Client.ReadValue(ctx, limit)
	})
}

// ReadClock is [Client.ReadClock].
func (c Interruptible) ReadClock(ctx context.Context) (store.Measurement, error) {
	return interruptibly(ctx, "read the clock of Redis", func() (store.Measurement, error) {
		return c.Client.ReadClock(ctx)
	})
}

// Value returns the key's value up to the limit. It is empty if there is no key.
func (c Interruptible) Value(ctx context.Context, limit int) ([]byte, error) {
	return interruptibly(ctx, "read the fleet's key", func() ([]byte, error) {
		return c.Client.Value(ctx, limit)
	})
}

// entry is a value of the history.
type entry struct {
	value []byte
	found bool
}

func (r reader) entry(ctx context.Context, i int) (e entry, err error) {
	e.value, e.found, err = r.HistoryValue(ctx, i)
	return e, err
}

// HistoryValue returns the value at an index of the history, 0 for the newest. It returns
// false if the history does not reach so far.
func (c Interruptible) HistoryValue(ctx context.Context, i int) (value []byte, found bool, err error) {
	e, err := interruptibly(ctx, "read the history", func() (entry, error) { return c.Client.entry(ctx, i) })
	return e.value, e.found, err
}

// Exists is [Client.Exists].
func (c Interruptible) Exists(ctx context.Context) (bool, error) {
	return interruptibly(ctx, "read the fleet's keys", func() (bool, error) { return c.Client.Exists(ctx) })
}

// Members is [Client.Members].
func (c Interruptible) Members(ctx context.Context) ([]Member, error) {
	return interruptibly(ctx, "read the fleet's roster", func() ([]Member, error) { return c.Client.Members(ctx) })
}

// Reports is [Client.Reports]. It calls each on the goroutine of its caller.
func (c Interruptible) Reports(
	ctx context.Context, names []string, each func(i int, report []byte, wrongType bool),
) error {
	type row struct {
		report    []byte
		wrongType bool
	}
	done := 0
	for chunk := range slices.Chunk(names, reportsAtOnce) {
		rows, err := interruptibly(ctx, "read the fleet's roster", func() ([]row, error) {
			var rows []row
			err := c.Client.Reports(ctx, chunk, func(_ int, report []byte, wrongType bool) {
				rows = append(rows, row{report, wrongType})
			})
			return rows, err
		})
		for i, r := range rows {
			each(done+i, r.report, r.wrongType)
		}
		if err != nil {
			return err
		}
		done += len(chunk)
	}
	return nil
}

// own runs the requests of a transaction on the goroutine that has its connection, until the
// transaction is over.
func (t *Tx) own(tx *redis.Tx) {
	for {
		select {
		case request := <-t.requests:
			request(tx)
		case <-t.over:
			return
		}
	}
}

// ask has a request made on the transaction's connection, and returns what it returns, or the
// error of the context if the context ends first.
func ask[T any](ctx context.Context, t *Tx, tried string, request func(*redis.Tx) (T, error)) (T, error) {
	if err := ctx.Err(); err != nil {
		return *new(T), Classify(tried, err)
	}
	answers := make(chan answer[T], 1)
	select {
	case t.requests <- func(tx *redis.Tx) {
		value, err := request(tx)
		answers <- answer[T]{value, err}
	}:
	case <-ctx.Done():
		return *new(T), Classify(tried, ctx.Err())
	}
	return await(ctx, tried, answers)
}

// Value returns the key's value up to the limit. It is empty if there is no key.
func (t *Tx) Value(ctx context.Context, limit int) ([]byte, error) {
	return ask(ctx, t, "read the fleet's key", func(tx *redis.Tx) ([]byte, error) {
		return reader{tx, t.keys}.Value(ctx, limit)
	})
}

// HistoryValue returns the value at an index of the history, 0 for the newest. It returns
// false if the history does not reach so far.
func (t *Tx) HistoryValue(ctx context.Context, i int) (value []byte, found bool, err error) {
	e, err := ask(ctx, t, "read the history", func(tx *redis.Tx) (entry, error) {
		return reader{tx, t.keys}.entry(ctx, i)
	})
	return e.value, e.found, err
}
