package kafka

import (
	"context"

	"culvert/data"
)

// TableConfig says which topic a Table is.
type TableConfig struct {
	Topic string
	// Create is used when the topic does not exist; Name is Topic when empty.
	// cleanup.policy=compact is added.
	Create TopicSpec
	// Apply is called for each record, tombstones included, in offset order for
	// each partition, by one goroutine at a time. The message's bytes may be kept.
	Apply func(m data.Message)
}

// KV is one record of a table. A nil Value is a tombstone.
type KV struct {
	Key   []byte
	Value []byte
}

// Table is a compacted topic, read into memory by Apply and written to. All
// methods are safe for concurrent use.
type Table struct{}

// OpenTable creates the topic if it is missing, checks that it is compacted
// (error of class Config otherwise, as Java's), reads it to its end and follows
// it from then on. It waits for a broker until ctx ends.
func OpenTable(ctx context.Context, s Settings, c TableConfig) (*Table, error) { return nil, errTodo }

// Put writes one record and returns after the acknowledgement of all in-sync
// replicas. A nil value is a tombstone.
func (t *Table) Put(ctx context.Context, key, value []byte) error { return errTodo }

// PutMany writes records, in order for each key, and returns after the
// acknowledgement of all of them.
func (t *Table) PutMany(ctx context.Context, kvs []KV) error { return errTodo }

// Sync reads to the end as of now: afterwards Apply has seen everything that was
// acknowledged before the call, by whomever.
func (t *Table) Sync(ctx context.Context) error { return errTodo }

// Offset is the offset after the last record applied of partition 0; 0 before the
// first.
func (t *Table) Offset() int64 { return 0 }

// Offsets gives the same for all partitions.
func (t *Table) Offsets() data.Offsets { return nil }

// Close ends the table. It may be called twice.
func (t *Table) Close() error { return nil }
