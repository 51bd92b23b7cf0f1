package mongodb

import (
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/mongo"
)

// Policies of culvert.duplicate.key.
const (
	duplicatesFail    = "fail"
	duplicatesSkip    = "skip"
	duplicatesReplace = "replace"
	duplicatesLetter  = "dlq"
)

// duplicate applies the policy to model i, which a unique index refused; it reports
// whether that settled it. A document of our own that came twice is no duplicate and
// does not come here.
func (s *Sink) duplicate(c *chunk, i int, e *mongo.WriteError) bool {
	m := &s.plan.list[i]
	switch c.topic.Duplicates {
	case duplicatesSkip:
		m.state = skipped
		return true
	case duplicatesLetter:
		m.fail(writeFault(e))
		s.logFailure(c, i, m.err)
		return true
	case duplicatesReplace:
		return s.plan.replace(m, e)
	}
	return false
}

// replace aims a model at the document that has the key, and leaves it pending. That
// document keeps its _id. Once is enough: a second index that refuses it, too, is an error.
func (p *plan) replace(m *model, e *mongo.WriteError) bool {
	if m.replaced || m.op == opDelete {
		return false
	}
	off := len(p.buf)
	switch key, told := e.Raw.Lookup("keyValue").DocumentOK(); {
	case told:
		p.buf = append(p.buf, key...)
	case strings.Contains(e.Message, "index: _id_ ") && !m.id.empty(): // before MongoDB 4.4
		var at int
		p.buf, at = openDocument(p.buf)
		p.buf = closeDocument(append(p.buf, p.buf[m.id.off:m.id.end]...), at)
	default:
		return false
	}
	m.replaced, m.filter = true, p.since(off)
	if m.op == opUpdate {
		return true
	}
	off = len(p.buf)
	p.buf = withoutField(p.buf, p.buf[m.doc.off:m.doc.end], idField)
	m.op, m.doc, m.id, m.ownID = opReplace, p.since(off), span{}, false
	return true
}

// lettersError is why culvert.duplicate.key=dlq cannot work: nobody would get the letters.
func lettersError(t *settings, props map[string]string) error {
	if t.Duplicates != duplicatesLetter || props[keyDeadLetters] != "" && strings.EqualFold(props[keyTolerance], "all") {
		return nil
	}
	return &classError{keyDuplicates, t.Duplicates, fmt.Sprintf("dead letters need a topic and a framework that goes on: set %s, and %s=all", keyDeadLetters, keyTolerance)}
}

const (
	keyDeadLetters = "errors.deadletterqueue.topic.name"
	keyTolerance   = "errors.tolerance"
)
