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

	"culvert/data"
	"culvert/kafka"
)

// Without a stateful transformation records pass, each once, whatever the
// partition counts; a topic that grows is taken up.
func TestStream_passes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreamTest(t, 0)
		s.cfg.Plan, s.cfg.Topics = nil, []string{"l", "r"}
		s.cfg.Before = func() ([]Step, error) { return []Step{{Name: "up", Class: "test.Upper", Transform: upper{}}}, nil }
		s.topic("l", 3)
		s.topic("r", 1)
		s.topic("joined", 2)
		s.start(t, 2)
		var want []string
		send := func(from, n int) {
			for i := range n {
				for _, tp := range []string{"l", "r"} {
					s.put(tp, fmt.Sprint("k", i), fmt.Sprintf("%s%03d", tp, from+i), 1000)
					want = append(want, strings.ToUpper(fmt.Sprintf("%s%03d", tp, from+i)))
				}
			}
			slices.Sort(want)
		}
		send(0, 30)
		time.Sleep(20 * time.Millisecond)
		s.kill()
		send(30, 30)
		s.start(t, 1)
		time.Sleep(time.Second)
		if got := s.rows(); !slices.Equal(got, want) {
			t.Errorf("passed: %v", diff(got, want))
		}
		s.topic("r", 4)
		if err := <-s.err; !errors.Is(err, ErrAnew) {
			t.Errorf("ended with %v", err)
		}
		s.start(t, 1)
		send(60, 30)
		time.Sleep(time.Second)
		if got := s.rows(); !slices.Equal(got, want) {
			t.Errorf("passed after the topic has grown: %v", diff(got, want))
		}
		if err := s.end(); err != nil {
			t.Error(err)
		}
	})
}

// starts is a consumer that remembers where it was told to begin.
type starts struct {
	*fakeConsumer
	at map[data.TopicPartition]int64
}

func (c *starts) Add(ctx context.Context, tp data.TopicPartition, offset int64) error {
	c.at[tp] = offset
	return c.fakeConsumer.Add(ctx, tp, offset)
}

// Where records only pass there is nothing to read back, also when a tool has
// set the offset.
func TestStream_passes_from_where_a_tool_says(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreamTest(t, 1)
		s.cfg.Plan, s.cfg.Topics = nil, []string{"l"}
		for i := range 10 {
			s.put("l", "k", fmt.Sprint(i), 1000)
		}
		tp := data.TopicPartition{Topic: "l"}
		s.groups["connect-c"] = map[data.TopicPartition]kafka.OffsetMeta{tp: {Offset: 7}}
		c := &starts{s.consumer(), map[data.TopicPartition]int64{}}
		s.cfg.Consumer = func(context.Context) (Consumer, error) { return c, nil }
		s.start(t, 1)
		time.Sleep(time.Second)
		if err := s.end(); err != nil {
			t.Fatal(err)
		}
		if c.at[tp] != 7 || !slices.Equal(s.rows(), []string{"7", "8", "9"}) {
			t.Errorf("began at %d, passed %v", c.at[tp], s.rows())
		}
	})
}
