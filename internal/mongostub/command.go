package mongostub

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// message is one OP_MSG, not copied.
type message struct {
	noReply bool
	body    []byte
	// payload is the document sequence (section kind 1), docs only; payloadOf its name.
	payload   []byte
	payloadOf string
}

var errMalformed = errors.New("malformed OP_MSG")

func parseMsg(b []byte) (message, error) {
	var m message
	if len(b) < 5 {
		return m, errMalformed
	}
	flags := binary.LittleEndian.Uint32(b)
	if b = b[4:]; flags&1 != 0 && len(b) >= 4 {
		b = b[:len(b)-4] // checksum, not checked
	}
	m.noReply = flags&2 != 0
	for len(b) >= 5 {
		kind, n := b[0], int(binary.LittleEndian.Uint32(b[1:]))
		if n < 5 || n > len(b)-1 {
			return m, errMalformed
		}
		section := b[1 : 1+n]
		b = b[1+n:]
		if kind == 0 {
			m.body = section
			continue
		}
		end := bytes.IndexByte(section[4:], 0)
		if end < 0 {
			return m, errMalformed
		}
		m.payloadOf, m.payload = string(section[4:4+end]), section[5+end:]
	}
	if len(m.body) < 5 {
		return m, errMalformed
	}
	return m, nil
}

// run appends the reply document.
func (s *Server) run(out []byte, m message) ([]byte, error) {
	first, _, ok := next(inside(m.body))
	if !ok {
		return nil, errMalformed
	}
	name := string(first.name)
	fault := s.take(name)
	if fault != nil {
		if fault.Hold != nil {
			s.hold(fault.Hold)
		}
		switch {
		case fault.Drop:
			return nil, errDrop
		case fault.Reply != nil:
			return append(out, fault.Reply...), nil
		case fault.Error != nil:
			s.abort(m.body)
			return appendError(out, fault.Error), nil
		}
	}
	switch name {
	case "hello", "isMaster", "ismaster":
		return append(out, s.hello...), nil
	case "create":
		return s.create(out, first.text(), m), nil
	case "collStats":
		return s.stats(out, first.text(), m), nil
	case "commitTransaction", "abortTransaction":
		out = s.end(out, name, m.body)
		if fault != nil && fault.DropAfter {
			return nil, errDrop
		}
		return out, nil
	case "endSessions", "killSessions":
		s.forget(m.body, name)
		return newDoc(out).double("ok", 1).bytes(), nil
	case "aggregate":
		return s.aggregate(out, first, m), nil
	case "getMore":
		return s.getMore(out, first, m), nil
	case "killCursors":
		return s.killCursors(out, m), nil
	case "listDatabases":
		return s.listDatabases(out), nil
	case "listCollections":
		return s.listCollections(out, m), nil
	case "drop":
		return s.drop(out, first.text(), m), nil
	case "ping", "dropDatabase", "createIndexes":
		return newDoc(out).double("ok", 1).bytes(), nil
	case "buildInfo", "buildinfo":
		return newDoc(out).str("version", "7.0.0").array("versionArray").int32("0", 7).int32("1", 0).int32("2", 0).int32("3", 0).
			close().double("ok", 1).bytes(), nil
	case "connectionStatus":
		return newDoc(out).doc("authInfo").array("authenticatedUsers").close().array("authenticatedUserRoles").close().
			close().double("ok", 1).bytes(), nil
	case "insert", "update", "delete":
		out, err := s.write(out, name, first.text(), m, fault)
		if err == nil && fault != nil && fault.DropAfter {
			return nil, errDrop
		}
		return out, err
	case "bulkWrite":
		return s.bulkWrite(out, m), nil
	case "find":
		return s.find(out, first.text(), m), nil
	}
	return appendError(out, &CommandError{Code: 59, Name: "CommandNotFound", Message: "no such command: '" + name + "'"}), nil
}

func appendError(out []byte, e *CommandError) []byte {
	d := newDoc(out).double("ok", 0).str("errmsg", e.Message).int32("code", e.Code).str("codeName", e.Name)
	if len(e.Labels) > 0 {
		d.array("errorLabels")
		for i, l := range e.Labels {
			d.str(itoa(i), l)
		}
		d.close()
	}
	return d.bytes()
}

// statements calls do for each statement of a write command, in order, until
// it reports false.
func statements(m message, field string, do func(i int, doc []byte) bool) {
	if m.payloadOf == field {
		for i, rest := 0, m.payload; len(rest) >= 5; i++ {
			n := int(binary.LittleEndian.Uint32(rest))
			if n < 5 || n > len(rest) || !do(i, rest[:n]) {
				return
			}
			rest = rest[n:]
		}
		return
	}
	list, ok := lookup(m.body, field)
	if !ok || list.kind != typeArray {
		return
	}
	for i, rest := 0, inside(list.data); ; i++ {
		e, tail, ok := next(rest)
		if !ok || !do(i, e.data) {
			return
		}
		rest = tail
	}
}

// isFalse reports whether the body's field is there and false.
func isFalse(body []byte, name string) bool {
	e, ok := lookup(body, name)
	return ok && !e.truth()
}

func database(body []byte) string {
	e, _ := lookup(body, "$db")
	return e.text()
}

func (s *Server) write(out []byte, name, coll string, m message, fault *Fault) ([]byte, error) {
	field := map[string]string{"insert": "documents", "update": "updates", "delete": "deletes"}[name]
	if s.discard && fault == nil {
		n := 0
		statements(m, field, func(int, []byte) bool { n++; return true })
		s.writes.Add(int64(n))
		return newDoc(out).int32("n", int32(n)).int32("nModified", 0).double("ok", 1).bytes(), nil
	}
	w := &writer{s: s, name: name, ns: database(m.body) + "." + coll, ordered: !isFalse(m.body, "ordered"), fault: fault}
	s.mu.Lock()
	defer s.mu.Unlock()
	tx, refused := s.within(m.body)
	if refused != nil {
		return appendError(out, refused), nil
	}
	w.coll = s.seenBy(tx, w.ns)
	statements(m, field, w.do)
	if tx != nil && len(w.errors) > 0 {
		tx.state = aborted
	}
	s.seen = append(s.seen, Command{Name: name, Namespace: w.ns, Ordered: w.ordered, N: w.total})
	s.writes.Add(int64(w.n))
	return w.reply(out), nil
}

// bulkWrite of MongoDB 8: counted, not applied.
func (s *Server) bulkWrite(out []byte, m message) []byte {
	n := int32(0)
	statements(m, "ops", func(int, []byte) bool { n++; return true })
	s.writes.Add(int64(n))
	s.mu.Lock()
	s.seen = append(s.seen, Command{Name: "bulkWrite", Ordered: !isFalse(m.body, "ordered"), N: int(n)})
	s.mu.Unlock()
	return newDoc(out).doc("cursor").int64("id", 0).str("ns", "admin.$cmd.bulkWrite").array("firstBatch").close().close().
		int32("nErrors", 0).int32("nInserted", n).int32("nMatched", 0).int32("nModified", 0).int32("nUpserted", 0).
		int32("nDeleted", 0).double("ok", 1).bytes()
}

func (s *Server) find(out []byte, coll string, m message) []byte {
	ns := database(m.body) + "." + coll
	filter, _ := lookup(m.body, "filter")
	s.mu.Lock()
	defer s.mu.Unlock()
	tx, refused := s.within(m.body)
	if refused != nil {
		return appendError(out, refused)
	}
	d := newDoc(out).doc("cursor").int64("id", 0).str("ns", ns).array("firstBatch")
	i := 0
	for _, doc := range s.seenBy(tx, ns).docs {
		if doc != nil && matches(doc, filter.data) {
			d.raw(itoa(i), doc)
			i++
		}
	}
	return d.close().close().double("ok", 1).bytes()
}

// create makes a collection; one that is there already is an error.
func (s *Server) create(out []byte, coll string, m message) []byte {
	ns := database(m.body) + "." + coll
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.colls[ns] != nil {
		return appendError(out, &CommandError{Code: 48, Name: "NamespaceExists", Message: "Collection " + ns + " already exists."})
	}
	_, series := lookup(m.body, "timeseries")
	s.collection(ns).series = series
	s.seen = append(s.seen, Command{Name: "create", Namespace: ns, Body: bytes.Clone(m.body)})
	return newDoc(out).double("ok", 1).bytes()
}

// stats tells whether a collection is a time series, and how many indexes it has: none
// if it is not there.
func (s *Server) stats(out []byte, coll string, m message) []byte {
	ns := database(m.body) + "." + coll
	s.mu.Lock()
	defer s.mu.Unlock()
	d := newDoc(out).str("ns", ns)
	switch c := s.colls[ns]; {
	case c == nil:
		d.int32("nindexes", 0)
	case c.series:
		d.doc("timeseries").close()
	default:
		d.int32("nindexes", int32(1+len(c.unique)))
	}
	return d.double("ok", 1).bytes()
}
