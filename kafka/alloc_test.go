package kafka

import (
	"testing"

	"github.com/IBM/sarama"

	"culvert/data"
)

// A record costs no allocation of its own on its way in and out.
func TestAllocations(t *testing.T) {
	const n = 1000
	tp := data.TopicPartition{Topic: "t"}
	records := make([]sarama.Record, n)
	wire := &sarama.RecordBatch{LastOffsetDelta: n - 1}
	for i := range records {
		records[i] = sarama.Record{OffsetDelta: int64(i), Value: []byte("v")}
		wire.Records = append(wire.Records, &records[i])
	}
	block := &sarama.FetchResponseBlock{RecordsSet: []*sarama.Records{{RecordBatch: wire}}}
	if got := testing.AllocsPerRun(10, func() { readBatches(tp, block, 0, true) }); got > 2 {
		t.Errorf("reading %d records takes %.0f allocations", n, got)
	}

	msgs := numbered("t", 0, 0, n)
	s := &submission{msgs: msgs}
	box := &outbox{tp: tp}
	opts := defaultOptions()
	if got := testing.AllocsPerRun(10, func() {
		for i := range msgs {
			box.push(entry{s, int32(i)}, 1)
		}
		box.form(1 << 20)
		b := box.formed[0]
		b.seal(identity{1, 1}, 0, &opts, false)
		b.free()
		box.formed = box.formed[:0]
	}); got > n/20 { // a pool may be empty (it is at random under -race): what counts is that no record costs one
		t.Errorf("forming a batch of %d records takes %.0f allocations", n, got)
	}
}
