package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"culvert/data"
	"culvert/fault"
)

func openConsumer(ctx context.Context, t *testing.T, s Settings) *Consumer {
	t.Helper()
	c, err := OpenConsumer(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// fill writes n messages to each partition of "t".
func fill(ctx context.Context, t *testing.T, s Settings, n int) {
	t.Helper()
	p := openProducer(ctx, t, s)
	for partition := range int32(3) {
		for i, err := range sendAll(ctx, t, p, numbered("t", partition, 0, n)) {
			if err != nil {
				t.Fatalf("message %d: %v", i, err)
			}
		}
	}
}

func TestConsumerOrderAndPosition(t *testing.T) {
	cluster := fakeCluster(t)
	ctx, s := within(t), settings(cluster, "max.partition.fetch.bytes", "2000", "fetch.max.bytes", "5000")
	fill(ctx, t, s, 500)
	c := openConsumer(ctx, t, s)
	all := tps("t", 0, 1, 2)
	for _, tp := range all {
		_ = c.Add(ctx, tp, 100)
	}
	next := map[data.TopicPartition]int64{all[0]: 100, all[1]: 100, all[2]: 100}
	var buffer []data.Message
	for n := 0; n < 1200; n += len(buffer) {
		var err error
		if buffer, err = c.Poll(ctx, Limits{Records: 70, Bytes: 3000}, buffer[:0]); err != nil {
			t.Fatal(err)
		}
		bytes := 0
		for _, m := range buffer {
			tp := data.TopicPartition{Topic: m.Topic, Partition: m.Partition}
			if m.Offset != next[tp] || string(m.Value) != strconv.FormatInt(m.Offset, 10) {
				t.Fatalf("%v: offset %d with value %s, want offset %d", tp, m.Offset, m.Value, next[tp])
			}
			next[tp]++
			bytes += m.Bytes()
		}
		if len(buffer) > 70 || bytes > 3000 {
			t.Fatalf("a poll returned %d messages of %d bytes", len(buffer), bytes)
		}
		for _, tp := range all {
			if at, ok := c.Position(tp); ok && at != next[tp] {
				t.Fatalf("position of %v is %d, want %d", tp, at, next[tp])
			}
		}
	}
	for _, tp := range all {
		if high, ok := c.HighWatermark(tp); !ok || high != 500 {
			t.Errorf("high watermark of %v = %d %v", tp, high, ok)
		}
		if !c.AtEnd(tp) {
			t.Errorf("%v is not at its end", tp)
		}
	}
	if _, ok := c.Position(data.TopicPartition{Topic: "t", Partition: 9}); ok {
		t.Error("an unassigned partition has a position")
	}
}

func TestConsumerPauseRemove(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, _ *kfake.Cluster, s Settings) {
		fill(ctx, t, s, 50)
		c := openConsumer(ctx, t, s)
		all := tps("t", 0, 1, 2)
		for _, tp := range all {
			_ = c.Add(ctx, tp, Earliest)
		}
		c.Pause(all[1])
		c.Remove(all[2])
		got := map[int32]int{}
		for got[0] < 50 {
			msgs, err := c.Poll(ctx, Limits{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range msgs {
				got[m.Partition]++
			}
		}
		short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		if msgs, err := c.Poll(short, Limits{}, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("paused and removed partitions gave %v %v", msgs, err)
		}
		if got[1]+got[2] != 0 {
			t.Errorf("paused and removed partitions gave %v", got)
		}
		c.Resume(all[1])
		for got[1] < 50 {
			msgs, err := c.Poll(ctx, Limits{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range msgs {
				got[m.Partition]++
			}
		}
	})
}

func TestConsumerOffsetOutOfRange(t *testing.T) {
	cluster := fakeCluster(t)
	ctx := within(t)
	fill(ctx, t, settings(cluster), 10)
	tp := data.TopicPartition{Topic: "t"}
	for reset, want := range map[string]string{"earliest": "0", "latest": "10", "none": ""} {
		t.Run(reset, func(t *testing.T) {
			s := settings(cluster, "auto.offset.reset", reset)
			c := openConsumer(ctx, t, s)
			_ = c.Add(ctx, tp, 1000)
			if reset == "latest" { // there is nothing at the end until it is known where that is
				for at, ok := c.Position(tp); !ok || at != 10; at, ok = c.Position(tp) {
					if err := c.wait(ctx); err != nil {
						t.Fatal(err)
					}
				}
				p := openProducer(ctx, t, s)
				sendAll(ctx, t, p, numbered("t", 0, 10, 11))
			}
			msgs, err := c.Poll(ctx, Limits{}, nil)
			if want == "" {
				if fault.ClassOf(err) != fault.Fatal || err == nil {
					t.Errorf("error = %v", err)
				}
				return
			}
			if err != nil || string(msgs[0].Value) != want {
				t.Errorf("first message is %v (%v), want %s", msgs, err, want)
			}
		})
	}
}

func TestConsumerFaults(t *testing.T) {
	cluster := fakeCluster(t)
	ctx, s := within(t), settings(cluster)
	fill(ctx, t, s, 20)
	cluster.Fault(
		kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: "t", Err: kerr.NotLeaderForPartition, Count: 3},
		kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: "t", Err: kerr.UnknownTopicOrPartition, Count: 2},
		kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Topic: "t", Err: kerr.NotLeaderForPartition, Count: 2},
		kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: "t", Err: kerr.LeaderNotAvailable, Count: 2})
	if got := readN(ctx, t, s, 60, tps("t", 0, 1, 2)...); len(got) != 60 {
		t.Errorf("%d messages", len(got))
	}
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: "t", Err: kerr.TopicAuthorizationFailed, Count: -1})
	c := openConsumer(ctx, t, s)
	_ = c.Add(ctx, data.TopicPartition{Topic: "t"}, 0)
	if _, err := c.Poll(ctx, Limits{}, nil); err == nil || fault.Of(err).Code != "kafka.unauthorized" {
		t.Errorf("error without rights = %v", err)
	}
}

// A topic that is deleted and created again is read again from its beginning.
func TestConsumerRecreatedTopic(t *testing.T) {
	cluster := fakeCluster(t)
	ctx, s := within(t), settings(cluster)
	fill(ctx, t, s, 20)
	c := openConsumer(ctx, t, s)
	tp := data.TopicPartition{Topic: "t"}
	_ = c.Add(ctx, tp, Earliest)
	for n := 0; n < 20; {
		msgs, err := c.Poll(ctx, Limits{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		n += len(msgs)
	}
	if err := cluster.DeleteTopic("t"); err != nil {
		t.Fatal(err)
	}
	if err := cluster.CreateTopic("t", 3, nil); err != nil {
		t.Fatal(err)
	}
	fill(ctx, t, s, 5)
	msgs, err := c.Poll(ctx, Limits{}, nil)
	if err != nil || string(msgs[0].Value) != "0" {
		t.Errorf("after the topic was created again: %v %v", msgs, err)
	}
}

// While one partition is full, an empty one of the same broker is asked for, but not
// with a long poll: that would hold the full one up when it has been drained.
func TestConsumerFullPartition(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, _ *kfake.Cluster, s Settings) {
		s = with(s, "batch.size", "200", "max.partition.fetch.bytes", "1000", "fetch.max.wait.ms", "10000")
		sendAll(ctx, t, openProducer(ctx, t, s), numbered("t", 0, 0, 100))
		c := openConsumer(ctx, t, s)
		_ = c.Add(ctx, data.TopicPartition{Topic: "t", Partition: 0}, 0)
		_ = c.Add(ctx, data.TopicPartition{Topic: "t", Partition: 1}, 0)
		for n := range 100 {
			begun := time.Now()
			if _, err := c.Poll(ctx, Limits{Records: 1}, nil); err != nil {
				t.Fatal(err)
			}
			if d := time.Since(begun); d > time.Second {
				t.Errorf("message %d was held up for %v", n, d)
			}
			time.Sleep(100 * time.Millisecond) // meanwhile the empty partition is being asked for
		}
	}, kfake.NumBrokers(1), kfake.Ports(9092))
}

// readBatches goes past batches without records by a field of sarama's.
func TestSaramaFields(t *testing.T) {
	f, ok := reflect.TypeFor[sarama.FetchResponseBlock]().FieldByName(nextOffsetField)
	if !ok || f.Type != reflect.TypeFor[*int64]() {
		t.Fatalf("sarama.FetchResponseBlock has no field %s of type *int64 any more: %v", nextOffsetField, f.Type)
	}
	if _, ok := nextOffset(&sarama.FetchResponseBlock{}); ok {
		t.Error("an empty block has a next offset")
	}
}

func TestReadBatches(t *testing.T) {
	tp := data.TopicPartition{Topic: "t", Partition: 1}
	at := time.UnixMilli(1000)
	rec := func(delta int64, v string) *sarama.Record {
		return &sarama.Record{OffsetDelta: delta, TimestampDelta: time.Duration(delta) * time.Millisecond, Value: []byte(v)}
	}
	batch := func(first, last, producer int64, recs ...*sarama.Record) *sarama.Records {
		return &sarama.Records{RecordBatch: &sarama.RecordBatch{FirstOffset: first, LastOffsetDelta: int32(last - first), ProducerID: producer,
			IsTransactional: producer > 0, FirstTimestamp: at, MaxTimestamp: at.Add(time.Hour), Records: recs}}
	}
	marker := func(offset, producer int64, kind byte) *sarama.Records {
		r := batch(offset, offset, producer, &sarama.Record{Key: []byte{0, 0, 0, kind}})
		r.RecordBatch.Control = true
		return r
	}
	block := &sarama.FetchResponseBlock{
		RecordsSet: []*sarama.Records{
			batch(10, 12, 0, rec(0, "a"), rec(1, "b"), rec(2, "c")),
			batch(13, 13, 1, rec(0, "aborted")),
			batch(14, 14, 2, rec(0, "d")),
			marker(15, 1, 0),
			batch(16, 16, 1, rec(0, "e")),
			marker(17, 1, 1), marker(18, 2, 1),
			batch(19, 25, 0, rec(0, "f")), // compacted: more offsets than records
		},
		AbortedTransactions: []*sarama.AbortedTransaction{{ProducerID: 1, FirstOffset: 13}},
	}
	values := func(r batchReader) string {
		s := ""
		for _, m := range r.messages {
			s += fmt.Sprintf("%d%s ", m.Offset, m.Value)
		}
		return s
	}
	if got, want := values(readBatches(tp, block, 11, true)), "11b 12c 14d 16e 19f "; got != want {
		t.Errorf("committed: %s, want %s", got, want)
	}
	if got, want := values(readBatches(tp, block, 11, false)), "11b 12c 13aborted 14d 16e 19f "; got != want {
		t.Errorf("uncommitted: %s, want %s", got, want)
	}
	r := readBatches(tp, block, 11, true)
	if r.next != 26 {
		t.Errorf("next = %d, want 26", r.next)
	}
	if r.messages[1].Timestamp != 1002 {
		t.Errorf("timestamp = %d, want 1002", r.messages[1].Timestamp)
	}
	block.RecordsSet[0].RecordBatch.LogAppendTime = true
	if got := readBatches(tp, block, 11, true).messages[0].Timestamp; got != 1000+3600000 {
		t.Errorf("log append time = %d", got)
	}
}

// Compaction leaves batches without records; a reader gets past them.
func TestConsumerEmptyBatch(t *testing.T) {
	cluster := fakeCluster(t, kfake.NumBrokers(1))
	ctx, s := within(t), settings(cluster)
	fill(ctx, t, s, 10)
	// The partition's log as compaction might leave it: offsets 0 to 9 in one batch
	// without a record.
	empty := kmsg.RecordBatch{Magic: 2, PartitionLeaderEpoch: -1, LastOffsetDelta: 9, ProducerID: 7, Length: 49}
	raw := empty.AppendTo(nil)
	table := crc32.MakeTable(crc32.Castagnoli)
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], table))
	cluster.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		for _, topic := range req.(*kmsg.FetchRequest).Topics {
			for _, p := range topic.Partitions {
				if p.FetchOffset == 0 {
					resp := req.ResponseKind().(*kmsg.FetchResponse)
					part := kmsg.NewFetchResponseTopicPartition()
					part.Partition, part.HighWatermark, part.LastStableOffset, part.RecordBatches = p.Partition, 10, 10, raw
					answer := kmsg.NewFetchResponseTopic()
					answer.Topic, answer.Partitions = topic.Topic, append(answer.Partitions, part)
					resp.Topics = append(resp.Topics, answer)
					return resp, nil, true
				}
			}
		}
		return nil, nil, false
	})
	c := openConsumer(ctx, t, s)
	tp := data.TopicPartition{Topic: "t"}
	_ = c.Add(ctx, tp, 0)
	for !c.AtEnd(tp) {
		if err := c.wait(ctx); err != nil {
			t.Fatal("the reader hangs at an empty batch")
		}
	}
	if at, _ := c.Position(tp); at != 10 {
		t.Errorf("position = %d, want 10", at)
	}
}

func BenchmarkConsumer(b *testing.B) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "t"), kfake.SyntheticFetch(kfake.SyntheticBatch{}))
	if err != nil {
		b.Fatal(err)
	}
	defer cluster.Close()
	ctx := b.Context()
	c, err := OpenConsumer(ctx, settings(cluster))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for _, tp := range tps("t", 0, 1, 2) {
		_ = c.Add(ctx, tp, 0)
	}
	var buffer []data.Message
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += len(buffer) {
		if buffer, err = c.Poll(ctx, Limits{Records: 500}, buffer[:0]); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
}
