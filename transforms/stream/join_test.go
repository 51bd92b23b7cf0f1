package stream

import (
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"culvert/data"
	"culvert/fault"
	"culvert/state"
)

// words is a converter for tests: a value "a b" is a Struct whose fields v (and
// f, the second word) are texts; a key is text. "!" cannot be decoded.
type words struct{ schema *data.Schema }

func (d *words) Decode(raw []byte, a *data.Arena) (data.Value, *data.Schema, error) {
	if raw == nil {
		return data.Value{}, nil, nil
	}
	if string(raw) == "!" {
		return data.Value{}, nil, fault.New(fault.Record, "test.bad", "bad bytes")
	}
	if d.schema.Kind != data.Struct {
		return data.OfText(raw), d.schema, nil
	}
	words := strings.Fields(string(raw))
	fields := a.Values(len(d.schema.Fields))
	for i := range fields {
		if i < len(words) && words[i] != "null" {
			fields[i] = data.OfString(words[i])
		}
	}
	return data.OfStruct(fields), d.schema, nil
}

var (
	textKey = &words{data.Of(data.String)}
	optText = data.Of(data.String).AsOptional()
	leftV   = &words{data.NewStruct("l", data.Field{Name: "v", Schema: optText}, data.Field{Name: "f", Schema: optText})}
	rightV  = &words{data.NewStruct("r", data.Field{Name: "v", Schema: optText}, data.Field{Name: "f", Schema: optText})}
)

// bench is a join with its windows, fed record by record.
type bench struct {
	t   *testing.T
	j   *Join
	p   *Plan
	st  state.Windows
	log strings.Builder
}

func newBench(t *testing.T, props map[string]string) *bench {
	t.Helper()
	b := &bench{t: t}
	all := map[string]string{"left.topic": "L", "right.topic": "R"}
	for k, v := range props {
		all[k] = v
	}
	var err error
	if b.p, err = NewPlan(all, slog.New(slog.NewTextHandler(&b.log, nil))); err != nil {
		t.Fatal(err)
	}
	s := state.Open(state.Options{})
	t.Cleanup(func() { _ = s.Close() })
	b.st = s.Take(state.ID{Connector: "c"}, b.p.Retention("L"), b.p.Retention("R"))
	b.j = b.p.Make(0).(*Join)
	return b
}

// batch makes records of "L0 zero@0": side, key, value, time. A key "-" and a
// value "-" are null; an underscore in the value is a space.
func batch(t *testing.T, events ...string) *data.Batch {
	t.Helper()
	in := data.NewBatch()
	for i, e := range strings.Split(strings.Join(events, ", "), ", ") {
		m := event.FindStringSubmatch(e)
		if m == nil {
			t.Fatalf("bad event %q", e)
		}
		ms, _ := strconv.ParseInt(m[4], 10, 64)
		switch m[5] {
		case "s":
			ms *= 1000
		case "h":
			ms *= hour
		}
		key, value := []byte(m[2]), []byte(strings.ReplaceAll(m[3], "_", " "))
		if m[2] == "-" {
			key = nil
		}
		if m[3] == "-" {
			value = nil
		}
		dec := leftV
		if m[1] == "R" {
			dec = rightV
		}
		in.Inputs = append(in.Inputs, data.Message{Topic: m[1], Key: key, Value: value, Timestamp: ms, Offset: int64(i)})
		r := in.Append()
		r.Topic, r.Partition, r.Offset, r.Timestamp, r.Input = m[1], 0, int64(i), ms, int32(i)
		r.Key, r.Value = data.WireCell(key, textKey), data.WireCell(value, dec)
	}
	return in
}

var event = regexp.MustCompile(`^([A-Z])(\S*) (\S+)@(\d+)(s|h)?$`)

// feed processes the events as one batch and formats its rows.
func (b *bench) feed(events ...string) []string {
	b.t.Helper()
	in, out := batch(b.t, events...), data.NewBatch()
	if err := b.j.Process(in, out, b.st); err != nil {
		b.t.Fatalf("process: %v", fault.Explain(err))
	}
	for _, f := range in.Failed() {
		b.t.Fatalf("record %d failed: %v", f.Index, f.Err)
	}
	return format(b.t, out)
}

func format(t *testing.T, out *data.Batch) []string {
	t.Helper()
	var rows []string
	for i := range out.Records {
		r := &out.Records[i]
		v, s, err := r.Value.Value(nil)
		if err != nil {
			t.Fatal(err)
		}
		l, _, okL := field(v, s, "left_v")
		rt, _, okR := field(v, s, "right_v")
		if !okL || !okR {
			t.Fatalf("row without left_v or right_v: %v", s)
		}
		rows = append(rows, fmt.Sprintf("(%s,%s)@%d", l.Str(), rt.Str(), r.Timestamp))
	}
	return rows
}

func same(t *testing.T, got []string, want string) {
	t.Helper()
	if strings.Join(got, " ") != strings.Join(strings.Fields(want), " ") {
		t.Errorf("\n got %s\nwant %s", strings.Join(got, " "), want)
	}
}

// The recorded cases of ksqlDB's joins.json and of Kafka Streams 4.3.1 under its
// TopologyTestDriver, as far as they are inner joins.
func TestCases(t *testing.T) {
	type step struct{ in, want string }
	for _, c := range []struct {
		name  string
		props string
		steps []step
	}{
		{"1_later_of_the_two", "within=10 s", []step{{"L0 l@10, R0 r@11", "(l,r)@11"}}},
		{"2_inner", "within=11 s", []step{{
			"L0 zero@0, R0 blah@10000, L10 ten@11000, L0 foo@13000, R0 a@15000, R100 x@16000, L90 ninety@17000, L0 bar@30000",
			"(zero,blah)@10000 (foo,blah)@13000 (foo,a)@15000"}}},
		{"3_before_and_after", "before=11 s;after=10 s", []step{{
			"L0 zero@0, R0 blah@11000, L0 foo@13000, R0 a@15000", "(foo,blah)@13000 (foo,a)@15000"}}},
		{"4_boundary_right_later", "within=10 s", []step{{"L0 l@0, R0 r@10000", "(l,r)@10000"}, {"R0 s@10001", ""}}},
		{"4_boundary_left_later", "within=10 s", []step{{"R0 r@0, L0 l@10000", "(l,r)@10000"}, {"L0 m@10001", ""}}},
		{"5_out_of_order", "within=10 s", []step{{
			"L0 zero@0, R0 blah@9999, L10 ten@11000, L0 foo@13000, R0 a@15000, R100 x@16000, L90 ninety@17000, L0 bar@30000, L0 late@6000",
			"(zero,blah)@9999 (foo,blah)@13000 (foo,a)@15000 (late,blah)@9999 (late,a)@15000"}}},
		{"6_grace", "within=1 minute;grace=1 minute", []step{{
			"L0 A@0, R0 a@60000, L1 B@330000, L2 C@90000, R2 c@90000, L3 D@60000, R3 d@60000", "(A,a)@60000"}}},
		{"10_many_to_many", "within=15 s", []step{
			{"LK A@3s", ""}, {"RK a@4s", "(A,a)@4000"}, {"LK B@5s", "(B,a)@5000"}, {"RK b@6s", "(A,b)@6000 (B,b)@6000"},
			{"LK C@9s", "(C,a)@9000 (C,b)@9000"}, {"RK c@10s", "(A,c)@10000 (B,c)@10000 (C,c)@10000"},
			{"RK d@14s", "(A,d)@14000 (B,d)@14000 (C,d)@14000"},
			{"LK D@15s", "(D,a)@15000 (D,b)@15000 (D,c)@15000 (D,d)@15000"}}},
		{"12_null_value_or_key", "within=15 s", []step{
			{"L0 -@1, R0 -@1, L- l@1, R- r@1, L- -@1", ""}, {"L0 l@1, R0 r@2", "(l,r)@2"}}},
		{"13_two_payments", "within=15 s", []step{
			{"L0 l@1, R0 r@2, R0 s@3", "(l,r)@2 (l,s)@3"}, {"L0 l@1", "(l,r)@2 (l,s)@3"}}},
		{"14_payment_first", "within=24 hours", []step{{"R0 p@0, L0 o@3h", "(o,p)@10800000"}}},
		{"14_boundary", "within=24 hours", []step{{"L0 o@0, R0 p@24h", "(o,p)@86400000"}}},
		{"14_beyond", "within=24 hours", []step{{"L0 o@0, R0 p@86400001", ""}}},
		{"15_retention_per_side", "within=24 hours", []step{
			{"Lx o@0, Rq q@100h", ""}, {"Rx p@24h", "(o,p)@86400000"},
			{"Lq2 q@47h, Rx p@24h", "(o,p)@86400000"},
			{"Lq2 q@172799999, Rx p@24h", "(o,p)@86400000"}, // 48 h - 1 ms
			{"Lq2 q@48h, Rx p@24h", ""}}},
		{"16_asymmetry", "within=1 minute;grace=1 minute", []step{{"R2 c@90000, L1 B@330000, L2 C@90000", "(C,c)@90000"}}},
		{"16_other_order", "within=1 minute;grace=1 minute", []step{{"L1 B@330000, L2 C@90000, R2 c@90000", ""}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			props := map[string]string{}
			for _, kv := range strings.Split(c.props, ";") {
				k, v, _ := strings.Cut(kv, "=")
				props[k] = v
			}
			b := newBench(t, props)
			for _, s := range c.steps {
				same(t, b.feed(s.in), s.want)
			}
			if t.Failed() {
				t.Log(b.log.String())
			}
			if n := b.j.Counts().Skipped; c.name == "12_null_value_or_key" && n != 5 {
				t.Errorf("%d records counted as skipped, want 5", n)
			}
		})
	}
}

// Case 17: the join column is in the value, the record key is null or something
// else.
func TestRekeyed(t *testing.T) {
	b := newBench(t, map[string]string{"within": "10 s", "on": "f", "copartitioned": "false"})
	if b.p.Copartitioned() {
		t.Error("copartitioned")
	}
	same(t, b.feed("L- zero_k@0, Rother blah_k@10000, R1 x_null@1, R- y_j@1, L- foo_k@13000"), "(zero,blah)@10000 (foo,blah)@13000")
	if c := b.j.Counts(); c.Skipped != 1 || c.Rows != 2 {
		t.Errorf("counts %+v", c)
	}
}

// Case 18 and what is like it: errors that stop the task or a record.
func TestRefusals(t *testing.T) {
	number := &words{data.Of(data.Int32)}
	for _, c := range []struct {
		name  string
		props map[string]string
		edit  func(r []data.Record)
		events,
		fatal, record string
	}{
		{name: "key_types", events: "L1 a@1, R1 b@2", edit: func(r []data.Record) {
			r[0].Key.Set(data.OfInt32(1), number.schema)
		}, fatal: "record keys of the two topics have different types: L has int32, R has string"},
		{name: "key_is_not_the_join_field", props: map[string]string{"on": "f"}, events: "Lk a_k@1, Rk b_other@2",
			record: `record of topic R has the key "k", but "other" in its join field f`},
		{name: "no_key", props: map[string]string{"on": "f"}, events: "L- a_k@1", record: `has no key, but "k" in its join field f`},
		{name: "no_such_field", props: map[string]string{"on": "order_id"}, events: "Lk a@1",
			record: "the value of a record of topic L has no field order_id (on): it has fields v, f"},
		{name: "not_an_object", events: "Lk a@1, Rk b@1", edit: func(r []data.Record) {
			r[1].Value.Set(data.OfString("text"), nil)
		}, record: "topic R is of type string: only objects with fields can be joined"},
		{name: "other_topic", events: "X1 a@1", fatal: "a record of topic X; it joins L and R"},
		{name: "bad_value", events: "L1 !@1", record: "bad bytes"},
		{name: "no_timestamp", events: "L1 a@1", edit: func(r []data.Record) { r[0].Timestamp = -1 }, record: "has no usable timestamp (-1 ms)"},
		{name: "timestamp_field", props: map[string]string{"timestamp.field": "f"}, events: "L1 a_noon@1", record: `holds no event time: "noon"`},
		{name: "select", props: map[string]string{"select": "left.nope"}, events: "R1 b@1, L1 a@1",
			record: "the value of a record of topic L has no field nope (select)"},
		{name: "twice", props: map[string]string{"select": "left.v AS x, left.*, right.v AS f"}, events: "L1 a@1, R1 b@1",
			fatal: "a joined row would have two fields called f"},
	} {
		t.Run(c.name, func(t *testing.T) {
			props := map[string]string{"within": "10 s"}
			for k, v := range c.props {
				props[k] = v
			}
			b := newBench(t, props)
			in, out := batch(t, c.events), data.NewBatch()
			if c.edit != nil {
				c.edit(in.Records)
			}
			err := b.j.Process(in, out, b.st)
			switch {
			case c.fatal != "":
				if !fault.Is(err, fault.Fatal) || fault.Of(err) == nil || !strings.Contains(err.Error(), c.fatal) {
					t.Errorf("process: %v, want %q", err, c.fatal)
				}
			case err != nil || len(in.Failed()) != 1 || in.Failed()[0].Index != len(in.Records)-1:
				t.Errorf("process: %v, failed %v", err, in.Failed())
			default:
				f := in.Failed()[0]
				if !fault.Is(f.Err, fault.Record) || !strings.Contains(f.Err.Error(), c.record) {
					t.Errorf("failed with %v, want %q", f.Err, c.record)
				}
				if strings.HasPrefix(c.name, "no_key") || strings.HasPrefix(c.name, "key_is") {
					if !strings.Contains(fault.Explain(f.Err), "copartitioned=false") {
						t.Errorf("no remedy: %s", fault.Explain(f.Err))
					}
				}
				if want := map[bool]data.Stage{true: data.StageValueConverter, false: data.StageTransformation}[c.name == "bad_value"]; f.Stage != want {
					t.Errorf("stage %s, want %s", f.Stage, want)
				}
			}
			if len(out.Records) != 0 {
				t.Errorf("%d rows", len(out.Records))
			}
		})
	}
}

// Keys of one value in different bytes lie in different partitions.
func TestKeyBytes(t *testing.T) {
	prefixed := &prefix{}
	for _, partition := range []int32{0, 2} {
		b := newBench(t, map[string]string{"within": "10 s"})
		b.j.partition = partition
		in, out := batch(t, "L1 a@1", "R1 b@1"), data.NewBatch()
		in.Inputs[1].Key = []byte("#1")
		in.Records[1].Key = data.WireCell(in.Inputs[1].Key, prefixed)
		err := b.j.Process(in, out, b.st)
		const want = "hold the same value \\\"1\\\" in different bytes"
		if partition == 0 {
			if err != nil || len(out.Records) != 1 || !strings.Contains(b.log.String(), want) {
				t.Errorf("partition 0: %v, %d rows, log %s", err, len(out.Records), b.log.String())
			}
		} else if !fault.Is(err, fault.Fatal) || fault.Of(err).Code != "stream.key_bytes" {
			t.Errorf("partition %d: %v", partition, err)
		}
	}
}

// A transformation has made the key that is joined by: what decides about the
// partition is the key in the topic.
func TestKeyBytesOfMadeKeys(t *testing.T) {
	b := newBench(t, map[string]string{"within": "10 s"})
	b.j.partition = 2
	in, out := batch(t, "Lorder-1 a@1", "Rpayment-1 b@1"), data.NewBatch()
	for i := range in.Records {
		in.Records[i].Key.Set(data.OfString("order-1"), textKey.schema)
	}
	if err := b.j.Process(in, out, b.st); fault.Of(err) == nil || fault.Of(err).Code != "stream.key_bytes" {
		t.Errorf("process: %v", err)
	}
}

// prefix is a key converter with a byte before the text.
type prefix struct{}

func (*prefix) Decode(raw []byte, _ *data.Arena) (data.Value, *data.Schema, error) {
	return data.OfText(raw[1:]), data.Of(data.String), nil
}

// flaky fails with Retry as often as it is told.
type flaky struct {
	words
	fails int
}

func (d *flaky) Decode(raw []byte, a *data.Arena) (data.Value, *data.Schema, error) {
	if d.fails > 0 {
		d.fails--
		return data.Value{}, nil, fault.New(fault.Retry, "test.outage", "the registry does not answer")
	}
	return d.words.Decode(raw, a)
}

// After a Retry the same call goes on where it stopped, and nothing is doubled.
func TestRetryGoesOn(t *testing.T) {
	events := []string{"L1 a@1", "L1 b@1", "R1 x@2", "L1 c@3"}
	want := "(a,x)@2 (b,x)@2 (c,x)@3"
	outage := &flaky{words: words{leftV.schema}}
	for _, when := range []struct {
		name  string
		fails func(b *bench, in *data.Batch)
	}{
		{"record", func(_ *bench, in *data.Batch) { in.Records[3].Value = data.WireCell(in.Inputs[3].Value, outage) }},
		{"stored", func(b *bench, _ *data.Batch) { b.j.decode[0] = outage }},
	} {
		t.Run(when.name, func(t *testing.T) {
			b := newBench(t, map[string]string{"within": "10 s"})
			in, out := batch(t, events...), data.NewBatch()
			outage.fails = 3
			when.fails(b, in)
			for i := range 3 {
				if err := b.j.Process(in, out, b.st); !fault.Is(err, fault.Retry) {
					t.Fatalf("attempt %d: %v", i, err)
				}
			}
			if err := b.j.Process(in, out, b.st); err != nil {
				t.Fatal(err)
			}
			same(t, format(t, out), want)
			same(t, b.feed("R1 y@4"), "(a,y)@4 (b,y)@4 (c,y)@4")
		})
	}
}

// lostWindows cannot read what was spilled.
type lostWindows struct{ state.Windows }

func (lostWindows) Fetch(int, []byte, int64, int64, func(state.Entry) error) error {
	return fault.New(fault.Retry, state.CodeLost, "gone")
}

func TestLostState(t *testing.T) {
	b := newBench(t, map[string]string{"within": "10 s"})
	err := b.j.Process(batch(t, "L1 a@1"), data.NewBatch(), lostWindows{b.st})
	if !state.IsLost(err) {
		t.Fatalf("process: %v", err)
	}
	same(t, b.feed("L1 a@1", "R1 x@2"), "(a,x)@2") // from the start
}

func TestHeadersAndKey(t *testing.T) {
	b := newBench(t, map[string]string{"within": "10 s"})
	in, out := batch(t, "R1 x@5", "L1 a@1"), data.NewBatch()
	in.Records[0].Headers = []data.Header{{Key: "of", Value: data.ValueCell(data.OfString("right"), nil)}}
	in.Records[1].Headers = []data.Header{{Key: "of", Value: data.ValueCell(data.OfString("left"), nil)}}
	if err := b.j.Process(in, out, b.st); err != nil || len(out.Records) != 1 {
		t.Fatal(err, len(out.Records))
	}
	r := &out.Records[0]
	if h, _, _ := r.Headers[0].Value.Value(nil); h.Str() != "left" {
		t.Errorf("headers of %s, want those of the record that came second", h.Str())
	}
	k, s, _ := r.Key.Value(nil)
	if k.Str() != "1" || s.Kind != data.String || s.Optional {
		t.Errorf("key %q with schema %+v", k.Str(), s)
	}
	if r.Timestamp != 5 || r.Input != 1 || r.Topic != "L" || r.Offset != 1 {
		t.Errorf("row %+v", r)
	}
}
