package kafka

import (
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"culvert/data"
	"culvert/fault"
)

// fetcher is the goroutine that fetches from one broker.
type fetcher struct {
	wake chan struct{}
}

// wakeFetcher makes the fetcher of a broker look again, and starts it if need be.
// mu is held.
func (c *Consumer) wakeFetcher(broker int32) {
	f := c.fetchers[broker]
	if f == nil {
		f = &fetcher{wake: make(chan struct{}, 1)}
		c.fetchers[broker] = f
		c.done.Go(func() { c.fetchFrom(broker, f) })
	}
	poke(f.wake)
}

func (c *Consumer) wakeAll() {
	for _, f := range c.fetchers {
		poke(f.wake)
	}
}

// shortWait is the first MaxWait of fetches while another partition of the broker
// waits to be drained: a long poll would hold that one up when it is. It doubles
// while nothing comes.
const shortWait = 5 * time.Millisecond

// fetchFrom keeps one fetch to a broker under way until the broker leads nothing
// of ours any more.
func (c *Consumer) fetchFrom(broker int32, f *fetcher) {
	w := c.c.waiter(fmt.Sprintf("fetch from broker %d", broker))
	defer w.done()
	short := shortWait
	for c.ctx.Err() == nil {
		plan, state := c.plan(broker)
		switch state {
		case nothingHere:
			return
		case nothingNow:
			select {
			case <-f.wake:
			case <-c.ctx.Done():
			}
			continue
		}
		wait := c.c.opts.fetchWait
		if state == someFull {
			wait = min(short, wait)
		}
		got, err := c.fetch(broker, plan, wait)
		if err == nil {
			w.ok()
			if short *= 2; got || short > c.c.opts.fetchWait {
				short = shortWait
			}
			continue
		}
		c.release(plan)
		if c.ctx.Err() != nil {
			return
		}
		w.fail(err)
		_ = w.pause(c.ctx)
	}
}

type planState uint8

const (
	nothingHere planState = iota // the fetcher is over
	nothingNow
	someFull // some partitions wait for Poll
	allAsked
)

// fetchPlan is one request.
type fetchPlan struct {
	parts []*part
	from  []int64
	bytes int
}

// plan picks what to fetch from a broker. When the broker leads nothing, its
// fetcher is taken out in the same breath, so that the next leader starts another.
func (c *Consumer) plan(broker int32) (fetchPlan, planState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	plan := fetchPlan{bytes: int(c.c.opts.fetchMax) - c.buffered}
	led, full := 0, 0
	for _, p := range c.order {
		if p.leader != broker {
			continue
		}
		led++
		switch {
		case p.next < 0 || p.failed != nil || p.paused || p.asked:
		case p.bytes > int(c.c.opts.partitionFetch)/2 || plan.bytes <= 0:
			full++
		default:
			plan.parts = append(plan.parts, p)
			plan.from = append(plan.from, p.next)
		}
	}
	if led == 0 {
		delete(c.fetchers, broker)
		return plan, nothingHere
	}
	for _, p := range plan.parts {
		p.asked = true
	}
	switch {
	case len(plan.parts) == 0:
		return plan, nothingNow
	case full > 0:
		return plan, someFull
	}
	return plan, allAsked
}

// release gives the partitions of a request that failed to the router: the
// broker may lead them no more.
func (c *Consumer) release(plan fetchPlan) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range plan.parts {
		p.asked, p.leader = false, -1
		c.postpone(p)
		c.c.forgetLeaders([]data.TopicPartition{p.tp})
	}
	poke(c.route)
}

// fetch sends one request and takes over its answer.
func (c *Consumer) fetch(broker int32, plan fetchPlan, wait time.Duration) (got bool, err error) {
	req := &sarama.FetchRequest{Version: mostFetch, MaxWaitTime: int32(wait.Milliseconds()), MinBytes: c.c.opts.fetchMin,
		MaxBytes: int32(plan.bytes), Isolation: c.c.opts.isolation, SessionEpoch: -1}
	for i, p := range plan.parts {
		req.AddBlock(p.tp.Topic, p.tp.Partition, plan.from[i], p.maxBytes, -1)
	}
	resp, answer, err := c.c.fetch(c.ctx, broker, wait+c.c.opts.requestTimeout, req, &c.memory)
	if err != nil {
		return false, err
	}
	if resp.ErrorCode != 0 {
		return false, answered("fetch", sarama.KError(resp.ErrorCode))
	}
	for i, p := range plan.parts {
		// Decoding is done here, before the lock: Poll goes on meanwhile.
		d, err := c.delivery(p.tp, plan.from[i], resp, answer, i)
		if err != nil && d.next == plan.from[i] {
			c.damaged(p, err)
			continue
		} // else: what came before the damage is good
		got = c.apply(p, d) || got
	}
	if answer != nil {
		c.mu.Lock()
		answer.mem.leave()
		c.mu.Unlock()
	}
	return got, nil
}

// delivery is what a fetch has brought for one partition.
type delivery struct {
	batchReader
	code      sarama.KError
	high, end int64
	mem       *lease // nil: the garbage collector's
}

// delivery reads the share of the i-th partition of a plan.
func (c *Consumer) delivery(tp data.TopicPartition, from int64, resp *sarama.FetchResponse, a *answer, i int) (d delivery, err error) {
	committed := c.c.opts.isolation == sarama.ReadCommitted
	d = delivery{code: sarama.ErrUnknownTopicOrPartition, batchReader: batchReader{next: from}}
	if a == nil {
		if block := resp.GetBlock(tp.Topic, tp.Partition); block != nil {
			d.code, d.high, d.end = block.Err, block.HighWaterMarkOffset, block.LastStableOffset
			if d.code == sarama.ErrNoError {
				d.batchReader = readBatches(tp, block, from, committed)
			}
		}
		return d, nil
	}
	if s := a.share(tp, i); s != nil {
		d.code, d.high, d.end, d.mem = s.code, s.high, s.end, a.mem
		if d.code == sarama.ErrNoError {
			d.messages = c.messages()
			err = s.read(&d.batchReader, tp, from, committed, a.mem)
		}
	}
	return d, err
}

// apply takes over what a fetch brought for a partition.
func (c *Consumer) apply(p *part, d delivery) (got bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.asked = false
	if c.parts[p.tp] != p {
		return false // removed meanwhile
	}
	if d.code != sarama.ErrNoError {
		c.fetchFailed(p, d.code)
		return false
	}
	p.failures, p.damages = 0, 0
	was := p.position
	first := !p.known
	p.known, p.high, p.end = true, d.high, d.high
	if c.c.opts.isolation == sarama.ReadCommitted {
		p.end = d.end
	}
	if d.partial { // a batch larger than the limit, behind others in the answer
		p.maxBytes = min(p.maxBytes*2, 1<<30)
	}
	p.next = max(p.next, d.next)
	if len(d.messages) > 0 {
		p.buffered = append(p.buffered, chunk{all: d.messages})
		p.bytes += d.bytes
		c.buffered += d.bytes
		p.borrow(d.mem, c.c.reuse)
	}
	c.settle(p)
	if len(d.messages) > 0 || p.position != was || first {
		poke(c.ready)
	}
	return len(d.messages) > 0
}

// fetchFailed acts on a partition's error code. mu is held.
func (c *Consumer) fetchFailed(p *part, code sarama.KError) {
	switch {
	case code == sarama.ErrOffsetOutOfRange:
		if c.c.opts.reset == resetNone {
			p.failed = fault.New(fault.Fatal, "kafka.offset_out_of_range",
				"offset %d of %s-%d is out of range and auto.offset.reset is none", p.next, p.tp.Topic, p.tp.Partition).
				WithFix("Set auto.offset.reset to earliest or latest, or set the group's offset to one that exists.")
			poke(c.ready)
			return
		}
		c.c.log.Warn("offset is out of range, reset", "topic", p.tp.Topic, "partition", p.tp.Partition, "offset", p.next,
			"to", map[int64]string{Earliest: "earliest", Latest: "latest"}[c.c.opts.reset])
		p.next, p.leader = c.c.opts.reset, -1
	case retriable(code):
		p.leader = -1
	default:
		p.failed = unreadable(p.tp, code)
		poke(c.ready)
		return
	}
	c.postpone(p)
	c.c.forgetLeaders([]data.TopicPartition{p.tp})
	poke(c.route)
}

// patience with a damaged batch: it may have been damaged on the way, but not every
// time.
const maxDamages = 3

// damaged puts a partition back whose next batch cannot be read, and gives it up when
// it comes damaged again and again. Java's consumer gives it up at once
// (CompletedFetch.fetchRecords, whose words these are).
func (c *Consumer) damaged(p *part, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.asked = false
	if c.parts[p.tp] != p {
		return // removed meanwhile
	}
	if p.damages++; p.damages >= maxDamages {
		p.failed = fault.New(fault.Fatal, "kafka.corrupt_record", "Received exception when fetching the next record from %s-%d. "+
			"If needed, please seek past the record to continue consumption.: %w", p.tp.Topic, p.tp.Partition, err).
			WithJava("org.apache.kafka.common.KafkaException").
			WithFix("Look at the broker's disk; where no replica has the batch whole, set the group's offset behind it.")
		poke(c.ready)
		return
	}
	c.c.log.Warn("a record batch is damaged, it is fetched again", "topic", p.tp.Topic, "partition", p.tp.Partition, "err", err)
	p.leader = -1
	c.postpone(p)
	c.c.forgetLeaders([]data.TopicPartition{p.tp})
	poke(c.route)
}

// router looks for the leaders of partitions that have none and for the offsets
// of those that start at an end.
func (c *Consumer) router() {
	w := c.c.waiter("find the leaders of partitions")
	defer w.done()
	for c.ctx.Err() == nil {
		due, wait := c.unrouted()
		if len(due) > 0 {
			if err := c.routeAll(due); err == nil {
				w.ok()
			} else if c.ctx.Err() == nil {
				w.fail(err)
			}
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-c.route:
		case <-timer.C:
		case <-c.ctx.Done():
		}
		timer.Stop()
	}
}

// idle is how long the router sleeps when nothing waits for it.
const idle = time.Hour

// unrouted gives the partitions to route now, or how long to wait for the next.
func (c *Consumer) unrouted() (due []*part, wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wait = idle
	for _, p := range c.order {
		if p.failed != nil || p.asked || p.leader >= 0 && p.next >= 0 {
			continue
		}
		if left := time.Until(p.retryAt); left > 0 {
			wait = min(wait, left)
		} else {
			due = append(due, p)
		}
	}
	return due, wait
}

// postpone puts a partition that failed back, longer each time. mu is held.
func (c *Consumer) postpone(p *part) {
	w := waiter{c: c.c, tries: p.failures}
	p.failures++
	p.retryAt = time.Now().Add(w.next())
}

// routeAll does what it can for each partition, and returns the error of one that
// is left.
func (c *Consumer) routeAll(lost []*part) error {
	var last error
	if err := c.lookUp(lost); err != nil {
		last = err
	}
	for _, at := range []int64{Earliest, Latest} {
		if err := c.resolve(lost, at); err != nil {
			last = err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range lost {
		if c.parts[p.tp] != p || p.failed != nil {
			continue
		}
		if l := c.c.leader(p.tp); l >= 0 && p.next >= 0 {
			p.leader = l
			c.wakeFetcher(l)
			continue
		}
		c.postpone(p)
		if last == nil {
			last = answered(fmt.Sprintf("find the leader of %s-%d", p.tp.Topic, p.tp.Partition), sarama.ErrLeaderNotAvailable)
		}
	}
	return last
}

// lookUp asks for the leaders that are not known. A topic that this principal may
// not read fails its partitions.
func (c *Consumer) lookUp(lost []*part) error {
	var topics []string
	seen := map[string]bool{}
	for _, p := range lost {
		if c.c.leader(p.tp) < 0 && !seen[p.tp.Topic] {
			seen[p.tp.Topic] = true
			topics = append(topics, p.tp.Topic)
		}
	}
	if len(topics) == 0 {
		return nil
	}
	codes, err := c.c.refresh(c.ctx, topics...)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range lost {
		code := codes[p.tp.Topic]
		switch {
		case code == sarama.ErrNoError:
		case retriable(code):
			err = answered("find the leaders of topic "+p.tp.Topic, code)
		default:
			p.failed = unreadable(p.tp, code)
			poke(c.ready)
		}
	}
	return err
}

// resolve looks up the offsets of partitions that start at an end.
func (c *Consumer) resolve(lost []*part, at int64) error {
	var last error
	for _, p := range lost {
		c.mu.Lock()
		wanted := c.parts[p.tp] == p && p.failed == nil && p.next == at
		c.mu.Unlock()
		if !wanted || c.c.leader(p.tp) < 0 {
			continue
		}
		ask := at
		if at == Latest {
			ask = c.c.endPosition()
		}
		found, err := c.c.listOffsets(c.ctx, []data.TopicPartition{p.tp}, ask)
		if err != nil {
			last = err
			continue
		}
		c.mu.Lock()
		if p.next == at {
			p.next, p.position = found[p.tp], found[p.tp]
		}
		c.mu.Unlock()
	}
	return last
}

// endPosition is where a reader of this isolation level ends.
func (c *cluster) endPosition() int64 {
	if c.opts.isolation == sarama.ReadCommitted {
		return LatestCommitted
	}
	return Latest
}

// batchReader is what one partition's share of a fetch answer holds.
type batchReader struct {
	messages []data.Message
	bytes    int
	next     int64 // where the next fetch starts
	partial  bool
}
