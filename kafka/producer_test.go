package kafka

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"culvert/data"
	"culvert/fault"
)

var single = data.TopicPartition{Topic: "single"}

func openProducer(ctx context.Context, t *testing.T, s Settings) *Producer {
	t.Helper()
	p, err := OpenProducer(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = p.Close(ctx)
	})
	return p
}

func TestProducerRoundTrip(t *testing.T) {
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		t.Run(codec, func(t *testing.T) {
			ctx, s := within(t), settings(fakeCluster(t), "compression.type", codec)
			p := openProducer(ctx, t, s)
			sent := []data.Message{
				{Topic: "single", Partition: -1, Timestamp: 1700000000123, Key: []byte("k"), Value: []byte("v"),
					Headers: []data.RawHeader{{Key: "h", Value: []byte("1")}, {Key: "h", Value: nil}}},
				{Topic: "single", Partition: 0, Timestamp: 1600000000000, Key: nil, Value: nil},
				{Topic: "single", Partition: -1, Timestamp: 0, Key: []byte{}, Value: []byte{}},
			}
			for i, err := range sendAll(ctx, t, p, sent) {
				if err != nil {
					t.Fatalf("message %d: %v", i, err)
				}
			}
			got := readN(ctx, t, s, 3, single)
			for i, m := range got {
				w := sent[i]
				if m.Offset != int64(i) || m.Timestamp != w.Timestamp || !same(m.Key, w.Key) || !same(m.Value, w.Value) || len(m.Headers) != len(w.Headers) {
					t.Errorf("message %d is %+v, want %+v", i, m, w)
				}
				for j, h := range m.Headers {
					if h.Key != w.Headers[j].Key || !same(h.Value, w.Headers[j].Value) {
						t.Errorf("header %d is %+v, want %+v", j, h, w.Headers[j])
					}
				}
			}
		})
	}
}

// same tells null from empty, as Kafka does.
func same(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

func TestProducerPartitions(t *testing.T) {
	ctx, s := within(t), settings(fakeCluster(t))
	p := openProducer(ctx, t, s)
	var msgs []data.Message
	for i := range 100 {
		msgs = append(msgs, data.Message{Topic: "t", Partition: -1, Timestamp: 1, Key: fmt.Appendf(nil, "key-%d", i)})
	}
	told := make(chan string, len(msgs))
	_ = p.Send(ctx, msgs, func(i int, partition int32, _ int64, err error) {
		if want := PartitionFor(msgs[i].Key, 3); err != nil || partition != want {
			told <- fmt.Sprintf("%s went to %d (%v), want %d", msgs[i].Key, partition, err, want)
			return
		}
		told <- ""
	})
	for range msgs {
		if problem := <-told; problem != "" {
			t.Error(problem)
		}
	}
}

// Faults that reject a batch, and faults that apply it and answer with an error: in
// both cases the log must hold each message once and in order.
func TestProducerFaults(t *testing.T) {
	for _, c := range []struct {
		name string
		err  *kerr.Error
	}{
		{"not leader", kerr.NotLeaderForPartition},
		{"timed out but applied", kerr.RequestTimedOut},
		{"not enough replicas", kerr.NotEnoughReplicas},
		{"not enough replicas but applied", kerr.NotEnoughReplicasAfterAppend},
		{"unknown topic for a moment", kerr.UnknownTopicOrPartition},
		{"storage", kerr.KafkaStorageError},
	} {
		t.Run(c.name, func(t *testing.T) {
			cluster := fakeCluster(t)
			ctx, s := within(t), settings(cluster, "batch.size", "500")
			p := openProducer(ctx, t, s)
			handle := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "single", Err: c.err, Count: 5})
			for i, err := range sendAll(ctx, t, p, numbered("single", 0, 0, 200)) {
				if err != nil {
					t.Errorf("message %d: %v", i, err)
				}
			}
			if handle.Hits() != 5 {
				t.Errorf("the fault hit %d times, want 5", handle.Hits())
			}
			exactly(ctx, t, s, single, 200)
		})
	}
}

// A broker that forgets its producers makes the producer go on under a new id.
func TestProducerForgotten(t *testing.T) {
	cluster := fakeCluster(t)
	ctx, s := within(t), settings(cluster)
	p := openProducer(ctx, t, s)
	sendAll(ctx, t, p, numbered("single", 0, 0, 10))
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.OutOfOrderSequenceNumber, Count: 1},
		kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.UnknownProducerID, Count: 1})
	for i, err := range sendAll(ctx, t, p, numbered("single", 0, 10, 20)) {
		if err != nil {
			t.Errorf("message %d: %v", i, err)
		}
	}
	exactly(ctx, t, s, single, 20)
}

func TestProducerRefuses(t *testing.T) {
	cluster := fakeCluster(t, kfake.BrokerConfigs(map[string]string{"message.max.bytes": "3000"}))
	ctx, s := within(t), settings(cluster, "max.request.size", "10000")
	p := openProducer(ctx, t, s)
	msgs := numbered("single", 0, 0, 100)
	for i := range msgs {
		msgs[i].Value = append(msgs[i].Value, bytes.Repeat([]byte("x"), 90)...)
	}
	msgs[10].Value = make([]byte, 20000) // more than max.request.size
	msgs[20].Value = make([]byte, 5000)  // more than the broker takes
	msgs[30].Timestamp = -5
	msgs[40].Partition = 7
	errs := sendAll(ctx, t, p, msgs)
	for i, err := range errs {
		if wrong := i == 10 || i == 20 || i == 30 || i == 40; wrong != fault.Is(err, fault.Record) || !wrong && err != nil {
			t.Errorf("message %d: %v", i, err)
		}
	}
	if got := len(readN(ctx, t, s, 96, single)); got != 96 {
		t.Errorf("%d messages are in the log, want 96", got)
	}
}

func TestProducerMissingTopic(t *testing.T) {
	cluster := fakeCluster(t)
	ctx, s := within(t), settings(cluster)
	p := openProducer(ctx, t, s)
	asked := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: "later", Observe: true, Count: -1})
	done := make(chan error, 1)
	go func() {
		done <- p.Send(ctx, []data.Message{{Topic: "later", Partition: -1, Value: []byte("v")}}, func(_ int, _ int32, _ int64, err error) { done <- err })
	}()
	if err := asked.Wait(ctx, 2); err != nil {
		t.Fatal(err)
	}
	a, err := OpenAdmin(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if found, err := a.Topics(ctx, "later"); err != nil || len(found) != 0 {
		t.Fatalf("asking for a topic created it: %v %v", found, err)
	}
	if created, err := a.CreateTopic(ctx, TopicSpec{Name: "later", Partitions: 1, Replication: 1}); err != nil || !created {
		t.Fatalf("CreateTopic = %v, %v", created, err)
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestProducerCloses(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, cluster *kfake.Cluster, s Settings) {
		p := openProducer(ctx, t, s)
		cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotLeaderForPartition, Count: -1})
		told := make(chan error, 3)
		if err := p.Send(ctx, numbered("single", 0, 0, 3), func(_ int, _ int32, _ int64, err error) { told <- err }); err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		if err := p.Close(short); err == nil {
			t.Error("Close of a producer with undelivered messages gave no error")
		}
		for range 3 {
			if err := <-told; err == nil {
				t.Error("an undelivered message was told as delivered")
			}
		}
		if err := p.Send(ctx, numbered("single", 0, 0, 1), func(_ int, _ int32, _ int64, err error) { told <- err }); err == nil {
			t.Error("Send after Close gave no error")
		}
		if err := <-told; err == nil {
			t.Error("a message after Close was told as delivered")
		}
	})
}

func TestProducerDeliveryTimeout(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, cluster *kfake.Cluster, s Settings) {
		s = with(s, "delivery.timeout.ms", "100")
		p := openProducer(ctx, t, s)
		handle := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.RequestTimedOut, Count: -1})
		for i, err := range sendAll(ctx, t, p, numbered("single", 0, 0, 3)) {
			if !fault.Is(err, fault.Retry) {
				t.Errorf("message %d: %v", i, err)
			}
		}
		handle.Remove()
		// The messages were applied; their sequence numbers must not swallow the next.
		for i, err := range sendAll(ctx, t, p, numbered("single", 0, 3, 6)) {
			if err != nil {
				t.Errorf("message %d: %v", i, err)
			}
		}
		exactly(ctx, t, s, single, 6)
	})
}

// Memory is bounded: Send waits while buffer.memory is full.
func TestProducerMemory(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, cluster *kfake.Cluster, s Settings) {
		s = with(s, "buffer.memory", "4000", "batch.size", "500")
		p := openProducer(ctx, t, s)
		handle := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotLeaderForPartition, Count: -1})
		short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		defer cancel()
		taken := 0
		told := make(chan error, 1000)
		err := p.Send(short, numbered("single", 0, 0, 1000), func(_ int, _ int32, _ int64, err error) { told <- err })
		if err == nil {
			t.Fatal("Send of far more than buffer.memory did not wait")
		}
		handle.Remove()
		if err := p.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		for range 1000 {
			if err := <-told; err == nil {
				taken++
			}
		}
		if taken == 0 || taken > 60 {
			t.Errorf("%d messages were taken into 4000 bytes", taken)
		}
		exactly(ctx, t, s, single, taken)
	})
}

func BenchmarkProducer(b *testing.B) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "t"), kfake.BlackholeProduce())
	if err != nil {
		b.Fatal(err)
	}
	defer cluster.Close()
	ctx := b.Context()
	p, err := OpenProducer(ctx, settings(cluster))
	if err != nil {
		b.Fatal(err)
	}
	value := make([]byte, 300)
	msgs := make([]data.Message, 500)
	for i := range msgs {
		msgs[i] = data.Message{Topic: "t", Partition: -1, Timestamp: 1700000000000, Key: fmt.Appendf(nil, "key-%d", i), Value: value}
	}
	tell := func(int, int32, int64, error) {}
	b.ReportAllocs()
	for n := 0; n < b.N; n += len(msgs) {
		if err := p.Send(ctx, msgs, tell); err != nil {
			b.Fatal(err)
		}
	}
	if err := p.Flush(ctx); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	_ = p.Close(ctx)
}
