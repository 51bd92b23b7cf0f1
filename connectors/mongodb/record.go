package mongodb

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"culvert/data"
	"culvert/data/values"
	"culvert/fault"
)

// Java's exception for data that a connector cannot use.
const dataException = "org.apache.kafka.connect.errors.DataException"

// dataError is a record that cannot be written, in Java's words.
func dataError(code, format string, args ...any) *fault.Error {
	return fault.New(fault.Record, code, format, args...).WithJava(dataException)
}

func putLength(b []byte, n int) { binary.LittleEndian.PutUint32(b, uint32(n)) }

// document is one record on its way to a write model: key and value become BSON
// when somebody asks for them, once. It is used for one record after the other.
type document struct {
	rec   *data.Record
	arena *data.Arena

	key, val side

	routes transcoders

	// The value's _id, when it was looked for since the document changed.
	own            field
	hasOwn, looked bool

	now time.Time // of the batch; zero: not asked for

	ownID  bool // the _id was made up, not taken from the record
	shared sharing

	keyBuf, valBuf, swap []byte
	mem                  []byte // scratch
	need                 int    // how much scratch would have done for an earlier record
}

// sharing says what of the key the value's _id is: in Java they are one object, so that
// what changes the one changes the other.
type sharing uint8

const (
	sharedNone sharing = iota
	sharedKey          // the key document
	sharedID           // the key's _id
)

// side is the key or the value of a record as a document.
type side struct {
	asked bool
	doc   []byte // nil: null
	err   error
}

func (d *document) reset(r *data.Record, a *data.Arena) {
	d.rec, d.arena = r, a
	d.key, d.val = side{}, side{}
	d.ownID, d.shared, d.looked = false, sharedNone, false
	if d.mem == nil || d.need > cap(d.mem) {
		d.mem = make([]byte, 0, max(d.need, 512))
	}
	d.mem = d.mem[:0]
}

// scratch copies b to memory that lives until the next record. What is appended
// to the result must be handed to keep.
func (d *document) scratch(b []byte) []byte {
	at := len(d.mem)
	d.mem = append(d.mem, b...)
	return d.mem[at:]
}

// keep notes that b, grown from an empty scratch, stays in use.
func (d *document) keep(b []byte) {
	if len(b) > 0 && cap(b) == cap(d.mem)-len(d.mem) {
		d.mem = d.mem[:len(d.mem)+len(b)]
		return
	}
	d.need = min(max(d.need, 2*(len(d.mem)+len(b))), 1<<20) // it had to move elsewhere
}

// keyDoc is the key as a document; ok is false for no key. A key that cannot be
// one is an error only for who asks.
func (d *document) keyDoc() (doc []byte, ok bool, err error) {
	if !d.key.asked {
		d.key.asked = true
		var out []byte
		out, ok, err = d.routes.appendCell(d.keyBuf[:0], &d.rec.Key, d.arena, "key")
		d.keyBuf = out
		d.key.err = err
		if err == nil && ok {
			d.key.doc = out
		}
	}
	return d.key.doc, d.key.doc != nil, d.key.err
}

func (d *document) valueDoc() (doc []byte, ok bool, err error) {
	if !d.val.asked {
		d.val.asked = true
		var out []byte
		out, ok, err = d.routes.appendCell(d.valBuf[:0], &d.rec.Value, d.arena, "value")
		d.valBuf = out
		d.val.err = err
		if err == nil && ok {
			d.val.doc = out
		}
	}
	return d.val.doc, d.val.doc != nil, d.val.err
}

// hasKey reports whether there is a key, also one that is no document.
func (d *document) hasKey() bool {
	if d.rec.Key.IsNull() {
		return false
	}
	_, ok, err := d.keyDoc()
	return ok || err != nil
}

// changeValue replaces the value document by what do makes of it.
func (d *document) changeValue(do func(dst, doc []byte) []byte) {
	d.swapValue(do(d.swap[:0], d.val.doc))
	if d.shared != sharedNone {
		d.shareValue()
	}
}

// shareValue changes the key as the value's _id was changed.
func (d *document) shareValue() {
	id, ok := d.valueID()
	switch v := (value{id.kind, d.val.doc[id.value:id.end]}); {
	case !ok: // leaveID
	case d.shared == sharedKey && id.kind == typeDocument:
		d.keyBuf = append(d.keyBuf[:0], v.data...)
		d.key.doc = d.keyBuf
	case d.shared == sharedID:
		if f, has := find(d.key.doc, idField); has && f.kind == id.kind {
			d.swapKey(withField(d.swap[:0], d.key.doc, idField, v))
		}
	}
}

// valueID is the _id of the value document, which is looked for once.
func (d *document) valueID() (field, bool) {
	if !d.looked {
		d.own, d.hasOwn = find(d.val.doc, idField)
		d.looked = true
	}
	return d.own, d.hasOwn
}

// leaveID ends the sharing of an _id that the value does not have any more: left is what
// became of it in the key.
func (d *document) leaveID(left func(value) value) {
	if d.shared == sharedNone {
		return
	}
	if _, ok := d.valueID(); ok {
		return
	}
	if d.shared == sharedKey {
		d.keyBuf = append(d.keyBuf[:0], left(documentValue(bytes.Clone(d.key.doc))).data...)
		d.key.doc = d.keyBuf
	}
	d.shared = sharedNone
}

// changeKey replaces the key document, and the _id that shares it. left is what becomes
// of an _id that the key does not have any more.
func (d *document) changeKey(do func(dst, doc []byte) []byte, left func(value) value) {
	out := do(d.swap[:0], d.key.doc)
	d.swapKey(out)
	if d.shared == sharedNone || d.val.doc == nil {
		return
	}
	own, ok := d.valueID()
	if !ok {
		return
	}
	id := documentValue(out)
	if d.shared == sharedID {
		f, ok := find(out, idField)
		if id = (value{f.kind, out[f.value:f.end]}); !ok {
			id = left(value{own.kind, bytes.Clone(d.val.doc[own.value:own.end])})
		}
	}
	d.swapValue(withField(d.swap[:0], d.val.doc, idField, id))
}

// swapKey makes out, which was written into swap, the key document; swapValue the value's.
func (d *document) swapKey(out []byte) { d.swap, d.keyBuf, d.key.doc = d.keyBuf, out, out }

func (d *document) swapValue(out []byte) {
	d.swap, d.valBuf, d.val.doc = d.valBuf, out, out
	d.looked = false
}

// clock is the time of the batch: to read it for each record would cost more than to
// make an ObjectId of it.
func (d *document) clock() time.Time {
	if d.now.IsZero() {
		d.now = time.Now()
	}
	return d.now
}

// setID sets the value's _id.
func (d *document) setID(v value) {
	if _, ok := d.valueID(); ok {
		d.changeValue(func(dst, doc []byte) []byte { return withField(dst, doc, idField, v) })
		return
	}
	doc := d.val.doc[:len(d.val.doc)-1]
	start := len(doc)
	doc = append(appendField(doc, idField, v), 0)
	putLength(doc, len(doc))
	d.val.doc, d.valBuf = doc, doc
	d.own, d.hasOwn, d.looked = field{kind: v.kind, start: start, value: start + len(idField) + 2, end: len(doc) - 1, name: doc[start+1 : start+1+len(idField)]}, true, true
}

// describe is the record as Java's SinkRecord.toString prints it.
func (d *document) describe() string {
	r := d.rec
	part := func(c *data.Cell) (text, schema string) {
		v, s, err := c.Value(d.arena)
		if err != nil || v.IsNull() {
			return "null", schemaText(s)
		}
		return values.String(v, s), schemaText(s)
	}
	key, keySchema := part(&r.Key)
	val, valSchema := part(&r.Value)
	ts, kind := "null", "NoTimestampType"
	if r.Timestamp != data.NoTimestamp {
		kind = "CreateTime"
		ts = fmt.Sprint(r.Timestamp)
	}
	return fmt.Sprintf("SinkRecord{kafkaOffset=%d, timestampType=%s, originalTopic=%s, originalKafkaPartition=%d, originalKafkaOffset=%d} "+
		"ConnectRecord{topic='%s', kafkaPartition=%d, key=%s, keySchema=%s, value=%s, valueSchema=%s, timestamp=%s, headers=ConnectHeaders(headers=)}",
		r.Offset, kind, r.Topic, r.Partition, r.Offset, r.Topic, r.Partition, key, keySchema, val, valSchema, ts)
}

func schemaText(s *data.Schema) string {
	if s == nil {
		return "null"
	}
	return fmt.Sprintf("Schema{%s}", values.TypeName(s.Kind))
}
