package task

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/connectors"
	"culvert/data"
	"culvert/fault"
	"culvert/kafka"
	"culvert/transforms/regex"
)

// scripted is a source whose batches a test hands in.
type scripted struct {
	in        chan func(b *data.Batch) error
	closed    int
	committed []int64
	next      int64
}

func newScripted() *scripted { return &scripted{in: make(chan func(*data.Batch) error)} }

func (s *scripted) Read(ctx context.Context, b *data.Batch) error {
	select {
	case f := <-s.in:
		return f(b)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *scripted) Close(context.Context) error { s.closed++; return nil }

var partition = data.OfMap([]data.Value{data.OfString("p"), data.OfInt64(0)})

func offsetOf(n int64) data.Value {
	return data.OfMap([]data.Value{data.OfString("n"), data.OfInt64(n)})
}

// batch appends n records and the mark behind them.
func (s *scripted) batch(n int, values ...string) func(b *data.Batch) error {
	return func(b *data.Batch) error {
		for i := range n {
			r := b.Append()
			r.Topic = "out"
			v := fmt.Sprint(s.next)
			if i < len(values) {
				v = values[i]
			}
			r.Value = data.ValueCell(data.OfString(v), nil)
			s.next++
		}
		b.Mark(partition, offsetOf(s.next))
		return nil
	}
}

// offsets is a store of source offsets.
type offsets struct {
	mu     sync.Mutex
	stored []int64
	err    error
}

func (o *offsets) store(_ context.Context, marks []data.Mark) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return o.err
	}
	for _, m := range marks {
		v, _ := m.Next.Lookup("n")
		o.stored = append(o.stored, v.Int())
	}
	return nil
}

func (o *offsets) last() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.stored) == 0 {
		return -1
	}
	return o.stored[len(o.stored)-1]
}

// sourceTest is a source task under test.
type sourceTest struct {
	*broker
	src  connectors.Source
	off  *offsets
	said *states
	cfg  SourceConfig
	task *Source
	stop context.CancelFunc
	err  chan error
}

func newSourceTest(t *testing.T, src connectors.Source) *sourceTest {
	s := &sourceTest{broker: newBroker(), src: src, off: &offsets{}, said: &states{}, err: make(chan error, 1)}
	text := textFactory{}
	s.cfg = SourceConfig{
		Common: s.said.common(t), Chain: Chain{Key: text, Value: text, Header: text},
		Open:     func(context.Context) (connectors.Source, error) { return s.src, nil },
		Producer: func(context.Context) (Producer, error) { return s.producer(), nil },
		Admin:    func(context.Context) (Admin, error) { return s.admin(), nil },
		Store:    s.off.store,
	}
	return s
}

func (s *sourceTest) start(t *testing.T) {
	s.task = NewSource(s.cfg)
	ctx, cancel := context.WithCancel(t.Context())
	s.stop = cancel
	go func() { s.err <- s.task.Run(ctx) }()
}

// end stops the task and returns its error.
func (s *sourceTest) end() error {
	s.stop()
	return <-s.err
}

func TestSource_stores_offset_after_ack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newScripted()
		s := newSourceTest(t, src)
		s.holdAcks = true
		s.topic("out", 1)
		s.start(t)
		src.in <- src.batch(2) // messages 0, 1
		src.in <- src.batch(1) // 2
		src.in <- src.batch(2) // 3, 4
		synctest.Wait()
		time.Sleep(11 * time.Second)
		if got := s.off.last(); got != -1 {
			t.Fatalf("offset %d stored, nothing is acknowledged", got)
		}
		s.release(2, 3, 4, 0) // all but message 1
		time.Sleep(11 * time.Second)
		if got := s.off.last(); got != -1 {
			t.Fatalf("offset %d stored, message 1 of the first batch is not acknowledged", got)
		}
		s.release(1)
		time.Sleep(11 * time.Second)
		if got := s.off.last(); got != 5 {
			t.Fatalf("offset %d stored, everything is acknowledged", got)
		}
		if err := s.end(); err != nil {
			t.Fatal(err)
		}
	})
}

// Whatever the order of acknowledgements, and wherever the task is cut off, the
// stored offset covers only what is acknowledged.
func TestSource_never_skips_prop(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range 30 {
		synctest.Test(t, func(t *testing.T) {
			src := newScripted()
			s := newSourceTest(t, src)
			s.holdAcks = true
			s.topic("out", 1)
			s.start(t)
			total := 0
			for range 5 {
				n := 1 + rnd.IntN(4)
				total += n
				src.in <- src.batch(n)
			}
			synctest.Wait()
			order := rnd.Perm(total)
			for _, i := range order[:rnd.IntN(total)] {
				s.release(i)
			}
			s.stop()
			time.Sleep(10 * time.Second) // the graceful time is over: the rest is never acknowledged
			<-s.err
			acked := map[string]bool{}
			for _, v := range s.all("out") {
				acked[v] = true
			}
			for i := range s.off.last() {
				if !acked[fmt.Sprint(i)] {
					t.Fatalf("offset %d is stored, but message %d was not acknowledged", s.off.last(), i)
				}
			}
			s.release()
		})
	}
}

func TestSource_error_after_reading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newScripted()
		s := newSourceTest(t, src)
		s.topic("out", 1)
		s.start(t)
		src.in <- src.batch(3)
		src.in <- func(*data.Batch) error { return fault.New(fault.Fatal, "test.end", "generated 3 messages") }
		err := <-s.err
		if err == nil || !strings.Contains(err.Error(), "generated 3 messages") {
			t.Fatalf("the task ended with %v", err)
		}
		if got := len(s.all("out")); got != 3 {
			t.Errorf("%d messages were produced of what was read before the error", got)
		}
		if got := s.off.last(); got != 3 {
			t.Errorf("offset %d is stored", got)
		}
		if src.closed == 0 {
			t.Error("the source was not closed")
		}
	})
}

func TestSource_stop_drains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newScripted()
		s := newSourceTest(t, src)
		s.topic("out", 1)
		s.start(t)
		src.in <- src.batch(3)
		synctest.Wait()
		if err := s.end(); err != nil {
			t.Fatal(err)
		}
		if got := s.off.last(); got != 3 {
			t.Errorf("offset %d is stored after a graceful stop", got)
		}
	})
}

func TestSource_keeps_what_an_interrupted_read_gave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newScripted()
		s := newSourceTest(t, src)
		s.topic("out", 1)
		s.start(t)
		reading := make(chan struct{})
		go func() {
			src.in <- func(b *data.Batch) error {
				close(reading)
				return errors.Join(src.batch(2)(b), fault.New(fault.Retry, "test.later", "not now"))
			}
		}()
		<-reading
		src.in <- src.batch(1)
		synctest.Wait()
		if got := s.all("out"); !slices.Equal(got, []string{"0", "1", "2"}) {
			t.Errorf("produced %v: records of a Read that asked for a wait were dropped", got)
		}
		s.end()
	})
}

func TestSource_pause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newScripted()
		s := newSourceTest(t, src)
		s.topic("out", 1)
		s.cfg.StartPaused = true
		s.start(t)
		synctest.Wait()
		if s.said.last() != Paused {
			t.Fatal("a task that starts paused does not say so")
		}
		select {
		case src.in <- src.batch(1):
			t.Fatal("a paused task reads")
		case <-time.After(time.Minute):
		}
		s.task.Resume()
		src.in <- src.batch(1)
		synctest.Wait()
		if s.said.last() != Running {
			t.Fatal("resumed, but not running")
		}
		s.task.Pause()
		synctest.Wait()
		select {
		case src.in <- src.batch(1):
			t.Fatal("a paused task reads")
		case <-time.After(time.Minute):
		}
		if s.off.last() != 1 {
			t.Errorf("offset %d is stored while paused, 1 record was produced", s.off.last())
		}
		s.end()
	})
}

func TestSource_bad_records(t *testing.T) {
	for _, tolerate := range []bool{true, false} {
		t.Run(fmt.Sprintf("tolerate=%v", tolerate), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := newScripted()
				s := newSourceTest(t, src)
				s.topic("out", 1)
				s.cfg.Errors.Tolerate = tolerate
				s.start(t)
				src.in <- src.batch(3, "a", "unwritable", "c")
				synctest.Wait()
				if tolerate {
					if got := s.all("out"); !slices.Equal(got, []string{"a", "c"}) {
						t.Errorf("produced %v", got)
					}
					if err := s.end(); err != nil || s.off.last() != 3 {
						t.Errorf("error %v, offset %d", err, s.off.last())
					}
					return
				}
				err := <-s.err
				if err == nil || !strings.Contains(err.Error(), "Tolerance exceeded in error handler") || !strings.Contains(err.Error(), "VALUE_CONVERTER") {
					t.Errorf("the task ended with %v", err)
				}
				if s.off.last() != -1 {
					t.Errorf("offset %d is stored of a batch that was not produced", s.off.last())
				}
			})
		})
	}
}

func TestSource_undeliverable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newScripted()
		s := newSourceTest(t, src)
		s.topic("out", 1)
		s.refuse = func(m data.Message) error {
			if string(m.Value) == "huge" {
				return fault.New(fault.Record, "kafka.too_large", "message of 2000000 bytes is larger than 1048588")
			}
			return nil
		}
		s.start(t)
		src.in <- src.batch(2)
		src.in <- src.batch(2, "huge")
		err := <-s.err
		if err == nil || !strings.Contains(err.Error(), "Unrecoverable exception from producer send callback") || !strings.Contains(err.Error(), "larger than") {
			t.Errorf("the task ended with %v", err)
		}
		if got := s.off.last(); got != 2 {
			t.Errorf("offset %d is stored; the batch with the refused message begins at 2", got)
		}
	})
}

func TestSource_topic_creation(t *testing.T) {
	cases := []struct {
		name   string
		groups []TopicGroup
		want   kafka.TopicSpec
		fails  string
	}{
		{"broker", nil, kafka.TopicSpec{Name: "out", Partitions: -1, Replication: -1}, ""},
		{"default", []TopicGroup{{Name: "default", Partitions: 3, Replication: 1}}, kafka.TopicSpec{Name: "out", Partitions: 3, Replication: 1}, ""},
		{"group", []TopicGroup{
			{Name: "no", Include: []*regex.Pattern{compiled(t, "o.*")}, Exclude: []*regex.Pattern{compiled(t, "out")}, Partitions: 9},
			{Name: "g", Include: []*regex.Pattern{compiled(t, "o.*")}, Partitions: 5, Replication: -1},
			{Name: "default", Partitions: 3, Replication: 1},
		}, kafka.TopicSpec{Name: "out", Partitions: 5, Replication: -1}, ""},
		{"refused", []TopicGroup{{Name: "default", Partitions: 3, Replication: 3}}, kafka.TopicSpec{Name: "out", Partitions: 3, Replication: 3}, "Task failed to create new topic 'out'"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := newScripted()
				s := newSourceTest(t, src)
				s.cfg.Groups = c.groups
				s.start(t)
				src.in <- src.batch(2)
				synctest.Wait()
				if len(s.created) != 1 || s.created[0].Name != c.want.Name || s.created[0].Partitions != c.want.Partitions || s.created[0].Replication != c.want.Replication {
					t.Errorf("created %+v, want %+v", s.created, c.want)
				}
				if c.fails != "" {
					if err := <-s.err; err == nil || !strings.Contains(err.Error(), c.fails) {
						t.Errorf("the task ended with %v", err)
					}
					return
				}
				if err := s.end(); err != nil {
					t.Error(err)
				}
				if got := len(s.all("out")); got != 2 {
					t.Errorf("%d messages were produced", got)
				}
				if !slices.Equal(s.said.topics, []string{"out"}) {
					t.Errorf("topics told: %v", s.said.topics)
				}
			})
		})
	}
}

func TestSource_panic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newScripted()
		s := newSourceTest(t, src)
		s.start(t)
		src.in <- func(*data.Batch) error { panic("boom") }
		err := <-s.err
		if e := fault.Of(err); e == nil || e.Code != Panicked || !strings.Contains(err.Error(), "boom") || !strings.Contains(err.Error(), "source_test.go") {
			t.Errorf("the task ended with %v", err)
		}
	})
}

func TestSource_offset_store_away(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newScripted()
		s := newSourceTest(t, src)
		s.topic("out", 1)
		s.off.err = errTest
		s.start(t)
		src.in <- src.batch(1)
		time.Sleep(11 * time.Second)
		src.in <- src.batch(1)
		s.off.mu.Lock()
		s.off.err = nil
		s.off.mu.Unlock()
		time.Sleep(11 * time.Second)
		if got := s.off.last(); got != 2 {
			t.Errorf("offset %d is stored after the store came back", got)
		}
		s.end()
	})
}

// committing is a source that wants to know.
type committing struct{ *scripted }

func (c committing) Committed(_ context.Context, b *data.Batch) error {
	for _, m := range b.Marks() {
		v, _ := m.Next.Lookup("n")
		c.scripted.committed = append(c.scripted.committed, v.Int())
	}
	return nil
}

func TestSource_committed_after_store(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newScripted()
		s := newSourceTest(t, committing{src})
		s.topic("out", 1)
		s.cfg.MaxRecords = 4
		s.start(t)
		for range 3 { // the ring is full after two: the flush comes early
			src.in <- src.batch(2)
		}
		synctest.Wait()
		// The ring may have asked again while that flush began: then the third is stored too.
		if got := src.committed; len(got) < 2 || !slices.Equal(got[:2], []int64{2, 4}) {
			t.Errorf("committed %v when the ring was full", got)
		}
		s.end()
		if !slices.Equal(src.committed, []int64{2, 4, 6}) {
			t.Errorf("committed %v", src.committed)
		}
	})
}
