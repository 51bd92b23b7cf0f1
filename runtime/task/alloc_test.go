package task

import (
	"context"
	"fmt"
	"testing"

	"culvert/converters"
	"culvert/converters/header"
	textconverter "culvert/converters/text"
	"culvert/data"
)

// The path of a record through a sink, counted, allocates nothing for each record.
func TestSink_allocations(t *testing.T) {
	s := newSinkTest(t)
	task := NewSink(s.cfg)
	task.sink = &null{}
	task.hard = t.Context()
	ses := newSession(task, nil)
	w := <-ses.free
	var msgs []data.Message
	for i := range 500 {
		msgs = append(msgs, data.Message{Topic: "in", Offset: int64(i), Key: []byte("k"), Value: fmt.Appendf(nil, "value %d", i)})
	}
	round := func() {
		w.batch.Inputs = append(w.batch.Inputs, msgs...)
		ses.arrived(w.batch.Inputs)
		w.codecs.wire(w.batch)
		task.tracker.note(w.batch.Inputs)
		if err := ses.deliver(w); err != nil {
			t.Fatal(err)
		}
		ses.mark(w.batch.Inputs)
		ses.count(w.batch.Inputs)
		w.batch.Release()
	}
	round()
	if n := testing.AllocsPerRun(100, round); n > 2 {
		t.Errorf("%.0f allocations for a batch of %d records", n, len(msgs))
	}
}

// The path of a record through a join, counted, without the join itself, allocates nothing
// for each record.
func TestStream_allocations(t *testing.T) {
	s := newStreamTest(t, 1)
	s.cfg.Plan, s.cfg.Topics = nil, []string{"l", "r"}
	st := NewStream(s.cfg)
	st.sink, st.hard = &rowless{}, t.Context()
	c := s.consumer()
	st.intake = newIntake(c, func([]data.Message) {})
	tps := []data.TopicPartition{{Topic: "l"}, {Topic: "r"}}
	sh, err := newShard(st, 0, tps, func(topic string) int { return map[string]int{"l": 0, "r": 1}[topic] })
	if err != nil {
		t.Fatal(err)
	}
	sh.stateful = st.cfg.Plan.Make(0)
	sh.windows = st.cfg.State.Take(st.stateID(0), st.retention...)
	sh.committer = startCommitter(sh)
	defer sh.committer.stop(t.Context())
	for _, l := range sh.lanes {
		l.trail.reset()
	}
	var msgs []data.Message
	offset := int64(0)
	key, value := []byte("k"), []byte("v")
	round := func() {
		msgs = msgs[:0]
		for range 250 {
			msgs = append(msgs, data.Message{Topic: "l", Offset: offset, Timestamp: offset, Key: key, Value: value})
			offset++
		}
		sh.push(tps[0], msgs)
		for i := range msgs {
			msgs[i].Topic = "r"
		}
		sh.push(tps[1], msgs)
		if _, more, _ := sh.take(sh.in, sh.checkpointed); !more {
			t.Fatal("nothing taken")
		}
		if err := sh.step(t.Context()); err != nil {
			t.Fatal(err)
		}
		sh.current.reset()
	}
	for range 10 {
		round()
	}
	if n := testing.AllocsPerRun(100, round); n > 20 {
		t.Errorf("%.0f allocations for a step of %d records", n, 500)
	}
}

type null struct{}

func (*null) Write(context.Context, *data.Batch) error { return nil }
func (*null) Close(context.Context) error              { return nil }

type rowless struct{ null }

func (*rowless) Encode(_ context.Context, _ *data.Batch, out []data.Message) ([]data.Message, error) {
	return out, nil
}

// A record of a source with a key and three headers becomes a message without an
// allocation of its own.
func TestEncoder_allocations(t *testing.T) {
	strings, err := textconverter.New(nil, converters.Value)
	if err != nil {
		t.Fatal(err)
	}
	chain := Chain{Key: strings, Value: strings, Header: header.Factory{}}
	e := encoder{codecs: newCodecs(&chain)}
	b, out := data.NewBatch(), &outgoing{}
	str, num := data.Of(data.String), data.Of(data.Int64)
	round := func() {
		b.Release()
		clear(out.headers)
		out.msgs, out.headers, out.buf = out.msgs[:0], out.headers[:0], out.buf[:0]
		for i := range 500 {
			r := b.Append()
			r.Topic, r.Key, r.Value, r.Headers = "t", data.ValueCell(data.OfString("k"), str), data.ValueCell(data.OfString("a value"), str), b.NewHeaders(3)
			for k := range r.Headers {
				r.Headers[k] = data.Header{Key: "h", Value: data.ValueCell(data.OfInt64(int64(i)), num)}
			}
		}
		if err := e.encode(t.Context(), b, out); err != nil {
			t.Fatal(err)
		}
	}
	round()
	if m := out.msgs[499]; string(m.Key) != "k" || string(m.Value) != "a value" || len(m.Headers) != 3 || string(m.Headers[2].Value) != "499" {
		t.Fatalf("%+v", m)
	}
	if n := testing.AllocsPerRun(50, round); n > 2 {
		t.Errorf("%.0f allocations for a batch of 500 records", n)
	}
}
