package kafka

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"golang.org/x/sync/semaphore"

	"culvert/data"
	"culvert/fault"
)

// Producer is idempotent, acks=all, and delivers for as long as it takes unless
// delivery.timeout.ms says otherwise. Partitions are Java's (murmur2 of the key;
// without a key any), unless Message.Partition is 0 or more.
//
// It does not stand on sarama's AsyncProducer: that one gives a message up after a
// number of tries, then takes a new epoch, and with it the broker's memory of what
// may have been appended already is gone: the next try could double it. Here each
// partition has one batch under way. Whatever happens to a request, the very same
// batch goes out again with the very same sequence number until the broker has
// said yes or no, so that order holds and nothing is doubled. One request at a time
// is under way to each broker, as the Java worker's
// max.in.flight.requests.per.connection=1; what arrives meanwhile makes the next
// batches.
type Producer struct {
	c    *cluster
	ctx  context.Context // of the goroutines; ends with Close
	stop context.CancelFunc
	done sync.WaitGroup

	memory *semaphore.Weighted // buffer.memory
	route  chan struct{}       // the router may have something to do

	mu       sync.Mutex // guards what follows
	closed   bool
	flushing int // calls of Flush under way: linger.ms does not count
	who      identity
	topics   map[string]*sink
	boxes    map[data.TopicPartition]*outbox
	senders  map[int32]*sender
	finished chan struct{} // closed and replaced when messages are done and someone waits
}

// sink is what the producer knows of a topic.
type sink struct {
	n      int32
	sticky int32 // where messages without a key go now
	bytes  int   // went there so far
}

// entry is one message of a Send.
type entry struct {
	from *submission
	i    int32
}

func (e entry) message() *data.Message { return &e.from.msgs[e.i] }

// submission is one Send.
type submission struct {
	msgs []data.Message
	tell func(i int, partition int32, offset int64, err error)
	at   time.Time
}

// OpenProducer connects. It waits for a broker until ctx ends.
func OpenProducer(ctx context.Context, s Settings) (*Producer, error) {
	c, err := openCluster(s, ProducerRole)
	if err != nil {
		return nil, err
	}
	p := &Producer{c: c, memory: semaphore.NewWeighted(int64(c.opts.bufferMemory)), route: make(chan struct{}, 1), who: nobody,
		topics: map[string]*sink{}, boxes: map[data.TopicPartition]*outbox{}, senders: map[int32]*sender{}}
	err = c.retry(ctx, "get a producer id", func() (err error) {
		p.who, err = c.newIdentity(ctx)
		return err
	})
	if err != nil {
		c.close()
		return nil, err
	}
	p.ctx, p.stop = context.WithCancel(context.WithoutCancel(ctx))
	p.done.Go(p.router)
	return p, nil
}

// newIdentity asks once for a producer id of an idempotent producer.
func (c *cluster) newIdentity(ctx context.Context) (identity, error) {
	var resp *sarama.InitProducerIDResponse
	err := c.askAny(ctx, func(b *sarama.Broker) (err error) {
		resp, err = b.InitProducerID(&sarama.InitProducerIDRequest{Version: 4, ProducerID: -1, ProducerEpoch: -1})
		return err
	})
	if err != nil {
		return nobody, err
	}
	return identity{resp.ProducerID, resp.ProducerEpoch}, answered("get a producer id", resp.Err)
}

// Send hands messages over and blocks while buffer.memory is full or a topic does
// not exist yet. Done is called exactly once for each message, by any goroutine,
// for each partition in the order of its log, and must not block; a message that is
// refused at once may be told before earlier ones. The messages' bytes belong to
// the producer until then. When Send returns an error (ctx ended, closed), done was
// called with it for the messages that were not taken.
//
// Errors given to done: Record (too large, invalid), Retry (delivery.timeout.ms
// has passed), Fatal (no right to write).
func (p *Producer) Send(ctx context.Context, msgs []data.Message, done func(i int, partition int32, offset int64, err error)) error {
	s := &submission{msgs: msgs, tell: done, at: time.Now()}
	for i := 0; i < len(msgs); {
		n, err := p.take(ctx, s, i)
		if err != nil {
			for ; i < len(msgs); i++ {
				done(i, msgs[i].Partition, -1, err)
			}
			return err
		}
		i += n
	}
	return nil
}

// take queues messages from s.msgs[i] on, as many as a part of the memory holds,
// and says how many.
func (p *Producer) take(ctx context.Context, s *submission, i int) (n int, err error) {
	share, bytes := p.c.opts.bufferMemory/8, 0
	for ; i+n < len(s.msgs); n++ {
		m := &s.msgs[i+n]
		if err := checkMessage(m, &p.c.opts); err != nil {
			if n > 0 {
				break // queue what comes before it
			}
			s.tell(i, m.Partition, -1, err)
			return 1, nil
		}
		size := m.Bytes()
		if n > 0 && bytes+size > share {
			break
		}
		bytes += size
	}
	// One message may be larger than the memory; it then has it to itself.
	bytes = min(bytes, p.c.opts.bufferMemory)
	if err := p.memory.Acquire(ctx, int64(bytes)); err != nil {
		return 0, unreachable("wait for room in buffer.memory", err)
	}
	queued, err := p.queue(ctx, s, i, n)
	if unused := bytes - queued; unused > 0 {
		p.memory.Release(int64(unused))
	}
	return n, err
}

// queue puts messages into their outboxes and says how many bytes of memory those
// now hold. Messages that cannot be taken are told so, after the lock is free again.
func (p *Producer) queue(ctx context.Context, s *submission, i, n int) (bytes int, err error) {
	var refused []refusal
	defer func() {
		for _, r := range refused {
			s.tell(r.i, s.msgs[r.i].Partition, -1, r.err)
		}
	}()
	p.mu.Lock()
	defer p.mu.Unlock()
	for j := i; j < i+n; j++ {
		m := &s.msgs[j]
		t := p.topics[m.Topic]
		if (t == nil || m.Partition >= t.n) && !p.closed {
			p.mu.Unlock()
			err := p.findTopic(ctx, m)
			p.mu.Lock()
			if err != nil && ctx.Err() == nil && !fault.Is(err, fault.Retry) {
				refused = append(refused, refusal{j, err}) // this one only
				continue
			}
			t = p.topics[m.Topic]
		}
		if p.closed || t == nil {
			err := errClosed
			if !p.closed {
				err = fault.Of(unreachable("find topic "+m.Topic, context.Cause(ctx)))
			}
			if j == i {
				return 0, err
			}
			for ; j < i+n; j++ {
				refused = append(refused, refusal{j, err})
			}
			break
		}
		size := min(m.Bytes(), p.c.opts.bufferMemory)
		box := p.box(data.TopicPartition{Topic: m.Topic, Partition: t.choose(m, p.c.opts.batchSize)})
		box.push(entry{s, int32(j)}, size)
		if box.leader < 0 || box.who == nobody {
			poke(p.route)
		}
		bytes += size
	}
	p.wakeSenders()
	return bytes, nil
}

// refusal is a message that was not taken.
type refusal struct {
	i   int
	err error
}

// findTopic waits until a topic, and the partition a message names, is known. The
// error is what the message is to be told.
func (p *Producer) findTopic(ctx context.Context, m *data.Message) error {
	n, err := p.c.findTopic(ctx, m)
	if err == nil {
		p.setTopic(m.Topic, n)
	}
	return err
}

func (c *cluster) findTopic(ctx context.Context, m *data.Message) (n int32, err error) {
	what := "find topic " + m.Topic
	err = c.retry(ctx, what, func() error {
		codes, err := c.refresh(ctx, m.Topic)
		if err != nil {
			return err
		}
		if err := answered(what, codes[m.Topic]); err != nil && codes[m.Topic] != sarama.ErrLeaderNotAvailable {
			return err
		}
		known, _ := c.partitions(m.Topic)
		if n = int32(known); n == 0 {
			return answered(what, sarama.ErrLeaderNotAvailable)
		}
		if m.Partition >= n {
			return fault.New(fault.Record, "kafka.bad_partition", "topic %s has %d partitions, there is no partition %d",
				m.Topic, n, m.Partition)
		}
		return nil
	})
	return n, err
}

func (p *Producer) setTopic(topic string, n int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n <= 0 {
		return // gone for now: its outboxes wait for it
	}
	t := p.topics[topic]
	if t == nil {
		t = &sink{}
		p.topics[topic] = t
	}
	t.resize(n)
}

func (t *sink) resize(n int32) {
	if t.n != n {
		t.n, t.sticky = n, rand.Int32N(n)
	}
}

// choose is Java's choice of a partition: the one named, else by the key, else one
// that stays for a batch's worth of bytes (KIP-794).
func (t *sink) choose(m *data.Message, batchSize int) int32 {
	switch {
	case m.Partition >= 0:
		return m.Partition
	case m.Key != nil:
		return PartitionFor(m.Key, t.n)
	}
	if t.bytes += m.Bytes(); t.bytes > batchSize {
		t.bytes, t.sticky = 0, rand.Int32N(t.n)
	}
	return t.sticky
}

// Flush waits until done was called for everything sent before.
func (p *Producer) Flush(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flushing++
	defer func() { p.flushing-- }()
	p.wakeSenders()
	targets := make(map[*outbox]uint64, len(p.boxes))
	for _, b := range p.boxes {
		targets[b] = b.pushed
	}
	for {
		for b, n := range targets {
			if b.settled >= n {
				delete(targets, b)
			}
		}
		if len(targets) == 0 {
			return nil
		}
		if p.finished == nil {
			p.finished = make(chan struct{})
		}
		wait := p.finished
		p.mu.Unlock()
		var err error
		select {
		case <-wait:
		case <-ctx.Done():
			err = ctx.Err()
		}
		p.mu.Lock()
		if err != nil {
			return unreachable("flush the producer", err)
		}
	}
}

// Close waits for what is under way until ctx ends, then fails the rest. It may
// be called twice.
func (p *Producer) Close(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	err := p.Flush(ctx)
	p.stop()
	p.c.close()
	p.done.Wait()
	p.failAll(errClosed)
	return err
}

// router finds the leaders of outboxes that have none, gets new producer ids where
// one is used up, and looks at the topics again every metadata.max.age.ms.
func (p *Producer) router() {
	w := p.c.waiter("find the leaders of partitions to write to")
	defer w.done()
	refreshed := time.Now()
	for p.ctx.Err() == nil {
		if age := p.c.opts.metadataMaxAge; age > 0 && time.Since(refreshed) >= age {
			refreshed = time.Now()
			p.refreshTopics()
		}
		due, wait := p.unrouted()
		if len(due) > 0 {
			if err := p.routeAll(due); err == nil {
				w.ok()
			} else if p.ctx.Err() == nil {
				w.fail(err)
			}
			continue
		}
		if age := p.c.opts.metadataMaxAge; age > 0 {
			wait = min(wait, max(age-time.Since(refreshed), time.Millisecond))
		}
		timer := time.NewTimer(wait)
		select {
		case <-p.route:
		case <-timer.C:
		case <-p.ctx.Done():
		}
		timer.Stop()
	}
}

// refreshTopics sees partitions that were added. A failure is left to those who
// need an answer.
func (p *Producer) refreshTopics() {
	p.mu.Lock()
	names := make([]string, 0, len(p.topics))
	for t := range p.topics {
		names = append(names, t)
	}
	p.mu.Unlock()
	if len(names) == 0 {
		return
	}
	if _, err := p.c.refresh(p.ctx, names...); err != nil {
		return
	}
	for _, t := range names {
		n, _ := p.c.partitions(t)
		p.setTopic(t, int32(n))
	}
}

// routeAll gives outboxes their leader and, where it is needed, an identity.
func (p *Producer) routeAll(due []*outbox) error {
	var topics []string
	seen := map[string]bool{}
	for _, b := range due {
		if p.c.leader(b.tp) < 0 && !seen[b.tp.Topic] {
			seen[b.tp.Topic] = true
			topics = append(topics, b.tp.Topic)
		}
	}
	var last error
	if len(topics) > 0 {
		codes, err := p.c.refresh(p.ctx, topics...)
		last = err
		for t, code := range codes {
			if code != sarama.ErrNoError {
				last = answered("find the leaders of topic "+t, code)
			}
		}
	}
	for _, b := range due {
		if err := p.routeOne(b); err != nil && last == nil {
			last = err
		}
	}
	return last
}

func (p *Producer) routeOne(b *outbox) error {
	p.mu.Lock()
	who := b.who
	p.mu.Unlock()
	if who == nobody {
		fresh, err := p.c.newIdentity(p.ctx)
		if err != nil {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.postpone(b)
			return err
		}
		who = fresh
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if b.who == nobody {
		b.who, b.sequence = who, 0
	}
	l := p.c.leader(b.tp)
	if l < 0 {
		p.postpone(b)
		return answered(fmt.Sprintf("find the leader of %s-%d", b.tp.Topic, b.tp.Partition), sarama.ErrLeaderNotAvailable)
	}
	b.leader = l
	p.wakeSender(l)
	return nil
}
