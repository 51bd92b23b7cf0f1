package mongodb

import (
	"slices"
	"strings"

	"culvert/configdef"
)

// changeStream is cdc.mongodb.ChangeStreamHandler: change events of MongoDB, as the
// source connector publishes them.
type changeStream struct{}

func (h changeStream) build(d *document, w *models) error {
	event, _, err := d.valueDoc()
	if err != nil {
		return err
	}
	f, ok := find(event, "operationType")
	switch {
	case !ok:
		return cdcError("Error: `operationType` field is doc is missing. %s", eventText(event))
	case f.kind != typeString:
		return cdcError("Error: Unexpected CDC operation type, should be a string")
	}
	switch strings.ToLower(value{f.kind, event[f.value:f.end]}.text()) {
	case "insert", "replace":
		filter, err := eventDocument(event, "documentKey")
		if err != nil {
			return err
		}
		doc, err := eventDocument(event, "fullDocument")
		if err != nil {
			return err
		}
		q := w.put(filter)
		w.addReplace(d, w.put(doc), q)
	case "update":
		return h.update(d, w, event)
	case "delete":
		filter, err := eventDocument(event, "documentKey")
		if err != nil {
			return err
		}
		w.add(opDelete, d, span{}, w.put(filter))
	}
	return nil // drop, rename, invalidate and the like write nothing
}

// update replaces by the full document where the event has it, else it applies the
// description of the change. Neither makes a document that is gone again.
func (changeStream) update(d *document, w *models, event []byte) error {
	filter, err := eventDocument(event, "documentKey")
	if err != nil {
		return err
	}
	if _, full := find(event, "fullDocument"); full {
		doc, err := eventDocument(event, "fullDocument")
		if err != nil {
			return err
		}
		q := w.put(filter)
		w.addExisting(opReplace, d, w.put(doc), q)
		return nil
	}
	f, ok := find(event, "updateDescription")
	switch {
	case !ok:
		return cdcError("Missing updateDescription field: %s", eventText(event))
	case f.kind != typeDocument:
		return unexpectedType("Unexpected updateDescription field type, expected a document found `%s`: %s", event, f)
	}
	change, err := readChange(event[f.value:f.end])
	if err != nil {
		return err
	}
	q := w.put(filter)
	w.addExisting(opUpdate, d, change.put(w), q)
	return nil
}

// eventDocument is a field of the event that has to be a document.
func eventDocument(event []byte, name string) ([]byte, error) {
	f, ok := find(event, name)
	switch {
	case !ok:
		return nil, cdcError("Missing %s field: %s", name, eventText(event))
	case f.kind != typeDocument:
		return nil, unexpectedType("Unexpected %s field type, expecting a document but found `%s`: %s", event, f, name)
	}
	return event[f.value:f.end], nil
}

// change is an updateDescription: what is set and what is unset.
type change struct {
	set   []byte
	unset []string
}

// readChange is OperationHelper.getUpdateDocument with its checks, in their order.
// A member that it does not know could mean a change that would be lost.
func readChange(doc []byte) (change, error) {
	var c change
	var names []string
	for at := first; ; {
		f, ok := next(doc, at)
		if !ok {
			break
		}
		at = f.end
		names = append(names, string(f.name))
	}
	extra := slices.DeleteFunc(configdef.JavaOrder(names), func(name string) bool {
		return slices.Contains([]string{"updatedFields", "removedFields", "truncatedArrays", "disambiguatedPaths"}, name)
	})
	if len(extra) > 0 {
		return c, cdcError("Warning unexpected field(s) in updateDescription [%s]. %s. Cannot process due to risk of data loss.",
			strings.Join(extra, ", "), eventText(doc))
	}
	updated, ok := find(doc, "updatedFields")
	switch {
	case !ok:
		return c, cdcError("Missing updateDescription.updatedFields field: %s", eventText(doc))
	case updated.kind != typeDocument:
		return c, cdcError("Unexpected updateDescription field type, expected a document but found `%s`: %s", eventText(doc), eventText(doc))
	}
	removed, ok := find(doc, "removedFields")
	switch {
	case !ok:
		return c, cdcError("Missing updateDescription.removedFields field: %s", eventText(doc))
	case removed.kind != typeArray:
		return c, unexpectedType("Unexpected removedFields field type, expected an array but found `%s`: %s", doc, removed)
	}
	if f, ok := find(doc, "truncatedArrays"); ok && f.kind != typeArray {
		return c, unexpectedType("Unexpected truncatedArrays field type, expected an array but found `%s`: %s", doc, f)
	}
	if f, ok := find(doc, "disambiguatedPaths"); ok && f.kind != typeDocument {
		return c, unexpectedType("Unexpected disambiguatedPaths field type, expected an array but found `%s`: %s", doc, f)
	}
	c.set = doc[updated.value:updated.end]
	array := doc[removed.value:removed.end]
	for at := first; ; {
		f, ok := next(array, at)
		if !ok {
			return c, nil
		}
		at = f.end
		v := value{f.kind, array[f.value:f.end]}
		if f.kind != typeString {
			return c, cdcError("Unexpected value type in removedFields, expected a string but found `%s`: %s", javaBSON(v), eventText(doc))
		}
		if name := v.text(); !slices.Contains(c.unset, name) {
			c.unset = append(c.unset, name)
		}
	}
}

// put appends the update {$set, $unset}.
func (c change) put(w *models) span {
	off := len(w.buf)
	var at, in int
	w.buf, at = openDocument(w.buf)
	w.buf = appendField(w.buf, "$set", documentValue(c.set))
	if len(c.unset) > 0 {
		w.buf, in = openDocument(appendHead(w.buf, typeDocument, "$unset"))
		for _, name := range c.unset {
			w.buf = appendField(w.buf, name, value{typeString, []byte{1, 0, 0, 0, 0}})
		}
		w.buf = closeDocument(w.buf, in)
	}
	w.buf = closeDocument(w.buf, at)
	return w.since(off)
}
