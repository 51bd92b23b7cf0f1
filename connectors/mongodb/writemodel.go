package mongodb

import (
	"encoding/binary"
	"strings"
	"time"

	"culvert/fault"
)

// op is the kind of a write.
type op uint8

const (
	opInsert op = iota
	opReplace
	opUpdate
	opDelete
)

// span is a part of a batch's buffer.
type span struct{ off, end int }

func (s span) empty() bool { return s.end == s.off }

// model is the write that one record becomes. Its documents lie in the buffer of
// the batch, so that a repeated write sends the very same bytes.
type model struct {
	rec   int // index of the record
	op    op
	state state
	// maybe: it was sent and the answer got lost, so that it may have been applied.
	maybe bool
	// ownID: the _id was made up for this write; a document that has it is this one.
	ownID bool
	again bool // sent a second time after losing a race
	// replaced: a unique index refused it, and it goes in the place of what is there.
	replaced bool
	// noUpsert: it changes a document that is there, and makes none.
	noUpsert bool
	// doc is the document, the replacement or the update; filter what to find, for
	// an insert empty.
	doc, filter span
	// id is the _id element in doc, if it has one: it is sent first.
	id  span
	err error // of a failed one
}

// state of a model.
type state uint8

const (
	pending state = iota
	done
	failed
	skipped // nothing is to be written of it
)

// writeModel turns the documents of a record into a write. A change data capture
// handler may find that there is nothing to write, and then adds none.
type writeModel interface {
	build(d *document, w *models) error
}

var writeModels = map[string]func(*topicConfig) writeModel{
	"writemodel.strategy.DefaultWriteModelStrategy":             defaultModel,
	"writemodel.strategy.ReplaceOneDefaultStrategy":             func(*topicConfig) writeModel { return replaceByID{} },
	"writemodel.strategy.InsertOneDefaultStrategy":              func(*topicConfig) writeModel { return insert{} },
	"writemodel.strategy.ReplaceOneBusinessKeyStrategy":         func(t *topicConfig) writeModel { return &replaceByKey{flat: t.hasPartialID()} },
	"writemodel.strategy.UpdateOneDefaultStrategy":              func(*topicConfig) writeModel { return updateByID{} },
	"writemodel.strategy.UpdateOneTimestampsStrategy":           func(*topicConfig) writeModel { return updateWithTimes{} },
	"writemodel.strategy.UpdateOneBusinessKeyTimestampStrategy": func(t *topicConfig) writeModel { return &updateByKey{flat: t.hasPartialID()} },
	"writemodel.strategy.DeleteOneDefaultStrategy":              func(*topicConfig) writeModel { return &deleteByID{} },
	"writemodel.strategy.DeleteOneBusinessKeyStrategy":          func(t *topicConfig) writeModel { return &deleteByKey{flat: t.hasPartialID()} },
	"writemodel.strategy.DeleteOneTombstoneBusinessKeyStrategy": func(t *topicConfig) writeModel { return &deleteTombstone{id: t.id} },
}

// defaultModel is DefaultWriteModelStrategy: a time series takes inserts alone.
func defaultModel(t *topicConfig) writeModel {
	if t.isTimeSeries() {
		return insert{}
	}
	return replaceByID{}
}

func newWriteModel(t *topicConfig, key, class string) (writeModel, error) {
	if name, ok := strings.CutPrefix(class, pkg); ok {
		if make, ok := writeModels[name]; ok {
			return make(t), nil
		}
	}
	return nil, unknownClass(key, class, "WriteModelStrategy")
}

// hasPartialID reports whether business keys are flattened to dotted names.
func (t *topicConfig) hasPartialID() bool {
	switch t.id.(type) {
	case *partialKey, *partialValue:
		return true
	}
	return false
}

// models collects the writes of a batch.
type models struct {
	buf  []byte
	list []model
}

// add appends a model whose documents were appended to buf since off.
func (w *models) add(o op, d *document, doc, filter span) {
	w.list = append(w.list, model{op: o, doc: doc, filter: filter, ownID: d.ownID})
}

// put appends bytes to the buffer.
func (w *models) put(b []byte) span {
	off := len(w.buf)
	w.buf = append(w.buf, b...)
	return span{off, len(w.buf)}
}

// since is the span from off to the end of the buffer.
func (w *models) since(off int) span { return span{off, len(w.buf)} }

// withID notes where the _id stands in the document of the model that was added last.
func (w *models) withID(id field) {
	m := &w.list[len(w.list)-1]
	m.id = span{m.doc.off + id.start, m.doc.off + id.end}
}

// putID appends {_id: …} of the document's _id.
func (w *models) putID(doc []byte, id field) span {
	off := len(w.buf)
	var at int
	w.buf, at = openDocument(w.buf)
	w.buf = append(w.buf, doc[id.start:id.end]...)
	w.buf = closeDocument(w.buf, at)
	return w.since(off)
}

// valueOf is the value document; a record without one has no such write.
func valueOf(d *document) ([]byte, error) {
	doc, ok, err := d.valueDoc()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, dataError("mongo.write_model", "Could not build the WriteModel,the value document was missing unexpectedly")
	}
	return doc, nil
}

// valueByID is the value document with its _id, and the filter that finds it by that.
func valueByID(d *document, w *models) (doc []byte, id field, filter span, err error) {
	if doc, err = valueOf(d); err != nil {
		return nil, id, filter, err
	}
	id, ok := d.valueID()
	if !ok {
		return nil, id, filter, dataError("mongo.write_model", "Could not build the WriteModel,the `_id` field was missing unexpectedly")
	}
	return doc, id, w.putID(doc, id), nil
}

type insert struct{}

func (insert) build(d *document, w *models) error {
	doc, err := valueOf(d)
	if err != nil {
		return err
	}
	w.add(opInsert, d, w.put(doc), span{})
	if id, ok := d.valueID(); ok {
		w.withID(id)
	}
	return nil
}

// replaceByID is ReplaceOneDefaultStrategy.
type replaceByID struct{}

func (replaceByID) build(d *document, w *models) error {
	doc, id, filter, err := valueByID(d, w)
	if err != nil {
		return err
	}
	w.add(opReplace, d, w.put(doc), filter)
	w.withID(id)
	return nil
}

const noBusinessKey = "the value document does not contain an _id field of type BsonDocument which holds the business key fields."

// valueByKey is the value document, and the filter that its _id document stands for.
// otherwise is what is wrong without one.
func valueByKey(d *document, w *models, flat bool, otherwise string) (doc []byte, filter span, err error) {
	if doc, err = valueOf(d); err != nil {
		return nil, filter, err
	}
	id, ok := d.valueID()
	if !ok || id.kind != typeDocument {
		return nil, filter, dataError("mongo.write_model", "Could not build the WriteModel,%s", otherwise)
	}
	key := doc[id.value:id.end]
	if !flat {
		return doc, w.put(key), nil
	}
	return doc, w.putFlat(key), nil
}

// putFlat appends the document with nested fields as dotted names.
func (w *models) putFlat(doc []byte) span {
	off := len(w.buf)
	var at int
	w.buf, at = openDocument(w.buf)
	w.buf = closeDocument(appendFlat(w.buf, doc, ""), at)
	return w.since(off)
}

const overwriteHint = "\n\n If you are including an existing `_id` value in the business key then ensure `document.id.strategy.overwrite.existing=true`."

// replaceByKey is ReplaceOneBusinessKeyStrategy.
type replaceByKey struct{ flat bool }

func (s *replaceByKey) build(d *document, w *models) error {
	doc, filter, err := valueByKey(d, w, s.flat, noBusinessKey+overwriteHint)
	if err != nil {
		return err
	}
	off := len(w.buf)
	w.buf = cutField(w.buf, doc, d.own)
	w.add(opReplace, d, w.since(off), filter)
	return nil
}

// updateByID is UpdateOneDefaultStrategy.
type updateByID struct{}

func (updateByID) build(d *document, w *models) error {
	doc, _, filter, err := valueByID(d, w)
	if err != nil {
		return err
	}
	off := len(w.buf)
	var at int
	w.buf, at = openDocument(w.buf)
	w.buf = withoutField(appendHead(w.buf, typeDocument, "$set"), doc, idField)
	w.buf = closeDocument(w.buf, at)
	w.add(opUpdate, d, w.since(off), filter)
	return nil
}

const (
	modifiedField = "_modifiedTS"
	insertedField = "_insertedTS"
)

// putTimed appends {$set: {doc, _modifiedTS}, $setOnInsert: {_insertedTS}}.
func putTimed(w *models, doc []byte) span {
	now := value{typeDate, binary.LittleEndian.AppendUint64(nil, uint64(time.Now().UnixMilli()))}
	off := len(w.buf)
	var at, in int
	w.buf, at = openDocument(w.buf)
	w.buf = withField(appendHead(w.buf, typeDocument, "$set"), doc, modifiedField, now)
	w.buf, in = openDocument(appendHead(w.buf, typeDocument, "$setOnInsert"))
	w.buf = closeDocument(appendField(w.buf, insertedField, now), in)
	w.buf = closeDocument(w.buf, at)
	return w.since(off)
}

// updateWithTimes is UpdateOneTimestampsStrategy.
type updateWithTimes struct{}

func (updateWithTimes) build(d *document, w *models) error {
	doc, _, filter, err := valueByID(d, w)
	if err != nil {
		return err
	}
	w.add(opUpdate, d, putTimed(w, doc), filter)
	return nil
}

// updateByKey is UpdateOneBusinessKeyTimestampStrategy.
type updateByKey struct{ flat bool }

func (s *updateByKey) build(d *document, w *models) error {
	_, filter, err := valueByKey(d, w, s.flat, noBusinessKey+overwriteHint)
	if err != nil {
		return err
	}
	d.changeValue(func(dst, doc []byte) []byte { return withoutField(dst, doc, idField) })
	w.add(opUpdate, d, putTimed(w, d.val.doc), filter)
	return nil
}

// keyOfDelete is the key document; a record without one cannot be deleted.
func keyOfDelete(d *document) error {
	if !d.hasKey() {
		return dataError("mongo.write_model", "Could not build the WriteModel,the key document was missing unexpectedly")
	}
	return nil
}

// deleteByID is DeleteOneDefaultStrategy: with the _id that the strategy makes,
// else with the key, which is the _id or has one.
type deleteByID struct{ id idStrategy }

func (s *deleteByID) build(d *document, w *models) error {
	if err := keyOfDelete(d); err != nil {
		return err
	}
	var v value
	if s.id != nil {
		var err error
		if v, err = s.id.id(d); err != nil {
			return err
		}
	} else {
		key, _, err := d.keyDoc()
		if err != nil {
			return err
		}
		if _, has := find(key, idField); has {
			w.add(opDelete, d, span{}, w.put(key))
			return nil
		}
		v = documentValue(key)
	}
	off := len(w.buf)
	var at int
	w.buf, at = openDocument(w.buf)
	w.buf = closeDocument(appendField(w.buf, idField, v), at)
	w.add(opDelete, d, span{}, w.since(off))
	return nil
}

// deleteByKey is DeleteOneBusinessKeyStrategy.
type deleteByKey struct{ flat bool }

func (s *deleteByKey) build(d *document, w *models) error {
	_, filter, err := valueByKey(d, w, s.flat, " "+noBusinessKey)
	if err == nil {
		w.add(opDelete, d, span{}, filter)
	}
	return err
}

// deleteTombstone is DeleteOneTombstoneBusinessKeyStrategy.
type deleteTombstone struct{ id idStrategy }

func (s *deleteTombstone) build(d *document, w *models) error {
	if err := keyOfDelete(d); err != nil {
		return err
	}
	p, ok := s.id.(*partialKey)
	if !ok {
		return fault.New(fault.Record, "mongo.write_model", "DeleteOneTombstoneBusinessKeyStrategy expects PartialKeyStrategy to be defined").
			WithJava("org.apache.kafka.connect.errors.ConnectException")
	}
	v, err := p.id(d)
	if err != nil {
		return err
	}
	w.add(opDelete, d, span{}, w.putFlat(v.data))
	return nil
}

// plan finds the namespace of a record and builds its write. Where failures are tolerated
// Java goes on without a namespace, and reports what fails then.
func (t *topicConfig) plan(d *document, w *models) (namespace, error) {
	ns, err := t.mapper.namespace(d)
	if err != nil && (t.tolerance() == "none" || isDecode(err) || fault.Is(err, fault.Retry)) {
		return ns, err
	}
	had, off := len(w.list), len(w.buf)
	if modelErr := t.model(d, w); modelErr != nil {
		return ns, modelErr
	}
	if err != nil {
		w.list, w.buf = w.list[:had], w.buf[:off]
	}
	return ns, err
}

// model builds the write of a record: post processors, then the strategy
// (MongoProcessedSinkRecordData, WriteModelStrategyHelper). On an error the
// buffer is as it was.
func (t *topicConfig) model(d *document, w *models) (err error) {
	off := len(w.buf)
	defer func() {
		if err != nil {
			w.buf = w.buf[:off]
		}
	}()
	if t.cdc != nil {
		return t.cdc.build(d, w)
	}
	for _, p := range t.processors {
		if err := p.process(d); err != nil {
			return err
		}
	}
	_, hasValue, err := d.valueDoc()
	switch {
	case err != nil:
		return err
	case hasValue:
		if err = t.write.build(d, w); err != nil && fault.Of(err).Java != dataException && !isDecode(err) {
			err = because(err, "Could not build the WriteModel.")
		}
		return err
	case !d.hasKey():
		return dataError("mongo.write_model", "Invalid Sink Record neither key doc nor value doc were present")
	case t.remove == nil:
		return dataError("mongo.write_model", "Could not create write model").
			WithFix("Set delete.on.null.values=true with an id strategy that uses the key, or drop records without value by a transformation.")
	}
	if err = t.remove.build(d, w); err != nil && !isDecode(err) {
		err = because(err, "Could not create write model")
	}
	return err
}

// because is a DataException with a cause.
func because(cause error, text string) error {
	return &fault.Error{Class: fault.Record, Code: "mongo.write_model", Java: dataException, Err: fault.Because(cause, "%s", text)}
}
