package kafka

import (
	"context"

	"culvert/data"
)

// Producer is idempotent, acks=all, and delivers for as long as it takes unless
// delivery.timeout.ms says otherwise. Partitions are Java's (murmur2 of the key;
// without a key any), unless Message.Partition is 0 or more.
type Producer struct{}

// OpenProducer connects. It waits for a broker until ctx ends.
func OpenProducer(ctx context.Context, s Settings) (*Producer, error) { return nil, errTodo }

// Send hands messages over and blocks while buffer.memory is full. Done is
// called exactly once for each message that Send took, by any goroutine, in
// order for each partition, and must not block. The messages' bytes belong to the
// producer until then. When Send returns an error (ctx ended, closed) done was or
// will be called with it for those that were not taken.
//
// Errors given to done: Record (too large, invalid), Fenced, Fatal.
func (p *Producer) Send(ctx context.Context, msgs []data.Message, done func(i int, partition int32, offset int64, err error)) error {
	return errTodo
}

// Flush waits until done was called for everything sent before.
func (p *Producer) Flush(ctx context.Context) error { return errTodo }

// Close waits for what is under way until ctx ends, then fails the rest. It may
// be called twice.
func (p *Producer) Close(ctx context.Context) error { return nil }
