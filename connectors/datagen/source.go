package datagen

import (
	"cmp"
	"context"
	"errors"
	"time"

	"culvert/connectors"
	"culvert/connectors/datagen/macd"
	"culvert/data"
	"culvert/fault"
)

// How many records a Read makes when there is no pause: fewer when they are large.
const (
	batchRecords = 512
	batchBytes   = 1 << 20
)

// Source generates the records of one task.
type Source struct {
	cfg        Config
	stream     stream
	pace       pace
	keyField   int // position in the value, -1: no key
	keySchema  *data.Schema
	int64s     *data.Schema
	generation int64
	lanes      []lane
	day        time.Time // what a relative event.time.start counts from
}

var _ connectors.Source = (*Source)(nil)

func open(ctx context.Context, env connectors.Env, props map[string]string) (connectors.Source, error) {
	cfg, err := Parse(props)
	if err != nil {
		return nil, err
	}
	return newSource(ctx, cfg, env.Offsets)
}

func newSource(ctx context.Context, cfg Config, offsets connectors.OffsetReader) (*Source, error) {
	s := &Source{
		cfg: cfg, keyField: -1,
		// Without a key field, the key is a null that may be a string, as the original says.
		keySchema: data.Of(data.String).AsOptional(),
		int64s:    data.Of(data.Int64),
		lanes:     cfg.lanes(),
		day:       time.Now().UTC().Truncate(24 * time.Hour),
	}
	seed, err := s.restore(ctx, offsets)
	if err != nil {
		return nil, err
	}
	if s.stream, err = cfg.stream(cfg.EventStart.at(s.day)); err != nil {
		return nil, &fault.Error{Class: fault.Config, Code: "datagen.schema", Err: err}
	}
	schema := s.stream.schema()
	if r, ok := s.stream.(*random); ok && r.s.IsRecord() && r.s.Err() != nil {
		return nil, &fault.Error{Class: fault.Config, Code: "datagen.schema", Err: r.s.Err(), Java: "org.apache.kafka.connect.errors.DataException"}
	} else if ok && (schema == nil || schema.Kind != data.Struct) {
		return nil, fault.New(fault.Config, "datagen.schema", "Expected Avro Random Generator to return instance of GenericRecord, found %s instead", r.s.JavaClass()).
			WithJava("java.lang.RuntimeException").WithFix("give a schema of type record in schema.string or schema.filename")
	}
	if name := cmp.Or(cfg.KeyField, s.stream.keyField()); name != "" {
		s.keyField = schema.FieldIndex(name)
		s.keySchema = schema.Fields[s.keyField].Schema
	}
	s.stream.start(seed, s.lanes[0].next)
	s.pace = cfg.pace(cfg.share(len(s.lanes)))
	return s, nil
}

// share is what a task with that many lanes has of the connector's rate.
func (c *Config) share(lanes int) share {
	if isMacd(c.Quickstart) {
		return share{lanes, shards}
	}
	return share{1, max(c.Tasks, 1)}
}

// Read generates what is due: one record after a pause, what a rate asks for, or,
// without either, as many as make a batch. At the end of the iterations it fails,
// as the original does.
func (s *Source) Read(ctx context.Context, b *data.Batch) error {
	if s.finished(s.ahead()) {
		return s.end()
	}
	most, err := s.pace.wait(ctx, batchRecords)
	if err != nil {
		return err
	}
	now := time.Now().UnixMilli()
	var l *lane
	emit := func(v data.Value, at int64) { s.append(b, v, at, l.next) }
	// An index may come to no record at all (an order that is never paid) or to
	// several; a long row of the former must not outlast ctx.
	for tries, size := 0, 0; len(b.Records) < most && size < batchBytes; tries++ {
		if tries >= batchRecords && ctx.Err() != nil {
			break
		}
		if l = s.ahead(); s.finished(l) {
			break
		}
		if err := s.stream.next(l.next, now, b.Arena, emit); err != nil {
			return &fault.Error{Class: fault.Fatal, Code: "datagen.generator", Java: "java.lang.RuntimeException", Err: err,
				Fix: "correct arg.properties in the schema of the connector"}
		}
		size += s.stream.taken()
		l.next += l.stride
		l.moved = true
	}
	s.pace.made(len(b.Records))
	s.mark(b)
	if len(b.Records) > 0 {
		return nil
	}
	return cmp.Or(ctx.Err(), s.end())
}

func (s *Source) finished(l *lane) bool { return s.cfg.Iterations > 0 && l.next >= s.cfg.Iterations }

// codeFinished is the code of the error that ends a task with iterations.
const codeFinished = "datagen.finished"

func (s *Source) end() error {
	n := s.cfg.Iterations
	if !isMacd(s.cfg.Quickstart) {
		n = s.lanes[0].next // the original counts: more, if iterations were more before
	}
	return fault.New(fault.Fatal, codeFinished, "Stopping connector: generated the configured %d number of messages", n).
		WithJava("org.apache.kafka.connect.errors.ConnectException")
}

// Finished says whether an error of Read means that all iterations are done.
func Finished(err error) bool {
	var f *fault.Error
	return errors.As(err, &f) && f.Code == codeFinished
}

// append adds one record.
func (s *Source) append(b *data.Batch, v data.Value, at, iteration int64) {
	rec := b.Append()
	rec.Topic = s.cfg.Topic
	rec.Timestamp = at
	var key data.Value
	if s.keyField >= 0 {
		key = v.Elems()[s.keyField]
	}
	rec.Key = data.ValueCell(key, s.keySchema)
	rec.Value = data.ValueCell(v, s.stream.schema())
	rec.Headers = b.NewHeaders(3)
	rec.Headers[0] = data.Header{Key: offsetGeneration, Value: data.ValueCell(data.OfInt64(s.generation), s.int64s)}
	rec.Headers[1] = data.Header{Key: offsetTask, Value: data.ValueCell(data.OfInt64(int64(s.cfg.TaskID)), s.int64s)}
	rec.Headers[2] = data.Header{Key: offsetIteration, Value: data.ValueCell(data.OfInt64(iteration), s.int64s)}
}

// Close ends the source.
func (s *Source) Close(context.Context) error { return nil }

// Matched returns the orders and payments that a configuration makes when it first
// runs at the time now. Props are those of either connector; its iterations must
// have an end.
func Matched(props map[string]string, now time.Time) (macd.Config, error) {
	cfg, err := Parse(props)
	if err != nil {
		return macd.Config{}, err
	}
	if !isMacd(cfg.Quickstart) || cfg.Iterations < 1 {
		return macd.Config{}, fault.New(fault.Config, "datagen.config", "The truth is known for quickstart %s and %s with iterations above 0, not for quickstart %q with %d",
			macdOrders, macdPayments, cfg.Quickstart, cfg.Iterations)
	}
	return cfg.macd(cfg.EventStart.at(now)), nil
}

// Truth returns what the orders and the payments of a configuration hold, and
// which of them a join within the given time must find. Props are as for Matched.
func Truth(props map[string]string, within time.Duration) (macd.Truth, error) {
	m, err := Matched(props, time.Now())
	if err != nil {
		return macd.Truth{}, err
	}
	return m.Truth(within), nil
}
