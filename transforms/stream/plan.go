package stream

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"culvert/configdef"
	"culvert/data"
	"culvert/fault"
	"culvert/transforms"
)

// Class is the name by which a chain asks for the join.
const Class = "culvert.transforms.StreamJoin"

// Plugin describes the join.
func Plugin() transforms.Plugin {
	return transforms.Plugin{
		Class:   Class,
		Aliases: []string{"StreamJoin"},
		Spec:    func() []configdef.Spec { return def().Specs() },
		Check: func(props map[string]string) *configdef.Report {
			_, r := def().Parse(props)
			return r
		},
		NewStateful: func(props map[string]string, log *slog.Logger) (transforms.Plan, error) { return NewPlan(props, log) },
	}
}

// Plan is a configured join.
type Plan struct {
	c   config
	log *slog.Logger
}

// NewPlan makes a join of its keys (without "transforms.<alias>.").
func NewPlan(props map[string]string, log *slog.Logger) (*Plan, error) {
	c, r := def().Parse(props)
	if errs := r.Errors(); len(errs) > 0 {
		return nil, fault.New(fault.Config, "stream.config", "%s", strings.Join(errs, "\n"))
	}
	if log == nil {
		log = slog.Default()
	}
	return &Plan{c: c, log: log}, nil
}

// Inputs implements transforms.Plan: left, then right.
func (p *Plan) Inputs() []string { return []string{p.c.topic[0], p.c.topic[1]} }

// Copartitioned implements transforms.Plan.
func (p *Plan) Copartitioned() bool { return p.c.copartitioned }

// Retention implements transforms.Plan; it is the same for both sides.
func (p *Plan) Retention(string) int64 { return p.c.retention() }

// ByTimestamp implements transforms.Plan.
func (p *Plan) ByTimestamp() bool { return p.c.timestamp == "" }

// Shape implements transforms.Shaped: what decides about the bytes and the keys
// that are kept.
func (p *Plan) Shape() string {
	return fmt.Sprintf("join 1 left=%q right=%q on=%q,%q time=%q", p.c.topic[0], p.c.topic[1], p.c.on[0], p.c.on[1], p.c.timestamp)
}

// Make implements transforms.Plan.
func (p *Plan) Make(partition int32) transforms.Stateful {
	j := &Join{p: p, partition: partition, rows: rows{c: &p.c}}
	j.yield = j.match
	return j
}

// EventTime implements transforms.Plan. It reads timestamp.field where that is
// set; a record without a value has no such field, joins with nothing and takes
// its own timestamp.
func (p *Plan) EventTime(topic string, r *data.Record, a *data.Arena) (int64, error) {
	t := r.Timestamp
	if p.c.timestamp != "" {
		v, s, err := r.Value.Value(a)
		if err != nil {
			return 0, &staged{data.StageValueConverter, err}
		}
		if !v.IsNull() {
			return p.fieldTime(topic, v, s)
		}
	}
	if t < 0 || t > maxTime {
		return 0, fault.New(fault.Record, "stream.no_timestamp", "a record of topic %s has no usable timestamp (%d ms)", topic, t).
			WithFix("Let the producer set timestamps in milliseconds, or name a field of the value with timestamp.field.")
	}
	return t, nil
}

// maxTime is far beyond any time in milliseconds: a record that claims more (in
// nanoseconds, say) would expire everything that is kept.
const maxTime = 1 << 60

func (p *Plan) fieldTime(topic string, v data.Value, s *data.Schema) (int64, error) {
	name := p.c.timestamp
	f, _, found := field(v, s, name)
	if !found {
		return 0, missing(topic, name, "timestamp.field", v, s)
	}
	var t int64
	switch f.Kind() {
	case data.Int32, data.Int64, data.Timestamp, data.Date:
		t = f.Int()
	case data.String:
		parsed, err := time.Parse(time.RFC3339Nano, f.Str())
		if err != nil {
			return 0, badTime(topic, name, f).WithFix("Texts must be as in RFC 3339: 2026-08-22T10:15:30Z.")
		}
		t = parsed.UnixMilli()
	default:
		return 0, badTime(topic, name, f)
	}
	if t < 0 || t > maxTime {
		return 0, badTime(topic, name, f)
	}
	return t, nil
}

func badTime(topic, name string, f data.Value) *fault.Error {
	what := f.Kind().String()
	switch f.Kind() {
	case data.String:
		what = fmt.Sprintf("%q", clip(f.Str()))
	case data.Int32, data.Int64, data.Timestamp, data.Date:
		what = fmt.Sprint(f.Int())
	}
	return fault.New(fault.Record, "stream.timestamp", "field %s of topic %s holds no event time: %s", name, topic, what).
		WithField(name).WithFix("timestamp.field must name a timestamp, milliseconds since 1970, or a text as in RFC 3339.")
}

// missing is the error of a value without a field that the configuration names.
func missing(topic, name, key string, v data.Value, s *data.Schema) error {
	have := v.Kind().String()
	if s != nil && s.Kind == data.Struct {
		names := make([]string, len(s.Fields))
		for i := range s.Fields {
			names[i] = s.Fields[i].Name
		}
		have = "fields " + strings.Join(names, ", ")
	}
	return fault.New(fault.Record, "stream.field", "the value of a record of topic %s has no field %s (%s): it has %s", topic, name, key, have).
		WithField(name).WithFix("Correct %s, or bring the values into shape with a transformation before the join.", key)
}

// field returns a member of a Struct or of a Map with text keys.
func field(v data.Value, s *data.Schema, name string) (data.Value, *data.Schema, bool) {
	switch v.Kind() {
	case data.Struct:
		if i := s.FieldIndex(name); i >= 0 {
			return v.Elems()[i], s.Fields[i].Schema, true
		}
	case data.Map:
		if f, ok := v.Lookup(name); ok {
			return f, nil, true
		}
	}
	return data.Value{}, nil, false
}

// clip shortens data that goes into an error text.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}

// staged is an error that knows which stage of the chain it blames.
type staged struct {
	stage data.Stage
	err   error
}

func (e *staged) Error() string { return e.err.Error() }
func (e *staged) Unwrap() error { return e.err }

// Guards.
var (
	_ transforms.Plan   = (*Plan)(nil)
	_ transforms.Shaped = (*Plan)(nil)
)
