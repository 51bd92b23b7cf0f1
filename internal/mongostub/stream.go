package mongostub

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"
)

// event is one change, as change streams give it.
type event struct {
	ns  string // db.collection
	doc []byte // the event
	// closes: streams of the collection end behind it.
	closes bool
}

// changes are the log that streams read, and the cursors.
type changes struct {
	log        []event       // of all changes
	forgotten  int           // positions before it are lost
	changed    chan struct{} // closed by the next change
	cursors    map[int64]*cursor
	lastCursor int64
}

// cursor is what a getMore reads on.
type cursor struct {
	id     int64 // 0: it is the first answer
	stream bool
	watch  string // a stream: "" all, "db." or "db.coll"
	at     int    // a stream: the next event
	docs   [][]byte
	ended  bool
}

// token is the position behind n events.
func token(d *builder, name string, n int) *builder {
	return d.doc(name).str("_data", fmt.Sprintf("82%08x", n)).close()
}

func position(tok []byte) (int, bool) {
	e, _ := lookup(tok, "_data")
	n := 0
	if _, err := fmt.Sscanf(e.text(), "82%08x", &n); err != nil {
		return 0, false
	}
	return n, true
}

// record adds an event to the log and wakes those who wait for one. The lock is held.
func (s *Server) record(op, ns string, id element, fill func(*builder)) {
	n := len(s.log) + 1
	db, coll, _ := strings.Cut(ns, ".")
	d := token(newDoc(nil), "_id", n).str("operationType", op)
	d.head(0x11, "clusterTime")
	d.b = binary.LittleEndian.AppendUint64(d.b, uint64(n)<<32)
	if op != "invalidate" {
		d.doc("ns").str("db", db)
		if coll != "" {
			d.str("coll", coll)
		}
		d.close()
	}
	if id.kind != 0 {
		d.doc("documentKey").copyOf("_id", id).close()
	}
	if fill != nil {
		fill(d)
	}
	s.log = append(s.log, event{ns, d.bytes(), op == "invalidate"})
	close(s.changed)
	s.changed = make(chan struct{})
}

// drop forgets a collection; its streams see a drop and then their end.
func (s *Server) drop(out []byte, coll string, m message) []byte {
	ns := database(m.body) + "." + coll
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.colls[ns] != nil {
		delete(s.colls, ns)
		s.record("drop", ns, element{}, nil)
		s.record("invalidate", ns, element{}, nil)
	}
	return newDoc(out).double("ok", 1).bytes()
}

// Forget drops the log of changes: positions in it are lost.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgotten = len(s.log)
}

// KillCursors ends all cursors: the next getMore of each does not find it.
func (s *Server) KillCursors() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.cursors)
	close(s.changed)
	s.changed = make(chan struct{})
}

// OpenCursors is the number of cursors that nobody has closed.
func (s *Server) OpenCursors() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.cursors)
}

// aggregate answers a $changeStream, or a pipeline over a collection.
func (s *Server) aggregate(out []byte, target element, m message) []byte {
	pipeline, _ := lookup(m.body, "pipeline")
	first, _, _ := next(inside(pipeline.data))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, Command{Name: "aggregate", Namespace: database(m.body) + "." + target.text(), Body: bytes.Clone(m.body)})
	if stage, ok := lookup(first.data, "$changeStream"); ok {
		return s.watch(out, stage.data, target, m)
	}
	ns := database(m.body) + "." + target.text()
	c := &cursor{ended: true}
	for _, doc := range s.collection(ns).docs {
		if doc != nil {
			c.docs = append(c.docs, through(doc, pipeline.data))
		}
	}
	return s.batch(out, c, ns, "firstBatch", m)
}

func (s *Server) watch(out, stage []byte, target element, m message) []byte {
	c := &cursor{stream: true, at: len(s.log)}
	switch db := database(m.body); {
	case target.kind == typeString:
		c.watch = db + "." + target.text()
	case db != "admin":
		c.watch = db + "."
	}
	if after, ok := lookup(stage, "startAfter"); ok {
		n, ok := position(after.data)
		switch {
		case !ok:
			return appendError(out, &CommandError{Code: 260, Name: "InvalidResumeToken", Message: "Bad resume token"})
		case n < s.forgotten:
			return appendError(out, &CommandError{Code: 286, Name: "ChangeStreamHistoryLost", Message: "Resume of change stream was not possible, as the resume point may no longer be in the oplog."})
		}
		c.at = n
	} else if at, ok := lookup(stage, "startAtOperationTime"); ok {
		c.at = min(max(int(binary.LittleEndian.Uint64(at.data)>>32)-1, 0), len(s.log))
	}
	return s.batch(out, c, c.watch, "firstBatch", m)
}

// fill moves events to the cursor's documents.
func (s *Server) fill(c *cursor) {
	for ; c.at < len(s.log) && !c.ended; c.at++ {
		e := &s.log[c.at]
		exact := e.ns == c.watch
		if !exact && (!strings.HasPrefix(e.ns, c.watch) || c.watch != "" && !strings.HasSuffix(c.watch, ".") || e.closes) {
			continue
		}
		c.docs = append(c.docs, e.doc)
		c.ended = e.closes
	}
}

// batch appends the next documents of a cursor, and keeps the cursor if it has more.
func (s *Server) batch(out []byte, c *cursor, ns, name string, m message) []byte {
	size := 101
	for _, path := range []string{"cursor.batchSize", "batchSize"} {
		if e, ok := lookup(m.body, path); ok {
			size = int(int32(binary.LittleEndian.Uint32(e.data)))
		}
	}
	if c.stream {
		s.fill(c)
	}
	d := newDoc(out).doc("cursor").array(name)
	n := min(size, len(c.docs))
	for i, doc := range c.docs[:n] {
		d.raw(itoa(i), doc)
	}
	d.close()
	c.docs = slices.Clone(c.docs[n:])
	id := int64(0)
	if len(c.docs) > 0 || !c.ended {
		if c.id == 0 {
			s.lastCursor++
			c.id = s.lastCursor
		}
		id = c.id
		s.cursors[id] = c
	}
	if c.stream && len(c.docs) == 0 {
		token(d, "postBatchResumeToken", c.at)
	}
	if db, coll, _ := strings.Cut(ns, "."); coll == "" {
		ns = max(db, "admin") + ".$cmd.aggregate"
	}
	d.int64("id", id).str("ns", ns).close()
	d.head(0x11, "operationTime")
	d.b = binary.LittleEndian.AppendUint64(d.b, uint64(len(s.log)+1)<<32)
	return d.double("ok", 1).bytes()
}

// getMore waits for events as long as it may.
func (s *Server) getMore(out []byte, id element, m message) []byte {
	number := int64(binary.LittleEndian.Uint64(id.data))
	var limit time.Duration
	if e, ok := lookup(m.body, "maxTimeMS"); ok {
		limit = time.Duration(binary.LittleEndian.Uint64(append(bytes.Clone(e.data), 0, 0, 0, 0)[:8])) * time.Millisecond
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for late := false; ; {
		s.mu.Lock()
		c := s.cursors[number]
		if c == nil {
			s.mu.Unlock()
			return appendError(out, &CommandError{Code: 43, Name: "CursorNotFound", Message: "cursor id " + itoa(int(number)) + " not found"})
		}
		if c.stream {
			s.fill(c)
		}
		if late || len(c.docs) > 0 || !c.stream {
			delete(s.cursors, number)
			coll, _ := lookup(m.body, "collection")
			out = s.batch(out, c, database(m.body)+"."+coll.text(), "nextBatch", m)
			s.mu.Unlock()
			return out
		}
		changed, down := s.changed, s.down
		s.mu.Unlock()
		select {
		case <-changed:
		case <-timer.C:
			late = true
		case <-down:
			late = true
		}
	}
}

func (s *Server) killCursors(out []byte, m message) []byte {
	list, _ := lookup(m.body, "cursors")
	s.mu.Lock()
	defer s.mu.Unlock()
	for rest := inside(list.data); ; {
		e, tail, ok := next(rest)
		if !ok {
			return newDoc(out).double("ok", 1).bytes()
		}
		delete(s.cursors, int64(binary.LittleEndian.Uint64(e.data)))
		rest = tail
	}
}

// names lists databases, or the collections of one.
func (s *Server) names(db string) []string {
	var list []string
	for ns := range s.colls {
		d, coll, _ := strings.Cut(ns, ".")
		if db == "" {
			list = append(list, d)
		} else if d == db {
			list = append(list, coll)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (s *Server) listDatabases(out []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := newDoc(out).array("databases")
	for i, name := range append([]string{"admin"}, s.names("")...) {
		d.doc(itoa(i)).str("name", name).close()
	}
	return d.close().double("ok", 1).bytes()
}

func (s *Server) listCollections(out []byte, m message) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	db := database(m.body)
	c := &cursor{ended: true}
	for _, name := range append([]string{"system.views"}, s.names(db)...) {
		c.docs = append(c.docs, newDoc(nil).str("name", name).str("type", "collection").bytes())
	}
	return s.batch(out, c, db+".$cmd.listCollections", "firstBatch", m)
}
