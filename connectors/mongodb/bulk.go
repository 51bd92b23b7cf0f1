package mongodb

import (
	"bytes"
	"context"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/fault"
)

// Limits of a server: the size of a document, and of a command, which is a
// document itself with some room for what surrounds the largest one.
const (
	maxDocument = 16 << 20
	maxCommand  = 16 << 20
	maxModels   = 100_000
)

// class is the command that carries a kind of write.
type class uint8

const (
	inserts class = iota
	updates
	deletes
)

var commands = [...]struct{ name, list string }{{"insert", "documents"}, {"update", "updates"}, {"delete", "deletes"}}

func (o op) class() class {
	switch o {
	case opInsert:
		return inserts
	case opDelete:
		return deletes
	}
	return updates
}

// writeChunk writes the pending models of a chunk. Ordered: in order, one command
// for each run of one kind. Unordered: one command for each kind. It returns when
// every model is done or failed, or with the error that stops it.
func (s *Sink) writeChunk(ctx context.Context, c *chunk) error {
	for {
		i, ok := s.next(c)
		if !ok {
			return nil
		}
		if err := s.run(ctx, c, i); err != nil {
			return err
		}
	}
}

// next is the model that the next command of a chunk begins with; ok is false where
// none is pending.
func (s *Sink) next(c *chunk) (i int, ok bool) {
	list := s.plan.list
	best := -1
	for i := c.from; i < c.to; i++ {
		if list[i].state != pending {
			continue
		}
		if k := list[i].op.class(); c.topic.Ordered || k == inserts {
			return i, true
		} else if best < 0 || k < list[best].op.class() {
			best = i
		}
	}
	return best, best >= 0
}

// run sends the pending models of a kind from i on in one command: ordered, up to
// the first of another kind. It ends with model i no longer pending, or an error.
func (s *Sink) run(ctx context.Context, c *chunk, i int) error {
	if s.inside && s.broken {
		return errAborted
	}
	if err := s.compose(c, i); err != nil || len(s.sent) == 0 {
		return err
	}
	return s.answered(ctx, c, s.server.run(ctx, c.ns.db, bson.Raw(s.cmd)))
}

// compose makes the command of run; there is none where no model can be sent.
func (s *Sink) compose(c *chunk, i int) error {
	list := s.plan.list
	ordered, k := c.topic.Ordered, list[i].op.class()
	s.sent = s.sent[:0]
	// A write that comes again after its answer was lost, and whose documents are
	// recognised by ids of our own, is sent unordered: else every document that is
	// there already would stop the command.
	relaxed := k == inserts && s.recognised(&list[i])
	b := s.beginCommand(c, k, ordered && !relaxed)
	size := 0
	for ; i < c.to && len(s.sent) < maxModels; i++ {
		m := &list[i]
		if m.state != pending {
			continue
		}
		if m.op.class() != k || relaxed && !s.recognised(m) {
			if ordered {
				break
			}
			continue
		}
		n := m.doc.end - m.doc.off + m.filter.end - m.filter.off
		if bad := s.unsendable(m); bad != nil {
			m.fail(bad)
			if err := s.settleModel(c, i); err != nil {
				return err
			}
			continue
		}
		if size += n + 64; size > maxCommand-1<<10 && len(s.sent) > 0 {
			break
		}
		b.statement(s.plan.buf, m, len(s.sent))
		s.sent = append(s.sent, i)
	}
	s.cmd = b.finish()
	return nil
}

// unsendable is why a model cannot be sent: the driver of the original refuses it too.
func (s *Sink) unsendable(m *model) error {
	if n := m.doc.end - m.doc.off; n > maxDocument {
		return tooLarge(n)
	}
	switch doc := s.plan.buf[m.doc.off:m.doc.end]; m.op {
	case opReplace:
		return badReplacement(doc)
	case opUpdate:
		return badUpdate(doc)
	}
	return nil
}

// illegal is a document that Java's driver refuses by an exception of the JVM.
func illegal(format string, args ...any) error {
	return fault.New(fault.Record, codeWrite, format, args...).WithJava("java.lang.IllegalArgumentException")
}

// badReplacement is why a document cannot take the place of another: of its own names
// only those of a DBRef may begin with a dollar sign (ReplacingDocumentFieldNameValidator
// of Java's driver). With such a name in front it would be taken for an update, and
// could do anything.
func badReplacement(doc []byte) error {
	if bytes.IndexByte(doc, '$') < 0 {
		return nil
	}
	for at := first; ; {
		f, ok := next(doc, at)
		if !ok {
			return nil
		}
		if len(f.name) > 0 && f.name[0] == '$' {
			switch string(f.name) {
			case "$db", "$ref", "$id":
			default:
				return illegal("Invalid BSON field name %s", f.name)
			}
		}
		at = f.end
	}
}

// badUpdate is why an update from a change event is none: without operators a server
// would take it for a replacement, and put it in the place of the document.
func badUpdate(doc []byte) error {
	if isEmptyDocument(doc) {
		return illegal("Invalid BSON document for an update. The document may not be empty.")
	}
	for at := first; ; {
		f, ok := next(doc, at)
		if !ok {
			return nil
		}
		if len(f.name) == 0 || f.name[0] != '$' {
			return illegal("All update operators must start with '$', but '%s' does not", f.name)
		}
		at = f.end
	}
}

// command is a write command that is being built.
type command struct {
	b         []byte
	doc, list int
	k         class
}

func (s *Sink) beginCommand(c *chunk, k class, ordered bool) *command {
	cmd := &s.building
	cmd.k = k
	cmd.b, cmd.doc = openDocument(s.cmd[:0])
	cmd.b = appendHead(cmd.b, typeString, commands[k].name)
	cmd.b = append(cmd.b, 0, 0, 0, 0)
	putLength(cmd.b[len(cmd.b)-4:], len(c.ns.coll)+1)
	cmd.b = append(append(cmd.b, c.ns.coll...), 0)
	cmd.b = appendHead(cmd.b, typeBool, "ordered")
	if ordered {
		cmd.b = append(cmd.b, 1)
	} else {
		cmd.b = append(cmd.b, 0)
	}
	if wc := s.server.writeConcern(); wc != nil && !s.inside {
		cmd.b = appendField(cmd.b, "writeConcern", documentValue(wc))
	}
	cmd.b, cmd.list = openDocument(appendHead(cmd.b, typeArray, commands[k].list))
	return cmd
}

// statement appends one model. The _id goes first, where a server keeps it.
func (cmd *command) statement(buf []byte, m *model, n int) {
	b := append(cmd.b, typeDocument)
	b = append(strconv.AppendInt(b, int64(n), 10), 0)
	if cmd.k == inserts {
		cmd.b = appendIDFirst(b, buf, m)
		return
	}
	b, at := openDocument(b)
	b = appendField(b, "q", documentValue(buf[m.filter.off:m.filter.end]))
	switch m.op {
	case opDelete:
		b = append(appendHead(b, typeInt32, "limit"), 1, 0, 0, 0)
	default:
		b = appendIDFirst(appendHead(b, typeDocument, "u"), buf, m)
		b = append(appendHead(b, typeBool, "upsert"), 1)
		if m.noUpsert {
			b[len(b)-1] = 0
		}
	}
	cmd.b = closeDocument(b, at)
}

func appendIDFirst(b, buf []byte, m *model) []byte {
	doc, id := m.doc, m.id
	if id.empty() || id.off == doc.off+first {
		return append(b, buf[doc.off:doc.end]...)
	}
	b = append(b, buf[doc.off:doc.off+first]...)
	b = append(b, buf[id.off:id.end]...)
	b = append(b, buf[doc.off+first:id.off]...)
	return append(b, buf[id.end:doc.end]...)
}

func (cmd *command) finish() []byte {
	return closeDocument(closeDocument(cmd.b, cmd.list), cmd.doc)
}
