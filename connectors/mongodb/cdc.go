package mongodb

import (
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/connectors/mongodb/extjson"
	"culvert/fault"
)

// Codes of change events that cannot be applied.
const codeCDC = "mongo.cdc"

// cdcHandlers lists the change data capture handlers, named as in Java below pkg.
// Each turns a change event into a write, or into none (a tombstone, a DDL event).
// Post processors and write model strategies have no part in it.
var cdcHandlers = map[string]writeModel{
	"cdc.mongodb.ChangeStreamHandler":             changeStream{},
	"cdc.debezium.mongodb.MongoDbHandler":         debeziumMongo{update: debeziumMongo.patch},
	"cdc.debezium.mongodb.ChangeStreamHandler":    debeziumMongo{update: debeziumMongo.replaceAfter},
	"cdc.debezium.rdbms.RdbmsHandler":             debeziumRows{},
	"cdc.debezium.rdbms.mysql.MysqlHandler":       debeziumRows{},
	"cdc.debezium.rdbms.postgres.PostgresHandler": debeziumRows{},
	"cdc.qlik.rdbms.RdbmsHandler":                 qlikRows{},
}

func isCDCHandler(class string) bool {
	name, ours := strings.CutPrefix(class, pkg)
	_, known := cdcHandlers[name]
	return ours && known
}

// cdcError is an event that cannot be applied, in Java's words.
func cdcError(format string, args ...any) *fault.Error { return dataError(codeCDC, format, args...) }

// cdcCause is Java's new DataException(cause): its text is the cause's class and
// text. What the converter failed at stays the converter's.
func cdcCause(err error) error {
	if isDecode(err) {
		return err
	}
	class := javaClass(err)
	return &fault.Error{Class: fault.Record, Code: codeCDC, Java: dataException, Err: fault.Because(err, "%s: %s", class, err)}
}

// javaClass is the exception that Java has for an error.
func javaClass(err error) string {
	if f := fault.Of(err); f != nil && f.Java != "" {
		return f.Java
	}
	var parse *extjson.Error
	if errors.As(err, &parse) {
		return parse.Class
	}
	return dataException
}

// bsonTypeError is org.bson's complaint about a value of another type.
func bsonTypeError(want string, got byte) error {
	return fault.New(fault.Record, codeCDC, "Value expected to be of type %s is of unexpected type %s", want, extjson.TypeName(got)).
		WithJava("org.bson.BsonInvalidOperationException")
}

// textOf is BsonDocument.getString.
func textOf(doc []byte, name string) (string, error) {
	f, ok := find(doc, name)
	if !ok {
		return "", fault.New(fault.Record, codeCDC, "Document does not contain key %s", name).WithJava("org.bson.BsonInvalidOperationException")
	}
	if f.kind != typeString {
		return "", bsonTypeError("STRING", f.kind)
	}
	return value{f.kind, doc[f.value:f.end]}.text(), nil
}

// isEmptyDocument reports whether a document has no fields; null has none.
func isEmptyDocument(doc []byte) bool { return len(doc) <= len(emptyDocument) }

// innerDocument is the document in a field; ok is false if it is missing or
// something else.
func innerDocument(doc []byte, name string) (inner []byte, ok bool) {
	f, has := find(doc, name)
	if !has || f.kind != typeDocument {
		return nil, false
	}
	return doc[f.value:f.end], true
}

// putDocument appends a document with one field.
func (w *models) putDocument(name string, v value) span {
	off := len(w.buf)
	var at int
	w.buf, at = openDocument(w.buf)
	w.buf = closeDocument(appendField(w.buf, name, v), at)
	return w.since(off)
}

// addReplace adds the replacement that was put; its _id, where it has one, is sent
// first.
func (w *models) addReplace(d *document, doc, filter span) {
	w.add(opReplace, d, doc, filter)
	if id, ok := find(w.buf[doc.off:doc.end], idField); ok {
		w.withID(id)
	}
}

// addExisting adds a write that changes only what is there already.
func (w *models) addExisting(o op, d *document, doc, filter span) {
	if o == opReplace {
		w.addReplace(d, doc, filter)
	} else {
		w.add(o, d, doc, filter)
	}
	w.list[len(w.list)-1].noUpsert = true
}

// rowKey is the _id of a row: the key columns as a document, or a new ObjectId for
// a table without key.
func rowKey(d *document, key []byte) value {
	if !isEmptyDocument(key) {
		return documentValue(key)
	}
	id := bson.NewObjectID()
	d.ownID = true
	return value{typeObjectID, d.scratch(id[:])}
}

// putRow appends the document of a row: the filter's _id first, then the columns
// that skip does not have. A column _id takes the place of the filter's, as it does
// in Java's map.
func (w *models) putRow(filter span, row, skip []byte) span {
	id, hasID := find(w.buf[filter.off:filter.end], idField)
	idBytes := w.buf[filter.off+id.start : filter.off+id.end]
	_, skipID := find(skip, idField)
	own, hasOwn := find(row, idField)
	off := len(w.buf)
	var at int
	w.buf, at = openDocument(w.buf)
	switch {
	case hasID && hasOwn && !skipID:
		w.buf = append(w.buf, row[own.start:own.end]...)
	case hasID:
		w.buf = append(w.buf, idBytes...)
	}
	for pos := first; ; {
		f, ok := next(row, pos)
		if !ok {
			break
		}
		pos = f.end
		name := string(f.name)
		if _, leave := find(skip, name); leave || hasID && name == idField {
			continue
		}
		w.buf = append(w.buf, row[f.start:f.end]...)
	}
	w.buf = closeDocument(w.buf, at)
	return w.since(off)
}

// nullFree is change.data.capture.handler.remove.null.values (release 2.2): fields that
// are null leave the documents that a handler writes; a write that nothing is left of
// is none. Filters and deletes stay as they are.
type nullFree struct{ handler writeModel }

func (h nullFree) build(d *document, w *models) error {
	had := len(w.list)
	if err := h.handler.build(d, w); err != nil || len(w.list) == had {
		return err
	}
	m := &w.list[had]
	doc := w.buf[m.doc.off:m.doc.end]
	off := len(w.buf)
	switch m.op {
	case opReplace:
		w.buf = withoutNulls(w.buf, doc)
	case opUpdate:
		w.buf = updateWithoutNulls(w.buf, doc)
	default:
		return nil
	}
	m.doc, m.id = w.since(off), span{}
	if isEmptyDocument(w.buf[m.doc.off:m.doc.end]) {
		w.list = w.list[:had]
		return nil
	}
	if id, ok := find(w.buf[m.doc.off:m.doc.end], idField); ok && m.op == opReplace {
		w.withID(id)
	}
	return nil
}

func updateWithoutNulls(dst, update []byte) []byte {
	dst, at := openDocument(dst)
	for pos := first; ; {
		f, ok := next(update, pos)
		if !ok {
			return closeDocument(dst, at)
		}
		pos = f.end
		if string(f.name) != "$set" || f.kind != typeDocument {
			dst = append(dst, update[f.start:f.end]...)
			continue
		}
		if set := withoutNulls(nil, update[f.value:f.end]); !isEmptyDocument(set) {
			dst = appendField(dst, "$set", documentValue(set))
		}
	}
}

// eventText is a document in Java's words, for error texts.
func eventText(doc []byte) string {
	if doc == nil {
		doc = emptyDocument
	}
	return relaxed(doc)
}

// unexpectedType is an error text of the change stream handler.
func unexpectedType(format string, doc []byte, f field, args ...any) error {
	v := value{f.kind, doc[f.value:f.end]}
	return cdcError("%s", fmt.Sprintf(format, append(args, javaBSON(v), eventText(doc))...))
}
