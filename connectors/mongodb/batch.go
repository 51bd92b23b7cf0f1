package mongodb

import (
	"errors"
	"fmt"
	"sync"
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
	tried    []int // models of the transaction under way

	err  error         // why there is no plan
	took time.Duration // to make it
}

func (p *plan) reset() {
	if cap(p.buf) > keepBuffer {
		p.buf = nil
	}
	p.buf, p.list, p.chunks = p.buf[:0], p.list[:0], p.chunks[:0]
	clear(p.failures)
	p.failures, p.records, p.err = p.failures[:0], p.records[:0], nil
}

// keepBuffer is how much memory a plan keeps for the next batch.
const keepBuffer = 4 << 20

// planner makes the plans of batches. While one batch is written, the one that was
// fetched after it is planned.
type planner struct {
	cfg       *config
	tolerates bool // errors.tolerance=all

	mu   sync.Mutex // held while a plan is made: by whoever fetches, or who writes a batch that comes again
	doc  document
	free []*plan // guarded by mu
}

// build makes the plan of a batch. With an error in it nothing is to be written: a
// converter has to wait, or a bad record is not tolerated.
func (pl *planner) build(b *data.Batch) *plan {
	pl.mu.Lock()
	defer pl.mu.Unlock()
	p := &plan{}
	if n := len(pl.free); n > 0 {
		p, pl.free = pl.free[n-1], pl.free[:n-1]
	}
	p.reset()
	begun := time.Now()
	p.err = pl.fill(p, b)
	p.took = time.Since(begun)
	return p
}

// done takes a plan back that nobody needs any more.
func (pl *planner) done(p *plan) {
	pl.mu.Lock()
	defer pl.mu.Unlock()
	pl.free = append(pl.free, p)
}

func (pl *planner) fill(p *plan, b *data.Batch) error {
	d := &pl.doc
	d.now = time.Time{}
	var t *topicConfig
	for i := range b.Records {
		r := &b.Records[i]
		if t == nil || t.topic != r.Topic {
			var err error
			if t, err = pl.topicOf(b, r); err != nil {
				return err
			}
		}
		p.records = append(p.records, idOfRecord(r))
		d.reset(r, b.Arena)
		m := len(p.list)
		ns, err := t.plan(d, &p.models)
		if err != nil {
			if err := pl.bad(b, i, t, err); err != nil {
				return err
			}
			p.failures = append(p.failures, failure{i, t, err})
			continue
		}
		if len(p.list) > m { // a change event may write nothing
			p.list[m].rec = i
			p.place(t, ns, m)
		}
	}
	return nil
}

// place adds model m to the last chunk, or to a new one: orderedGroupByTopicAndNamespace.
func (p *plan) place(t *topicConfig, ns namespace, m int) {
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
func (pl *planner) topicOf(b *data.Batch, r *data.Record) (*topicConfig, error) {
	routed := r.Input >= 0 && int(r.Input) < len(b.Inputs) && b.Inputs[r.Input].Topic != r.Topic
	if !routed {
		if err := pl.cfg.known(r.Topic); err != nil {
			return nil, err
		}
	}
	return pl.cfg.topic(r.Topic)
}

// bad deals with a record that becomes no write: nil goes on without it.
func (pl *planner) bad(b *data.Batch, i int, t *topicConfig, err error) error {
	r := &b.Records[i]
	var d *decodeError
	switch {
	case fault.Is(err, fault.Retry):
		return err
	case errors.As(err, &d):
		// Converters belong to the framework: its errors.tolerance decides, and it knows
		// the converter's name.
		if !pl.tolerates {
			b.Fail(i, d.stage, d.err)
			return &fault.Error{Class: fault.Fatal, Code: "mongo.undecodable", Java: "org.apache.kafka.connect.errors.ConnectException",
				Fix: fixRecord(r), Err: fmt.Errorf("Tolerance exceeded in error handler: %w", err)}
		}
	case t.tolerance() == "none":
		return stop(r, err)
	}
	return nil
}

// stop is the error that ends the task because of a record.
func stop(r *data.Record, err error) error {
	f := &fault.Error{Class: fault.Fatal, Code: "mongo.record", Java: dataException, Err: err, Fix: fixRecord(r)}
	if own := fault.Of(err); own != nil {
		f.Code, f.Java, f.Field = own.Code, own.Java, own.Field
		if own.Fix != "" {
			f.Fix = own.Fix + " " + f.Fix
		}
	}
	return f
}

func fixRecord(r *data.Record) string {
	return fmt.Sprintf("The record is that of topic '%s', partition %d, offset %d. Correct it or the configuration, or set errors.tolerance=all "+
		"to go on without such records (errors.deadletterqueue.topic.name keeps them).", r.Topic, r.Partition, r.Offset)
}

// resume takes up the plan of an unfinished attempt if b is the same batch, or
// what is left of it: records that have been settled meanwhile are gone.
func (p *plan) resume(b *data.Batch) bool {
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
