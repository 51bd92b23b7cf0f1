package kafka

import (
	"fmt"
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

	for i := range msgs {
		msgs[i].Headers = []data.RawHeader{{Key: "a", Value: []byte("1")}, {Key: "b", Value: []byte("2")}}
	}
	sub := &submission{msgs: msgs}
	box := &outbox{tp: tp}
	opts := defaultOptions()
	if got := testing.AllocsPerRun(10, func() {
		for i := range msgs {
			if err := checkMessage(&msgs[i], &opts); err != nil {
				t.Fatal(err)
			}
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

// TestHeadersOfABatch: each record has its own headers, whatever those before it
// are called and however often the memory has grown.
func TestHeadersOfABatch(t *testing.T) {
	for range 2 { // the second time in memory that was used before
		b := newBatch(data.TopicPartition{Topic: "t"})
		var msgs []data.Message
		for i := range 300 {
			m := data.Message{Topic: "t", Timestamp: 1, Value: []byte("v")}
			for k := range i % 4 {
				name := []string{"a", "b", "c", "a"}[(k+i/7)%4]
				m.Headers = append(m.Headers, data.RawHeader{Key: name, Value: fmt.Append(nil, i, k)})
			}
			msgs = append(msgs, m)
			b.add(&msgs[i])
		}
		for i, m := range msgs {
			got := b.records[i].Headers
			if len(got) != len(m.Headers) {
				t.Fatalf("record %d has %d headers, want %d", i, len(got), len(m.Headers))
			}
			for k, h := range m.Headers {
				if string(got[k].Key) != h.Key || string(got[k].Value) != string(h.Value) {
					t.Fatalf("record %d, header %d is %s=%s, want %s=%s", i, k, got[k].Key, got[k].Value, h.Key, h.Value)
				}
			}
		}
		b.free()
	}
}
