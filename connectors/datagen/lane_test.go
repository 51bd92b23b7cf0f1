package datagen

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/data"
)

// fleet is the tasks of a connector over its lives, with what they have sent and
// what is stored of it.
type fleet struct {
	t       *testing.T
	props   map[string]string
	offsets stored
	sent    map[string]int // by id
	random  *rand.Rand
}

// live runs n tasks, each for a few batches, and stores all of their marks but
// those of the last lost batches.
func (f *fleet) live(n, batches, lost int) {
	f.t.Helper()
	all, err := tasks(f.props, n)
	if err != nil {
		f.t.Fatal(err)
	}
	var running []*Source
	for _, props := range all {
		running = append(running, start(f.t, f.offsets, props))
	}
	var marks []data.Mark
	for _, s := range running {
		var kept []int
		for range f.random.IntN(batches) + 1 {
			b := data.NewBatch()
			if err := s.Read(f.t.Context(), b); err != nil && !Finished(err) {
				f.t.Fatal(err)
			}
			for i := range b.Records {
				v, _, _ := b.Records[i].Value.Value(nil)
				f.sent[v.Elems()[0].Str()]++
			}
			marks = append(marks, b.Marks()...)
			kept = append(kept, len(marks))
		}
		if len(kept) > lost {
			marks = marks[:kept[len(kept)-1-lost]]
		}
	}
	f.offsets = append(slices.Clone(f.offsets), marks...)
}

// finish runs one life to the end of the iterations.
func (f *fleet) finish(n int) {
	f.t.Helper()
	all, _ := tasks(f.props, n)
	for _, props := range all {
		s := start(f.t, f.offsets, props)
		for {
			b := data.NewBatch()
			if err := s.Read(f.t.Context(), b); err != nil {
				if !Finished(err) {
					f.t.Fatal(err)
				}
				break
			}
			for i := range b.Records {
				v, _, _ := b.Records[i].Value.Value(nil)
				f.sent[v.Elems()[0].Str()]++
			}
		}
	}
}

func newFleet(t *testing.T, quickstart, iterations string) *fleet {
	seed := uint64(7)
	return &fleet{t: t, sent: map[string]int{}, random: rand.New(rand.NewPCG(seed, seed)), props: map[string]string{
		"kafka.topic": "t", "quickstart": quickstart, "random.seed": "5", "iterations": iterations, "max.interval": "0",
		"payments.missing.rate": "0.2", "payments.duplicate.rate": "0.2", "payments.orphan.rate": "0.1",
	}}
}

// whole compares with the truth: everything is there, as often as most says at most.
func (f *fleet) whole(most int) {
	f.t.Helper()
	config, err := Matched(f.props, time.Now())
	if err != nil {
		f.t.Fatal(err)
	}
	want := map[string]bool{}
	truth := config.Truth(time.Hour)
	if strings.EqualFold(f.props["quickstart"], macdOrders) {
		for _, o := range truth.Orders {
			want[o.ID] = true
		}
	} else {
		for _, p := range truth.Payments {
			want[p.ID] = true
		}
	}
	for id := range want {
		if f.sent[id] < 1 || f.sent[id] > most {
			f.t.Fatalf("%s came %d times, want 1 to %d", id, f.sent[id], most)
		}
	}
	if len(f.sent) != len(want) {
		f.t.Fatalf("%d different records, want %d", len(f.sent), len(want))
	}
}

func TestTasksShareTheIndices(t *testing.T) {
	for _, quickstart := range []string{"MACD_ORDERS", "MACD_PAYMENTS"} {
		for _, n := range []int{1, 2, 3, 7, 16, 40} {
			t.Run(fmt.Sprint(quickstart, " ", n), func(t *testing.T) {
				f := newFleet(t, quickstart, "10007")
				f.finish(n)
				f.whole(1)
			})
		}
	}
}

func TestAnotherNumberOfTasksGoesOn(t *testing.T) {
	for _, quickstart := range []string{"MACD_ORDERS", "MACD_PAYMENTS"} {
		for name, lives := range map[string][]int{"grow and shrink": {1, 4, 3, 16, 2, 5, 1}, "many": {16, 1, 16, 7}} {
			t.Run(quickstart+" "+name, func(t *testing.T) {
				f := newFleet(t, quickstart, "20000")
				for _, n := range lives {
					f.live(n, 2, 0)
				}
				if len(f.sent) == 0 {
					t.Fatal("nothing was sent")
				}
				f.finish(3)
				f.whole(1)
			})
		}
		t.Run(quickstart+" killed", func(t *testing.T) {
			f := newFleet(t, quickstart, "20000")
			for _, n := range []int{2, 5, 1} {
				f.live(n, 4, 1) // one batch of each task was sent and not stored
			}
			f.finish(4)
			f.whole(4)
		})
	}
}

// A worker from before there were shards has left one offset.
func TestFormerOffsetGoesOn(t *testing.T) {
	former := func(seed int64) stored {
		return stored{{Partition: partitionOf("task.id", 0), Next: data.OfMap([]data.Value{
			data.OfString("task.generation"), data.OfInt64(3), data.OfString("current.iteration"), data.OfInt64(1001), data.OfString("random.seed"), data.OfInt64(seed),
		})}}
	}
	for _, n := range []int{1, 3} {
		f := newFleet(t, "MACD_ORDERS", "3000")
		f.offsets = former(5)
		f.live(n, 1, 0)
		if s := start(t, f.offsets, map[string]string{"kafka.topic": "t", "quickstart": "MACD_ORDERS", "random.seed": "5"}); s.generation != 4 {
			t.Errorf("generation %d after that of the former offset, 3", s.generation)
		}
		f.finish(n)
		config, _ := Matched(f.props, time.Now())
		for i := range int64(3000) {
			if got, want := f.sent[config.OrderID(i)], min(i/1001, 1); int64(got) != want {
				t.Fatalf("%d tasks: order %d came %d times, want %d", n, i, got, want)
			}
		}
	}
	f := newFleet(t, "MACD_ORDERS", "3000")
	f.offsets = former(6)
	f.finish(1)
	f.whole(1) // another seed is another stream: it begins at its beginning
}

func TestBadOffset(t *testing.T) {
	bad := stored{{Partition: partitionOf("shard", 3), Next: data.OfMap([]data.Value{data.OfString("task.generation"), data.OfInt64(3)})}}
	_, err := newSource(t.Context(), Config{Quickstart: macdOrders}, bad)
	if err == nil || !strings.Contains(err.Error(), `The stored offset of shard 3 has no whole number "current.iteration"`) {
		t.Errorf("%v", err)
	}
}

// What "now" was is kept, so that a backfill goes on with the times it began with.
func TestRelativeStartIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		props := one(map[string]string{"quickstart": "MACD_ORDERS", "random.seed": "5", "event.time.start": "now-30d", "iterations": "1000", "event.time.span": "30d"})
		today := time.Now().UTC() // a bubble begins at midnight
		time.Sleep(5 * time.Hour)
		b := data.NewBatch()
		if err := start(t, nil, props).Read(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if at := time.UnixMilli(b.Records[0].Timestamp); today.Sub(at) != 30*24*time.Hour {
			t.Errorf("the first order is of %v, not of 30 days before %v", at, today)
		}
		time.Sleep(50 * time.Hour)
		// Another task, whose own shards have not been stored, finds it as well.
		for _, task := range []string{"0", "1"} {
			props[keyTask], props[keyTasks] = task, "2"
			s := start(t, b.Marks(), props)
			if got, want := s.stream.(*matched).cfg.Start, today.AddDate(0, 0, -30).UnixMilli(); got != want {
				t.Errorf("task %s starts at %d, want %d", task, got, want)
			}
		}
		props["quickstart"], props["random.seed"] = "ORDERS", "1"
		b.Release()
		if err := start(t, nil, props).Read(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Hour)
		if s := start(t, b.Marks(), props); !s.day.Equal(today.AddDate(0, 0, 2)) {
			t.Errorf("now of a random stream is %v", s.day)
		}
	})
}
