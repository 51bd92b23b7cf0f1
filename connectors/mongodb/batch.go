package mongodb

import (
	"errors"
	"fmt"
	"time"

	"culvert/data"
	"culvert/fault"
)

// chunk is one bulk write: models[from:to] of one topic for one namespace.
type chunk struct {
	ns       namespace
	topic    *topicConfig
	from, to int
}

// recordID is what a record is recognised by when its batch comes again.
type recordID struct {
	topic     string
	partition int32
	offset    int64
}

func idOfRecord(r *data.Record) recordID { return recordID{r.Topic, r.Partition, r.Offset} }

// failure is a record that became no write.
type failure struct {
	rec   int
	topic *topicConfig
	err   error
}

// plan is what a batch became: its writes in order, cut into bulk writes, and the
// records that have none. It outlives a failed attempt, so that the batch, when it
// comes again, is written with the same bytes and the same made-up ids.
type plan struct {
	models
	chunks   []chunk
	failures []failure
	records  []recordID
	// open: the last attempt did not finish.
	open  bool
	tried []int // models of the transaction under way
}

func (p *plan) reset() {
	p.buf, p.list, p.chunks = p.buf[:0], p.list[:0], p.chunks[:0]
	clear(p.failures)
	p.failures, p.records, p.open = p.failures[:0], p.records[:0], false
}

// keepBuffer is how much memory a plan keeps for the next batch.
const keepBuffer = 4 << 20

// build makes the plan of a batch. An error stops the batch before anything is
// written: a converter that has to wait, or a bad record that is not tolerated.
func (s *Sink) build(b *data.Batch) error {
	p := &s.plan
	if cap(p.buf) > keepBuffer {
		p.buf = nil
	}
	p.reset()
	s.doc.now = time.Time{}
	var t *topicConfig
	for i := range b.Records {
		r := &b.Records[i]
		if t == nil || t.topic != r.Topic {
			var err error
			if t, err = s.topicOf(b, r); err != nil {
				return err
			}
		}
		p.records = append(p.records, idOfRecord(r))
		s.doc.reset(r, b.Arena)
		m := len(p.list)
		ns, err := t.mapper.namespace(&s.doc)
		if err == nil {
			err = t.model(&s.doc, &p.models)
		}
		if err != nil {
			if err := s.bad(b, i, t, err); err != nil {
				return err
			}
			continue
		}
		if len(p.list) > m { // a change event may write nothing
			p.list[m].rec = i
			s.place(t, ns, m)
		}
	}
	return nil
}

// place adds model m to the last chunk, or to a new one: orderedGroupByTopicAndNamespace.
func (s *Sink) place(t *topicConfig, ns namespace, m int) {
	p := &s.plan
	if n := len(p.chunks); n > 0 {
		c := &p.chunks[n-1]
		if c.topic == t && c.ns == ns && (t.MaxBatchSize == 0 || c.to-c.from < t.MaxBatchSize) {
			c.to = m + 1
			return
		}
	}
	p.chunks = append(p.chunks, chunk{ns: ns, topic: t, from: m, to: m + 1})
}

// topicOf is the configuration for a record. A topic that a transformation has
// made is written as configured for all; Java's connector fails there.
func (s *Sink) topicOf(b *data.Batch, r *data.Record) (*topicConfig, error) {
	routed := r.Input >= 0 && int(r.Input) < len(b.Inputs) && b.Inputs[r.Input].Topic != r.Topic
	if !routed {
		if err := s.cfg.known(r.Topic); err != nil {
			return nil, err
		}
	}
	return s.cfg.topic(r.Topic)
}

// bad deals with a record that becomes no write: nil goes on without it.
func (s *Sink) bad(b *data.Batch, i int, t *topicConfig, err error) error {
	r := &b.Records[i]
	var d *decodeError
	switch {
	case fault.Is(err, fault.Retry):
		return err
	case errors.As(err, &d):
		// Converters belong to the framework: its errors.tolerance decides, and it knows
		// the converter's name.
		if !s.frameworkTolerates {
			b.Fail(i, d.stage, d.err)
			return &fault.Error{Class: fault.Fatal, Code: "mongo.undecodable", Java: "org.apache.kafka.connect.errors.ConnectException",
				Fix: s.fixRecord(r), Err: fmt.Errorf("Tolerance exceeded in error handler: %w", err)}
		}
	case t.tolerance() == "none":
		return s.stop(r, err)
	}
	s.plan.failures = append(s.plan.failures, failure{i, t, err})
	return nil
}

// stop is the error that ends the task because of a record.
func (s *Sink) stop(r *data.Record, err error) error {
	f := &fault.Error{Class: fault.Fatal, Code: "mongo.record", Java: dataException, Err: err, Fix: s.fixRecord(r)}
	if own := fault.Of(err); own != nil {
		f.Code, f.Java, f.Field = own.Code, own.Java, own.Field
		if own.Fix != "" {
			f.Fix = own.Fix + " " + f.Fix
		}
	}
	return f
}

func (s *Sink) fixRecord(r *data.Record) string {
	return fmt.Sprintf("The record is that of topic '%s', partition %d, offset %d. Correct it or the configuration, or set errors.tolerance=all "+
		"to go on without such records (errors.deadletterqueue.topic.name keeps them).", r.Topic, r.Partition, r.Offset)
}

// resume takes up the plan of an unfinished attempt if b is the same batch, or
// what is left of it: records that have been settled meanwhile are gone.
func (s *Sink) resume(b *data.Batch) bool {
	p := &s.plan
	if !p.open {
		return false
	}
	to := make([]int, len(p.records)) // index of the old record in b, -1: gone
	next := 0
	for j := range p.records {
		to[j] = -1
		if next < len(b.Records) && idOfRecord(&b.Records[next]) == p.records[j] {
			to[j] = next
			next++
		}
	}
	if next < len(b.Records) {
		return false // another batch
	}
	for i := range p.list {
		if m := &p.list[i]; to[m.rec] >= 0 {
			m.rec = to[m.rec]
		} else {
			m.state, m.rec = done, 0
			m.err = nil
		}
	}
	kept := p.failures[:0]
	for _, f := range p.failures {
		if f.rec = to[f.rec]; f.rec >= 0 {
			kept = append(kept, f)
		}
	}
	p.failures = kept
	p.records = p.records[:0]
	for i := range b.Records {
		p.records = append(p.records, idOfRecord(&b.Records[i]))
	}
	return true
}
