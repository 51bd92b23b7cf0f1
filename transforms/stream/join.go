package stream

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"

	"culvert/data"
	"culvert/fault"
	"culvert/state"
	"culvert/transforms"
)

// Join is the join of one partition number. One goroutine at a time uses it,
// except for Counts.
type Join struct {
	p         *Plan
	partition int32
	decode    [2]data.Decoder // of the values of each side
	types     [2]sideTypes
	rows      rows
	pack      packer
	yield     func(state.Entry) error // j.match, made once

	// next is the record of the batch to go on with: Process was called before and
	// ended in an error that asks for a retry.
	next int

	cur   current
	key   []byte // scratch: of the join value
	entry []byte // scratch: of the record to keep
	kept  []byte // scratch: packed join value

	warned                 bool // about keys whose bytes differ
	emitted, skipped, late atomic.Uint64
}

// current is the record that is being joined.
type current struct {
	in, out *data.Batch
	r       *data.Record
	side    int
	time    int64
	join    half // join value
	value   half
	stored  stored
}

// sideTypes is what has been seen of the keys of a side.
type sideTypes struct {
	join, key keyKind
}

// keyKind is the type of a key; the schema counts for Structs only.
type keyKind struct {
	kind   data.Kind // Null: none seen yet
	schema *data.Schema
	text   string
}

// Decoders implements transforms.Decoding.
func (j *Join) Decoders(of func(topic string) (key, value data.Decoder)) {
	for side, topic := range j.p.c.topic {
		_, j.decode[side] = of(topic)
	}
}

// Counts implements transforms.Counting.
func (j *Join) Counts() transforms.Counts {
	return transforms.Counts{Rows: j.emitted.Load(), Skipped: j.skipped.Load(), Late: j.late.Load()}
}

// Advance implements transforms.Stateful: an inner join emits nothing when time
// passes.
func (j *Join) Advance(int64, *data.Batch, state.Windows) error { return nil }

// Process implements transforms.Stateful.
func (j *Join) Process(in, out *data.Batch, st state.Windows) error {
	for ; j.next < len(in.Records); j.next++ {
		before := len(out.Records)
		err := j.one(in, out, st)
		if err == nil {
			j.emitted.Add(uint64(len(out.Records) - before))
			continue
		}
		clear(out.Records[before:])
		out.Records = out.Records[:before]
		if !fault.Is(err, fault.Record) {
			r := &in.Records[j.next]
			r.Key.Forget() // the next attempt decodes again
			r.Value.Forget()
			if !fault.Is(err, fault.Retry) || state.IsLost(err) {
				j.next = 0
			}
			return err
		}
		stage := data.StageTransformation
		if e := (*staged)(nil); errors.As(err, &e) {
			stage = e.stage
		}
		in.Fail(j.next, stage, err)
	}
	j.next = 0
	j.cur = current{}
	return nil
}

// one joins the next record with the other side and keeps it. Nothing is kept
// before everything else has succeeded, so that it can be repeated.
func (j *Join) one(in, out *data.Batch, st state.Windows) error {
	c := &j.cur
	*c = current{in: in, out: out, r: &in.Records[j.next]}
	switch c.r.Topic {
	case j.p.c.topic[0]:
	case j.p.c.topic[1]:
		c.side = 1
	default:
		return fault.New(fault.Fatal, "stream.topic", "the join got a record of topic %s; it joins %s and %s",
			c.r.Topic, j.p.c.topic[0], j.p.c.topic[1]).
			WithFix("Take the topic out of topics, or correct left.topic and right.topic; a transformation before the join must not rename topics.")
	}
	ok, err := j.read()
	if err != nil {
		return err
	}
	if !ok {
		j.skipped.Add(1)
		return nil
	}
	// Here, not when it meets another record: a record is good or bad by itself, or
	// one that is bad would take good ones of the other side with it.
	if err := j.rows.check(c.side, &c.value); err != nil {
		return err
	}
	if err := j.checkTypes(); err != nil {
		return err
	}
	if c.time, err = j.p.EventTime(c.r.Topic, c.r, in.Arena); err != nil {
		return err
	}
	j.key = appendKey(j.key[:0], c.join.v)
	if err := j.store(); err != nil {
		return err
	}
	from, to := c.time-j.p.c.before.ms, c.time+j.p.c.after.ms
	if c.side == 1 {
		from, to = c.time-j.p.c.after.ms, c.time+j.p.c.before.ms
	}
	if err := st.Fetch(1-c.side, j.key, from, to, j.yield); err != nil {
		return err
	}
	taken, err := st.Put(c.side, j.key, c.time, j.entry)
	if err == nil && !taken {
		j.late.Add(1)
	}
	return err
}

// read decodes the record and finds its join value. It reports false for a
// record that joins with nothing.
func (j *Join) read() (bool, error) {
	c := &j.cur
	if c.r.Value.IsNull() {
		return false, nil
	}
	var err error
	// Decoded also where only the key is compared: a bad value is the failure of
	// its own record, not of the one that matches it later.
	if c.value.v, c.value.s, err = c.r.Value.Value(c.in.Arena); err != nil {
		return false, &staged{data.StageValueConverter, err}
	}
	if c.value.v.IsNull() {
		return false, nil
	}
	if _, dec, wire := c.r.Value.Wire(); wire && j.decode[c.side] == nil {
		j.decode[c.side] = dec
	}
	on := j.p.c.on[c.side]
	if on == "" {
		c.join.v, c.join.s, err = c.r.Key.Value(c.in.Arena)
		if err != nil {
			return false, &staged{data.StageKeyConverter, err}
		}
		return !c.join.v.IsNull(), nil
	}
	var found bool
	if c.join.v, c.join.s, found = field(c.value.v, c.value.s, on); !found {
		return false, missing(c.r.Topic, on, "on", c.value.v, c.value.s)
	}
	if c.join.v.IsNull() {
		return false, nil
	}
	return true, j.checkKey(on)
}

// checkKey makes sure that the record lies in the partition of its join value.
func (j *Join) checkKey(on string) error {
	if !j.p.c.copartitioned {
		return nil
	}
	c := &j.cur
	key, s, err := c.r.Key.Value(c.in.Arena)
	if err != nil {
		return &staged{data.StageKeyConverter, err}
	}
	if key.IsNull() || !sameKey(key, c.join.v) {
		what := "has the key " + show(key)
		if key.IsNull() {
			what = "has no key"
		}
		return fault.New(fault.Record, "stream.key", "a record of topic %s %s, but %s in its join field %s (partition %d, offset %d): records to be joined may lie in different partitions",
			c.r.Topic, what, show(c.join.v), on, c.r.Partition, c.r.Offset).
			WithField(on).WithFix("Set copartitioned=false (one task then reads all partitions), or write the topic with %s as record key.", on)
	}
	return j.check(&j.types[0].key, &j.types[1].key, key.Kind(), s, "record keys")
}

// checkTypes refuses join values of different types: nothing would ever match.
func (j *Join) checkTypes() error {
	c := &j.cur
	what := "record keys"
	if j.p.c.on[c.side] != "" {
		what = "values of the join field"
	}
	return j.check(&j.types[0].join, &j.types[1].join, c.join.v.Kind(), c.join.s, what)
}

func (j *Join) check(left, right *keyKind, kind data.Kind, s *data.Schema, what string) error {
	mine, other := left, right
	if j.cur.side == 1 {
		mine, other = right, left
	}
	if mine.kind == kind && (kind != data.Struct || mine.schema == s) {
		return nil
	}
	*mine = keyKind{kind, s, keyType(kind, s)}
	if other.kind == data.Null || other.text == mine.text {
		return nil
	}
	types := [2]string{left.text, right.text}
	*mine = keyKind{} // the same error again if the task goes on
	return fault.New(fault.Fatal, "stream.key_type", "the %s of the two topics have different types: %s has %s, %s has %s; they would never match",
		what, j.p.c.topic[0], types[0], j.p.c.topic[1], types[1]).
		WithFix("Write both topics with one type of key, use the same key converter for both, or convert one with a Cast transformation before the join.")
}

// store makes the bytes under which the record is kept.
func (j *Join) store() error {
	c := &j.cur
	e := stored{}
	if raw, _, ok := c.r.Value.Wire(); ok {
		e.value = raw
	} else {
		e.flags |= flagPacked
		var err error
		if j.kept, err = j.pack.pack(j.kept[:0], c.value.v, c.value.s); err != nil {
			return fault.New(fault.Record, "stream.pack", "keep a record of topic %s: %w", c.r.Topic, err)
		}
		e.value = j.kept
	}
	// The bytes in the topic, also where a transformation has made another key.
	if raw := c.in.Inputs[c.r.Input].Key; raw != nil && j.p.c.copartitioned {
		e.flags |= flagPrint
		e.print = uint32(xxhash.Sum64(raw))
	}
	if c.side == 0 && j.p.c.on[0] == "" && !simple(c.join.v.Kind()) {
		e.flags |= flagKey
		var err error
		if e.key, err = j.pack.pack(nil, c.join.v, c.join.s); err != nil {
			return fault.New(fault.Record, "stream.pack", "keep the key of a record of topic %s: %w", c.r.Topic, err)
		}
	}
	j.entry = e.append(j.entry[:0])
	c.stored = e
	return nil
}

// match emits the row of the current record and one of the other side.
func (j *Join) match(e state.Entry) error {
	c := &j.cur
	other, err := parseStored(e.Value)
	if err != nil {
		return lost(err)
	}
	if err := j.checkPrints(&other); err != nil {
		return err
	}
	halves := [2]half{c.value, c.value}
	if halves[1-c.side], err = j.decodeStored(1-c.side, &other); err != nil {
		return err
	}
	v, s, err := j.rows.build(&halves, c.out.Arena)
	if fault.Is(err, fault.Record) {
		// Kept under another select: the present record is not to blame.
		return fault.New(fault.Fatal, "stream.stored_row", "a record that was kept before the configuration of the join changed makes no row now: %w", err).
			WithFix("Select only fields that all records within the window have, or give the connector a new name to begin anew.")
	}
	if err != nil {
		return err
	}
	key, err := j.rowKey(&halves, &other)
	if err != nil {
		return err
	}
	row := c.out.Append()
	row.Topic, row.Partition, row.Offset = j.p.c.topic[0], c.r.Partition, c.r.Offset
	row.Input, row.Headers = c.r.Input, c.r.Headers
	row.Timestamp = max(c.time, e.Time)
	row.Key, row.Value = data.ValueCell(key.v, key.s), data.ValueCell(v, s)
	return nil
}

// decodeStored decodes a record of the window into memory of the rows.
func (j *Join) decodeStored(side int, e *stored) (h half, err error) {
	switch {
	case e.flags&flagPacked != 0:
		if h.v, h.s, err = j.pack.unpack(e.value, j.cur.out.Arena); err != nil {
			return h, lost(err)
		}
		return h, nil
	case j.decode[side] == nil:
		return h, fault.New(fault.Fatal, "stream.decoder", "no converter is known for the values of topic %s", j.p.c.topic[side])
	}
	h.v, h.s, err = j.decode[side].Decode(e.value, j.cur.out.Arena)
	if fault.Is(err, fault.Record) {
		// It could be read when it arrived, so it is not the present record's fault.
		err = fault.New(fault.Fatal, "stream.stored", "a record of topic %s that was read before cannot be read again: %w", j.p.c.topic[side], err).
			WithFix("If the converter's configuration has changed, it must still read what the topic holds.")
	}
	return h, err
}

// rowKey is the join value as key of a row. Its schema does not depend on which
// side came second.
func (j *Join) rowKey(h *[2]half, other *stored) (half, error) {
	c := &j.cur
	if k := c.join.v.Kind(); simple(k) {
		return half{c.join.v, plain[k]}, nil
	}
	if on := j.p.c.on[0]; on != "" {
		v, s, _ := field(h[0].v, h[0].s, on)
		return half{v, s}, nil
	}
	if c.side == 0 || other.flags&flagKey == 0 {
		return c.join, nil
	}
	v, s, err := j.pack.unpack(other.key, c.out.Arena)
	if err != nil {
		return half{}, lost(err)
	}
	return half{v, s}, nil
}

// plain are the schemas of simple keys.
var plain = func() (all [data.Struct + 1]*data.Schema) {
	for k := range all {
		if simple(data.Kind(k)) {
			all[k] = data.Of(data.Kind(k))
		}
	}
	return all
}()

// checkPrints compares the bytes of two record keys that hold the same value. A
// partitioner sees bytes: where they differ (two Avro schema ids, a text and a
// number), this pair met by chance and others will not.
func (j *Join) checkPrints(other *stored) error {
	c := &j.cur
	if j.warned || c.stored.flags&other.flags&flagPrint == 0 || c.stored.print == other.print {
		return nil
	}
	j.warned = true
	err := fault.New(fault.Fatal, "stream.key_bytes", "the record keys of %s and %s hold the same value %s in different bytes: records to be joined lie in different partitions",
		j.p.c.topic[0], j.p.c.topic[1], show(c.join.v)).
		WithFix("Write both topics with one key format (for Avro: one schema), or set copartitioned=false.")
	if j.partition > 0 {
		j.warned = false
		return err
	}
	// With a single partition it does no harm; with several, the others say so too.
	j.p.log.Warn(err.Error())
	return nil
}

func lost(err error) error {
	return fault.New(fault.Retry, state.CodeLost, "%w", fmt.Errorf("read the join's window: %w", err))
}

// Guards.
var (
	_ transforms.Stateful = (*Join)(nil)
	_ transforms.Decoding = (*Join)(nil)
	_ transforms.Counting = (*Join)(nil)
)
