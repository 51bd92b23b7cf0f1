package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"culvert/configdef"
	"culvert/connectors"
	"culvert/connectors/file"
	"culvert/connectors/mongodb"
	"culvert/connectors/topicsink"
	"culvert/converters"
	"culvert/converters/header"
	"culvert/converters/json"
	"culvert/converters/number"
	"culvert/converters/text"
	"culvert/data"
	"culvert/kafka"
	"culvert/runtime/plugins"
	"culvert/transforms"
	"culvert/transforms/stream"
)

// world is a cluster in this process with one worker.
type world struct {
	t       *testing.T
	cluster *kfake.Cluster
	offsets *memoryOffsets
	lab     *lab
	*process
}

// process is one worker "process": what it has open can be cut off at once.
type process struct {
	w   *Worker
	log *statusLog

	mu    sync.Mutex
	dead  bool
	conns []net.Conn
}

// lab is what the plugins of the tests write to and read from.
type lab struct {
	mu       sync.Mutex
	written  []string
	blocked  map[string]chan struct{}
	inside   bool // a Read is blocked now
	failWith error
	end      int64
}

type statusLog struct {
	mu  sync.Mutex
	all []string
	now map[string]string
}

func (l *statusLog) put(connector string, n int, state, trace string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	id := fmt.Sprintf("%s-%d", connector, n)
	l.all = append(l.all, id+" "+state)
	l.now[id] = state + " " + trace
}

func (l *statusLog) of(id string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now[id]
}

func newWorld(t *testing.T, topics map[string]int32) *world {
	t.Helper()
	opts := []kfake.Opt{kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(100 * time.Millisecond),
		kfake.BrokerConfigs(map[string]string{"group.min.session.timeout.ms": "100"})}
	for name, n := range topics {
		opts = append(opts, kfake.SeedTopics(n, name))
	}
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	w := &world{t: t, cluster: cluster, offsets: &memoryOffsets{m: map[string][]data.Mark{}}, lab: &lab{blocked: map[string]chan struct{}{}, end: 1 << 40}}
	w.begin()
	t.Cleanup(func() { w.close() })
	return w
}

// begin starts a worker process.
func (w *world) begin() {
	p := &process{log: &statusLog{now: map[string]string{}}}
	reg, err := plugins.New("4.3.1", w.lab.plugins())
	if err != nil {
		w.t.Fatal(err)
	}
	p.w = New(Config{
		Plugins: reg, ClusterGroup: "workers", Offsets: w.offsets, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Props: map[string]string{
			"bootstrap.servers": strings.Join(w.cluster.ListenAddrs(), ","),
			"key.converter":     "org.apache.kafka.connect.storage.StringConverter", "value.converter": "org.apache.kafka.connect.storage.StringConverter",
			"offset.flush.interval.ms": "200", "task.shutdown.graceful.timeout.ms": "3000",
			"consumer.metadata.max.age.ms": "500", "consumer.fetch.max.wait.ms": "100", "consumer.heartbeat.interval.ms": "100", "consumer.session.timeout.ms": "300000",
		},
		Dial:     p.dial,
		OnStatus: p.log.put,
	})
	w.process = p
}

func (p *process) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	p.mu.Lock()
	dead := p.dead
	p.mu.Unlock()
	if dead {
		return nil, errors.New("this process is dead")
	}
	c, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err == nil {
		p.mu.Lock()
		p.conns = append(p.conns, c)
		p.mu.Unlock()
	}
	return c, err
}

// kill cuts the process off as kill -9 does: nothing that it still sends arrives.
func (p *process) kill() {
	p.mu.Lock()
	p.dead = true
	conns := p.conns
	p.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
	}
	for _, id := range p.w.Running() { // its goroutines end in the background
		p.w.StopTask(id.Connector, id.Task)
	}
}

func (w *world) close() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.t.Context()), 20*time.Second)
	defer cancel()
	if err := w.w.Close(ctx); err != nil {
		w.t.Errorf("the worker did not close: %v", err)
	}
}

func (w *world) start(name string, n int, props map[string]string, paused bool) {
	w.t.Helper()
	props["name"] = name
	configs, err := w.w.TaskConfigs(name, props)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range min(n, len(configs)) {
		w.w.StartTask(name, i, props, configs[i], paused)
	}
}

func (w *world) stop(name string, n int) {
	w.t.Helper()
	for i := range n {
		select {
		case <-w.w.StopTask(name, i):
		case <-time.After(20 * time.Second):
			w.t.Fatalf("task %s-%d did not stop", name, i)
		}
	}
}

// until waits for something that has to happen.
func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			w.t.Fatalf("never happened: %s; statuses %v", what, w.log.now)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (w *world) admin() *kafka.Admin {
	w.t.Helper()
	a, err := kafka.OpenAdmin(w.t.Context(), w.settings())
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w *world) settings() kafka.Settings {
	return kafka.Settings{Props: map[string]string{"bootstrap.servers": strings.Join(w.cluster.ListenAddrs(), ","), "isolation.level": "read_committed", "fetch.max.wait.ms": "50"},
		ClientID: "test", Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

func (w *world) produce(msgs ...data.Message) {
	w.t.Helper()
	p, err := kafka.OpenProducer(w.t.Context(), w.settings())
	if err != nil {
		w.t.Fatal(err)
	}
	defer p.Close(w.t.Context())
	err = p.Send(w.t.Context(), msgs, func(_ int, _ int32, _ int64, err error) {
		if err != nil {
			w.t.Error(err)
		}
	})
	if err == nil {
		err = p.Flush(w.t.Context())
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// read returns the values of a topic as a read_committed reader sees them.
func (w *world) read(topic string) []string {
	w.t.Helper()
	admin := w.admin()
	defer admin.Close()
	infos, err := admin.Topics(w.t.Context(), topic)
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := kafka.OpenConsumer(w.t.Context(), w.settings())
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	var tps []data.TopicPartition
	for i := range infos[topic].Partitions {
		tp := data.TopicPartition{Topic: topic, Partition: int32(i)}
		tps = append(tps, tp)
		if err := c.Add(w.t.Context(), tp, kafka.Earliest); err != nil {
			w.t.Fatal(err)
		}
	}
	var got []string
	for {
		atEnd := true
		for _, tp := range tps {
			atEnd = atEnd && c.AtEnd(tp)
		}
		if atEnd {
			return got
		}
		ctx, cancel := context.WithTimeout(w.t.Context(), 100*time.Millisecond)
		msgs, err := c.Poll(ctx, kafka.Limits{Records: 1000}, nil)
		cancel()
		if err != nil && ctx.Err() == nil {
			w.t.Fatal(err)
		}
		for _, m := range msgs {
			got = append(got, string(m.Value))
		}
	}
}

// memoryOffsets is a store of source offsets.
type memoryOffsets struct {
	mu sync.Mutex
	m  map[string][]data.Mark
}

func (o *memoryOffsets) Load(_ context.Context, connector string, partitions []data.Value) ([]data.Value, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := make([]data.Value, len(partitions))
	for i, p := range partitions {
		for _, m := range o.m[connector] {
			if m.Partition.Equal(p) {
				out[i] = m.Next
			}
		}
	}
	return out, nil
}

func (o *memoryOffsets) Commit(_ context.Context, connector string, marks []data.Mark) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, m := range marks {
		o.m[connector] = slices.DeleteFunc(o.m[connector], func(old data.Mark) bool { return old.Partition.Equal(m.Partition) })
		o.m[connector] = append(o.m[connector], m)
	}
	return nil
}

func (o *memoryOffsets) All(_ context.Context, connector string) ([]data.Mark, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.m[connector]), nil
}

func (o *memoryOffsets) Close() error { return nil }

// The plugins of the tests: a source of numbers and a sink that collects.

var testPartition = data.OfMap([]data.Value{data.OfString("source"), data.OfString("numbers")})

type numbers struct {
	lab   *lab
	topic string
	next  int64
}

func (s *numbers) Read(ctx context.Context, b *data.Batch) error {
	s.lab.mu.Lock()
	end := s.lab.end
	stuck := s.lab.blocked["read"]
	s.lab.inside = stuck != nil
	s.lab.mu.Unlock()
	if stuck != nil {
		<-stuck // ignores ctx: a bad plugin
	}
	for range 10 {
		if s.next >= end {
			break
		}
		r := b.Append()
		r.Topic = s.topic
		r.Key = data.ValueCell(data.OfString(fmt.Sprint("k", s.next)), nil)
		r.Value = data.ValueCell(data.OfString(fmt.Sprint(s.next)), nil)
		s.next++
	}
	if len(b.Records) == 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
			return nil
		}
	}
	b.Mark(testPartition, data.OfMap([]data.Value{data.OfString("next"), data.OfInt64(s.next)}))
	return nil
}

func (s *numbers) Close(context.Context) error { return nil }

type collector struct{ lab *lab }

func (c *collector) Write(_ context.Context, b *data.Batch) error {
	c.lab.mu.Lock()
	defer c.lab.mu.Unlock()
	if c.lab.failWith != nil {
		return c.lab.failWith
	}
	for i := range b.Records {
		v, _, err := b.Records[i].Value.Value(b.Arena)
		if err != nil {
			b.Fail(i, data.StagePut, err)
			continue
		}
		c.lab.written = append(c.lab.written, strings.Clone(v.Str()))
	}
	return nil
}

func (c *collector) Close(context.Context) error { return nil }

func (l *lab) set(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

func (l *lab) got() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.written)
}

func same(props map[string]string, most int) ([]map[string]string, error) {
	var out []map[string]string
	for range most {
		out = append(out, maps.Clone(props))
	}
	return out, nil
}

func none() []configdef.Spec { return nil }

func (l *lab) plugins() plugins.Set {
	one := func(props map[string]string, _ int) ([]map[string]string, error) { return same(props, 1) }
	return plugins.Set{
		Connectors: []connectors.Plugin{
			{Class: "test.NumberSource", TaskClass: "test.NumberTask", Kind: connectors.SourceKind, Spec: none, Tasks: one,
				Source: func(ctx context.Context, env connectors.Env, props map[string]string) (connectors.Source, error) {
					if props["panic"] != "" {
						panic(props["panic"])
					}
					stored, err := env.Offsets.Load(ctx, []data.Value{testPartition})
					if err != nil {
						return nil, err
					}
					s := &numbers{lab: l, topic: props["topic"]}
					if v, ok := stored[0].Lookup("next"); ok {
						s.next = v.Int()
					}
					return s, nil
				}},
			{Class: "test.CollectSink", TaskClass: "test.CollectTask", Kind: connectors.SinkKind, Spec: none, Tasks: same,
				Sink: func(context.Context, connectors.Env, map[string]string) (connectors.Sink, error) {
					return &collector{l}, nil
				}},
			{Class: "test.TooMany", TaskClass: "test.T", Kind: connectors.SinkKind, Spec: none,
				Tasks: func(props map[string]string, most int) ([]map[string]string, error) { return same(props, most+1) }},
			file.SourcePlugin(), file.SinkPlugin(), topicsink.Plugin(), mongodb.Plugin(),
		},
		Converters: append(number.Plugins(), []converters.Plugin{text.Plugin(), header.Plugin(), json.Plugin()}...),
		Transforms: []transforms.Plugin{stream.Plugin()},
	}
}
