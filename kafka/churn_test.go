package kafka

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"culvert/data"
	"culvert/fault"
)

// Leaders and coordinators move all the time while a producer, transactions, a
// consumer and a group are at work: each message is there once and in order, and
// nobody gets an error that is not Retry.
func TestChurn(t *testing.T) {
	cluster := fakeCluster(t)
	ctx, s := within(t), settings(cluster, "batch.size", "300", "max.partition.fetch.bytes", "2000")
	table, rows := openTable(t, s, TableConfig{Topic: "configs", Create: TopicSpec{Partitions: 1, Replication: 1}})
	p := openProducer(ctx, t, s)
	x := openTxn(ctx, t, s, "id")
	c := openConsumer(ctx, t, s)
	for _, tp := range tps("t", 0, 1, 2) {
		_ = c.Add(ctx, tp, Earliest)
	}

	moving, still := context.WithCancel(ctx)
	var movers, work sync.WaitGroup
	movers.Go(func() {
		for moving.Err() == nil {
			cluster.ShufflePartitionLeaders()
			cluster.RehashCoordinators()
			_ = sleep(moving, 3*time.Millisecond)
		}
	})
	const n = 3000
	work.Go(func() {
		for i := 0; i < n; i += 10 {
			var msgs []data.Message
			for partition := range int32(3) {
				msgs = append(msgs, numbered("t", partition, i, i+10)...)
			}
			for j, err := range sendAll(ctx, t, p, msgs) {
				if err != nil {
					t.Errorf("message %d: %v", i+j, err)
				}
			}
		}
	})
	work.Go(func() {
		for i := 0; i < 100; {
			err := x.Run(ctx, numbered("single", 0, i*10, i*10+10), "g", offsetsAt(int64(i)))
			if err == nil {
				i++
			} else if !fault.Is(err, fault.Retry) {
				t.Errorf("transaction %d: %v", i, err)
				return
			}
		}
	})
	work.Go(func() {
		for i := range 100 {
			if err := table.Put(ctx, []byte("k"), strconv.AppendInt(nil, int64(i), 10)); err != nil {
				t.Errorf("put: %v", err)
			}
			if err := table.Sync(ctx); err != nil || rows.get("k") != strconv.Itoa(i) {
				t.Errorf("after put %d k is %s, %v", i, rows.get("k"), err)
			}
		}
	})
	work.Go(func() {
		next := map[int32]int64{}
		for got := 0; got < 3*n; {
			msgs, err := c.Poll(ctx, Limits{}, nil)
			if err != nil {
				t.Errorf("poll: %v", err)
				return
			}
			for _, m := range msgs {
				if m.Offset != next[m.Partition] || string(m.Value) != strconv.FormatInt(m.Offset, 10) {
					t.Errorf("partition %d: offset %d with %s, want %d", m.Partition, m.Offset, m.Value, next[m.Partition])
					return
				}
				next[m.Partition]++
			}
			got += len(msgs)
		}
	})
	work.Wait()
	still()
	movers.Wait()
	for partition := range int32(3) {
		exactly(ctx, t, s, data.TopicPartition{Topic: "t", Partition: partition}, n)
	}
	for i, m := range readN(ctx, t, committed(s), 1000, single) {
		if string(m.Value) != strconv.Itoa(i) {
			t.Fatalf("transactional message %d is %s", i, m.Value)
		}
	}
	checkOffsets(ctx, t, s, "g", offsetsAt(99))
}
