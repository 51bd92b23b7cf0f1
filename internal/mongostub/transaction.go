package mongostub

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
)

// transaction is one of several documents: a copy of each collection that it has
// looked at, which Commit compares with the originals.
type transaction struct {
	number int64
	state  txState
	colls  map[string]*collection
	names  []string // of colls, in the order of their first use
}

type txState uint8

const (
	underway txState = iota
	committed
	aborted
)

// touch is a document as the transaction found it; nil: it was not there.
type touch struct{ was []byte }

var (
	noTransaction = &CommandError{Code: 251, Name: "NoSuchTransaction", Message: "Transaction has been aborted or is not known.",
		Labels: []string{"TransientTransactionError"}}
	alone    = &CommandError{Code: 20, Name: "IllegalOperation", Message: "Transaction numbers are only allowed on a replica set member or mongos"}
	tooOld   = &CommandError{Code: 225, Name: "TransactionTooOld", Message: "A newer transaction of the session has begun."}
	conflict = &CommandError{Code: 112, Name: "WriteConflict", Message: "Another transaction has changed the document.",
		Labels: []string{"TransientTransactionError"}}
)

// within finds the transaction that a command belongs to, nil if to none. The caller
// holds mu.
func (s *Server) within(body []byte) (*transaction, *CommandError) {
	auto, ok := lookup(body, "autocommit")
	if !ok || auto.truth() {
		return nil, nil
	}
	if !s.set {
		return nil, alone
	}
	session, number := sessionOf(body)
	tx := s.transactions[session]
	if start, _ := lookup(body, "startTransaction"); start.kind != 0 && start.truth() {
		if tx != nil && number <= tx.number {
			return nil, tooOld
		}
		tx = &transaction{number: number, colls: map[string]*collection{}}
		s.transactions[session] = tx // one that is open is aborted, as in mongod
		return tx, nil
	}
	switch {
	case tx == nil || number > tx.number:
		return nil, noTransaction
	case number < tx.number:
		return nil, tooOld
	case tx.state == aborted:
		return nil, noTransaction
	}
	return tx, nil
}

func sessionOf(body []byte) (id string, number int64) {
	e, _ := lookup(body, "lsid.id")
	if n, ok := lookup(body, "txnNumber"); ok && n.kind == typeInt64 {
		number = int64(binary.LittleEndian.Uint64(n.data))
	}
	return e.value(), number
}

// seenBy is a collection as the transaction sees it, or as it is.
func (s *Server) seenBy(tx *transaction, ns string) *collection {
	c := s.collection(ns)
	if tx == nil {
		return c
	}
	own := tx.colls[ns]
	if own == nil {
		own = &collection{docs: slices.Clone(c.docs), byID: maps.Clone(c.byID), unique: c.unique, series: c.series, touched: map[string]*touch{}}
		tx.colls[ns] = own
		tx.names = append(tx.names, ns)
	}
	return own
}

// touch notes how a transaction found a document that it is about to change.
func (c *collection) touch(id string, was []byte) {
	if c.touched == nil || c.touched[id] != nil {
		return
	}
	c.touched[id] = &touch{was}
	c.order = append(c.order, id)
}

func (c *collection) doc(id string) []byte {
	if at, ok := c.byID[id]; ok {
		return c.docs[at]
	}
	return nil
}

func (c *collection) remove(at int, id string) {
	delete(c.byID, id)
	c.docs[at] = nil
}

// put makes a document what the transaction has made of it.
func (c *collection) put(id string, doc []byte) {
	switch at, there := c.byID[id]; {
	case doc == nil && there:
		c.remove(at, id)
	case doc == nil:
	case there:
		c.docs[at] = doc
	default:
		c.byID[id] = len(c.docs)
		c.docs = append(c.docs, doc)
	}
}

// end commits or aborts. A commit that comes again is answered again.
func (s *Server) end(out []byte, name string, body []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	tx, refused := s.within(body)
	if refused != nil {
		return appendError(out, refused)
	}
	switch {
	case name == "abortTransaction":
		if tx.state == underway {
			tx.state = aborted
		}
	case tx.state == underway:
		if !s.commit(tx) {
			tx.state = aborted
			return appendError(out, conflict)
		}
		tx.state = committed
	}
	return newDoc(out).double("ok", 1).bytes()
}

// commit applies a transaction unless something that it changed has been changed by
// somebody else: the first to commit wins.
func (s *Server) commit(tx *transaction) bool {
	for _, ns := range tx.names {
		c, own := s.collection(ns), tx.colls[ns]
		for id, t := range own.touched {
			if !bytes.Equal(c.doc(id), t.was) {
				return false
			}
		}
	}
	for _, ns := range tx.names {
		c, own := s.collection(ns), tx.colls[ns]
		for _, id := range own.order {
			c.put(id, own.doc(id))
		}
	}
	return true
}

// abort ends the transaction of a command that failed.
func (s *Server) abort(body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if tx, _ := s.within(body); tx != nil {
		tx.state = aborted
	}
}

// forget ends the sessions that the command lists.
func (s *Server) forget(body []byte, name string) {
	list, _ := lookup(body, name)
	s.mu.Lock()
	defer s.mu.Unlock()
	for rest := inside(list.data); ; {
		e, tail, ok := next(rest)
		if !ok {
			return
		}
		id, _ := lookup(e.data, "id")
		delete(s.transactions, id.value())
		rest = tail
	}
}
