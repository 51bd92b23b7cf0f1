package kafka

import (
	"testing"

	"culvert/data"
)

// A record costs no allocation of its own on its way in and out.
func TestAllocations(t *testing.T) {
	const n = 1000
	tp := data.TopicPartition{Topic: "t"}
	msgs := numbered("t", 0, 0, n)
	s := &share{records: plainBatch(0, n)}
	var r batchReader
	if got := testing.AllocsPerRun(10, func() {
		r = batchReader{messages: r.messages[:0]}
		if err := s.read(&r, tp, 0, true, new(lease)); err != nil || len(r.messages) != n {
			t.Fatal(len(r.messages), err)
		}
	}); got > 1 {
		t.Errorf("reading %d records takes %.0f allocations", n, got)
	}

	sub := &submission{msgs: msgs}
	box := &outbox{tp: tp}
	opts := defaultOptions()
	if got := testing.AllocsPerRun(10, func() {
		for i := range msgs {
			box.push(entry{sub, int32(i)}, 1)
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
