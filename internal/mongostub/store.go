package mongostub

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"
)

func itoa(i int) string { return strconv.Itoa(i) }

// collection keeps documents in the order they came. A deleted one is nil.
type collection struct {
	docs [][]byte
	byID map[string]int
	// unique lists fields that carry a unique index of their own.
	unique []string
	// series: it was created as a time series.
	series bool
	// touched: what a transaction has changed in its copy; of the original nil.
	touched map[string]*touch
	order   []string // of touched
}

func (s *Server) collection(ns string) *collection {
	c := s.colls[ns]
	if c == nil {
		c = &collection{byID: map[string]int{}}
		s.colls[ns] = c
	}
	return c
}

// Docs returns the documents of db.collection as BSON, in the order of their insertion.
func (s *Server) Docs(namespace string) [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var docs [][]byte
	for _, d := range s.collection(namespace).docs {
		if d != nil {
			docs = append(docs, bytes.Clone(d))
		}
	}
	return docs
}

// Unique makes a unique index on a field.
func (s *Server) Unique(namespace, field string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.collection(namespace)
	c.unique = append(c.unique, field)
}

// writer applies the statements of one command.
type writer struct {
	s       *Server
	coll    *collection
	name    string
	ns      string
	ordered bool
	fault   *Fault

	total    int
	n        int
	modified int
	upserted []upserted
	errors   []WriteError
}

type upserted struct {
	index int
	id    element
}

func (w *writer) do(i int, stmt []byte) bool {
	w.total++
	if w.ordered && len(w.errors) > 0 {
		return true // only counted
	}
	if w.fault != nil {
		for _, e := range w.fault.WriteErrors {
			if e.Index == i {
				w.errors = append(w.errors, e)
				return true
			}
		}
	}
	if w.s.discard {
		w.n++
		return true
	}
	switch w.name {
	case "insert":
		w.insert(i, bytes.Clone(stmt))
	case "update":
		w.update(i, bytes.Clone(stmt))
	case "delete":
		w.delete(stmt)
	}
	return true
}

func (w *writer) insert(i int, doc []byte) bool {
	id, ok := lookup(doc, "_id")
	if !ok {
		doc = withID(doc, w.s.newID())
		id, _ = lookup(doc, "_id")
	} else if first, _, _ := next(inside(doc)); string(first.name) != "_id" {
		doc = withID(without(doc, "_id"), id.raw) // as mongod stores it
	}
	if _, taken := w.coll.byID[id.value()]; taken {
		w.duplicate(i, "_id_", "_id", id)
		return false
	}
	for _, f := range w.coll.unique {
		e, _ := lookup(doc, f)
		for _, have := range w.coll.docs {
			if h, found := lookup(have, f); found && h.value() == e.value() {
				w.duplicate(i, f+"_1", f, e)
				return false
			}
		}
	}
	w.coll.touch(id.value(), nil)
	w.coll.byID[id.value()] = len(w.coll.docs)
	w.coll.docs = append(w.coll.docs, doc)
	w.n++
	w.s.record("insert", w.ns, id, func(d *builder) { d.raw("fullDocument", doc) })
	return true
}

func (w *writer) duplicate(i int, index, field string, e element) {
	w.errors = append(w.errors, WriteError{Index: i, Code: 11000,
		Message: "E11000 duplicate key error collection: " + w.ns + " index: " + index + " dup key: { " + field + ": " + show(e) + " }", KeyValue: newDoc(nil).copyOf(field, e).bytes()})
}

// show prints a key as the server does, roughly.
func show(e element) string {
	switch e.kind {
	case typeString:
		return strconv.Quote(e.text())
	case typeInt32:
		return strconv.Itoa(int(int32(binary.LittleEndian.Uint32(e.data))))
	case typeObjectID:
		const hex = "0123456789abcdef"
		b := []byte("ObjectId('")
		for _, c := range e.data {
			b = append(b, hex[c>>4], hex[c&15])
		}
		return string(append(b, "')"...))
	}
	return "…"
}

func (w *writer) update(i int, stmt []byte) {
	q, _ := lookup(stmt, "q")
	u, _ := lookup(stmt, "u")
	at := w.coll.match(q.data)
	if at >= 0 {
		old := w.coll.docs[at]
		id, _ := lookup(old, "_id")
		w.coll.touch(id.value(), old)
		w.coll.docs[at] = apply(old, u.data, false)
		w.n++
		if now := w.coll.docs[at]; !bytes.Equal(old, now) {
			w.modified++
			id, _ := lookup(now, "_id")
			op := "replace"
			if isOperator(u.data) {
				op = "update"
			}
			w.s.record(op, w.ns, id, func(d *builder) { d.raw("fullDocument", now) })
		}
		return
	}
	if up, _ := lookup(stmt, "upsert"); up.kind == 0 || !up.truth() {
		return
	}
	base := newDoc(nil)
	if isOperator(u.data) {
		for rest := inside(q.data); ; {
			e, tail, ok := next(rest)
			if !ok {
				break
			}
			if !strings.Contains(string(e.name), ".") {
				base.b = append(base.b, e.raw...)
			}
			rest = tail
		}
	} else if id, ok := lookup(q.data, "_id"); ok {
		base.b = append(base.b, id.raw...)
	}
	doc := apply(base.bytes(), u.data, true)
	if !w.insert(i, doc) {
		return
	}
	id, _ := lookup(w.coll.docs[len(w.coll.docs)-1], "_id")
	w.upserted = append(w.upserted, upserted{index: i, id: id})
}

func (w *writer) delete(stmt []byte) {
	q, _ := lookup(stmt, "q")
	if limit, ok := lookup(stmt, "limit"); ok && !limit.truth() {
		for at, d := range w.coll.docs {
			if d != nil && matches(d, q.data) {
				id, _ := lookup(d, "_id")
				w.coll.touch(id.value(), d)
				w.coll.remove(at, id.value())
				w.n++
				w.s.record("delete", w.ns, id, nil)
			}
		}
		return
	}
	if at := w.coll.match(q.data); at >= 0 {
		id, _ := lookup(w.coll.docs[at], "_id")
		w.coll.touch(id.value(), w.coll.docs[at])
		w.coll.remove(at, id.value())
		w.n++
		w.s.record("delete", w.ns, id, nil)
	}
}

func (w *writer) reply(out []byte) []byte {
	d := newDoc(out).int32("n", int32(w.n))
	if w.name == "update" {
		d.int32("nModified", int32(w.modified))
		if len(w.upserted) > 0 {
			d.array("upserted")
			for i, u := range w.upserted {
				d.doc(itoa(i)).int32("index", int32(u.index))
				d.b = append(d.b, u.id.raw...)
				d.close()
			}
			d.close()
		}
	}
	if len(w.errors) > 0 {
		d.array("writeErrors")
		for i, e := range w.errors {
			d.doc(itoa(i)).int32("index", int32(e.Index)).int32("code", e.Code).str("errmsg", e.Message)
			if e.KeyValue != nil {
				d.raw("keyValue", e.KeyValue)
			}
			d.close()
		}
		d.close()
	}
	if w.fault != nil && w.fault.WriteConcern != nil {
		wc := w.fault.WriteConcern
		d.doc("writeConcernError").int32("code", wc.Code).str("codeName", wc.Name).str("errmsg", wc.Message).close()
	}
	return d.double("ok", 1).bytes()
}

// match returns the position of the first document that fits the filter, -1 if none does.
func (c *collection) match(filter []byte) int {
	first, _, ok := next(inside(filter))
	if ok && string(first.name) == "_id" {
		if at, found := c.byID[first.value()]; found && matches(c.docs[at], filter) {
			return at
		}
		return -1
	}
	for i, d := range c.docs {
		if d != nil && matches(d, filter) {
			return i
		}
	}
	return -1
}

func matches(doc, filter []byte) bool {
	for rest := inside(filter); ; {
		e, tail, ok := next(rest)
		if !ok {
			return true
		}
		have, found := lookup(doc, string(e.name))
		if list, ok := lookup(e.data, "$in"); e.kind == typeDocument && ok && list.kind == typeArray {
			if !found || !contains(list.data, have) {
				return false
			}
		} else if !found || have.value() != e.value() {
			return false
		}
		rest = tail
	}
}

// contains reports whether an array has a value.
func contains(list []byte, v element) bool {
	for rest := inside(list); ; {
		e, tail, ok := next(rest)
		if !ok {
			return false
		}
		if e.value() == v.value() {
			return true
		}
		rest = tail
	}
}

func isOperator(u []byte) bool {
	first, _, ok := next(inside(u))
	return ok && len(first.name) > 0 && first.name[0] == '$'
}

// apply gives the document after an update: a replacement that keeps the _id,
// or $set and, for a new document, $setOnInsert.
func apply(doc, u []byte, isNew bool) []byte {
	if !isOperator(u) {
		id, ok := lookup(doc, "_id")
		if !ok {
			return u
		}
		return withID(without(u, "_id"), id.raw)
	}
	for rest := inside(u); ; {
		op, tail, ok := next(rest)
		if !ok {
			return doc
		}
		if name := string(op.name); name == "$set" || name == "$setOnInsert" && isNew {
			for fields := inside(op.data); ; {
				e, more, ok := next(fields)
				if !ok {
					break
				}
				doc = set(doc, e)
				fields = more
			}
		}
		rest = tail
	}
}

func set(doc []byte, field element) []byte {
	d := newDoc(nil)
	done := false
	for rest := inside(doc); ; {
		e, tail, ok := next(rest)
		if !ok {
			break
		}
		if string(e.name) == string(field.name) {
			e, done = field, true
		}
		d.b = append(d.b, e.raw...)
		rest = tail
	}
	if !done {
		d.b = append(d.b, field.raw...)
	}
	return d.bytes()
}

func without(doc []byte, name string) []byte {
	d := newDoc(nil)
	for rest := inside(doc); ; {
		e, tail, ok := next(rest)
		if !ok {
			return d.bytes()
		}
		if string(e.name) != name {
			d.b = append(d.b, e.raw...)
		}
		rest = tail
	}
}

func withID(doc, id []byte) []byte {
	d := newDoc(nil)
	d.b = append(append(d.b, id...), inside(doc)...)
	return d.bytes()
}

func (s *Server) newID() []byte {
	var b [12]byte
	binary.BigEndian.PutUint32(b[8:], s.oids.Add(1))
	return append(append([]byte{typeObjectID}, "_id\x00"...), b[:]...)
}
