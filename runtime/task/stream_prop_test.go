package task

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"culvert/data"
	"culvert/fault"
	"culvert/state"
	"culvert/transforms"
)

// reference is the result of the join without Kafka: all pairs.
func reference(b *broker, within int64) []string {
	var want []string
	for _, l := range b.messages("l") {
		for _, r := range b.messages("r") {
			if d := l.Timestamp - r.Timestamp; string(l.Value) != "bad" && string(l.Key) == string(r.Key) && d <= within && -d <= within {
				want = append(want, string(l.Value)+"-"+string(r.Value))
			}
		}
	}
	slices.Sort(want)
	return want
}

// Killed or frozen at any moment, restarted with any number of tasks, refused by
// the broker now and then, with records that cannot be used: the rows are those of
// an uninterrupted run, each once.
func TestStream_exactly_once_prop(t *testing.T) {
	for round := range 40 {
		seed := rand.Uint64()
		rnd := rand.New(rand.NewPCG(seed, uint64(round)))
		ok := t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Logf("seed %d", seed)
			synctest.Test(t, func(t *testing.T) {
				s := newStreamTest(t, 1+rnd.IntN(4))
				// Late records stay within retention, where the join itself has no say; what is
				// read back is all there is, or the end of it.
				s.plan.retention = []int64{1 << 40, 20_000}[rnd.IntN(2)]
				if rnd.IntN(3) == 0 {
					s.plan.copart = false
				}
				s.cfg.Errors = Errors{Tolerate: true}
				greedy, slow := rnd.IntN(2) == 0, time.Duration(rnd.IntN(3)*10)*time.Millisecond
				if s.plan.retention == 20_000 {
					slow /= 10 // the order of the inputs, and so retention, has less patience than a restore
				}
				s.cfg.Consumer = func(context.Context) (Consumer, error) {
					c := s.consumer()
					c.greedy, c.slow = greedy, slow
					return c, nil
				}
				var frozen []func()
				if rnd.IntN(2) == 0 {
					fate := rand.New(rand.NewPCG(seed, 2)) // the broker's, under its lock
					s.txnErr = func(_ string, n int) error {
						switch fate.IntN(12) {
						case 0:
							return fault.New(fault.Retry, "kafka.away", "try again")
						case 1:
							return fault.New(fault.Fatal, "kafka.unknown_outcome", "begin anew")
						}
						return nil
					}
				}
				clock := int64(10_000)
				for range 1 + rnd.IntN(6) {
					if rnd.IntN(3) == 0 {
						s.plan = &pairs{topics: s.plan.topics, within: s.plan.within, retention: s.plan.retention, copart: true, registry: s.registry}
						s.cfg.Plan = s.plan
					}
					n := 1
					if s.plan.copart {
						n += rnd.IntN(3)
					}
					s.start(t, n)
					for range rnd.IntN(120) {
						clock += rnd.Int64N(200)
						if rnd.IntN(20) == 0 {
							s.put("l", "k1", "bad", clock+1<<40)
						}
						topic := []string{"l", "r"}[rnd.IntN(2)]
						s.put(topic, fmt.Sprintf("k%d", rnd.IntN(8)), fmt.Sprintf("%s%d", topic, clock), clock-rnd.Int64N(500))
						if rnd.IntN(4) == 0 {
							time.Sleep(time.Duration(rnd.IntN(40)) * time.Millisecond)
						}
					}
					switch rnd.IntN(4) {
					case 0:
						// One that begins anew would take its ids back: both are owners in turn then.
						s.set(func() { s.txnErr = nil })
						time.Sleep(10 * time.Second)
						frozen = append(frozen, s.freeze(t))
					case 1:
						if err := s.end(); err != nil {
							t.Fatal(err)
						}
					default:
						s.kill()
					}
				}
				for _, end := range frozen {
					end()
				}
				s.set(func() { s.txnErr = nil })
				s.start(t, 1)
				time.Sleep(30 * time.Second)
				if err := s.end(); err != nil {
					t.Fatal(err)
				}
				if got, want := s.rows(), reference(s.broker, s.plan.within); !slices.Equal(got, want) {
					t.Errorf("%d rows, want %d: %v", len(got), len(want), diff(got, want))
				}
			})
		})
		if !ok {
			return
		}
	}
}

// diff shows what is missing (-) and what is too much (+).
func diff(got, want []string) []string {
	n := map[string]int{}
	for _, w := range want {
		n[w]--
	}
	for _, g := range got {
		n[g]++
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(n)) {
		if n[k] != 0 {
			out = append(out, fmt.Sprintf("%+d %s", n[k], k))
		}
	}
	return out
}

// echo passes every record on, in the order in which it gets them.
type echo struct{ *pairs }

func (e echo) Make(int32) transforms.Stateful { return e }

func (echo) Advance(int64, *data.Batch, state.Windows) error { return nil }

func (echo) Process(in, out *data.Batch, _ state.Windows) error {
	for i := range in.Records {
		v, _, err := in.Records[i].Value.Value(in.Arena)
		if err != nil {
			return err
		}
		r := out.Append()
		r.Topic, r.Input, r.Timestamp = "joined", in.Records[i].Input, in.Records[i].Timestamp
		r.Key, r.Value = data.ValueCell(data.OfString("k"), nil), data.ValueCell(v.Clone(), nil)
	}
	return nil
}

// merged is the order of Kafka Streams: the earliest of the heads goes first.
func merged(logs [][]data.Message) []string {
	var out []string
	for {
		best := -1
		for i, log := range logs {
			if len(log) > 0 && (best < 0 || log[0].Timestamp < logs[best][0].Timestamp) {
				best = i
			}
		}
		if best < 0 {
			return out
		}
		out, logs[best] = append(out, string(logs[best][0].Value)), logs[best][1:]
	}
}

// However the broker hands the partitions out, what lies there is merged by time.
func TestStream_merges_by_time_prop(t *testing.T) {
	for round := range 30 {
		seed := rand.Uint64()
		rnd := rand.New(rand.NewPCG(seed, uint64(round)))
		synctest.Test(t, func(t *testing.T) {
			t.Logf("seed %d", seed)
			s := newStreamTest(t, 0)
			s.plan.copart = false
			s.cfg.Plan = echo{s.plan}
			s.topic("joined", 1)
			var logs [][]data.Message
			for _, topic := range s.plan.topics {
				partitions := 1 + rnd.IntN(3)
				s.topic(topic, partitions)
				for p := range partitions {
					clock := rnd.Int64N(1000)
					for i := range rnd.IntN(60) {
						clock += rnd.Int64N(300)
						s.append(data.Message{Topic: topic, Partition: int32(p), Key: []byte("k"), Value: fmt.Appendf(nil, "%s%d-%d", topic, p, i),
							Timestamp: clock - rnd.Int64N(100)})
					}
					logs = append(logs, slices.Clone(s.logs[topic][p]))
				}
			}
			c := s.consumer()
			c.poll, c.greedy = 1+rnd.IntN(20), rnd.IntN(2) == 0
			s.cfg.Consumer = func(context.Context) (Consumer, error) { return c, nil }
			s.start(t, 1)
			time.Sleep(10 * time.Second)
			if err := s.end(); err != nil {
				t.Fatal(err)
			}
			if got, want := s.all("joined"), merged(logs); !slices.Equal(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}
