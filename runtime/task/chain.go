package task

import (
	"context"
	"time"

	"culvert/converters"
	"culvert/data"
	"culvert/fault"
)

// Chain is what stands between a connector and Kafka.
type Chain struct {
	Key, Value, Header converters.Factory
	Steps              []Step
}

// class is the Java name of the converter that a stage stands for, else empty.
func (c *Chain) class(stage data.Stage) string {
	var f converters.Factory
	switch stage {
	case data.StageKeyConverter:
		f = c.Key
	case data.StageValueConverter:
		f = c.Value
	case data.StageHeaderConverter:
		f = c.Header
	}
	if f == nil {
		return ""
	}
	return f.Class()
}

// codec is the converters of one topic.
type codec struct {
	topic              string
	key, value, header converters.Converter
}

// codecs finds the converters of a topic. Converters are not made for concurrent
// use, so each batch that is under way has codecs of its own.
type codecs struct {
	chain *Chain
	last  *codec
	all   map[string]*codec
}

func newCodecs(c *Chain) *codecs { return &codecs{chain: c, all: map[string]*codec{}} }

func (c *codecs) of(topic string) *codec {
	if c.last != nil && c.last.topic == topic {
		return c.last
	}
	cd := c.all[topic]
	if cd == nil {
		cd = &codec{topic: topic, key: c.chain.Key.For(topic), value: c.chain.Value.For(topic), header: c.chain.Header.For(topic)}
		c.all[topic] = cd
	}
	c.last = cd
	return cd
}

// wire makes the records of b from its inputs; nothing is decoded.
func (c *codecs) wire(b *data.Batch) {
	if cap(b.Records) < len(b.Inputs) {
		b.Records = make([]data.Record, 0, len(b.Inputs))
	}
	b.Records = b.Records[:len(b.Inputs)]
	for i := range b.Inputs {
		m := &b.Inputs[i]
		cd := c.of(m.Topic)
		b.Records[i] = data.Record{
			Topic: m.Topic, Partition: m.Partition, Offset: m.Offset, Timestamp: m.Timestamp, Input: int32(i),
			Key: data.WireCell(m.Key, cd.key), Value: data.WireCell(m.Value, cd.value),
		}
		if len(m.Headers) > 0 {
			b.Records[i].Headers = cd.headers(m.Headers)
		}
	}
}

func (cd *codec) headers(raw []data.RawHeader) []data.Header {
	hs := make([]data.Header, len(raw))
	for i, h := range raw {
		hs[i] = data.Header{Key: h.Key, Value: data.WireCell(h.Value, cd.header)}
	}
	return hs
}

// pipeline runs the transformations of a task on a batch.
type pipeline struct {
	steps  []Step
	policy *policy
	retry  *retrier
}

// apply runs all steps. Records that fail are settled after the step that failed
// them, so that the next does not see them; their dead letters are appended to
// letters.
func (p *pipeline) apply(ctx context.Context, b *data.Batch, letters []data.Message) ([]data.Message, error) {
	for i := range p.steps {
		step := &p.steps[i]
		err := step.Apply(ctx, b)
		if fault.Is(err, fault.Retry) {
			err = p.retry.again(ctx, "transformation "+step.Name, err, func() error { return step.Apply(ctx, b) })
		}
		if err != nil {
			return letters, err
		}
		if len(b.Failed()) == 0 {
			continue
		}
		if letters, err = p.failed(ctx, step, b, letters); err != nil {
			return letters, err
		}
	}
	return letters, nil
}

// failed is the slow path of a step: records whose failure a wait can cure go
// through it again, one by one, and the others are settled.
func (p *pipeline) failed(ctx context.Context, step *Step, b *data.Batch, letters []data.Message) ([]data.Message, error) {
	failures := append([]data.Failure(nil), b.Failed()...)
	b.ClearFailed()
	dropped := map[int]bool{}
	for _, f := range failures {
		if f.By == "" {
			f.By = step.Class
		}
		if fault.Is(f.Err, fault.Retry) {
			keep, last, err := p.single(ctx, step, b, f)
			if err != nil {
				return letters, err
			}
			dropped[f.Index] = !keep
			f = last
		}
		if f.Err != nil {
			b.FailBy(f.Index, f.Stage, f.By, f.Err)
		}
	}
	letters, err := p.settle(b, dropped, letters)
	return letters, err
}

// settle settles the failures of b and drops what a repeated step has dropped.
func (p *pipeline) settle(b *data.Batch, dropped map[int]bool, letters []data.Message) ([]data.Message, error) {
	bad := map[int]bool{}
	for _, f := range b.Failed() {
		bad[f.Index] = true
	}
	var keep []bool
	for i := range b.Records {
		if !bad[i] {
			keep = append(keep, !dropped[i])
		}
	}
	letters, err := p.policy.settle(b, letters)
	if err == nil && len(dropped) > 0 {
		b.Remove(func(i int) bool { return keep[i] })
	}
	return letters, err
}

// single repeats a step for one record until it no longer asks for a wait. It
// reports whether the record is kept, and its failure if one remains.
func (p *pipeline) single(ctx context.Context, step *Step, b *data.Batch, f data.Failure) (keep bool, last data.Failure, err error) {
	begun := time.Now()
	one := data.Batch{Arena: b.Arena, Inputs: b.Inputs}
	attempt := func() error {
		forget(&b.Records[f.Index])
		one.ClearFailed()
		one.Records = append(one.Records[:0], b.Records[f.Index])
		if err := step.Apply(ctx, &one); err != nil {
			return err
		}
		wait := waits(&one)
		if wait != nil {
			p.policy.stats.AttemptFailed()
		}
		if p.policy.overdue(begun) {
			return nil // counts as bad now
		}
		return wait
	}
	if err := p.retry.again(ctx, "transformation "+step.Name, f.Err, attempt); err != nil {
		return false, f, err
	}
	if fs := one.Failed(); len(fs) > 0 {
		last = fs[0]
		last.Index = f.Index
		if last.By == "" {
			last.By = step.Class
		}
		return true, last, nil
	}
	if len(one.Records) == 0 {
		return false, data.Failure{Index: f.Index}, nil
	}
	b.Records[f.Index] = one.Records[0]
	return true, data.Failure{Index: f.Index}, nil
}
