package sim

import "time"

// item is something that happens at a virtual time. Items of the same time happen in the
// order in which they were added.
type item struct {
	at  time.Duration
	seq uint64
	do  func()
}

func (a *item) isBefore(b *item) bool {
	return a.at < b.at || a.at == b.at && a.seq < b.seq
}

// queue is a binary heap of items.
type queue struct{ items []item }

func (q *queue) push(it item) {
	q.items = append(q.items, it)
	i := len(q.items) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !q.items[i].isBefore(&q.items[parent]) {
			return
		}
		q.items[i], q.items[parent] = q.items[parent], q.items[i]
		i = parent
	}
}

func (q *queue) pop() item {
	top := q.items[0]
	last := len(q.items) - 1
	q.items[0] = q.items[last]
	q.items[last] = item{}
	q.items = q.items[:last]
	for i := 0; ; {
		first := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if q.items[child].isBefore(&q.items[first]) {
				first = child
			}
		}
		if first == i {
			return top
		}
		q.items[i], q.items[first] = q.items[first], q.items[i]
		i = first
	}
}
