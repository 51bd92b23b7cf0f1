package mongodb

import (
	"bytes"
	"strings"
)

// qlikRows is cdc.qlik.rdbms.RdbmsHandler: events of Qlik Replicate. The event may
// lie in a message field, and the operation in headers or beside them.
type qlikRows struct{}

func (h qlikRows) build(d *document, w *models) error {
	event, _, err := d.valueDoc()
	if err != nil {
		return err
	}
	if isEmptyDocument(event) {
		return nil // a tombstone
	}
	message, err := within(event, "message", false)
	if err != nil {
		return err
	}
	headers, err := within(message, "headers", false)
	if err != nil {
		return err
	}
	f, ok := find(headers, "operation")
	if !ok {
		f, ok = find(headers, "headers_operation")
	}
	if !ok || f.kind != typeString {
		return cdcError("Error: Could not determine the CDC operation type. %s", eventText(event))
	}
	switch strings.ToLower(value{f.kind, headers[f.value:f.end]}.text()) {
	case "insert", "refresh", "read":
		return h.replace(d, w, message)
	case "update":
		return h.update(d, w, event, message)
	case "delete":
		return h.remove(d, w, event, message)
	}
	return cdcError("Unable to determine the CDC operation from: %s", eventText(event))
}

// within is the document in a field, or doc itself where there is none; orNull
// takes a null for none.
func within(doc []byte, name string, orNull bool) ([]byte, error) {
	f, ok := find(doc, name)
	switch {
	case !ok, f.kind == typeNull && orNull:
		return doc, nil
	case f.kind != typeDocument:
		return nil, cdcError("Error: Value document contains a '%s' that is not a document: %s", name, eventText(doc))
	}
	return doc[f.value:f.end], nil
}

func (qlikRows) replace(d *document, w *models, message []byte) error {
	key, _, err := d.keyDoc()
	if err != nil {
		return err
	}
	row, err := within(message, "data", false)
	if err != nil {
		return err
	}
	filter := w.putDocument(idField, rowKey(d, key))
	w.addReplace(d, w.putRow(filter, row, nil), filter)
	return nil
}

// filter is {_id: key columns}, or for a table without key what rowOf finds.
func (qlikRows) filter(d *document, w *models, event []byte, rowOf func() ([]byte, error)) (span, error) {
	key, _, err := d.keyDoc()
	if err != nil {
		return span{}, err
	}
	if !isEmptyDocument(key) {
		return w.putDocument(idField, documentValue(key)), nil
	}
	row, err := rowOf()
	if err != nil {
		return span{}, err
	}
	if isEmptyDocument(row) {
		return span{}, noQlikData(event)
	}
	return w.put(row), nil
}

func noQlikData(event []byte) error {
	return cdcError("Error: Value Document does not contain the expected data, cannot create filter: %s.", eventText(event))
}

// update sets the columns that changed; no change is no write.
func (h qlikRows) update(d *document, w *models, event, message []byte) error {
	filter, err := h.filter(d, w, event, func() ([]byte, error) { return within(message, "beforeData", false) })
	if err != nil {
		return err
	}
	before, err := within(message, "beforeData", false)
	if err != nil {
		return err
	}
	after, err := within(message, "data", false)
	if err != nil {
		return err
	}
	if isEmptyDocument(after) {
		return noQlikData(event)
	}
	off := len(w.buf)
	var at, in int
	w.buf, at = openDocument(w.buf)
	w.buf, in = openDocument(appendHead(w.buf, typeDocument, "$set"))
	empty := true
	for pos := first; ; {
		f, ok := next(after, pos)
		if !ok {
			break
		}
		pos = f.end
		old, had := find(before, string(f.name))
		if had && equalValues(value{old.kind, before[old.value:old.end]}, value{f.kind, after[f.value:f.end]}) {
			continue
		}
		w.buf = append(w.buf, after[f.start:f.end]...)
		empty = false
	}
	if empty {
		w.buf = w.buf[:filter.off]
		return nil
	}
	w.buf = closeDocument(closeDocument(w.buf, in), at)
	w.add(opUpdate, d, w.since(off), filter)
	return nil
}

func (h qlikRows) remove(d *document, w *models, event, message []byte) error {
	filter, err := h.filter(d, w, event, func() ([]byte, error) {
		row, err := within(message, "data", true)
		if err != nil {
			return nil, err
		}
		return within(row, "beforeData", true)
	})
	if err != nil {
		return err
	}
	w.add(opDelete, d, span{}, filter)
	return nil
}

// equalValues is equals of org.bson's values: the order of a document's fields does
// not count.
func equalValues(a, b value) bool {
	if a.kind != b.kind {
		return false
	}
	switch a.kind {
	case typeDocument:
		if len(a.data) != len(b.data) {
			return false
		}
		return sameFields(a.data, b.data, func(name string, at int) (field, bool) { return find(b.data, name) })
	case typeArray:
		return len(a.data) == len(b.data) && sameFields(a.data, b.data, func(_ string, at int) (field, bool) { return next(b.data, at) })
	}
	return bytes.Equal(a.data, b.data)
}

// sameFields reports whether each field of a equals the one that other finds in b,
// by its name or by the position where it stands in a.
func sameFields(a, b []byte, other func(name string, at int) (field, bool)) bool {
	for at := first; ; {
		f, ok := next(a, at)
		if !ok {
			return true
		}
		o, ok := other(string(f.name), at)
		if !ok || !equalValues(value{f.kind, a[f.value:f.end]}, value{o.kind, b[o.value:o.end]}) {
			return false
		}
		at = f.end
	}
}
