package mongodb

import (
	"culvert/connectors/mongodb/extjson"
	"culvert/fault"
)

// debeziumOp is a Debezium event's operation; none for a schema change.
type debeziumOp uint8

const (
	debeziumNone debeziumOp = iota
	debeziumInsert
	debeziumUpdate
	debeziumDelete
)

// readDebeziumOp is DebeziumCdcHandler.getCdcOperation.
func readDebeziumOp(event []byte) (debeziumOp, error) {
	f, ok := find(event, "op")
	if _, ddl := find(event, "ddl"); !ok && ddl {
		return debeziumNone, nil
	}
	if !ok || f.kind != typeString {
		return 0, cdcError("Value document is missing or CDC operation is not a string")
	}
	switch text := (value{f.kind, event[f.value:f.end]}).text(); text {
	case "c", "r":
		return debeziumInsert, nil
	case "u":
		return debeziumUpdate, nil
	case "d":
		return debeziumDelete, nil
	default:
		return 0, cdcError("Unknown operation type %s", text)
	}
}

// debeziumMongo is cdc.debezium.mongodb: events of Debezium's MongoDB connector.
// Documents and ids are texts in extended JSON. The two handlers differ in how
// they read an update: as a patch from the oplog, or as the document afterwards.
type debeziumMongo struct {
	update func(h debeziumMongo, d *document, w *models, event []byte) error
}

func (h debeziumMongo) build(d *document, w *models) error {
	key, _, err := d.keyDoc()
	if err != nil {
		return err
	}
	if isEmptyDocument(key) {
		return cdcError("Key document must not be missing for CDC mode")
	}
	event, _, err := d.valueDoc()
	if err != nil {
		return err
	}
	if _, hasID := find(key, "id"); hasID && isEmptyDocument(event) {
		return nil // a tombstone
	}
	op, err := readDebeziumOp(event)
	if err != nil {
		return err
	}
	switch op {
	case debeziumInsert:
		return h.insert(d, w, event)
	case debeziumUpdate:
		if err := h.update(h, d, w, event); err != nil {
			return updateCause(err)
		}
		return nil
	case debeziumDelete:
		filter, err := keyFilter(w, key, "Delete")
		if err != nil {
			if isDataError(err) {
				return err
			}
			return cdcCause(err)
		}
		w.add(opDelete, d, span{}, filter)
		return nil
	}
	return fault.New(fault.Record, codeCDC, "a schema change is no event of a collection").WithJava("java.lang.NullPointerException")
}

// isDataError reports whether Java has a DataException for the error already.
func isDataError(err error) bool {
	f := fault.Of(err)
	return f != nil && f.Java == dataException
}

// updateCause is how MongoDbUpdate wraps what is no DataException: with its text alone.
func updateCause(err error) error {
	if isDataError(err) || isDecode(err) {
		return err
	}
	return &fault.Error{Class: fault.Record, Code: codeCDC, Java: dataException, Err: fault.Because(err, "%s", err)}
}

func (debeziumMongo) insert(d *document, w *models, event []byte) error {
	f, ok := find(event, "after")
	if !ok {
		return cdcError("Insert document missing `after` field.")
	}
	if f.kind != typeString {
		return cdcCause(bsonTypeError("STRING", f.kind))
	}
	doc, err := extjson.Append(nil, value{f.kind, event[f.value:f.end]}.text())
	if err != nil {
		return cdcCause(err)
	}
	id, ok := find(doc, idField)
	if !ok {
		return cdcCause(fault.New(fault.Record, codeCDC, "The value for key _id can not be null").WithJava("java.lang.IllegalArgumentException"))
	}
	filter := w.putID(doc, id)
	w.addReplace(d, w.put(doc), filter)
	return nil
}

// patch is an update from the oplog: the whole document if it has an _id, else what
// to change in the document that there is.
func (debeziumMongo) patch(d *document, w *models, event []byte) error {
	doc, err := updateText(event, "patch")
	if err != nil {
		return err
	}
	doc = withoutField(nil, doc, "$v") // the oplog's own version mark
	if id, ok := find(doc, idField); ok {
		filter := w.putID(doc, id)
		w.addReplace(d, w.put(doc), filter)
		return nil
	}
	filter, err := keyFilter(w, d.key.doc, "Update")
	if err != nil {
		return err
	}
	w.addExisting(opUpdate, d, w.put(doc), filter)
	return nil
}

func (debeziumMongo) replaceAfter(d *document, w *models, event []byte) error {
	doc, err := updateText(event, "after")
	if err != nil {
		return err
	}
	filter, err := keyFilter(w, d.key.doc, "Update")
	if err != nil {
		return err
	}
	w.addReplace(d, w.put(doc), filter)
	return nil
}

func updateText(event []byte, name string) ([]byte, error) {
	if _, ok := find(event, name); !ok {
		return nil, cdcError("Update document missing `%s` field.", name)
	}
	text, err := textOf(event, name)
	if err != nil {
		return nil, err
	}
	return extjson.Append(nil, text)
}

// keyFilter appends {_id: …} of the key's id, which is a text in extended JSON.
func keyFilter(w *models, key []byte, what string) (span, error) {
	if _, ok := find(key, "id"); !ok {
		return span{}, cdcError("%s document missing `id` field.", what)
	}
	text, err := textOf(key, "id")
	if err != nil {
		return span{}, err
	}
	doc, err := extjson.Append(nil, "{_id: "+text+"}")
	if err != nil {
		return span{}, err
	}
	return w.put(doc), nil
}

// debeziumRows is cdc.debezium.rdbms: events of Debezium's connectors for relational
// databases. The key columns are the _id.
type debeziumRows struct{}

func (h debeziumRows) build(d *document, w *models) error {
	event, _, err := d.valueDoc()
	if err != nil {
		return err
	}
	if isEmptyDocument(event) {
		return nil // a tombstone
	}
	op, err := readDebeziumOp(event)
	if err != nil || op == debeziumNone {
		return err
	}
	if err := h.write(d, w, event, op); err != nil {
		return cdcCause(err)
	}
	return nil
}

func (h debeziumRows) write(d *document, w *models, event []byte, op debeziumOp) error {
	key, _, err := d.keyDoc()
	if err != nil {
		return err
	}
	filter, err := h.filter(d, w, key, event, op)
	if err != nil {
		return err
	}
	if op == debeziumDelete {
		w.add(opDelete, d, span{}, filter)
		return nil
	}
	after, ok := innerDocument(event, "after")
	if !ok || isEmptyDocument(after) {
		return cdcError("Value document must contain non-empty 'after' field of type document for insert/update operation")
	}
	w.addReplace(d, w.putRow(filter, after, key), filter)
	return nil
}

// filter is {_id: key columns}. A table without key gets a new _id for an insert;
// an update or a delete there looks for the whole row as it was.
func (debeziumRows) filter(d *document, w *models, key, event []byte, op debeziumOp) (span, error) {
	if !isEmptyDocument(key) || op == debeziumInsert {
		return w.putDocument(idField, rowKey(d, key)), nil
	}
	before, ok := innerDocument(event, "before")
	if !ok || isEmptyDocument(before) {
		return span{}, cdcError("Value doc 'before' field is empty or has invalid type for update/delete operation.  -> defensive actions taken!")
	}
	return w.put(before), nil
}
