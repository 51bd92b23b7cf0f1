package task

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"culvert/converters"
	"culvert/data"
	"culvert/fault"
	"culvert/kafka"
	"culvert/runtime/metrics"
)

// broker is a Kafka cluster in memory: logs, committed offsets, transactional
// ids. Its clients below are what a task sees.
type broker struct {
	mu       sync.Mutex
	logs     map[string][][]data.Message
	configs  map[string]map[string]string
	groups   map[string]map[data.TopicPartition]kafka.OffsetMeta
	epochs   map[string]int
	news     chan struct{} // closed and replaced when anything changes
	down     error         // every call fails with it
	holdAcks bool
	refuse   func(m data.Message) error // of producers
	txnErr   func(id string, n int) error
	txns     int
	sizes    []int // messages of each committed transaction
	created  []kafka.TopicSpec
	held     []func()
	unstable bool // an open commit that nobody ends
}

func newBroker() *broker {
	return &broker{
		logs: map[string][][]data.Message{}, configs: map[string]map[string]string{}, epochs: map[string]int{},
		groups: map[string]map[data.TopicPartition]kafka.OffsetMeta{}, news: make(chan struct{}),
	}
}

func (b *broker) changed() {
	close(b.news)
	b.news = make(chan struct{})
}

func (b *broker) topic(name string, partitions int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.logs[name]) < partitions {
		b.logs[name] = append(b.logs[name], nil)
	}
	if b.configs[name] == nil {
		b.configs[name] = map[string]string{"cleanup.policy": "delete", "retention.ms": "-1"}
	}
	b.changed()
}

// put appends a message where Java's partitioner puts it.
func (b *broker) put(topic, key, value string, ts int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.append(data.Message{Topic: topic, Partition: -1, Key: []byte(key), Value: []byte(value), Timestamp: ts})
	b.changed()
}

func (b *broker) append(m data.Message) (int32, int64) {
	if m.Partition < 0 {
		if m.Key != nil {
			m.Partition = kafka.PartitionFor(m.Key, int32(len(b.logs[m.Topic])))
		} else {
			m.Partition = 0
		}
	}
	log := b.logs[m.Topic][m.Partition]
	m.Offset = int64(len(log))
	m.Key, m.Value = slices.Clone(m.Key), slices.Clone(m.Value)
	b.logs[m.Topic][m.Partition] = append(log, m)
	return m.Partition, m.Offset
}

// control appends what nobody is given: the mark of a transaction's end.
func (b *broker) control(topic string, partition int32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.append(data.Message{Topic: topic, Partition: partition, Headers: []data.RawHeader{{Key: "control"}}})
	b.changed()
}

func isControl(m data.Message) bool { return len(m.Headers) == 1 && m.Headers[0].Key == "control" }

// all lists the values of a topic in no particular order of partitions.
func (b *broker) all(topic string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, log := range b.logs[topic] {
		for _, m := range log {
			out = append(out, string(m.Value))
		}
	}
	return out
}

func (b *broker) messages(topic string) []data.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []data.Message
	for _, log := range b.logs[topic] {
		out = append(out, log...)
	}
	return out
}

func (b *broker) committed(group string) map[data.TopicPartition]kafka.OffsetMeta {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.groups[group])
}

func (b *broker) transactions() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.txns
}

func (b *broker) set(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
	b.changed()
}

// Consumer.

type fakeConsumer struct {
	b      *broker
	mu     sync.Mutex
	at     map[data.TopicPartition]int64
	paused map[data.TopicPartition]bool
	moved  chan struct{}
	shown  map[data.TopicPartition]bool
	lent   map[data.TopicPartition][]data.Message // polled and not done with
	poll   int                                    // most messages of a poll and partition
	greedy bool                                   // a poll returns messages of one partition
	// slow is how long a poll takes to return what it has.
	slow time.Duration
}

func (b *broker) consumer() *fakeConsumer {
	return &fakeConsumer{b: b, at: map[data.TopicPartition]int64{}, paused: map[data.TopicPartition]bool{}, shown: map[data.TopicPartition]bool{}, lent: map[data.TopicPartition][]data.Message{}, moved: make(chan struct{}, 1), poll: 7}
}

func (c *fakeConsumer) Add(_ context.Context, tp data.TopicPartition, offset int64) error {
	c.b.mu.Lock()
	end := int64(len(c.b.logs[tp.Topic][tp.Partition]))
	c.b.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch offset {
	case kafka.Earliest:
		offset = 0
	case kafka.Latest:
		offset = end
	}
	c.at[tp] = offset
	delete(c.paused, tp)
	poke(c.moved)
	return nil
}

func (c *fakeConsumer) Remove(tps ...data.TopicPartition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, tp := range tps {
		delete(c.at, tp)
		delete(c.shown, tp)
		delete(c.lent, tp)
	}
}

// Done overwrites what Poll has lent, as the memory of another answer.
func (c *fakeConsumer) Done(tp data.TopicPartition, before int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.lent[tp]) > 0 && c.lent[tp][0].Offset < before {
		m := c.lent[tp][0]
		c.lent[tp] = c.lent[tp][1:]
		for _, b := range [][]byte{m.Key, m.Value} {
			for i := range b {
				b[i] = 0xdb
			}
		}
	}
}

func (c *fakeConsumer) Pause(tps ...data.TopicPartition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, tp := range tps {
		c.paused[tp] = true
	}
}

func (c *fakeConsumer) Resume(tps ...data.TopicPartition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, tp := range tps {
		delete(c.paused, tp)
	}
	poke(c.moved)
}

func (c *fakeConsumer) Poll(ctx context.Context, most kafka.Limits, into []data.Message) ([]data.Message, error) {
	for {
		c.b.mu.Lock()
		c.mu.Lock()
		news, down := c.b.news, c.b.down
		tps := slices.SortedFunc(maps.Keys(c.at), func(x, y data.TopicPartition) int {
			if x.Topic != y.Topic {
				if x.Topic < y.Topic {
					return -1
				}
				return 1
			}
			return int(x.Partition - y.Partition)
		})
		n := len(into)
		for _, tp := range tps {
			if c.paused[tp] || down != nil {
				continue
			}
			c.shown[tp] = true
			if c.greedy && len(into) > n {
				break
			}
			log := c.b.logs[tp.Topic][tp.Partition]
			for k := 0; k < c.poll && c.at[tp] < int64(len(log)) && len(into)-n < most.Records; k++ {
				if m := log[c.at[tp]]; !isControl(m) {
					m.Key, m.Value = slices.Clone(m.Key), slices.Clone(m.Value)
					c.lent[tp] = append(c.lent[tp], m)
					into = append(into, m)
				}
				c.at[tp]++
			}
		}
		c.mu.Unlock()
		c.b.mu.Unlock()
		if len(into) > n {
			slow := c.slow
			if c.greedy {
				slow += time.Millisecond // let the others work meanwhile
			}
			if slow > 0 { // a poll that is cancelled returns at once
				_ = pause(ctx, slow)
			}
			return into, nil
		}
		select {
		case <-news:
		case <-c.moved:
		case <-ctx.Done():
			return into, ctx.Err()
		}
	}
}

func (c *fakeConsumer) Position(tp data.TopicPartition) (int64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o, ok := c.at[tp]
	return o, ok
}

func (c *fakeConsumer) AtEnd(tp data.TopicPartition) bool {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	o, ok := c.at[tp]
	return ok && c.shown[tp] && o >= int64(len(c.b.logs[tp.Topic][tp.Partition]))
}

func (c *fakeConsumer) Close() error { return nil }

// Producer.

type fakeProducer struct {
	b   *broker
	mu  sync.Mutex
	out int
}

func (b *broker) producer() *fakeProducer { return &fakeProducer{b: b} }

func (p *fakeProducer) Send(ctx context.Context, msgs []data.Message, done func(int, int32, int64, error)) error {
	p.mu.Lock()
	p.out += len(msgs)
	p.mu.Unlock()
	p.b.mu.Lock()
	defer p.b.mu.Unlock()
	for i, m := range msgs {
		finish := func() {
			if p.b.refuse != nil {
				if err := p.b.refuse(m); err != nil {
					p.finished(func() { done(i, -1, -1, err) })
					return
				}
			}
			partition, offset := p.b.append(m)
			p.b.changed()
			p.finished(func() { done(i, partition, offset, nil) })
		}
		if p.b.holdAcks {
			p.b.held = append(p.b.held, finish)
		} else {
			finish()
		}
	}
	return nil
}

func (p *fakeProducer) finished(done func()) {
	done()
	p.mu.Lock()
	p.out--
	p.mu.Unlock()
}

// release runs held acknowledgements: those of the given indices, or all.
func (b *broker) release(which ...int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if which == nil {
		for _, f := range b.held {
			if f != nil {
				f()
			}
		}
		b.held = nil
		return
	}
	for _, i := range which {
		b.held[i]()
		b.held[i] = nil
	}
}

func (p *fakeProducer) Flush(ctx context.Context) error {
	for {
		p.mu.Lock()
		n := p.out
		p.mu.Unlock()
		if n == 0 {
			return nil
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			return err
		}
	}
}

func (p *fakeProducer) Close(context.Context) error { return nil }

// A converter of plain text: "bad…" cannot be decoded, "wait…" not while the
// registry is down.

type textFactory struct{ registry *registry }

type registry struct {
	mu   sync.Mutex
	down bool
}

func (r *registry) set(down bool) { r.mu.Lock(); r.down = down; r.mu.Unlock() }

func (textFactory) Class() string { return "test.TextConverter" }

func (f textFactory) For(string) converters.Converter { return &text{f.registry} }

type text struct{ registry *registry }

func (x *text) Decode(raw []byte, _ *data.Arena) (data.Value, *data.Schema, error) {
	if len(raw) >= 3 && string(raw[:3]) == "bad" {
		return data.Value{}, nil, fault.New(fault.Record, "text.bad", "cannot read %q", raw)
	}
	if len(raw) >= 4 && string(raw[:4]) == "wait" && x.registry != nil {
		x.registry.mu.Lock()
		defer x.registry.mu.Unlock()
		if x.registry.down {
			return data.Value{}, nil, fault.New(fault.Retry, "registry.down", "the registry does not answer")
		}
	}
	if raw == nil {
		return data.Value{}, nil, nil
	}
	return data.OfText(raw), nil, nil
}

func (x *text) Encode(dst []byte, v data.Value, _ *data.Schema) ([]byte, error) {
	switch {
	case v.IsNull():
		return nil, nil
	case v.Kind() == data.Int64:
		return fmt.Appendf(dst, "%d", v.Int()), nil
	case v.Kind() != data.String:
		return nil, fault.New(fault.Record, "text.kind", "cannot write a %v", v.Kind())
	case v.Str() == "unwritable":
		return nil, fault.New(fault.Record, "text.value", "cannot write %q", v.Str())
	}
	return append(dst, v.Str()...), nil
}

// log of a test; quiet unless the test fails.
func quiet(t *testing.T) *slog.Logger {
	_ = t
	return slog.New(slog.NewTextHandler(io.Discard, nil))
}

// states records what a task reports.
type states struct {
	mu      sync.Mutex
	list    []State
	reasons []string
	topics  []string
}

func (s *states) common(t *testing.T) Common {
	return Common{
		ID: ID{Connector: "c", Task: 0}, Log: quiet(t), Stats: metrics.NewTask(metrics.Sampling{}),
		Waiting:       NewWaiting(func(r string) { s.mu.Lock(); s.reasons = append(s.reasons, r); s.mu.Unlock() }),
		OnState:       func(st State) { s.mu.Lock(); s.list = append(s.list, st); s.mu.Unlock() },
		OnTopic:       func(tp string) { s.mu.Lock(); s.topics = append(s.topics, tp); s.mu.Unlock() },
		FlushInterval: 10 * time.Second, FlushTimeout: 5 * time.Second, Graceful: 5 * time.Second,
	}
}

func (s *states) last() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.list) == 0 {
		return 255
	}
	return s.list[len(s.list)-1]
}

func (s *states) waits() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.reasons)
}

var errTest = errors.New("test")

var (
	_ Consumer = (*fakeConsumer)(nil)
	_ Producer = (*fakeProducer)(nil)
	_ Group    = (*fakeGroup)(nil)
	_ Txn      = (*fakeTxn)(nil)
	_ Admin    = (*fakeAdmin)(nil)
)
