package task

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"culvert/data"
	"culvert/kafka"
)

// Bounds of one lane: above high its partition is paused, below low it is resumed.
const (
	laneHigh = 1 << 20
	laneLow  = laneHigh / 4
)

// lane is one partition of one input: what was fetched and is not processed yet.
type lane struct {
	tp   data.TopicPartition
	side int // index of the topic in Plan.Inputs

	// Guarded by shard.mu.
	queue  []data.Message
	times  []int64 // event times of queue, when they are not the timestamps
	head   int
	bytes  int
	paused bool
	pushed int64 // offset after the last message that came in, or where fetching begins
	// ahead is where the consumer's position was seen beyond pushed, and since when.
	ahead      int64
	aheadSince time.Time

	// The shard's goroutine's.
	next      int64 // offset after the last message processed
	committed int64 // as of the take-over: what lies before is replayed only
	time      int64 // highest event time processed; -1: none
	trail     trail
}

func (l *lane) empty() bool { return l.head == len(l.queue) }

// headTime is the event time of the first waiting message.
func (l *lane) headTime() int64 {
	if l.times != nil {
		return l.times[l.head]
	}
	return l.queue[l.head].Timestamp
}

// pop takes the first message.
func (l *lane) pop() data.Message {
	m := l.queue[l.head]
	l.queue[l.head] = data.Message{}
	l.head++
	l.bytes -= m.Bytes()
	if l.head == len(l.queue) {
		l.queue, l.head = l.queue[:0], 0
		if l.times != nil {
			l.times = l.times[:0]
		}
	}
	return m
}

// clear forgets what was fetched.
func (l *lane) clear() {
	clear(l.queue)
	l.queue, l.head, l.bytes, l.paused, l.ahead = l.queue[:0], 0, 0, false, 0
	if l.times != nil {
		l.times = l.times[:0]
	}
}

// intake is the one consumer of a stream task. It deals the messages out to the
// lanes of the shards and pauses what they have enough of.
type intake struct {
	consumer Consumer
	topic    func(msgs []data.Message) // told of each batch, for topic tracking

	mu     sync.RWMutex // read: polling and dealing out; write: changing positions
	shards map[data.TopicPartition]*shard

	hand   atomic.Bool  // a poll has returned what is not dealt out yet
	wanted atomic.Int32 // how many wait to change positions
	poll   sync.Mutex
	cancel context.CancelFunc // of the poll under way; guarded by poll
}

func newIntake(c Consumer, topic func([]data.Message)) *intake {
	return &intake{consumer: c, topic: topic, shards: map[data.TopicPartition]*shard{}}
}

// run deals out until ctx ends.
func (in *intake) run(ctx context.Context) error {
	var msgs []data.Message
	for {
		var err error
		if msgs, err = in.round(ctx, msgs); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

func (in *intake) round(ctx context.Context, msgs []data.Message) ([]data.Message, error) {
	in.mu.RLock()
	defer in.mu.RUnlock()
	period, cancel := context.WithCancel(ctx)
	defer cancel()
	in.poll.Lock()
	in.cancel = cancel
	in.poll.Unlock()
	if in.wanted.Load() > 0 {
		return msgs, ctx.Err() // let them change positions first
	}
	msgs, err := in.consumer.Poll(period, kafka.Limits{Records: 5000, Bytes: laneHigh}, msgs[:0])
	if len(msgs) > 0 {
		in.hand.Store(true)
		in.topic(msgs)
		in.deal(msgs)
		in.hand.Store(false)
		clear(msgs)
		return msgs[:0], nil
	}
	if err != nil && ended(period, err) {
		err = ctx.Err()
	}
	return msgs[:0], err
}

// deal gives each run of messages of one partition to its shard.
func (in *intake) deal(msgs []data.Message) {
	for start := 0; start < len(msgs); {
		tp := data.TopicPartition{Topic: msgs[start].Topic, Partition: msgs[start].Partition}
		end := start + 1
		for end < len(msgs) && msgs[end].Partition == tp.Partition && msgs[end].Topic == tp.Topic {
			end++
		}
		if sh := in.shards[tp]; sh != nil {
			if sh.push(tp, msgs[start:end]) {
				in.consumer.Pause(tp)
			}
			// The position may be past markers of transactions that follow.
			if pos, ok := in.consumer.Position(tp); ok {
				sh.reached(tp, pos)
			}
		}
		start = end
	}
}

// change runs f while nothing is polled: f adds and removes partitions. What was
// polled before has been dealt out, so that nothing of an old position comes
// after a new one was set.
//
// The poll under way is cancelled, and one that begins meanwhile sees that it is
// not wanted: with the counter raised before the cancel, either the poll's own
// check or our cancel reaches it.
func (in *intake) change(f func() error) error {
	in.wanted.Add(1)
	defer in.wanted.Add(-1)
	in.poll.Lock()
	if in.cancel != nil {
		in.cancel()
	}
	in.poll.Unlock()
	in.mu.Lock()
	defer in.mu.Unlock()
	return f()
}

// atEnd reports whether everything that the broker has shown of a lane has come
// in. The caller holds the shard's lock and asks again every now and then.
//
// What Poll is about to return, or has returned, may not have been dealt out yet,
// therefore the position is compared too. It may be ahead for good, past markers
// that nobody delivers: where it has stood for the time of patience, that counts as
// having come in. How long the caller has waited says nothing: a position may be
// ahead since a moment ago, with a poll between its last step and its return.
func (in *intake) atEnd(l *lane, patience time.Duration) bool {
	if !in.consumer.AtEnd(l.tp) {
		return false
	}
	pos, ok := in.consumer.Position(l.tp)
	if !ok || pos <= l.pushed {
		return true
	}
	if pos != l.ahead {
		l.ahead, l.aheadSince = pos, time.Now()
	}
	if time.Since(l.aheadSince) < patience || in.hand.Load() {
		return false
	}
	l.pushed = pos
	return true
}
