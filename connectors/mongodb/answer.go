package mongodb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"culvert/fault"
)

// Codes of errors that the sink reports, for the list of codes.
const (
	codeDuplicate = "mongo.duplicate_key"
	codeWrite     = "mongo.write_error"
	codeConcern   = "mongo.write_concern"
	codeCommand   = "mongo.command"
	codeTooLarge  = "mongo.too_large"
	codeAuth      = "mongo.authentication"
	codeDown      = "mongo.unavailable"
)

// duplicateKey is the server's code for a unique index that is violated.
const duplicateKey = 11000

func (m *model) fail(err error) { m.state, m.err = failed, err }

// answered applies the answer to the command with the models s.sent. The error is
// what stops the batch.
func (s *Sink) answered(ctx context.Context, c *chunk, err error) error {
	list := s.plan.list
	s.broken = s.inside && err != nil
	if err == nil {
		for _, i := range s.sent {
			list[i].state = done
		}
		return nil
	}
	var we mongo.WriteException
	if errors.As(err, &we) && (len(we.WriteErrors) > 0 || we.WriteConcernError != nil) {
		return s.partly(ctx, c, &we)
	}
	f := classify(err, s.hosts)
	switch {
	case ctx.Err() != nil:
		s.unknown()
		return &fault.Error{Class: fault.Retry, Code: "mongo.interrupted", Err: fmt.Errorf("write to MongoDB at %s was interrupted: %w", s.hosts, context.Cause(ctx))}
	case f.Class == fault.Retry:
		s.unknown()
		return f
	case f.Code == codeCommand && c.topic.tolerance() == "all":
		// Java: whatever fails a bulk write goes to the error reporter.
		for _, i := range s.sent {
			list[i].fail(f)
			s.logFailure(c, i, f)
		}
		return nil
	}
	return javaStop(f, c.topic.tolerance() == "data")
}

// javaStop words a failed bulk write as Java's task does.
func javaStop(f *fault.Error, dataOnly bool) error {
	text := f.Java + ": " + f.Err.Error()
	if dataOnly {
		text = "non Data Error, fail the connector."
	}
	stop := *f
	stop.Class, stop.Java, stop.Err = fault.Fatal, dataException, fault.Because(f.Err, "%s", text)
	return &stop
}

// unknown notes that the models under way may have been applied.
func (s *Sink) unknown() {
	for _, i := range s.sent {
		s.plan.list[i].maybe = true
	}
}

// partly applies an answer with write errors or a write concern error.
func (s *Sink) partly(ctx context.Context, c *chunk, we *mongo.WriteException) error {
	list := s.plan.list
	if f := outage(we, s.hosts); f != nil {
		s.unknown()
		return f
	}
	bad := map[int]*mongo.WriteError{}
	stopped := len(s.sent) // ordered: behind it nothing was tried
	for k := range we.WriteErrors {
		e := &we.WriteErrors[k]
		if e.Index < 0 || e.Index >= len(s.sent) {
			return fault.New(fault.Fatal, codeWrite, "MongoDB at %s reports an error for statement %d of %d: %s", s.hosts, e.Index, len(s.sent), e.Message)
		}
		bad[e.Index] = e
	}
	if c.topic.Ordered && len(we.WriteErrors) > 0 && !s.relaxed() {
		stopped = we.WriteErrors[0].Index + 1
	}
	var genuine []int
	stop := c.topic.tolerance() == "none"
	for n, i := range s.sent[:stopped] {
		m := &list[i]
		e := bad[n]
		switch {
		case e == nil:
			m.state = done
		case m.op != opInsert && !m.again && e.Code == duplicateKey && strings.Contains(e.Message, "index: _id_ "):
			m.again = true // two upserts of one _id raced: the second finds the document now
		default:
			same, err := s.isOurs(ctx, c, m, e)
			switch {
			case err != nil:
				return err
			case same:
				m.state = done
			case e.Code == duplicateKey && s.duplicate(c, i, e):
			default:
				genuine = append(genuine, n)
				stop = stop || e.Code == duplicateKey && c.topic.Duplicates == duplicatesFail
			}
		}
	}
	if len(genuine) == 0 && we.WriteConcernError == nil {
		return nil
	}
	if stop {
		return s.bulkStop(c, we, genuine)
	}
	for _, n := range genuine {
		i := s.sent[n]
		list[i].fail(writeFault(bad[n]))
		s.logFailure(c, i, list[i].err)
	}
	if wc := we.WriteConcernError; wc != nil {
		for _, i := range s.sent[:stopped] {
			if list[i].state == done {
				list[i].fail(concernFault(wc))
				s.logFailure(c, i, list[i].err)
			}
		}
	}
	return nil
}

// relaxed reports whether the command was sent unordered in an ordered chunk.
func (s *Sink) relaxed() bool {
	m := &s.plan.list[s.sent[0]]
	return m.op == opInsert && s.recognised(m)
}

// recognised reports whether an insert that comes again, perhaps, knows its document
// when that is there.
func (s *Sink) recognised(m *model) bool { return m.maybe && (m.ownID || s.converges) }

// isOurs reports whether a duplicate key is the document itself: the first
// attempt was applied and only its answer got lost.
func (s *Sink) isOurs(ctx context.Context, c *chunk, m *model, e *mongo.WriteError) (bool, error) {
	if e.Code != duplicateKey || m.op != opInsert || !m.maybe || m.id.empty() {
		return false, nil
	}
	if m.ownID && strings.Contains(e.Message, "index: _id_ ") {
		return true, nil
	}
	buf := s.plan.buf
	filter, at := openDocument(nil)
	filter = closeDocument(append(filter, buf[m.id.off:m.id.end]...), at)
	have, err := s.server.find(ctx, c.ns, bson.Raw(filter))
	if err != nil {
		if f := classify(err, s.hosts); f.Class == fault.Retry {
			s.unknown()
			return false, f
		}
		return false, nil
	}
	return have != nil && (m.ownID || string(have) == string(appendIDFirst(nil, buf, m))), nil
}

// settleModel deals with a model that failed before it was sent.
func (s *Sink) settleModel(c *chunk, i int) error {
	m := &s.plan.list[i]
	if c.topic.tolerance() == "none" {
		f := *fault.Of(m.err)
		f.Class = fault.Fatal
		m.state, m.err = pending, nil
		return &f
	}
	s.logFailure(c, i, m.err)
	return nil
}

func tooLarge(n int) error {
	return fault.New(fault.Record, codeTooLarge, "Payload document size is larger than maximum of %d. (It has %d bytes.)", maxDocument, n).
		WithJava("org.bson.BsonMaximumSizeExceededException")
}

// writeFault is the failure of one statement: sink.dlq.WriteException.
func writeFault(e *mongo.WriteError) *fault.Error {
	code := codeWrite
	if e.Code == duplicateKey {
		code = codeDuplicate
	}
	return fault.New(fault.Record, code, "v=1, code=%d, message=%s, details=%s", e.Code, e.Message, details(e.Details)).
		WithJava("com.mongodb.kafka.connect.sink.dlq.WriteException")
}

func concernFault(e *mongo.WriteConcernError) *fault.Error {
	return fault.New(fault.Record, codeConcern, "v=1, code=%d, codeName=%s, message=%s, details=%s", e.Code, e.Name, e.Message, details(e.Details)).
		WithJava("com.mongodb.kafka.connect.sink.dlq.WriteConcernException")
}

func details(raw bson.Raw) string {
	if len(raw) == 0 {
		return "{}"
	}
	return relaxed(raw)
}

// bulkStop is the error of a bulk write that is not tolerated, as Java words it.
func (s *Sink) bulkStop(c *chunk, we *mongo.WriteException, genuine []int) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Bulk write operation error on server %s. ", s.hosts)
	code := codeConcern
	if len(genuine) > 0 {
		b.WriteString("Write errors: [")
		for k, n := range genuine {
			if k > 0 {
				b.WriteString(", ")
			}
			var e *mongo.WriteError
			for j := range we.WriteErrors {
				if we.WriteErrors[j].Index == n {
					e = &we.WriteErrors[j]
				}
			}
			code = writeFault(e).Code
			fmt.Fprintf(&b, "BulkWriteError{index=%d, code=%d, message='%s', details=%s}", s.sent[n]-c.from, e.Code, e.Message, details(e.Details))
		}
		b.WriteString("]. ")
	}
	if wc := we.WriteConcernError; wc != nil {
		fmt.Fprintf(&b, "Write concern error: WriteConcernError{code=%d, codeName='%s', message='%s', details=%s, errorLabels=[%s]}. ",
			wc.Code, wc.Name, wc.Message, details(wc.Details), strings.Join(we.Labels, ", "))
	}
	fix := "Look at the records of the collection that are in the way, or set errors.tolerance=all to go on without such records " +
		"(errors.deadletterqueue.topic.name keeps them)."
	if code == codeDuplicate {
		fix = "A unique index has such a key already; writemodel.strategy=" + pkg + "writemodel.strategy.ReplaceOneDefaultStrategy replaces documents of the same _id. " + fix
	}
	return &fault.Error{Class: fault.Fatal, Code: code, Java: dataException, Fix: fix,
		Err: fault.Because(errors.New(b.String()), "com.mongodb.MongoBulkWriteException: %s", b.String())}
}
