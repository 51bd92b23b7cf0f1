package store

import (
	"context"
	"sync"

	"culvert/data"
)

// KV is one record of a table. A nil Value is a tombstone.
type KV struct {
	Key   []byte
	Value []byte
}

// Table is a compacted topic, or what stands in for one. All methods are safe
// for concurrent use.
type Table interface {
	// Write appends the records in the given order and returns after all of them
	// are durable.
	Write(ctx context.Context, kvs ...KV) error
	// Sync returns when everything that was durable before the call, whoever wrote
	// it, has been applied.
	Sync(ctx context.Context) error
	Close() error
}

// Open opens a table. It hands every record that the table holds to apply
// before it returns, and from then on each new one, in order, by one goroutine at
// a time. The bytes of a message belong to apply.
type Open func(ctx context.Context, apply func(data.Message)) (Table, error)

// Memory opens tables that forget everything when the process ends: configs and
// statuses of a standalone worker, as in Java.
func Memory() Open {
	return func(_ context.Context, apply func(data.Message)) (Table, error) {
		return &memoryTable{apply: apply}, nil
	}
}

type memoryTable struct {
	mu     sync.Mutex // one writer at a time, so that apply sees one order
	apply  func(data.Message)
	offset int64
}

func (t *memoryTable) Write(_ context.Context, kvs ...KV) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, kv := range kvs {
		t.apply(data.Message{Offset: t.offset, Timestamp: data.NoTimestamp, Key: kv.Key, Value: kv.Value})
		t.offset++
	}
	return nil
}

func (t *memoryTable) Sync(context.Context) error { return nil }
func (t *memoryTable) Close() error               { return nil }

var _ Table = (*memoryTable)(nil)
