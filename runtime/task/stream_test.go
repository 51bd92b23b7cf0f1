package task

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/connectors"
	"culvert/data"
	"culvert/fault"
	"culvert/kafka"
	"culvert/state"
	"culvert/transforms"
)

// pairs joins two topics by key, as small as a join can be: a row "l-r" for each
// pair of values whose times are at most within apart.
type pairs struct {
	topics    []string
	within    int64
	retention int64
	copart    bool
	registry  *registry
}

func (p *pairs) Inputs() []string       { return p.topics }
func (p *pairs) Copartitioned() bool    { return p.copart }
func (p *pairs) Retention(string) int64 { return p.retention }
func (p *pairs) ByTimestamp() bool      { return true }
func (p *pairs) EventTime(_ string, r *data.Record, _ *data.Arena) (int64, error) {
	return r.Timestamp, nil
}
func (p *pairs) Make(int32) transforms.Stateful { return &pairing{p} }

type pairing struct{ *pairs }

func (p *pairing) Process(in, out *data.Batch, st state.Windows) error {
	for i := range in.Records {
		r := &in.Records[i]
		side := slices.Index(p.topics, r.Topic)
		key, _, err := r.Key.Value(in.Arena)
		if err == nil {
			_, _, err = r.Value.Value(in.Arena)
		}
		if err != nil {
			in.Fail(i, data.StageTransformation, err)
			continue
		}
		st.Observe(side, r.Timestamp)
		raw, _, _ := r.Value.Wire()
		if _, err := st.Put(side, key.Bytes(), r.Timestamp, raw); err != nil {
			return err
		}
		err = st.Fetch(1-side, key.Bytes(), r.Timestamp-p.within, r.Timestamp+p.within, func(e state.Entry) error {
			row := out.Append()
			left, right := string(raw), string(e.Value)
			if side == 1 {
				left, right = right, left
			}
			row.Topic, row.Input, row.Timestamp = "joined", r.Input, max(r.Timestamp, e.Time)
			row.Key = data.ValueCell(key.Clone(), nil)
			row.Value = data.ValueCell(data.OfString(left+"-"+right), nil)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *pairing) Advance(int64, *data.Batch, state.Windows) error { return nil }

// rowSink is a Transactional sink.
type rowSink struct{ target }

func (s *rowSink) Encode(_ context.Context, b *data.Batch, out []data.Message) ([]data.Message, error) {
	for i := range b.Records {
		k, _, _ := b.Records[i].Key.Value(b.Arena)
		v, _, _ := b.Records[i].Value.Value(b.Arena)
		if strings.HasSuffix(v.Str(), "unwritable") {
			b.Fail(i, data.StageValueConverter, fault.New(fault.Record, "text.value", "cannot write %q", v.Str()))
			continue
		}
		out = append(out, data.Message{Topic: "joined", Partition: -1, Timestamp: b.Records[i].Timestamp, Key: []byte(k.Str()), Value: []byte(v.Str())})
	}
	return out, nil
}

type streamTest struct {
	*broker
	plan     *pairs
	said     *states
	registry *registry
	sink     connectors.Sink
	store    *state.Store
	cfg      StreamConfig
	tasks    []*Stream
	stop     context.CancelFunc
	err      chan error
}

func newStreamTest(t *testing.T, partitions int) *streamTest {
	s := &streamTest{broker: newBroker(), said: &states{}, registry: &registry{}, sink: &rowSink{}, err: make(chan error, 8)}
	s.plan = &pairs{topics: []string{"l", "r"}, within: 1000, retention: 4000, copart: true, registry: s.registry}
	s.store = state.Open(state.Options{Log: quiet(t)})
	text := textFactory{s.registry}
	s.cfg = StreamConfig{
		Common: s.said.common(t), Chain: Chain{Key: text, Value: text, Header: text}, Plan: s.plan, Name: "join",
		Open:     func(context.Context) (connectors.Sink, error) { return s.sink, nil },
		Consumer: func(context.Context) (Consumer, error) { return s.consumer(), nil },
		Admin:    func(context.Context) (Admin, error) { return s.admin(), nil },
		Txn:      func(_ context.Context, id string) (Txn, error) { return s.txn(id), nil },
		State:    s.store, GroupID: "connect-c", ClusterGroup: "w", Tasks: 1, Reset: kafka.Earliest, MetadataMaxAge: time.Minute,
	}
	if partitions > 0 {
		for _, tp := range []string{"l", "r", "joined"} {
			s.topic(tp, partitions)
		}
	}
	return s
}

// start runs n tasks of n.
func (s *streamTest) start(t *testing.T, n int) {
	ctx, cancel := context.WithCancel(t.Context())
	s.stop = cancel
	s.tasks = nil
	result := s.err
	for i := range n {
		cfg := s.cfg
		cfg.ID.Task, cfg.Tasks = i, n
		st := NewStream(cfg)
		s.tasks = append(s.tasks, st)
		go func() { result <- st.Run(ctx) }()
	}
	synctest.Wait()
}

func (s *streamTest) end() error {
	s.stop()
	var err error
	for range s.tasks {
		err = errors.Join(err, <-s.err)
	}
	return err
}

// kill ends the tasks as a process that dies does: from now on nothing that they
// send reaches the broker.
func (s *streamTest) kill() {
	s.set(func() {
		for id := range s.epochs {
			s.epochs[id] += 1000
		}
	})
	s.stop()
	for range s.tasks {
		<-s.err
	}
}

// freeze leaves the tasks running as those of a process that has lost its
// partitions and does not know it: others may be started beside them. The result
// ends them.
func (s *streamTest) freeze(t *testing.T) func() {
	stop, result, n := s.stop, s.err, len(s.tasks)
	s.err = make(chan error, 8)
	s.cfg.State = state.Open(state.Options{Log: quiet(t)}) // of another process
	return func() {
		stop()
		for range n {
			if err := <-result; err != nil && !fault.Is(err, fault.Fenced) {
				t.Errorf("a former owner ended with %v", err)
			}
		}
	}
}

func (s *streamTest) rows() []string {
	got := s.all("joined")
	slices.Sort(got)
	return got
}

func TestStream_joins(t *testing.T) {
	for _, tasks := range []int{1, 2} {
		t.Run(fmt.Sprintf("tasks=%d", tasks), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStreamTest(t, 3)
				s.start(t, tasks)
				var want []string
				for i := range 50 {
					k := fmt.Sprintf("key%d", i)
					s.put("l", k, fmt.Sprintf("a%d", i), int64(1000+i))
					s.put("r", k, fmt.Sprintf("b%d", i), int64(1500+i))
					want = append(want, fmt.Sprintf("a%d-b%d", i, i))
				}
				time.Sleep(100 * time.Millisecond)
				slices.Sort(want)
				if got := s.rows(); !slices.Equal(got, want) {
					t.Errorf("rows within 100 ms: %v", got)
				}
				if err := s.end(); err != nil {
					t.Fatal(err)
				}
				for tp, m := range s.committed("connect-c") {
					if want := int64(len(s.logs[tp.Topic][tp.Partition])); m.Offset != want {
						t.Errorf("%v committed at %d of %d", tp, m.Offset, want)
					}
				}
				if n := len(s.committed("connect-c")); n != 6 {
					t.Errorf("%d partitions committed", n)
				}
			})
		})
	}
}

// Inputs are merged by time: the join of a backlog does not depend on which topic
// is read faster.
func TestStream_merges_by_time(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreamTest(t, 1)
		s.plan.retention = 1000
		s.plan.within = 400
		for i := range 300 { // the right side would be far ahead of the left's window
			s.put("l", "k", fmt.Sprintf("a%d", i), int64(i*1000))
			s.put("r", "k", fmt.Sprintf("b%d", i), int64(i*1000+300))
		}
		c := s.consumer()
		c.poll, c.greedy = 50, true
		s.cfg.Consumer = func(context.Context) (Consumer, error) { return c, nil }
		s.start(t, 1)
		time.Sleep(10 * time.Second)
		if got := len(s.rows()); got != 300 {
			t.Errorf("%d rows of 300", got)
		}
		s.end()
	})
}

// The old owner is frozen, a new one takes over; the old one wakes up.
func TestStream_fences_the_old_owner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreamTest(t, 1)
		s.start(t, 1)
		s.put("l", "k", "a", 1000)
		time.Sleep(2 * time.Second)
		old, oldErr := s.stop, s.err
		s.err = make(chan error, 8)
		defer old()
		s.cfg.State = state.Open(state.Options{Log: quiet(t)}) // another process
		s.start(t, 1)
		s.put("r", "k", "b", 1100)
		time.Sleep(2 * time.Second)
		if err := <-oldErr; !fault.Is(err, fault.Fenced) {
			t.Errorf("the old owner ended with %v", err)
		}
		if got := s.rows(); !slices.Equal(got, []string{"a-b"}) {
			t.Errorf("rows %v", got)
		}
		if err := s.end(); err != nil {
			t.Error(err)
		}
	})
}

// Under load a transaction carries hundreds of rows.
func TestStream_transactions_are_big(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreamTest(t, 1)
		for i := range 20_000 {
			k := fmt.Sprintf("key%d", i)
			s.put("l", k, "a", int64(1000+i))
			s.put("r", k, "b", int64(1000+i))
		}
		c := s.consumer()
		c.poll = 5000
		s.cfg.Consumer = func(context.Context) (Consumer, error) { return c, nil }
		s.start(t, 1)
		time.Sleep(10 * time.Second)
		if got := len(s.rows()); got != 20_000 {
			t.Fatalf("%d rows", got)
		}
		s.transactions()
		with := 0
		for _, n := range s.sizes {
			if n > 0 {
				with++
			}
		}
		if with > 20_000/500 {
			t.Errorf("20000 rows went out in %d transactions", with)
		}
		s.end()
	})
}

func TestStream_registry_outage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreamTest(t, 1)
		s.registry.set(true)
		s.start(t, 1)
		s.put("l", "k", "a", 1000)
		s.put("r", "k", "wait", 1000)
		s.put("l", "k", "a2", 1001)
		time.Sleep(time.Hour)
		s.registry.set(false)
		time.Sleep(2 * time.Second)
		if got := s.rows(); !slices.Equal(got, []string{"a-wait", "a2-wait"}) {
			t.Errorf("rows %v", got)
		}
		if err := s.end(); err != nil {
			t.Error(err)
		}
	})
}

// Dead letters of a join go into the transaction of its rows.
func TestStream_dead_letters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreamTest(t, 1)
		s.cfg.Errors = Errors{Tolerate: true, Letters: "dead", LettersReplication: 1}
		s.start(t, 1)
		s.put("l", "k", "bad", 1000)
		s.put("l", "k", "a", 1000)
		s.put("r", "k", "b", 1000)
		time.Sleep(2 * time.Second)
		if got := s.rows(); !slices.Equal(got, []string{"a-b"}) {
			t.Errorf("rows %v", got)
		}
		if got := s.all("dead"); !slices.Equal(got, []string{"bad"}) {
			t.Errorf("dead letters %v", got)
		}
		s.kill()
		s.start(t, 1)
		time.Sleep(2 * time.Second)
		if got := s.all("dead"); !slices.Equal(got, []string{"bad"}) {
			t.Errorf("dead letters after a restart %v", got)
		}
		s.end()
	})
}

// A row that cannot be encoded: the record that made it is a dead letter, in the
// transaction of the other rows.
func TestStream_dead_rows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreamTest(t, 1)
		s.cfg.Errors = Errors{Tolerate: true, Letters: "dead", LettersReplication: 1}
		s.put("l", "k", "a", 1000)
		s.put("r", "k", "b", 1001)
		s.put("r", "k", "unwritable", 1002)
		s.put("r", "k", "c", 1003)
		s.start(t, 1)
		time.Sleep(2 * time.Second)
		if err := s.end(); err != nil {
			t.Fatal(err)
		}
		if got := s.rows(); !slices.Equal(got, []string{"a-b", "a-c"}) {
			t.Errorf("rows %v", got)
		}
		if got := s.all("dead"); !slices.Equal(got, []string{"unwritable"}) {
			t.Errorf("dead letters %v", got)
		}
		if s.sizes[len(s.sizes)-1] != 3 && s.sizes[0] != 3 {
			t.Errorf("messages by transaction: %v", s.sizes)
		}
	})
}

// A row that the broker does not take stops the task, names itself, and nothing is
// lost: with the limit raised it is written, once.
func TestStream_refused_row(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreamTest(t, 1)
		s.cfg.Errors = Errors{Tolerate: true}
		s.cfg.Txn = func(_ context.Context, id string) (Txn, error) { return &narrow{s.txn(id)}, nil }
		s.put("l", "k", "a", 1000)
		s.put("l", "big", "a", 1000)
		s.put("r", "k", "b", 1001)
		s.put("r", "big", "b", 1002)
		s.start(t, 1)
		err := <-s.err
		if text := fault.Explain(err); !fault.Is(err, fault.Fatal) || !strings.Contains(text, `topic 'joined', key "big"`) || !strings.Contains(text, "too large") || !strings.Contains(text, "Raise") {
			t.Errorf("ended with %s", text)
		}
		if got := s.rows(); len(got) != 0 {
			t.Errorf("rows %v of an aborted transaction", got)
		}
		s.stop()
		s.cfg.Txn = func(_ context.Context, id string) (Txn, error) { return s.txn(id), nil }
		s.start(t, 1)
		time.Sleep(2 * time.Second)
		if err := s.end(); err != nil || !slices.Equal(s.rows(), []string{"a-b", "a-b"}) {
			t.Errorf("rows %v, %v", s.rows(), err)
		}
	})
}

// narrow takes no message with the key "big".
type narrow struct{ *fakeTxn }

func (x *narrow) Run(ctx context.Context, msgs []data.Message, group string, offsets map[data.TopicPartition]kafka.OffsetMeta) error {
	for i := range msgs {
		if string(msgs[i].Key) == "big" {
			return &kafka.RecordError{Index: i, Err: fault.New(fault.Record, "kafka.too_large", "the message is too large").WithFix("Raise max.message.bytes of the topic.")}
		}
	}
	return x.fakeTxn.Run(ctx, msgs, group, offsets)
}

// A sink that is not Kafka: rows are written, then the offsets follow.
func TestStream_plain_sink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreamTest(t, 1)
		dst := &target{}
		s.sink = dst
		dst.set(func(context.Context, *data.Batch) error {
			return fault.New(fault.Retry, "mongo.away", "MongoDB is away")
		})
		s.start(t, 1)
		s.put("l", "k", "a", 1000)
		s.put("r", "k", "b", 1000)
		time.Sleep(time.Hour)
		if m := s.committed("connect-c")[data.TopicPartition{Topic: "r"}]; m.Offset != 0 {
			t.Errorf("offset %d committed of rows that are not written", m.Offset)
		}
		dst.set(nil)
		time.Sleep(3 * time.Second)
		if got := dst.got(); !slices.Equal(got, []string{"a-b"}) {
			t.Errorf("written %v", got)
		}
		if m := s.committed("connect-c")[data.TopicPartition{Topic: "r"}]; m.Offset != 1 {
			t.Errorf("offset %d committed", m.Offset)
		}
		s.end()
	})
}

func TestStream_pause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreamTest(t, 2)
		s.start(t, 1)
		s.put("l", "k", "a", 1000)
		s.put("r", "k", "b", 1000)
		time.Sleep(5 * time.Second)
		s.tasks[0].Pause()
		synctest.Wait()
		s.put("r", "k", "c", 1000)
		before := s.transactions()
		time.Sleep(25 * time.Hour)
		if got := s.rows(); !slices.Equal(got, []string{"a-b"}) {
			t.Errorf("rows while paused %v", got)
		}
		if n := s.transactions() - before; n != 2 {
			t.Errorf("%d commits in a day of pause, of 2 partitions", n)
		}
		s.tasks[0].Resume()
		time.Sleep(time.Second)
		if got := s.rows(); !slices.Equal(got, []string{"a-b", "a-c"}) {
			t.Errorf("rows %v", got)
		}
		s.end()
	})
}

func TestStream_waits_for_its_inputs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreamTest(t, 0)
		s.topic("joined", 1)
		s.topic("l", 2)
		s.start(t, 1)
		time.Sleep(time.Minute)
		if w := s.said.waits(); len(w) == 0 || !strings.Contains(w[len(w)-1], "topic 'r' does not exist yet") {
			t.Errorf("reasons told: %q", w)
		}
		s.topic("r", 2)
		s.put("l", "k", "a", 1000)
		s.put("r", "k", "b", 1000)
		time.Sleep(3 * time.Second)
		if got := s.rows(); !slices.Equal(got, []string{"a-b"}) {
			t.Errorf("rows %v", got)
		}
		s.end()
	})
}

// The life of a shard that panics does not save its state.
func TestStream_panic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreamTest(t, 1)
		s.sink = &panicky{}
		s.start(t, 1)
		s.put("l", "k", "a", 1000)
		s.put("r", "k", "b", 1000)
		time.Sleep(time.Second)
		if e := fault.Of(<-s.err); e == nil || e.Code != Panicked {
			t.Errorf("ended with %v", e)
		}
	})
}

type panicky struct{ target }

func (*panicky) Encode(context.Context, *data.Batch, []data.Message) ([]data.Message, error) {
	panic("boom")
}

var (
	_ transforms.Plan          = (*pairs)(nil)
	_ connectors.Transactional = (*rowSink)(nil)
)
