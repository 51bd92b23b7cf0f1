package kafka

import (
	"context"

	"culvert/data"
)

// Limits bounds what one Poll returns; 0 is max.poll.records or no bound.
type Limits struct {
	Records int
	Bytes   int
}

// Consumer fetches explicitly assigned partitions. Membership and commits are
// Group's. Poll is called by one goroutine; the other methods by any.
type Consumer struct{}

// OpenConsumer connects. It waits for a broker until ctx ends.
func OpenConsumer(ctx context.Context, s Settings) (*Consumer, error) { return nil, errTodo }

// Add starts fetching a partition at an offset, Earliest or Latest. An offset
// out of range is replaced by auto.offset.reset's, as in Java; "none" makes the
// next Poll return an error.
func (c *Consumer) Add(ctx context.Context, tp data.TopicPartition, offset int64) error {
	return errTodo
}

// Remove stops fetching. Nothing of the partitions is returned by a later Poll.
func (c *Consumer) Remove(tps ...data.TopicPartition) {}

// Pause keeps the partitions' records back until Resume; what was fetched
// already is kept.
func (c *Consumer) Pause(tps ...data.TopicPartition) {}

// Resume undoes Pause.
func (c *Consumer) Resume(tps ...data.TopicPartition) {}

// Poll appends at least one message to into, or blocks until there is one or ctx
// ends (then its error). Messages of a partition come in order. Outages are
// waited out. The messages' bytes are not overwritten later.
func (c *Consumer) Poll(ctx context.Context, max Limits, into []data.Message) ([]data.Message, error) {
	return into, errTodo
}

// Position is the offset after the last message that Poll returned, or where the
// partition starts; false when it is not assigned or not known yet.
func (c *Consumer) Position(tp data.TopicPartition) (int64, bool) { return 0, false }

// HighWatermark is the end of the partition as of the last fetch that answered
// (with read_committed still the high watermark, not the last stable offset).
func (c *Consumer) HighWatermark(tp data.TopicPartition) (int64, bool) { return 0, false }

// AtEnd reports whether everything that a fetch has shown of the partition has
// been returned by Poll, and at least one fetch has answered.
func (c *Consumer) AtEnd(tp data.TopicPartition) bool { return false }

// Close ends fetching and the connections. It may be called twice.
func (c *Consumer) Close() error { return nil }
