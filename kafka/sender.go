package kafka

import (
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"culvert/data"
)

// sender is the goroutine that writes to one broker, one request at a time.
type sender struct {
	wake chan struct{}
}

// wakeSender makes the sender of a broker look again, and starts it if need be.
// mu is held.
func (p *Producer) wakeSender(broker int32) {
	s := p.senders[broker]
	if s == nil {
		s = &sender{wake: make(chan struct{}, 1)}
		p.senders[broker] = s
		p.done.Go(func() { p.sendTo(broker, s) })
	}
	poke(s.wake)
}

func (p *Producer) wakeSenders() {
	for _, s := range p.senders {
		poke(s.wake)
	}
}

// sendTo writes to a broker what there is for it until the producer closes. A
// broker that leads nothing any more leaves a sleeping goroutine behind: brokers
// are few.
func (p *Producer) sendTo(broker int32, s *sender) {
	w := p.c.waiter(fmt.Sprintf("produce to broker %d", broker))
	defer w.done()
	for p.ctx.Err() == nil {
		boxes, wait := p.pick(broker, s)
		if len(boxes) == 0 {
			timer := time.NewTimer(wait)
			select {
			case <-s.wake:
			case <-timer.C:
			case <-p.ctx.Done():
			}
			timer.Stop()
			continue
		}
		err := p.produce(broker, boxes)
		switch {
		case err == nil:
			w.ok()
		case p.ctx.Err() == nil:
			w.fail(err)
		}
	}
}

// pick takes the outboxes for the next request, as many as max.request.size
// allows, and marks them busy. The random order of the map is what gives each its
// turn.
func (p *Producer) pick(broker int32, s *sender) (boxes []*outbox, wait time.Duration) {
	var expired []*batch
	defer func() { p.tellExpired(expired) }()
	p.mu.Lock()
	defer p.mu.Unlock()
	wait = idle
	bytes := 0
	for _, b := range p.boxes {
		if b.leader != broker {
			continue
		}
		expired = append(expired, p.expire(b)...)
		ready, left := b.ready(&p.c.opts, p.flushing > 0)
		if !ready {
			wait = min(wait, left)
			continue
		}
		if len(b.formed) == 0 {
			b.form(p.c.opts.batchSize)
		}
		if bytes += b.formed[0].bytes; len(boxes) > 0 && bytes > p.c.opts.maxRequest {
			poke(s.wake)
			break
		}
		b.busy = true
		boxes = append(boxes, b)
	}
	return boxes, wait
}

// produce sends the first batch of each outbox and acts on the answers.
func (p *Producer) produce(broker int32, boxes []*outbox) error {
	req := &sarama.ProduceRequest{Version: 8, RequiredAcks: sarama.WaitForAll, Timeout: int32(p.c.opts.requestTimeout.Milliseconds())}
	for _, b := range boxes {
		req.AddBatch(b.tp.Topic, b.tp.Partition, b.formed[0].seal(b.who, b.sequence, &p.c.opts, false))
	}
	var resp *sarama.ProduceResponse
	err := p.c.ask(p.ctx, broker, mainLane, p.c.opts.requestTimeout+answerTime, func(b *sarama.Broker) (err error) {
		resp, err = b.Produce(req)
		return err
	})
	var encoding sarama.PacketEncodingError
	switch {
	case errors.As(err, &encoding): // nothing was sent, and never can be
		for _, b := range boxes {
			p.answer(b, &sarama.ProduceResponseBlock{Err: sarama.ErrInvalidRecord, ErrorMessage: &encoding.Info})
		}
		return nil
	case err != nil:
		p.unanswered(boxes)
		return err
	}
	for _, b := range boxes {
		block := resp.GetBlock(b.tp.Topic, b.tp.Partition)
		if block == nil {
			block = &sarama.ProduceResponseBlock{Err: sarama.ErrUnknownTopicOrPartition}
		}
		p.answer(b, block)
	}
	return nil
}

// answerTime is what the broker gets for its answer when the replicas have used up
// the time of the request.
const answerTime = 5 * time.Second

// unanswered puts batches back whose request has no answer. They may be in the
// log or not; that they go out again unchanged makes it the same.
func (p *Producer) unanswered(boxes []*outbox) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range boxes {
		b.formed[0].sent = true
		b.busy, b.leader = false, -1
		p.c.forgetLeaders([]data.TopicPartition{b.tp})
		p.postpone(b)
	}
}
