package topicsink

import (
	"context"
	"strings"

	"culvert/connectors"
	"culvert/converters"
	"culvert/data"
	"culvert/fault"
)

// Sink encodes records for one topic. One goroutine at a time uses it.
type Sink struct {
	c      config
	env    connectors.Env
	model  string
	exists bool // the topic is there

	key, value converters.Converter
	header     converters.Converter // made when a header needs it
	// How the bytes of keys and values go straight into those of the output.
	keys, values routes

	// named are the schemas of values under the name that they get.
	named map[*data.Schema]*data.Schema
	// size is the number of bytes of the last batch, a good guess for the next.
	size int
}

// maxNamed bounds the cache of schemas; topics have a handful.
const maxNamed = 1000

// Open makes the sink of a task, and its topic if the input is there already.
func Open(ctx context.Context, env connectors.Env, task map[string]string) (*Sink, error) {
	c, err := parse(task)
	if err != nil {
		return nil, err
	}
	s := &Sink{c: c, env: env, model: model(task), named: map[*data.Schema]*data.Schema{}}
	for _, half := range []struct {
		prefix string
		side   converters.Side
		conv   *converters.Converter
	}{{keyConverterKey, converters.Key, &s.key}, {valueConverterKey, converters.Value, &s.value}} {
		f, err := env.Converter(half.prefix, half.side)
		if err != nil {
			return nil, err
		}
		*half.conv = f.For(c.topic)
	}
	s.keys.to(s.key, nil)
	s.values.to(s.value, s.rename)
	// Early, so that whoever reads the output finds it before the first row comes.
	if err := s.ensure(ctx); err != nil && !isMissing(err) {
		return nil, err
	}
	return s, nil
}

// codeInput is the code of the error about an input that does not exist yet.
const codeInput = "topicsink.input_missing"

func isMissing(err error) bool {
	e := fault.Of(err)
	return e != nil && e.Code == codeInput
}

// ensure creates the topic if it is missing.
func (s *Sink) ensure(ctx context.Context) error {
	if s.exists || s.env.Topics == nil {
		return nil
	}
	n, err := s.env.Topics.Partitions(ctx, s.c.topic)
	if err != nil {
		return err
	}
	if n == 0 {
		if err := s.create(ctx); err != nil {
			return err
		}
	}
	s.exists = true
	return nil
}

func (s *Sink) create(ctx context.Context) error {
	partitions, replication := s.c.partitions, s.c.replication
	if s.model != "" && (partitions < 0 || replication < 0) {
		n, err := s.env.Topics.Partitions(ctx, s.model)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.New(fault.Retry, codeInput, "topic '%s' cannot be created like topic '%s', which does not exist yet", s.c.topic, s.model).
				WithFix("Create topic '%s', or set output.topic.partitions and output.topic.replication.factor.", s.model)
		}
		factor, err := s.env.Topics.Replication(ctx, s.model)
		if err != nil {
			return err
		}
		if partitions < 0 {
			partitions = int32(n)
		}
		if replication < 0 {
			replication = int16(factor)
		}
	}
	return s.env.Topics.Create(ctx, s.c.topic, partitions, replication, nil)
}

// Encode implements connectors.Transactional. The messages do not share memory
// with b, except for headers that are passed on as they came.
func (s *Sink) Encode(ctx context.Context, b *data.Batch, out []data.Message) ([]data.Message, error) {
	if err := s.ensure(ctx); err != nil {
		return out, err
	}
	// One buffer for the batch: it belongs to the messages from now on, which keep
	// their parts also where it has to grow.
	buf := make([]byte, 0, s.size+s.size/8+64)
	total := 0
	start := len(out)
	for i := range b.Records {
		r := &b.Records[i]
		m := data.Message{Topic: s.c.topic, Partition: -1, Offset: -1, Timestamp: r.Timestamp}
		stage := data.StageKeyConverter
		var err error
		if m.Key, buf, err = s.keys.append(&r.Key, b.Arena, buf); err == nil {
			stage = data.StageValueConverter
			if m.Value, buf, err = s.values.append(&r.Value, b.Arena, buf); err == nil {
				stage = data.StageHeaderConverter
				m.Headers, err = s.headers(r.Headers, b.Arena)
			}
		}
		switch {
		case err == nil:
			total += len(m.Key) + len(m.Value)
			out = append(out, m)
		case fault.Is(err, fault.Record):
			b.Fail(i, stage, err)
		default:
			return out[:start], err
		}
	}
	s.size = total
	return out, nil
}

// rename gives the record schema of a value the name of the output.
func (s *Sink) rename(schema *data.Schema) *data.Schema {
	if schema == nil || schema.Kind != data.Struct || schema.Name != "" && s.c.schemaName == "" {
		return schema
	}
	if named, ok := s.named[schema]; ok {
		return named
	}
	named := *schema
	if named.Name = s.c.schemaName; named.Name == "" {
		named.Name = defaultName(s.c.topic)
	}
	if len(s.named) >= maxNamed {
		clear(s.named)
	}
	s.named[schema] = &named
	return &named
}

// defaultName is "culvert." and the topic's name, made an Avro name: what a topic
// may have and Avro may not becomes an underscore.
func defaultName(topic string) string {
	parts := strings.Split(topic, ".")
	for i, p := range parts {
		p = strings.ReplaceAll(p, "-", "_")
		if p == "" || p[0] >= '0' && p[0] <= '9' {
			p = "_" + p
		}
		parts[i] = p
	}
	return "culvert." + strings.Join(parts, ".")
}

// headers passes headers on as they came and encodes those that a transformation
// has made.
func (s *Sink) headers(hs []data.Header, a *data.Arena) ([]data.RawHeader, error) {
	if len(hs) == 0 {
		return nil, nil
	}
	raw := make([]data.RawHeader, len(hs))
	for i := range hs {
		raw[i].Key = hs[i].Key
		if wire, _, ok := hs[i].Value.Wire(); ok {
			raw[i].Value = wire
			continue
		}
		if s.header == nil {
			f, err := s.env.Converter(headerConverterKey, converters.Header)
			if err != nil {
				return nil, err
			}
			s.header = f.For(s.c.topic)
		}
		v, schema, err := hs[i].Value.Value(a)
		if err != nil {
			return nil, err
		}
		if raw[i].Value, err = s.header.Encode(nil, v, schema); err != nil {
			return nil, err
		}
	}
	return raw, nil
}

// Write implements connectors.Sink. Only a task that cannot produce in
// transactions calls it, instead of Encode.
func (s *Sink) Write(context.Context, *data.Batch) error {
	return fault.New(fault.Fatal, "topicsink.write", "%s writes to topic '%s' in transactions, which needs a stateful transformation in its chain", Class, s.c.topic).
		WithField("transforms").WithFix("Add one, such as culvert.transforms.StreamJoin, to transforms.")
}

// Close implements connectors.Sink.
func (s *Sink) Close(context.Context) error { return nil }

// Guards.
var (
	_ connectors.Sink          = (*Sink)(nil)
	_ connectors.Transactional = (*Sink)(nil)
)
