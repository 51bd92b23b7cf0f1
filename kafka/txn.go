package kafka

import (
	"context"

	"culvert/data"
)

// Txn is the one transactional producer of a transactional id. One goroutine
// uses it.
type Txn struct{}

// OpenTxn takes the transactional id over (InitProducerId): its old owner is
// fenced and what it left open is aborted. It waits for a broker until ctx ends.
func OpenTxn(ctx context.Context, s Settings, transactionalID string) (*Txn, error) {
	return nil, errTodo
}

// Run writes messages and a group's offsets in one transaction. Nil: all of it is
// committed. Retry: none of it is visible, call again. Fenced: another took the
// id over, nothing of this call is visible. Fatal: close and open anew. Messages
// with Partition -1 are partitioned as Producer does it; group "" or no offsets
// leaves the offsets out. ctx bounds the waiting, and its end gives Retry or, when
// the outcome of a commit could not be learnt, Fatal.
func (t *Txn) Run(ctx context.Context, msgs []data.Message, group string, offsets map[data.TopicPartition]OffsetMeta) error {
	return errTodo
}

// Close ends the connections. It may be called twice.
func (t *Txn) Close() error { return nil }
