package kafka

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"culvert/data"
)

// cluster3 starts a cluster in this process with a three-partition topic "t".
func fakeCluster(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	opts = append([]kfake.Opt{kfake.NumBrokers(2), kfake.SeedTopics(3, "t"), kfake.SeedTopics(1, "single"),
		kfake.BrokerConfigs(map[string]string{"group.min.session.timeout.ms": "100"}), kfake.GroupMinSessionTimeout(100 * time.Millisecond)}, opts...)
	c, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func settings(c *kfake.Cluster, props ...string) Settings {
	s := Settings{Props: map[string]string{"bootstrap.servers": strings.Join(c.ListenAddrs(), ","), "fetch.max.wait.ms": "100",
		"retry.backoff.ms": "10", "retry.backoff.max.ms": "100", "auto.offset.reset": "earliest"},
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), ClientID: "test"}
	return with(s, props...)
}

// with is s with other properties.
func with(s Settings, props ...string) Settings {
	s.Props = maps.Clone(s.Props)
	for i := 0; i+1 < len(props); i += 2 {
		s.Props[props[i]] = props[i+1]
	}
	return s
}

// within gives a test half a minute: far more than it needs, so that only a hang
// meets it.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// sendAll sends messages and waits for all answers.
func sendAll(ctx context.Context, t *testing.T, p *Producer, msgs []data.Message) []error {
	t.Helper()
	errs := make([]error, len(msgs))
	told := make(chan int, len(msgs))
	err := p.Send(ctx, msgs, func(i int, _ int32, _ int64, err error) {
		errs[i] = err
		told <- i
	})
	if err != nil {
		t.Fatalf("Send: %v", err)
	}
	seen := make([]bool, len(msgs))
	for range msgs {
		select {
		case i := <-told:
			if seen[i] {
				t.Errorf("message %d was told twice", i)
			}
			seen[i] = true
		case <-ctx.Done():
			t.Fatal("not all messages were told")
		}
	}
	return errs
}

func numbered(topic string, partition int32, from, to int) []data.Message {
	var msgs []data.Message
	for i := from; i < to; i++ {
		msgs = append(msgs, data.Message{Topic: topic, Partition: partition, Timestamp: int64(1700000000000 + i), Value: []byte(fmt.Sprint(i))})
	}
	return msgs
}

// readN polls n messages of the partitions from the beginning.
func readN(ctx context.Context, t *testing.T, s Settings, n int, parts ...data.TopicPartition) []data.Message {
	t.Helper()
	c, err := OpenConsumer(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, tp := range parts {
		if err := c.Add(ctx, tp, Earliest); err != nil {
			t.Fatal(err)
		}
	}
	var got []data.Message
	for len(got) < n {
		if got, err = c.Poll(ctx, Limits{}, got); err != nil {
			t.Fatalf("after %d of %d messages: %v", len(got), n, err)
		}
	}
	return got
}

// exactly checks that a partition holds the numbers 0 to n-1 in order, once each.
func exactly(ctx context.Context, t *testing.T, s Settings, tp data.TopicPartition, n int) {
	t.Helper()
	a, err := OpenAdmin(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	ends, err := a.ListOffsets(ctx, []data.TopicPartition{tp}, Latest)
	if err != nil || ends[tp] != int64(n) {
		t.Fatalf("the partition ends at %d (%v), want %d", ends[tp], err, n)
	}
	for i, m := range readN(ctx, t, s, n, tp) {
		if string(m.Value) != fmt.Sprint(i) {
			t.Fatalf("message %d is %s", i, m.Value)
		}
	}
}
