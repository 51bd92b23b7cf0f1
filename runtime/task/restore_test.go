package task

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"culvert/data"
	"culvert/fault"
	"culvert/kafka"
	"culvert/state"
)

// A restart reads back what the window still needs, and no more.
func TestStream_restores_the_window(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreamTest(t, 1)
		for i := range 1000 {
			s.put("l", fmt.Sprintf("k%d", i), fmt.Sprintf("a%d", i), int64(i*100))
		}
		s.start(t, 1)
		time.Sleep(5 * time.Second)
		s.kill()
		m := s.committed("connect-c")[data.TopicPartition{Topic: "l"}]
		n, ok := noteOf(m)
		if !ok || m.Offset != 1000 || n.Time != 99_900 {
			t.Fatalf("committed %+v", m)
		}
		// 4000 ms of retention are 40 records; the chunks of the trail are coarser.
		if n.From > 960 || n.From < 700 {
			t.Errorf("a restore would begin at %d", n.From)
		}
		s.put("r", "k999", "b", 99_900)
		s.start(t, 1)
		time.Sleep(5 * time.Second)
		if got := s.rows(); !slices.Equal(got, []string{"a999-b"}) {
			t.Errorf("rows %v", got)
		}
		s.end()
	})
}

// Another window needs other records than the one that the offsets were committed
// with.
func TestStream_a_longer_window_is_restored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreamTest(t, 1)
		s.put("l", "k", "a", 1000)
		for range 2 * trailEach {
			s.put("l", "x", "early", 1000)
		}
		s.put("l", "x", "later", 10_000)
		s.start(t, 1)
		time.Sleep(5 * time.Second)
		if err := s.end(); err != nil {
			t.Fatal(err)
		}
		if n, _ := noteOf(s.committed("connect-c")[data.TopicPartition{Topic: "l"}]); n.From == 0 {
			t.Fatalf("nothing has expired: %+v", n)
		}
		s.plan.within, s.plan.retention = 20_000, 40_000
		s.put("r", "k", "b", 10_100)
		s.start(t, 1)
		time.Sleep(5 * time.Second)
		if got := s.rows(); !slices.Equal(got, []string{"a-b"}) {
			t.Errorf("rows %v", got)
		}
		s.end()
	})
}

// shaped is a plan that says what its state means.
type shaped struct{ *pairs }

func (shaped) Shape() string { return "pairs" }

// lower joins K with k.
type lower struct{}

func (lower) Apply(_ context.Context, b *data.Batch) error {
	for i := range b.Records {
		k, s, err := b.Records[i].Key.Value(b.Arena)
		if err != nil {
			return err
		}
		b.Records[i].Key.Set(data.OfString(strings.ToLower(k.Str())), s)
	}
	return nil
}

// Behind another transformation other keys are kept: neither a snapshot nor the
// note of where a restore begins is of use.
func TestStream_another_chain_is_restored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreamTest(t, 1)
		s.cfg.Plan = shaped{s.plan}
		s.cfg.State = state.Open(state.Options{Dir: "/data", FS: vfs.NewMem(), Log: quiet(t)})
		defer s.cfg.State.Close()
		s.put("l", "K", "a", 1000)
		s.start(t, 1)
		time.Sleep(5 * time.Second)
		if err := s.end(); err != nil {
			t.Fatal(err)
		}
		s.cfg.Prepared, s.cfg.Before = "lower", func() ([]Step, error) { return []Step{{Name: "lower", Class: "test.Lower", Transform: lower{}}}, nil }
		s.put("r", "k", "b", 1001)
		s.start(t, 1)
		time.Sleep(5 * time.Second)
		if err := s.end(); err != nil {
			t.Fatal(err)
		}
		if got := s.rows(); !slices.Equal(got, []string{"a-b"}) {
			t.Errorf("rows %v", got)
		}
	})
}

// A record that was not kept, but claims a time far ahead, does not hold a restore
// back for ever.
func TestStream_restores_past_bad_times(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreamTest(t, 1)
		s.cfg.Errors = Errors{Tolerate: true}
		for life := range 4 { // each from what the one before has noted
			s.put("l", "k", "bad", 1<<50)
			for i := range 1000 {
				s.put("l", fmt.Sprintf("k%d", i), fmt.Sprintf("a%d", i), int64((life*1000+i)*100))
			}
			s.start(t, 1)
			time.Sleep(5 * time.Second)
			if err := s.end(); err != nil {
				t.Fatal(err)
			}
			m := s.committed("connect-c")[data.TopicPartition{Topic: "l"}]
			n, ok := noteOf(m)
			if !ok || n.Time != int64(life*1000+999)*100 {
				t.Errorf("note %+v", n)
			}
			if m.Offset-n.From > 1100 {
				t.Errorf("a restore would read %d records back", m.Offset-n.From)
			}
		}
	})
}

// keyed gives records the key that stands in their value.
type keyed struct{}

func (keyed) Apply(_ context.Context, b *data.Batch) error {
	for i := range b.Records {
		v, _, err := b.Records[i].Value.Value(b.Arena)
		if err != nil {
			return err
		}
		key, _, _ := strings.Cut(v.Str(), ":")
		b.Records[i].Key.Set(data.OfString(key), data.Of(data.String))
	}
	return nil
}

// A key that a transformation has made of the value says nothing about the
// partition, unless there is one only.
func TestStream_made_keys(t *testing.T) {
	for _, partitions := range []int32{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			s := newStreamTest(t, int(partitions))
			s.cfg.Before = func() ([]Step, error) { return []Step{{Name: "key", Class: "test.Keyed", Transform: keyed{}}}, nil }
			for i, topic := range []string{"l", "r"} {
				s.append(data.Message{Topic: topic, Partition: int32(i) % partitions, Value: []byte("k:" + topic), Timestamp: 1000})
			}
			s.start(t, 1)
			time.Sleep(5 * time.Second)
			if partitions == 1 {
				if err := s.end(); err != nil || !slices.Equal(s.rows(), []string{"k:l-k:r"}) {
					t.Errorf("rows %v, %v", s.rows(), err)
				}
				return
			}
			select {
			case err := <-s.err:
				if text := fault.Explain(err); !fault.Is(err, fault.Config) || !strings.Contains(text, "has no key in the topic") || !strings.Contains(text, "copartitioned=false") {
					t.Errorf("ended with %s", text)
				}
			default:
				t.Errorf("the task runs; rows %v", s.rows())
				s.end()
			}
		})
	}
}

// A restore ends where the offsets before the committed one are marks of
// transactions, which nobody delivers.
func TestStream_restores_up_to_control_records(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreamTest(t, 1)
		s.put("l", "k", "a", 1000)
		s.control("l", 0)
		s.put("l", "k", "a2", 1001)
		s.control("l", 0)
		s.set(func() {
			s.groups["connect-c"] = map[data.TopicPartition]kafka.OffsetMeta{
				{Topic: "l"}: note{Time: 1001, From: 0}.meta(4), {Topic: "r"}: note{Time: -1}.meta(0),
			}
		})
		s.start(t, 1)
		time.Sleep(time.Second)
		s.put("r", "k", "b", 1000)
		time.Sleep(time.Second)
		if got := s.rows(); !slices.Equal(got, []string{"a-b", "a2-b"}) {
			t.Errorf("rows %v", got)
		}
		s.end()
		if m := s.committed("connect-c")[data.TopicPartition{Topic: "l"}]; m.Offset != 4 {
			t.Errorf("the offset went back to %d", m.Offset)
		}
	})
}

// An open commit that belongs to no transaction does not hold the shard up for
// ever.
func TestStream_leftover_commit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreamTest(t, 1)
		s.start(t, 1)
		s.put("l", "k", "a", 1000)
		time.Sleep(5 * time.Second)
		s.kill()
		s.set(func() { s.unstable = true })
		s.start(t, 1)
		s.put("r", "k", "b", 1000)
		time.Sleep(2 * leftoverAfter)
		if got := s.rows(); !slices.Equal(got, []string{"a-b"}) {
			t.Errorf("rows %v", got)
		}
		s.end()
	})
}

// What a restore cannot use is told: a changed configuration may be why.
func TestStream_tells_what_a_restore_leaves_out(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreamTest(t, 1)
		var log strings.Builder
		s.cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
		s.cfg.Errors = Errors{Tolerate: true}
		s.put("l", "k", "a", 1000)
		s.put("l", "k", "bad", 1000)
		for range 2 {
			s.start(t, 1)
			time.Sleep(time.Second)
			if err := s.end(); err != nil {
				t.Fatal(err)
			}
		}
		if !strings.Contains(log.String(), "cannot be used") || !strings.Contains(log.String(), "records=1") {
			t.Errorf("log: %s", log.String())
		}
	})
}

func TestTrail(t *testing.T) {
	for _, order := range []string{"ascending", "shuffled"} {
		t.Run(order, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			rnd := rand.New(rand.NewPCG(seed, 0))
			var tr trail
			tr.reset()
			const n = 100_000
			times := make([]int64, n)
			for i := range times {
				times[i] = int64(i)
				if order == "shuffled" {
					times[i] += rnd.Int64N(1000)
				}
				tr.add(int64(i), times[i])
			}
			for _, cut := range []int64{-1, 500, 30_000, 80_000, n - 10} {
				from := tr.from(cut, n)
				for i := range from {
					if times[i] > cut {
						t.Fatalf("a restore from %d misses record %d of time %d, cut %d", from, i, times[i], cut)
					}
				}
				if want := cut - 3*n/trailChunks - 1000; from < want {
					t.Errorf("a restore for %d begins at %d", cut, from)
				}
			}
			if len(tr.chunks) > trailChunks {
				t.Errorf("%d chunks", len(tr.chunks))
			}
			if from := tr.from(1<<40, n); from != n {
				t.Errorf("nothing is needed, but it begins at %d", from)
			}
		})
	}
}
