package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"culvert/data"
	"culvert/fault"
)

// body is a value that can be recognised, of 200 to 1200 bytes.
func body(partition int32, offset int64) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%d/%d ", partition, offset), 40+int(offset%60))
}

// Memory that is given back is used again, and never while a message lies in it: what
// is given back is overwritten at once here.
func TestConsumerReuse(t *testing.T) {
	poison = true
	defer func() { poison = false }()
	for _, codec := range []string{"none", "lz4", "zstd"} {
		t.Run(codec, func(t *testing.T) {
			cluster := fakeCluster(t, kfake.NumBrokers(1))
			ctx := within(t)
			s := settings(cluster, "compression.type", codec, "max.partition.fetch.bytes", "100000", "fetch.max.bytes", "250000")
			p := openProducer(ctx, t, s)
			const each = 3000
			for part := range int32(3) {
				var msgs []data.Message
				for i := range int64(each) {
					msgs = append(msgs, data.Message{Topic: "t", Partition: part, Timestamp: 1, Value: body(part, i)})
				}
				sendAll(ctx, t, p, msgs)
			}
			s.Reuse = true
			c := openConsumer(ctx, t, s)
			for _, tp := range tps("t", 0, 1, 2) {
				_ = c.Add(ctx, tp, 0)
			}
			var open [][]data.Message // polled and not done with: two batches, as a sink has
			for n := 0; n < 3*each; {
				msgs, err := c.Poll(ctx, Limits{Records: 100}, nil)
				if err != nil {
					t.Fatal(err)
				}
				n += len(msgs)
				if open = append(open, msgs); len(open) > 2 {
					finish(t, c, open[0])
					open = open[1:]
				}
			}
			for _, msgs := range open {
				finish(t, c, msgs)
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.memory.held == 0 || c.memory.held > maxFree {
				t.Errorf("%d bytes are kept for the next answer", c.memory.held)
			}
			for _, p := range c.order {
				if len(p.lent) > 0 {
					t.Errorf("%d answers of %v are not given back", len(p.lent), p.tp)
				}
			}
		})
	}
}

// finish checks messages and says that they are done with.
func finish(t *testing.T, c *Consumer, msgs []data.Message) {
	t.Helper()
	ends := map[data.TopicPartition]int64{}
	for _, m := range msgs {
		if !bytes.Equal(m.Value, body(m.Partition, m.Offset)) {
			t.Fatalf("message %d of partition %d has been overwritten", m.Offset, m.Partition)
		}
		ends[data.TopicPartition{Topic: m.Topic, Partition: m.Partition}] = m.Offset + 1
	}
	for tp, end := range ends {
		c.Done(tp, end)
	}
}

// Without Reuse, and after a partition was removed, nothing is taken back.
func TestConsumerKeepsWhatIsNotDone(t *testing.T) {
	poison = true
	defer func() { poison = false }()
	cluster := fakeCluster(t, kfake.NumBrokers(1))
	ctx, s := within(t), settings(cluster)
	p := openProducer(ctx, t, s)
	for part := range int32(2) {
		var msgs []data.Message
		for i := range int64(200) {
			msgs = append(msgs, data.Message{Topic: "t", Partition: part, Timestamp: 1, Value: body(part, i)})
		}
		sendAll(ctx, t, p, msgs)
	}
	for _, reuse := range []bool{false, true} {
		s.Reuse = reuse
		c := openConsumer(ctx, t, s)
		tp := tps("t", 0, 1)
		_ = c.Add(ctx, tp[0], 0)
		_ = c.Add(ctx, tp[1], 0)
		var all []data.Message
		for len(all) < 400 {
			var err error
			if all, err = c.Poll(ctx, Limits{}, all); err != nil {
				t.Fatal(err)
			}
		}
		if reuse {
			c.Remove(tp[0])
		}
		c.Done(tp[1], 200) // one answer may have both partitions
		_ = c.Add(ctx, tp[0], 0)
		if _, err := c.Poll(ctx, Limits{}, nil); err != nil {
			t.Fatal(err)
		}
		for _, m := range all {
			if m.Partition == 0 && !bytes.Equal(m.Value, body(0, m.Offset)) {
				t.Fatalf("reuse %v: message %d has been overwritten", reuse, m.Offset)
			}
		}
	}
}

// A damaged batch is fetched again, for it may have been damaged on the way; one that
// stays so fails its partition, and no other.
func TestConsumerDamagedBatch(t *testing.T) {
	cluster := fakeCluster(t, kfake.NumBrokers(1))
	ctx, s := within(t), settings(cluster)
	fill(ctx, t, s, 10)
	marked := data.Message{Topic: "t", Partition: 1, Timestamp: 1, Value: []byte("to be damaged")}
	sendAll(ctx, t, openProducer(ctx, t, s), []data.Message{marked})
	var left atomic.Int32
	s.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		return &noisy{conn, marked.Value, &left}, err
	}
	for n, want := range map[int32]bool{maxDamages - 1: true, 1000: false} {
		left.Store(n)
		c := openConsumer(ctx, t, s)
		for _, tp := range tps("t", 0, 1, 2) {
			_ = c.Add(ctx, tp, 0)
		}
		got := map[int32]int{}
		var err error
		for err == nil && got[0]+got[1]+got[2] < 31 {
			var msgs []data.Message
			msgs, err = c.Poll(ctx, Limits{}, nil)
			for _, m := range msgs {
				got[m.Partition]++
			}
		}
		if want && (err != nil || got[1] != 11) {
			t.Errorf("damaged %d times: %v %v", n, got, err)
		}
		if f := fault.Of(err); !want && (f == nil || f.Code != "kafka.corrupt_record" || !errors.Is(err, errCorrupt) || got[1] != 10 ||
			!strings.Contains(err.Error(), "Received exception when fetching the next record from t-1. If needed, please seek past the record to continue consumption.")) {
			t.Errorf("damaged for good: %v %v", got, err)
		}
	}
}

// noisy is a connection that damages a text on the way, as often as is left.
type noisy struct {
	net.Conn
	text []byte
	left *atomic.Int32
}

func (c *noisy) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if at := bytes.Index(b[:n], c.text); at >= 0 && c.left.Add(-1) >= 0 {
		b[at] ^= 1
	}
	return n, err
}

// However slowly messages are taken, what is buffered stays within its bounds.
func TestConsumerBoundedByBytes(t *testing.T) {
	const perPartition, overall, each = 20_000, 50_000, 300
	inBubble(t, func(ctx context.Context, t *testing.T, _ *kfake.Cluster, s Settings) {
		s = with(s, "max.partition.fetch.bytes", fmt.Sprint(perPartition), "fetch.max.bytes", fmt.Sprint(overall))
		p := openProducer(ctx, t, s)
		for i := range int64(each) { // one by one: batches that are smaller than the bounds
			for part := range int32(3) {
				sendAll(ctx, t, p, []data.Message{{Topic: "t", Partition: part, Timestamp: 1, Value: body(part, i)}})
			}
		}
		c := openConsumer(ctx, t, s)
		for _, tp := range tps("t", 0, 1, 2) {
			_ = c.Add(ctx, tp, 0)
		}
		most := 0
		for n := 0; n < 3*each; {
			time.Sleep(time.Second) // whatever may be fetched has been
			synctest.Wait()
			c.mu.Lock()
			most = max(most, c.buffered)
			for _, part := range c.order {
				if part.bytes > perPartition*3/2 {
					t.Fatalf("%d bytes are buffered for %v", part.bytes, part.tp)
				}
			}
			c.mu.Unlock()
			msgs, err := c.Poll(ctx, Limits{Records: 10}, nil)
			if err != nil {
				t.Fatal(err)
			}
			n += len(msgs)
		}
		if most > overall+perPartition || most < perPartition {
			t.Errorf("%d bytes were buffered, want up to %d", most, overall)
		}
	}, kfake.NumBrokers(1), kfake.Ports(9092))
}
