package kafka

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"culvert/data"
	"culvert/fault"
)

// Limits bounds what one Poll returns; 0 is max.poll.records or no bound.
type Limits struct {
	Records int
	Bytes   int
}

// Consumer fetches explicitly assigned partitions. Membership and commits are
// Group's. Poll is called by one goroutine; the other methods by any.
//
// One goroutine for each broker that leads an assigned partition keeps a fetch
// under way for those partitions that have little buffered; one more looks for
// leaders and for offsets to start from. What is buffered is bounded by
// fetch.max.bytes over all partitions, and by about one and a half times
// max.partition.fetch.bytes for each.
type Consumer struct {
	c    *cluster
	ctx  context.Context // of the goroutines; ends with Close
	stop context.CancelFunc
	done sync.WaitGroup

	ready chan struct{} // Poll may find something
	route chan struct{} // the router may have something to do

	mu       sync.Mutex // guards what follows
	closed   bool
	parts    map[data.TopicPartition]*part
	order    []*part // round robin of Poll
	turn     int
	buffered int // bytes
	fetchers map[int32]*fetcher
	spare    [][]data.Message // used up, for the next chunk

	memory buffers // of answers
}

// part is one assigned partition. A partition that was removed and added again is
// another part, so a late answer for the first cannot reach the second.
type part struct {
	tp       data.TopicPartition
	next     int64 // where the next fetch starts; negative: Earliest or Latest, to be looked up
	position int64 // after the last message that Poll returned; -1: not known
	leader   int32 // -1: to be looked up
	paused   bool
	asked    bool // a fetch is under way
	maxBytes int32
	high     int64
	end      int64 // where a reader of this isolation level ends
	known    bool  // a fetch has answered: high and end are valid
	failed   error // Poll returns it
	failures int   // in a row, for the back-off
	damages  int   // batches in a row that could not be read
	retryAt  time.Time

	// buffered are the messages that Poll has not returned, by the answers that
	// brought them, in order; none is empty.
	buffered []chunk
	bytes    int // of buffered
	lent     []loan
}

// chunk is the messages of one answer for one partition; those from at on are left.
type chunk struct {
	all []data.Message
	at  int
}

// OpenConsumer connects. It waits for a broker until ctx ends.
func OpenConsumer(ctx context.Context, s Settings) (*Consumer, error) {
	cl, err := openCluster(s, ConsumerRole)
	if err != nil {
		return nil, err
	}
	if err := cl.awaitBroker(ctx); err != nil {
		cl.close()
		return nil, err
	}
	c := &Consumer{c: cl, ready: make(chan struct{}, 1), route: make(chan struct{}, 1),
		parts: map[data.TopicPartition]*part{}, fetchers: map[int32]*fetcher{}}
	c.ctx, c.stop = context.WithCancel(context.WithoutCancel(ctx))
	c.done.Go(c.router)
	return c, nil
}

// awaitBroker waits until a broker answers.
func (c *cluster) awaitBroker(ctx context.Context) error {
	return c.retry(ctx, "connect", func() error {
		_, err := c.metadata(ctx, []string{anyTopic})
		return err
	})
}

// Add starts fetching a partition at an offset, Earliest or Latest. An offset
// out of range is replaced by auto.offset.reset's, as in Java; "none" makes the
// next Poll return an error. Adding an assigned partition moves it.
func (c *Consumer) Add(_ context.Context, tp data.TopicPartition, offset int64) error {
	if offset < 0 && offset != Earliest && offset != Latest {
		return fault.New(fault.Fatal, "kafka.bad_offset", "partition %s-%d cannot be read from offset %d", tp.Topic, tp.Partition, offset)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return errClosed
	}
	c.remove(tp)
	p := &part{tp: tp, next: offset, position: max(offset, -1), leader: -1, maxBytes: c.c.opts.partitionFetch}
	if l := c.c.leader(tp); l >= 0 && offset >= 0 {
		p.leader = l
		c.wakeFetcher(l)
	} else {
		poke(c.route)
	}
	c.parts[tp] = p
	c.order = append(c.order, p)
	return nil
}

// Remove stops fetching. Nothing of the partitions is returned by a later Poll.
func (c *Consumer) Remove(tps ...data.TopicPartition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, tp := range tps {
		c.remove(tp)
	}
	c.wakeAll()
}

func (c *Consumer) remove(tp data.TopicPartition) {
	p := c.parts[tp]
	if p == nil {
		return
	}
	delete(c.parts, tp)
	c.buffered -= p.bytes
	for i, o := range c.order {
		if o == p {
			c.order = append(c.order[:i], c.order[i+1:]...)
			if c.turn > i {
				c.turn--
			}
			return
		}
	}
}

// Pause keeps the partitions' records back until Resume; what was fetched
// already is kept.
func (c *Consumer) Pause(tps ...data.TopicPartition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, tp := range tps {
		if p := c.parts[tp]; p != nil {
			p.paused = true
		}
	}
}

// Resume undoes Pause.
func (c *Consumer) Resume(tps ...data.TopicPartition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, tp := range tps {
		if p := c.parts[tp]; p != nil {
			p.paused = false
		}
	}
	poke(c.ready)
	c.wakeAll()
}

// Poll appends at least one message to into, or blocks until there is one or ctx
// ends (then its error). Messages of a partition come in order. Outages are
// waited out. The messages' bytes are not overwritten later. An error other than
// ctx's is of a partition that cannot be read (no rights, an offset out of range
// with auto.offset.reset=none); it comes again until the partition is removed.
func (c *Consumer) Poll(ctx context.Context, max Limits, into []data.Message) ([]data.Message, error) {
	if max.Records <= 0 {
		max.Records = c.c.opts.maxPollRecords
	}
	for {
		got, err := c.take(max, into)
		if err != nil || len(got) > len(into) {
			return got, err
		}
		if err := c.wait(ctx); err != nil {
			return into, err
		}
	}
}

// wait blocks until a fetch has brought something: messages, or a position that
// moved without any.
func (c *Consumer) wait(ctx context.Context) error {
	select {
	case <-c.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.ctx.Done():
		return errClosed
	}
}

func (c *Consumer) take(max Limits, into []data.Message) ([]data.Message, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.order) == 0 {
		return into, nil
	}
	records, bytes := max.Records, 0
	c.turn %= len(c.order)
	for i := range c.order {
		p := c.order[(c.turn+i)%len(c.order)]
		if p.failed != nil {
			return into, p.failed
		}
		if p.paused {
			continue
		}
		for len(p.buffered) > 0 && records > 0 && (max.Bytes <= 0 || bytes < max.Bytes) {
			n, size, all := p.fit(records, max.Bytes, bytes)
			into = append(into, p.buffered[0].all[p.buffered[0].at:][:n]...)
			records -= n
			if bytes += size; !all {
				bytes = max.Bytes
			}
			c.taken(p, n, size)
		}
		c.settle(p)
		if records == 0 || max.Bytes > 0 && bytes >= max.Bytes {
			break
		}
	}
	c.turn++
	c.wakeAll()
	return into, nil
}

// fit is how many messages of the first chunk, and bytes, a poll may take that has
// bytes already and may have most, 0 for no bound; all is false where the next does not
// fit. The first message of a poll fits always.
func (p *part) fit(records, most, bytes int) (n, size int, all bool) {
	left := p.buffered[0].all[p.buffered[0].at:]
	for n < len(left) && n < records {
		more := left[n].Bytes()
		if most > 0 && bytes+size > 0 && bytes+size+more > most {
			return n, size, false
		}
		size += more
		n++
	}
	return n, size, true
}

// taken drops the first n messages, of so many bytes, after Poll has copied them.
func (c *Consumer) taken(p *part, n, size int) {
	if n == 0 {
		return
	}
	first := &p.buffered[0]
	gone := first.all[first.at:][:n]
	p.bytes -= size
	c.buffered -= size
	p.position = gone[n-1].Offset + 1
	clear(gone) // a compressed batch that is used up is free before its answer is
	if first.at += n; first.at < len(first.all) {
		return
	}
	c.keep(first.all)
	p.buffered[0] = chunk{}
	p.buffered = p.buffered[1:]
}

// Bounds of the chunks that are kept for others.
const (
	maxSpare      = 4
	maxSpareChunk = 8 << 10 // messages
)

// messages is an empty chunk.
func (c *Consumer) messages() []data.Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := len(c.spare) - 1
	if last < 0 {
		return nil
	}
	out := c.spare[last]
	c.spare[last] = nil
	c.spare = c.spare[:last]
	return out
}

// keep keeps a chunk that has been cleared. mu is held.
func (c *Consumer) keep(chunk []data.Message) {
	if len(c.spare) < maxSpare && cap(chunk) <= maxSpareChunk {
		c.spare = append(c.spare, chunk[:0])
	}
}

// settle moves the position of a partition with nothing buffered past what Poll
// never returns: markers of transactions, aborted records, what compaction removed.
func (c *Consumer) settle(p *part) {
	if len(p.buffered) == 0 && p.next >= 0 {
		p.position = p.next
	}
}

// Position is the offset after the last message that Poll returned, or where the
// partition starts; false when it is not assigned or not known yet.
func (c *Consumer) Position(tp data.TopicPartition) (int64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.parts[tp]
	if p == nil || p.position < 0 {
		return 0, false
	}
	return p.position, true
}

// HighWatermark is the end of the partition as of the last fetch that answered
// (with read_committed still the high watermark, not the last stable offset).
func (c *Consumer) HighWatermark(tp data.TopicPartition) (int64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.parts[tp]
	if p == nil || !p.known {
		return 0, false
	}
	return p.high, true
}

// AtEnd reports whether everything that a fetch has shown of the partition has
// been returned by Poll, and at least one fetch has answered since Add. With
// read_committed the end is the last stable offset.
func (c *Consumer) AtEnd(tp data.TopicPartition) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.parts[tp]
	return p != nil && p.known && len(p.buffered) == 0 && p.next >= p.end
}

// Close ends fetching and the connections. It may be called twice.
func (c *Consumer) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.stop()
	c.c.close()
	c.done.Wait()
	return nil
}

// poke wakes who waits on a channel of one place.
func poke(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// unreadable is the failure of a partition that no waiting heals.
func unreadable(tp data.TopicPartition, code sarama.KError) error {
	return answered(fmt.Sprintf("fetch from %s-%d", tp.Topic, tp.Partition), code)
}
