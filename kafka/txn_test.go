package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"culvert/data"
	"culvert/fault"
)

func openTxn(ctx context.Context, t *testing.T, s Settings, id string) *Txn {
	t.Helper()
	x, err := OpenTxn(ctx, s, id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Close() })
	return x
}

func offsetsAt(n int64) map[data.TopicPartition]OffsetMeta {
	return map[data.TopicPartition]OffsetMeta{
		{Topic: "t", Partition: 0}: {n, fmt.Sprintf("meta %d", n)},
		{Topic: "t", Partition: 1}: {n + 1, ""},
	}
}

func committed(s Settings) Settings {
	return with(s, "isolation.level", "read_committed")
}

func checkOffsets(ctx context.Context, t *testing.T, s Settings, group string, want map[data.TopicPartition]OffsetMeta) {
	t.Helper()
	a, err := OpenAdmin(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	got, err := a.GroupOffsets(ctx, group, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Errorf("offsets of %s = %v, want %v", group, got, want)
	}
	for tp, o := range want {
		if got[tp] != o {
			t.Errorf("offset of %v = %v, want %v", tp, got[tp], o)
		}
	}
}

func TestTxnCommits(t *testing.T) {
	cluster := fakeCluster(t)
	ctx, s := within(t), settings(cluster, "batch.size", "1000")
	x := openTxn(ctx, t, s, "id")
	for i := range 5 {
		if err := x.Run(ctx, numbered("single", -1, i*100, i*100+100), "g", offsetsAt(int64(i))); err != nil {
			t.Fatal(err)
		}
	}
	checkOffsets(ctx, t, s, "g", offsetsAt(4))
	got := readN(ctx, t, committed(s), 500, single)
	for i, m := range got {
		if string(m.Value) != fmt.Sprint(i) {
			t.Fatalf("message %d is %s", i, m.Value)
		}
	}
	if err := x.Run(ctx, nil, "g", offsetsAt(9)); err != nil {
		t.Fatalf("offsets alone: %v", err)
	}
	checkOffsets(ctx, t, s, "g", offsetsAt(9))
	if err := x.Run(ctx, nil, "g", nil); err != nil {
		t.Errorf("nothing at all: %v", err)
	}
}

// A fenced producer's rows are never visible, whether it is fenced before or after
// it has written.
func TestTxnFencing(t *testing.T) {
	cluster := fakeCluster(t)
	ctx, s := within(t), settings(cluster)
	old := openTxn(ctx, t, s, "id")
	if err := old.Run(ctx, numbered("single", 0, 0, 10), "g", offsetsAt(1)); err != nil {
		t.Fatal(err)
	}
	next := openTxn(ctx, t, s, "id")
	for range 2 {
		err := old.Run(ctx, numbered("single", 0, 100, 110), "g", offsetsAt(2))
		if !fault.Is(err, fault.Fenced) {
			t.Fatalf("the old owner's Run gave %v", err)
		}
	}
	if err := next.Run(ctx, numbered("single", 0, 10, 20), "g", offsetsAt(3)); err != nil {
		t.Fatal(err)
	}
	checkOffsets(ctx, t, s, "g", offsetsAt(3))
	for i, m := range readN(ctx, t, committed(s), 20, single) {
		if string(m.Value) != fmt.Sprint(i) {
			t.Fatalf("message %d is %s", i, m.Value)
		}
	}
}

// While a transaction is open, another takes the id over: nothing of it becomes
// visible.
func TestTxnFencedInTheMiddle(t *testing.T) {
	cluster := fakeCluster(t)
	ctx, s := within(t), settings(cluster)
	old := openTxn(ctx, t, s, "id")
	reached := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.CoordinatorLoadInProgress, Count: -1})
	done := make(chan error, 1)
	go func() { done <- old.Run(ctx, numbered("single", 0, 100, 110), "g", offsetsAt(1)) }()
	if err := reached.Wait(ctx, 1); err != nil {
		t.Fatal(err)
	}
	next := openTxn(ctx, t, s, "id")
	reached.Remove()
	if err := <-done; !fault.Is(err, fault.Fenced) {
		t.Fatalf("the old owner's Run gave %v", err)
	}
	if err := next.Run(ctx, numbered("single", 0, 0, 10), "g", offsetsAt(3)); err != nil {
		t.Fatal(err)
	}
	checkOffsets(ctx, t, s, "g", offsetsAt(3))
	for i, m := range readN(ctx, t, committed(s), 10, single) {
		if string(m.Value) != fmt.Sprint(i) {
			t.Fatalf("message %d is %s", i, m.Value)
		}
	}
}

// Every request of a transaction fails once or twice, also after it was applied:
// the rows and offsets are there once.
func TestTxnFaults(t *testing.T) {
	keys := map[string]kmsg.Key{"AddPartitionsToTxn": kmsg.AddPartitionsToTxn, "Produce": kmsg.Produce,
		"AddOffsetsToTxn": kmsg.AddOffsetsToTxn, "TxnOffsetCommit": kmsg.TxnOffsetCommit, "EndTxn": kmsg.EndTxn}
	errs := []*kerr.Error{kerr.NotCoordinator, kerr.CoordinatorLoadInProgress, kerr.ConcurrentTransactions, kerr.RequestTimedOut}
	for name, key := range keys {
		for _, e := range errs {
			if key == kmsg.Produce && e != kerr.RequestTimedOut {
				e = kerr.NotLeaderForPartition
			}
			t.Run(name+"/"+e.Message, func(t *testing.T) {
				cluster := fakeCluster(t)
				ctx, s := within(t), settings(cluster)
				x := openTxn(ctx, t, s, "id")
				cluster.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: e, Count: 2})
				for i := range 3 {
					for {
						err := x.Run(ctx, numbered("single", 0, i*10, i*10+10), "g", offsetsAt(int64(i)))
						if err == nil {
							break
						}
						if !fault.Is(err, fault.Retry) {
							t.Fatalf("Run %d: %v", i, err)
						}
					}
				}
				checkOffsets(ctx, t, s, "g", offsetsAt(2))
				for i, m := range readN(ctx, t, committed(s), 30, single) {
					if string(m.Value) != fmt.Sprint(i) {
						t.Fatalf("message %d is %s", i, m.Value)
					}
				}
			})
		}
	}
}

// What cannot be written in half the transaction's time is aborted, and readers do
// not wait for it.
func TestTxnGivesUp(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, cluster *kfake.Cluster, s Settings) {
		s = with(s, "transaction.timeout.ms", "1000")
		x := openTxn(ctx, t, s, "id")
		handle := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotLeaderForPartition, Count: -1})
		if err := x.Run(ctx, numbered("single", 0, 100, 110), "g", offsetsAt(1)); !fault.Is(err, fault.Retry) {
			t.Fatalf("Run = %v", err)
		}
		handle.Remove()
		// The offsets fail after the rows are written.
		handle = cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.CoordinatorLoadInProgress, Count: -1})
		if err := x.Run(ctx, numbered("single", 0, 200, 210), "g", offsetsAt(1)); !fault.Is(err, fault.Retry) {
			t.Fatalf("Run = %v", err)
		}
		handle.Remove()
		if err := x.Run(ctx, numbered("single", 0, 0, 10), "g", offsetsAt(2)); err != nil {
			t.Fatal(err)
		}
		for i, m := range readN(ctx, t, committed(s), 10, single) {
			if string(m.Value) != fmt.Sprint(i) {
				t.Fatalf("message %d is %s", i, m.Value)
			}
		}
	})
}

// A transaction that the coordinator has timed out can be run again: nobody else
// has taken the id over.
func TestTxnTimedOut(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, cluster *kfake.Cluster, s Settings) {
		s = with(s, "transaction.timeout.ms", "300")
		x := openTxn(ctx, t, s, "id")
		// fill gets through, then the coordinator's clock runs out before the commit.
		queues, err := x.prepare(ctx, numbered("single", 0, 100, 110))
		if err != nil {
			t.Fatal(err)
		}
		if err := x.fill(ctx, queues, "g", offsetsAt(1)); err != nil {
			t.Fatal(err)
		}
		before, now := x.who, x.who
		for now == before { // until the time-out has raised the epoch
			if now, _, err = x.describe(ctx); err != nil {
				t.Fatal(err)
			}
			if err := sleep(ctx, 20*time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
		// kfake calls the state Empty, which on a real broker is that of a new owner.
		cluster.ControlKey(int16(kmsg.DescribeTransactions), func(req kmsg.Request) (kmsg.Response, error, bool) {
			resp := req.ResponseKind().(*kmsg.DescribeTransactionsResponse)
			state := kmsg.NewDescribeTransactionsResponseTransactionState()
			state.TransactionalID, state.State, state.ProducerID, state.ProducerEpoch = "id", "CompleteAbort", now.id, now.epoch
			resp.TransactionStates = append(resp.TransactionStates, state)
			return resp, nil, true
		})
		if err := x.commit(ctx); !fault.Is(err, fault.Retry) {
			t.Fatalf("the commit of a transaction that timed out gave %v", err)
		}
		if err := x.Run(ctx, numbered("single", 0, 0, 10), "g", offsetsAt(2)); err != nil {
			t.Fatal(err)
		}
		for i, m := range readN(ctx, t, committed(s), 10, single) {
			if string(m.Value) != fmt.Sprint(i) {
				t.Fatalf("message %d is %s", i, m.Value)
			}
		}
	})
}

func TestTxnRecordError(t *testing.T) {
	cluster := fakeCluster(t, kfake.BrokerConfigs(map[string]string{"message.max.bytes": "3000"}))
	ctx, s := within(t), settings(cluster)
	x := openTxn(ctx, t, s, "id")
	msgs := numbered("single", 0, 0, 50)
	msgs[7].Value = bytes.Repeat([]byte("x"), 5000)
	var record *RecordError
	if err := x.Run(ctx, msgs, "g", offsetsAt(1)); !errors.As(err, &record) || record.Index != 7 || !fault.Is(err, fault.Record) {
		t.Fatalf("Run = %v", err)
	}
	if err := x.Run(ctx, numbered("single", 0, 0, 50), "g", offsetsAt(2)); err != nil {
		t.Fatal(err)
	}
	for i, m := range readN(ctx, t, committed(s), 50, single) {
		if string(m.Value) != fmt.Sprint(i) {
			t.Fatalf("message %d is %s", i, m.Value)
		}
	}
}

func BenchmarkTxn(b *testing.B) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "t"), kfake.SeedTopics(1, "single"))
	if err != nil {
		b.Fatal(err)
	}
	defer cluster.Close()
	x, err := OpenTxn(b.Context(), settings(cluster), "id")
	if err != nil {
		b.Fatal(err)
	}
	defer x.Close()
	for b.Loop() {
		if err := x.Run(b.Context(), numbered("single", 0, 0, 20), "g", offsetsAt(1)); err != nil {
			b.Fatal(err)
		}
	}
}
