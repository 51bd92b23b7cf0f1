package task

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"culvert/connectors"
	"culvert/data"
	"culvert/fault"
	"culvert/kafka"
	"culvert/transforms/regex"
)

// target is a sink that keeps what is written; a test may make it fail, block or
// mark records.
type target struct {
	mu      sync.Mutex
	written []string
	batches [][]string
	hook    func(ctx context.Context, b *data.Batch) error // before writing
	revoked []data.TopicPartition
}

func (s *target) Write(ctx context.Context, b *data.Batch) error {
	s.mu.Lock()
	hook := s.hook
	s.mu.Unlock()
	if hook != nil {
		if err := hook(ctx, b); err != nil {
			return err
		}
	}
	failed := map[int]bool{}
	for _, f := range b.Failed() {
		failed[f.Index] = true
	}
	var batch []string
	for i := range b.Records {
		if failed[i] {
			continue
		}
		v, _, err := b.Records[i].Value.Value(b.Arena)
		if err != nil {
			b.Fail(i, data.StagePut, err)
			continue
		}
		batch = append(batch, strings.Clone(v.Str()))
	}
	s.mu.Lock()
	s.written = append(s.written, batch...)
	s.batches = append(s.batches, batch)
	s.mu.Unlock()
	return nil
}

func (s *target) Close(context.Context) error { return nil }

func (s *target) Assigned(context.Context, []data.TopicPartition) error { return nil }
func (s *target) Revoked(_ context.Context, tps []data.TopicPartition) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked = append(s.revoked, tps...)
	return nil
}

func (s *target) set(hook func(ctx context.Context, b *data.Batch) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = hook
}

func (s *target) got() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.written)
}

type sinkTest struct {
	*broker
	dst      *target
	said     *states
	registry *registry
	cfg      SinkConfig
	task     *Sink
	member   *fakeGroup
	stop     context.CancelFunc
	err      chan error
}

func newSinkTest(t *testing.T) *sinkTest {
	s := &sinkTest{broker: newBroker(), dst: &target{}, said: &states{}, registry: &registry{}, err: make(chan error, 1)}
	text := textFactory{s.registry}
	s.cfg = SinkConfig{
		Common: s.said.common(t), Chain: Chain{Key: text, Value: text, Header: text},
		Open:     func(context.Context) (connectors.Sink, error) { return s.dst, nil },
		Consumer: func(context.Context) (Consumer, error) { return s.consumer(), nil },
		Admin:    func(context.Context) (Admin, error) { return s.admin(), nil },
		Letters:  func(context.Context) (Producer, error) { return s.producer(), nil },
		Group: func(_ context.Context, c kafka.GroupConfig) (Group, error) {
			s.member = s.group(c)
			return s.member, nil
		},
		GroupID: "connect-c", InstanceID: "w-c-0", Subscription: Subscription{Topics: []string{"in"}},
		Reset: kafka.Earliest, MetadataMaxAge: time.Minute,
	}
	return s
}

func (s *sinkTest) start(t *testing.T) {
	s.task = NewSink(s.cfg)
	ctx, cancel := context.WithCancel(t.Context())
	s.stop = cancel
	go func() { s.err <- s.task.Run(ctx) }()
	synctest.Wait()
}

func (s *sinkTest) end() error {
	s.stop()
	return <-s.err
}

func (s *sinkTest) offset() int64 {
	m, ok := s.committed("connect-c")[data.TopicPartition{Topic: "in"}]
	if !ok {
		return -1
	}
	return m.Offset
}

func (s *sinkTest) values(n, from int) []string {
	var want []string
	for i := range n {
		v := fmt.Sprintf("v%d", from+i)
		s.put("in", "k", v, 1000)
		want = append(want, v)
	}
	return want
}

func TestSink_writes_then_commits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSinkTest(t)
		s.topic("in", 1)
		want := s.values(30, 0)
		s.start(t)
		if got := s.dst.got(); !slices.Equal(got, want) {
			t.Fatalf("written %v", got)
		}
		if s.offset() != -1 {
			t.Errorf("offset %d committed before the interval", s.offset())
		}
		time.Sleep(11 * time.Second)
		if s.offset() != 30 {
			t.Errorf("offset %d committed after the interval", s.offset())
		}
		s.values(5, 30)
		synctest.Wait()
		if err := s.end(); err != nil {
			t.Fatal(err)
		}
		if s.offset() != 35 {
			t.Errorf("offset %d committed at the stop", s.offset())
		}
		if !slices.Equal(s.said.topics, []string{"in"}) {
			t.Errorf("topics told: %v", s.said.topics)
		}
	})
}

func TestSink_goes_on_from_the_committed_offset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSinkTest(t)
		s.topic("in", 1)
		want := s.values(10, 0)
		s.set(func() {
			s.groups["connect-c"] = map[data.TopicPartition]kafka.OffsetMeta{{Topic: "in"}: {Offset: 4}}
		})
		s.start(t)
		if got := s.dst.got(); !slices.Equal(got, want[4:]) {
			t.Errorf("written %v", got)
		}
		s.end()
	})
}

// An outage of the target, however long: the same batch comes again, the status
// says why, and work resumes within two seconds of its end.
func TestSink_outage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSinkTest(t)
		s.topic("in", 1)
		want := s.values(3, 0)
		var attempts atomic.Int64
		down := func(context.Context, *data.Batch) error {
			attempts.Add(1)
			return fault.New(fault.Retry, "mongo.unreachable", "localhost:27017 does not answer").WithAfter(time.Minute)
		}
		s.dst.set(down)
		s.start(t)
		time.Sleep(5 * time.Hour)
		if s.said.last() != Running {
			t.Error("the task does not say that it runs")
		}
		if w := s.said.waits(); len(w) != 1 || !strings.Contains(w[0], "27017 does not answer") {
			t.Errorf("reasons told: %q", w)
		}
		if s.offset() != -1 {
			t.Errorf("offset %d committed of what is not written", s.offset())
		}
		if n := attempts.Load(); n < 5*3600 || n > 2*5*3600 {
			t.Errorf("%d attempts in 5 h", n)
		}
		s.dst.set(nil)
		time.Sleep(2 * time.Second)
		if got := s.dst.got(); !slices.Equal(got, want) {
			t.Errorf("written 2 s after the outage: %v", got)
		}
		if w := s.said.waits(); w[len(w)-1] != "" {
			t.Errorf("the reason is still told: %q", w)
		}
		s.end()
	})
}

func TestSink_registry_outage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSinkTest(t)
		s.topic("in", 1)
		s.cfg.Errors.Tolerate = true
		s.cfg.Errors.Letters = "dead"
		s.cfg.Errors.LettersReplication = 1
		s.registry.set(true)
		for _, v := range []string{"a", "wait1", "bad1", "b", "wait2"} {
			s.put("in", "k", v, 1)
		}
		s.start(t)
		time.Sleep(time.Hour)
		if got := s.all("dead"); len(got) != 0 {
			t.Errorf("dead letters during a registry outage: %v", got)
		}
		if s.offset() != -1 {
			t.Errorf("offset %d committed", s.offset())
		}
		s.registry.set(false)
		time.Sleep(2 * time.Second)
		got := s.dst.got()
		slices.Sort(got)
		if !slices.Equal(got, []string{"a", "b", "wait1", "wait2"}) {
			t.Errorf("written %v", got)
		}
		if got := s.all("dead"); !slices.Equal(got, []string{"bad1"}) {
			t.Errorf("dead letters %v", got)
		}
		s.end()
		if s.offset() != 5 {
			t.Errorf("offset %d committed", s.offset())
		}
	})
}

// errors.retry.timeout, where it is set, ends the waiting for a record.
func TestSink_retry_timeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSinkTest(t)
		s.topic("in", 1)
		s.cfg.Errors = Errors{Tolerate: true, RetryTimeout: time.Minute, Letters: "dead", LettersReplication: 1}
		s.registry.set(true)
		s.put("in", "k", "wait", 1)
		s.put("in", "k", "a", 1)
		s.start(t)
		time.Sleep(59 * time.Second)
		if got := s.all("dead"); len(got) != 0 {
			t.Errorf("dead letters after 59 s: %v", got)
		}
		time.Sleep(3 * time.Second)
		if got := s.all("dead"); !slices.Equal(got, []string{"wait"}) {
			t.Errorf("dead letters after 62 s: %v", got)
		}
		s.end()
		if s.offset() != 2 {
			t.Errorf("offset %d committed", s.offset())
		}
	})
}

func TestSink_no_tolerance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSinkTest(t)
		s.topic("in", 1)
		s.values(2, 0)
		s.put("in", "k", "bad", 1)
		s.start(t)
		err := <-s.err
		if err == nil || !strings.Contains(err.Error(), "Tolerance exceeded in error handler") || !strings.Contains(err.Error(), "topic 'in', partition 0, offset 2") {
			t.Errorf("the task ended with %v", err)
		}
		if fault.Of(err).Fix == "" {
			t.Error("no remedy")
		}
		if s.offset() > 2 {
			t.Errorf("offset %d committed, beyond the bad record", s.offset())
		}
	})
}

func TestSink_pause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSinkTest(t)
		s.topic("in", 1)
		s.values(3, 0)
		s.start(t)
		s.task.Pause()
		synctest.Wait()
		if s.said.last() != Paused {
			t.Error("not told that it is paused")
		}
		if s.offset() != 3 {
			t.Errorf("offset %d committed at the pause", s.offset())
		}
		s.values(3, 3)
		time.Sleep(time.Hour)
		if got := len(s.dst.got()); got != 3 {
			t.Errorf("%d records written while paused", got)
		}
		s.task.Resume()
		synctest.Wait()
		if got := len(s.dst.got()); got != 6 {
			t.Errorf("%d records written after resuming", got)
		}
		s.end()
	})
}

func compiled(t *testing.T, expr string) *regex.Pattern {
	t.Helper()
	p, err := regex.Compile(expr)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestSink_new_topics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSinkTest(t)
		s.topic("in", 1)
		s.topic("__consumer_offsets", 1)
		s.cfg.Subscription = Subscription{Pattern: compiled(t, "in.*|__.*")}
		s.start(t)
		s.topic("in2", 2)
		s.topic("other", 1)
		s.put("in2", "k", "late", 1)
		time.Sleep(61 * time.Second) // metadata.max.age.ms
		if got := s.dst.got(); !slices.Equal(got, []string{"late"}) {
			t.Errorf("written %v", got)
		}
		if s.member.joins != 2 {
			t.Errorf("%d joins", s.member.joins)
		}
		s.end()
	})
}

func TestSink_missing_topic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSinkTest(t)
		s.start(t)
		time.Sleep(time.Minute)
		if s.said.last() != Running {
			t.Error("a task that waits for its topic does not run")
		}
		s.topic("in", 1)
		want := s.values(2, 0)
		time.Sleep(2 * time.Second)
		if got := s.dst.got(); !slices.Equal(got, want) {
			t.Errorf("written %v", got)
		}
		s.end()
	})
}

func TestSink_panic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSinkTest(t)
		s.topic("in", 1)
		s.values(1, 0)
		s.dst.set(func(context.Context, *data.Batch) error { panic("boom") })
		s.start(t)
		if e := fault.Of(<-s.err); e == nil || e.Code != Panicked {
			t.Errorf("the task ended with %v", e)
		}
	})
}

// While one batch is written the next is being made ready, and memory stays
// bounded.
func TestSink_pipeline_is_bounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSinkTest(t)
		s.topic("in", 1)
		s.values(100, 0)
		c := s.consumer()
		s.cfg.Consumer = func(context.Context) (Consumer, error) { return c, nil }
		block := make(chan struct{})
		s.dst.set(func(context.Context, *data.Batch) error { <-block; return nil })
		s.start(t)
		pos, _ := c.Position(data.TopicPartition{Topic: "in"})
		if pos != 3*7 {
			t.Errorf("%d records fetched while the first batch of 7 is being written", pos)
		}
		close(block)
		synctest.Wait()
		if got := len(s.dst.got()); got != 100 {
			t.Errorf("%d written", got)
		}
		s.end()
	})
}

// ahead is a target that prepares: it notes each batch by its first value.
type ahead struct {
	*target
	mu       sync.Mutex
	prepared []string
}

func (a *ahead) Prepare(b *data.Batch) {
	v, _, err := b.Records[0].Value.Value(b.Arena)
	if err != nil {
		b.Prepared = err
		return
	}
	b.Prepared = strings.Clone(v.Str())
	a.mu.Lock()
	defer a.mu.Unlock()
	a.prepared = append(a.prepared, b.Prepared.(string))
}

// A batch is prepared once, after the transformations, while the one before is written.
func TestSink_prepares_ahead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSinkTest(t)
		s.topic("in", 1)
		s.values(21, 0)
		s.cfg.Chain.Steps = []Step{{Name: "upper", Transform: upper{s.registry}}}
		a := &ahead{target: s.dst}
		s.cfg.Open = func(context.Context) (connectors.Sink, error) { return a, nil }
		block := make(chan struct{})
		var found []any
		s.dst.set(func(_ context.Context, b *data.Batch) error {
			<-block
			found = append(found, b.Prepared)
			return nil
		})
		s.start(t)
		want := []string{"V0", "V7", "V14"}
		if got := a.prepared; !slices.Equal(got, want) {
			t.Errorf("prepared %v while the first batch is being written, want %v", got, want)
		}
		close(block)
		synctest.Wait()
		if got := fmt.Sprint(found); got != fmt.Sprint(want) {
			t.Errorf("written with %v, want %v", got, want)
		}
		if err := s.end(); err != nil {
			t.Error(err)
		}
	})
}

// upper is a transformation; "drop" is dropped, "fail" fails.
type upper struct{ registry *registry }

func (u upper) Apply(_ context.Context, b *data.Batch) error {
	for i := range b.Records {
		v, _, err := b.Records[i].Value.Value(b.Arena)
		if err != nil {
			b.Fail(i, data.StageTransformation, err)
			continue
		}
		if v.Str() == "fail" {
			b.Fail(i, data.StageTransformation, fault.New(fault.Record, "smt.bad", "cannot transform"))
			continue
		}
		b.Records[i].Value.Set(data.OfString(strings.ToUpper(v.Str())), nil)
	}
	if len(b.Failed()) == 0 {
		b.Remove(func(i int) bool {
			v, _, _ := b.Records[i].Value.Value(nil)
			return v.Str() != "DROP"
		})
	}
	return nil
}

func TestSink_transformations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSinkTest(t)
		s.topic("in", 1)
		s.cfg.Chain.Steps = []Step{{Name: "up", Class: "test.Upper", Transform: upper{s.registry}}}
		s.cfg.Errors = Errors{Tolerate: true, Letters: "dead", LettersReplication: 1, LettersContext: true}
		s.registry.set(true)
		for _, v := range []string{"a", "fail", "wait", "bad", "b"} {
			s.put("in", "k", v, 1)
		}
		s.start(t)
		time.Sleep(time.Minute)
		if got := s.dst.got(); len(got) != 0 {
			t.Errorf("written %v while a record waits", got)
		}
		s.registry.set(false)
		time.Sleep(2 * time.Second)
		s.put("in", "k", "drop", 1)
		s.put("in", "k", "c", 1)
		synctest.Wait()
		if got := s.dst.got(); !slices.Equal(got, []string{"A", "WAIT", "B", "C"}) {
			t.Errorf("written %v", got)
		}
		stages := map[string]string{}
		for _, m := range s.messages("dead") {
			for _, h := range m.Headers {
				if h.Key == "__connect.errors.stage" || h.Key == "__connect.errors.class.name" {
					stages[string(m.Value)] += string(h.Value) + " "
				}
			}
		}
		if stages["fail"] != "TRANSFORMATION test.Upper " || stages["bad"] != "VALUE_CONVERTER test.TextConverter " {
			t.Errorf("dead letters %v", stages)
		}
		s.end()
		if s.offset() != 7 {
			t.Errorf("offset %d committed", s.offset())
		}
	})
}
