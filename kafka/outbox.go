package kafka

import (
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"culvert/data"
	"culvert/fault"
)

// outbox is what waits for one partition: batches that were formed already, in
// order, and behind them messages. All its fields are guarded by Producer.mu,
// except that a sender may read the first batch while busy is set.
type outbox struct {
	tp      data.TopicPartition
	formed  []*batch
	waiting []entry // from head on
	head    int
	bytes   int  // of waiting
	busy    bool // the first batch is under way

	who      identity // nobody: to be asked for
	sequence int32    // of the first formed batch

	leader   int32 // -1: to be looked up
	failures int
	retryAt  time.Time

	pushed, settled uint64 // messages, for Flush
}

func (b *outbox) push(e entry, size int) {
	if b.head > 0 && b.head == len(b.waiting) {
		b.waiting, b.head = b.waiting[:0], 0
	}
	b.waiting = append(b.waiting, e)
	b.bytes += size
	b.pushed++
}

func (b *outbox) empty() bool { return len(b.formed) == 0 && b.head == len(b.waiting) }

// since is when the oldest message was sent.
func (b *outbox) since() time.Time {
	if len(b.formed) > 0 {
		return b.formed[0].entries[0].from.at
	}
	return b.waiting[b.head].from.at
}

// form makes a batch of waiting messages.
func (b *outbox) form(batchSize int) {
	first := newBatch(b.tp)
	for b.head < len(b.waiting) {
		e := b.waiting[b.head]
		m := e.message()
		size := m.Bytes()
		if len(first.entries) > 0 && first.bytes+size > batchSize {
			break
		}
		first.add(m)
		first.entries = append(first.entries, e)
		b.bytes -= size
		b.waiting[b.head] = entry{}
		b.head++
	}
	if b.head == len(b.waiting) {
		b.waiting, b.head, b.bytes = b.waiting[:0], 0, 0
	} else if b.head > 1024 && b.head > len(b.waiting)/2 {
		n := copy(b.waiting, b.waiting[b.head:])
		clear(b.waiting[n:])
		b.waiting, b.head = b.waiting[:n], 0
	}
	b.formed = append(b.formed, first)
}

// ready reports whether there is something to send now; else, when there is
// something to wait for by the clock, how long.
func (b *outbox) ready(o *options, flushing bool) (bool, time.Duration) {
	if b.empty() || b.busy || b.who == nobody {
		return false, idle
	}
	if left := time.Until(b.retryAt); left > 0 {
		return false, left
	}
	if len(b.formed) > 0 || flushing || o.linger == 0 || b.bytes >= o.batchSize {
		return true, 0
	}
	left := o.linger - time.Since(b.since())
	return left <= 0, left
}

// box is the outbox of a partition. mu is held.
func (p *Producer) box(tp data.TopicPartition) *outbox {
	b := p.boxes[tp]
	if b == nil {
		b = &outbox{tp: tp, who: p.who, leader: p.c.leader(tp)}
		p.boxes[tp] = b
		if b.leader >= 0 {
			p.wakeSender(b.leader)
		}
	}
	return b
}

// unrouted gives the outboxes to route now, or how long to wait for the next.
func (p *Producer) unrouted() (due []*outbox, wait time.Duration) {
	expired := []*batch{}
	defer func() { p.tellExpired(expired) }()
	p.mu.Lock()
	defer p.mu.Unlock()
	wait = idle
	for _, b := range p.boxes {
		if b.empty() || b.busy || b.leader >= 0 && b.who != nobody {
			continue
		}
		expired = append(expired, p.expire(b)...)
		if left := time.Until(b.retryAt); left > 0 {
			wait = min(wait, left)
		} else if !b.empty() {
			due = append(due, b)
		}
	}
	return due, wait
}

// postpone puts an outbox back that failed, longer each time. mu is held.
func (p *Producer) postpone(b *outbox) {
	w := waiter{c: p.c, tries: b.failures}
	b.failures++
	b.retryAt = time.Now().Add(w.next())
	poke(p.route)
}

// expire takes out what is older than delivery.timeout.ms. A batch that may be in
// the log takes the outbox's identity with it: its sequence numbers cannot be used
// for other messages, which the broker would take for repetitions. mu is held.
func (p *Producer) expire(b *outbox) []*batch {
	limit := p.c.opts.deliveryTimeout
	if limit == 0 || b.busy {
		return nil
	}
	var out []*batch
	for !b.empty() && time.Since(b.since()) >= limit {
		if len(b.formed) == 0 {
			b.form(p.c.opts.batchSize)
		}
		first := b.formed[0]
		b.formed = b.formed[1:]
		if first.sent {
			b.who = nobody
		}
		out = append(out, first)
	}
	return out
}

func (p *Producer) tellExpired(out []*batch) {
	for _, first := range out {
		p.fail(first, fault.New(fault.Retry, "kafka.delivery_timeout", "%d messages for %s-%d were not acknowledged within delivery.timeout.ms",
			len(first.entries), first.tp.Topic, first.tp.Partition).WithJava("org.apache.kafka.common.errors.TimeoutException"))
	}
}

// outcome is what an answer means for the first batch of an outbox.
type outcome uint8

const (
	delivered outcome = iota
	again             // the same batch with the same sequence number
	renewed           // the same batch under a new producer id
	halved            // too large for the topic: in two parts
	sorted            // some records are refused, the others go again
	failed
)

func judge(b *batch, code sarama.KError, refused int) outcome {
	switch {
	case code == sarama.ErrNoError, code == sarama.ErrDuplicateSequenceNumber:
		return delivered
	case code == sarama.ErrOutOfOrderSequenceNumber, code == sarama.ErrUnknownProducerID, code == sarama.ErrInvalidProducerEpoch,
		code == sarama.ErrInvalidProducerIDMapping:
		// With one batch under way these mean that the broker has lost what it knew of
		// the producer: expired, truncated, or an election of a replica that lags.
		return renewed
	case tooLarge(code) && len(b.records) > 1:
		return halved
	case ofRecords(code) && refused > 0 && refused < len(b.records):
		return sorted
	case retriable(code):
		return again
	}
	return failed
}

// answer acts on what the broker said of the first batch.
func (p *Producer) answer(b *outbox, block *sarama.ProduceResponseBlock) {
	first := b.formed[0]
	what := judge(first, block.Err, len(block.RecordErrors))
	switch what {
	case delivered:
		p.tell(first, block.Offset)
	case failed:
		err := answered(fmt.Sprintf("produce to %s-%d", b.tp.Topic, b.tp.Partition), block.Err)
		if ofRecords(block.Err) {
			err = rejected(b.tp, block.Err, block.ErrorMessage)
		}
		p.tellFailed(first, err)
	case sorted:
		for _, r := range block.RecordErrors {
			if i := int(r.BatchIndex); i >= 0 && i < len(first.entries) && first.entries[i].from != nil {
				e := first.entries[i]
				e.from.tell(int(e.i), b.tp.Partition, -1, rejected(b.tp, block.Err, r.BatchIndexErrorMessage))
				first.entries[i].from = nil
			}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	b.busy = false
	switch what {
	case delivered:
		b.sequence = advance(b.sequence, len(first.records))
		b.failures = 0
		p.retire(b)
	case failed:
		if first.sent { // it may be in the log, under a sequence number that is gone then
			b.who = nobody
		}
		p.retire(b)
	case renewed:
		p.c.log.Warn("broker does not know the producer any more, going on under a new id", "topic", b.tp.Topic,
			"partition", b.tp.Partition, "err", block.Err)
		b.who = nobody
		p.postpone(b)
	case again:
		first.sent = first.sent || block.Err == sarama.ErrRequestTimedOut || block.Err == sarama.ErrNotEnoughReplicasAfterAppend
		if staleLeader(block.Err) {
			b.leader = -1
			p.c.forgetLeaders([]data.TopicPartition{b.tp})
		}
		p.postpone(b)
	case halved:
		p.reform(b, len(first.entries)/2)
	case sorted:
		p.reform(b, len(first.entries))
	}
	p.wakeSenders()
}

// reform replaces the first batch, which is not in the log, by batches of at most
// n of its messages; those already told are left out. mu is held.
func (p *Producer) reform(b *outbox, n int) {
	first := b.formed[0]
	var parts []*batch
	told := 0
	for _, e := range first.entries {
		if e.from == nil {
			told++
			continue
		}
		if len(parts) == 0 || len(parts[len(parts)-1].entries) >= n {
			parts = append(parts, newBatch(b.tp))
		}
		part := parts[len(parts)-1]
		part.add(e.message())
		part.entries = append(part.entries, e)
	}
	left := 0
	for _, part := range parts {
		left += part.bytes
	}
	if freed := first.bytes - left; freed > 0 {
		p.memory.Release(int64(freed))
	}
	p.count(b, told)
	b.formed = append(parts, b.formed[1:]...)
	first.free()
}

// retire takes the first batch out; its messages have been told. mu is held.
func (p *Producer) retire(b *outbox) {
	first := b.formed[0]
	b.formed = b.formed[1:]
	p.release(b, first)
}

func (p *Producer) release(b *outbox, done *batch) {
	p.memory.Release(int64(min(done.bytes, p.c.opts.bufferMemory)))
	p.count(b, len(done.entries))
	done.free()
}

func (p *Producer) count(b *outbox, n int) {
	b.settled += uint64(n)
	if p.finished != nil {
		close(p.finished)
		p.finished = nil
	}
}

func (p *Producer) tell(b *batch, base int64) {
	for i, e := range b.entries {
		offset := int64(-1)
		if base >= 0 {
			offset = base + int64(i)
		}
		e.from.tell(int(e.i), b.tp.Partition, offset, nil)
	}
}

func (p *Producer) tellFailed(b *batch, err error) {
	for _, e := range b.entries {
		e.from.tell(int(e.i), b.tp.Partition, -1, err)
	}
}

// fail ends a batch that was taken out of its outbox.
func (p *Producer) fail(first *batch, err error) {
	p.tellFailed(first, err)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.release(p.boxes[first.tp], first)
}

// failAll ends everything that is left; the goroutines have ended.
func (p *Producer) failAll(err error) {
	var left []*batch
	p.mu.Lock()
	for _, b := range p.boxes {
		for b.head < len(b.waiting) {
			b.form(p.c.opts.batchSize)
		}
		left = append(left, b.formed...)
		b.formed = nil
	}
	p.mu.Unlock()
	for _, first := range left {
		p.fail(first, err)
	}
}
