package datagen

import (
	"context"
	"fmt"
	"math/rand/v2"
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

// Names in source offsets and in the headers of records.
const (
	offsetTask       = "task.id"
	offsetGeneration = "task.generation"
	offsetIteration  = "current.iteration"
	offsetSeed       = "random.seed"
)

// Source generates the records of one task.
type Source struct {
	cfg        Config
	stream     stream
	keyField   int // position in the value, -1: no key
	keySchema  *data.Schema
	int64s     *data.Schema
	partition  data.Value
	generation int64
	count      int64 // iterations done
	timer      *time.Timer
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
	stream, err := cfg.stream()
	if err != nil {
		return nil, &fault.Error{Class: fault.Config, Code: "datagen.schema", Err: err}
	}
	if stream.schema() == nil || stream.schema().Kind != data.Struct {
		return nil, fault.New(fault.Config, "datagen.schema", "The schema makes no records: its type is not record").
			WithFix("give a schema of type record in schema.string or schema.filename")
	}
	s := &Source{
		cfg: cfg, stream: stream, keyField: -1,
		// Without a key field, the key is a null that may be a string, as the original says.
		keySchema: data.Of(data.String).AsOptional(),
		int64s:    data.Of(data.Int64),
		partition: data.OfMap([]data.Value{data.OfString(offsetTask), data.OfInt64(int64(cfg.TaskID))}),
	}
	if name := cfg.KeyField; name != "" || stream.keyField() != "" {
		if name == "" {
			name = stream.keyField()
		}
		s.keyField = stream.schema().FieldIndex(name)
		s.keySchema = stream.schema().Fields[s.keyField].Schema
	}
	seed, err := s.restore(ctx, offsets)
	if err != nil {
		return nil, err
	}
	stream.start(seed, s.count)
	return s, nil
}

// restore takes up the state that the stored offset holds: it is the state
// before the next record, not after the last one.
func (s *Source) restore(ctx context.Context, offsets connectors.OffsetReader) (seed int64, err error) {
	seed = s.cfg.firstSeed()
	if offsets == nil {
		return seed, nil
	}
	stored, err := offsets.Load(ctx, []data.Value{s.partition})
	if err != nil {
		return 0, fmt.Errorf("load the offset of task %d: %w", s.cfg.TaskID, err)
	}
	if len(stored) == 0 || stored[0].IsNull() {
		return seed, nil
	}
	for _, f := range []struct {
		name string
		into *int64
	}{{offsetGeneration, &s.generation}, {offsetIteration, &s.count}, {offsetSeed, &seed}} {
		v, ok := stored[0].Lookup(f.name)
		if !ok || (v.Kind() != data.Int64 && v.Kind() != data.Int32) {
			return 0, fault.New(fault.Config, "datagen.offset", "The stored offset of task %d has no whole number %q", s.cfg.TaskID, f.name).
				WithFix("stop the connector and delete its offsets (DELETE /connectors/<name>/offsets): it then begins anew")
		}
		*f.into = v.Int()
	}
	return seed, nil
}

// Read generates one record after a pause, or, without pause, as many as make a
// batch. At the end of the iterations it fails, as the original does.
func (s *Source) Read(ctx context.Context, b *data.Batch) error {
	most := batchRecords
	if s.cfg.MaxInterval > 0 {
		most = 1
	}
	headers := make([]data.Header, 0, 3*most)
	var now int64
	emit := func(v data.Value, at int64) { headers = s.append(b, v, at, headers) }
	// An index may come to no record at all (an order that is never paid) or to two.
	for size := 0; len(b.Records) < most && size < batchBytes; size += s.stream.taken() {
		if s.cfg.Iterations > 0 && s.count >= s.cfg.Iterations {
			if len(b.Records) > 0 {
				break
			}
			return fault.New(fault.Fatal, "datagen.finished", "Stopping connector: generated the configured %d number of messages", s.count).
				WithJava("org.apache.kafka.connect.errors.ConnectException")
		}
		if len(b.Records) == 0 {
			if err := s.pause(ctx); err != nil {
				return err
			}
			now = time.Now().UnixMilli()
		}
		if err := s.stream.next(s.count, now, b.Arena, emit); err != nil {
			return &fault.Error{Class: fault.Fatal, Code: "datagen.generator", Java: "java.lang.RuntimeException", Err: err,
				Fix: "correct arg.properties in the schema of the connector"}
		}
		s.count++
	}
	b.Mark(s.partition, data.OfMap([]data.Value{
		data.OfString(offsetGeneration), data.OfInt64(s.generation + 1),
		data.OfString(offsetIteration), data.OfInt64(s.count),
		data.OfString(offsetSeed), data.OfInt64(s.stream.seed()),
	}))
	return nil
}

// append adds one record; its headers are cut from the given slice, which is one
// allocation for the batch.
func (s *Source) append(b *data.Batch, v data.Value, at int64, headers []data.Header) []data.Header {
	rec := b.Append()
	rec.Topic = s.cfg.Topic
	rec.Timestamp = at
	var key data.Value
	if s.keyField >= 0 {
		key = v.Elems()[s.keyField]
	}
	rec.Key = data.ValueCell(key, s.keySchema)
	rec.Value = data.ValueCell(v, s.stream.schema())
	first := len(headers)
	headers = append(headers,
		data.Header{Key: offsetGeneration, Value: data.ValueCell(data.OfInt64(s.generation), s.int64s)},
		data.Header{Key: offsetTask, Value: data.ValueCell(data.OfInt64(int64(s.cfg.TaskID)), s.int64s)},
		data.Header{Key: offsetIteration, Value: data.ValueCell(data.OfInt64(s.count), s.int64s)},
	)
	rec.Headers = headers[first:len(headers):len(headers)]
	return headers
}

// pause sleeps between 0 and max.interval milliseconds, or until ctx ends.
func (s *Source) pause(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.cfg.MaxInterval <= 0 {
		return nil
	}
	d := time.Duration(float64(s.cfg.MaxInterval)*rand.Float64()) * time.Millisecond
	if d == 0 {
		return nil
	}
	if s.timer == nil {
		s.timer = time.NewTimer(d)
	} else {
		s.timer.Reset(d)
	}
	select {
	case <-s.timer.C:
		return nil
	case <-ctx.Done():
		s.timer.Stop()
		return ctx.Err()
	}
}

// Close ends the source.
func (s *Source) Close(context.Context) error { return nil }

// Matched returns the orders and payments that a configuration makes. Props are
// those of either connector; its iterations must have an end.
func Matched(props map[string]string) (macd.Config, error) {
	cfg, err := Parse(props)
	if err != nil {
		return macd.Config{}, err
	}
	if !isMacd(cfg.Quickstart) || cfg.Iterations < 1 {
		return macd.Config{}, fault.New(fault.Config, "datagen.config", "The truth is known for quickstart %s and %s with iterations above 0, not for quickstart %q with %d",
			macdOrders, macdPayments, cfg.Quickstart, cfg.Iterations)
	}
	return cfg.macd(), nil
}

// Truth returns what the orders and the payments of a configuration hold, and
// which of them a join within the given time must find. Props are as for Matched.
func Truth(props map[string]string, within time.Duration) (macd.Truth, error) {
	m, err := Matched(props)
	if err != nil {
		return macd.Truth{}, err
	}
	return m.Truth(within), nil
}
