package smt

import (
	"strings"

	"culvert/configdef"
	"culvert/data"
	"culvert/fault"
	"culvert/transforms"
	"culvert/transforms/dateformat"
)

type timestampConverterConfig struct {
	field, target, format, precision string
	defaults                         bool
}

var timestampConverterDef = &configdef.Def[timestampConverterConfig]{Keys: []configdef.Key[timestampConverterConfig]{
	{Spec: withDefault(spec("field", configdef.String, configdef.High, "The field that holds the time; empty: the whole is the time."), ""),
		Into: configdef.Str(func(c *timestampConverterConfig) *string { return &c.field })},
	{Spec: checked(required(spec("target.type", configdef.String, configdef.High, "What the time becomes: string, unix, Date, Time or Timestamp.")),
		configdef.OneOf("string", "unix", "Date", "Time", "Timestamp")),
		Into: configdef.Str(func(c *timestampConverterConfig) *string { return &c.target })},
	{Spec: withDefault(spec("format", configdef.String, configdef.Medium, "The form of times that are texts: a pattern of java.text.SimpleDateFormat, in UTC."), ""),
		Into: configdef.Str(func(c *timestampConverterConfig) *string { return &c.format })},
	{Spec: checked(withDefault(spec("unix.precision", configdef.String, configdef.Low,
		"What times that are numbers count: seconds, milliseconds, microseconds or nanoseconds since 1970. What is smaller than a millisecond is lost."), "milliseconds"),
		configdef.OneOf("nanoseconds", "microseconds", "milliseconds", "seconds")),
		Into: configdef.Str(func(c *timestampConverterConfig) *string { return &c.precision })},
	replaceNull(func(c *timestampConverterConfig) *bool { return &c.defaults }),
}}

type timestampConverter struct {
	field          string
	half           half
	defaults       bool
	target         data.Kind // String, Int64 for unix, Date, Time or Timestamp
	schema, orNull *data.Schema
	format         *dateformat.Format
	times, per     int64 // a unix time times this, divided by that, is milliseconds
	plans          *plans[timePlan]
}

type timePlan struct {
	schema *data.Schema
	at     int // of the field, -1 if there is none
	wrong  error
	copied copied
}

const timePurpose = "converting timestamp formats"

var timeTargets = map[string]data.Kind{"string": data.String, "unix": data.Int64, "Date": data.Date, "Time": data.Time, "Timestamp": data.Timestamp}

func newTimestampConverter(h half, c timestampConverterConfig) (transforms.Transform, error) {
	t := &timestampConverter{field: c.field, half: h, defaults: c.defaults, target: timeTargets[c.target], times: 1, per: 1}
	blank := trim(c.format) == ""
	if blank && t.target == data.String {
		return nil, badConfig("TimestampConverter requires format option to be specified when using string timestamps").WithField("format")
	}
	if !blank {
		var err error
		if t.format, err = dateformat.New(c.format); err != nil {
			return nil, badConfig("Invalid value java.lang.IllegalArgumentException: %s for configuration "+
				"TimestampConverter requires a SimpleDateFormat-compatible pattern for string timestamps: %s", err, c.format).WithField("format")
		}
	}
	switch c.precision {
	case "seconds":
		t.times = 1000
	case "microseconds":
		t.per = 1000
	case "nanoseconds":
		t.per = 1000000
	}
	t.schema = data.Of(t.target)
	t.orNull = t.schema.AsOptional()
	t.plans = newPlans(t.plan)
	return each(t.apply), nil
}

func (t *timestampConverter) typeSchema(isOptional bool) *data.Schema {
	if isOptional {
		return t.orNull
	}
	return t.schema
}

func (t *timestampConverter) apply(r *data.Record, a *data.Arena) error {
	c := t.half.of(r)
	v, s, err := c.Value(a)
	switch {
	case err != nil:
		return err
	case s == nil:
		return t.schemaless(c, v, a)
	case t.field == "":
		if err := timeSchema(s); err != nil {
			return err
		}
		if v, err = t.convert(v, a); err == nil {
			c.Set(v, t.typeSchema(s.Optional))
		}
		return err
	}
	if !v.IsNull() {
		if err := requireStruct(v, timePurpose); err != nil {
			return err
		}
	}
	p, err := t.plans.of(s)
	if err != nil {
		return err
	}
	if !v.IsNull() {
		if v, err = t.converted(p, v, a); err != nil {
			return err
		}
	}
	c.Set(v, p.schema)
	return nil
}

// converted is the struct with its time converted.
func (t *timestampConverter) converted(p *timePlan, v data.Value, a *data.Arena) (data.Value, error) {
	out := a.Values(v.Len())
	copy(out, v.Elems())
	missing := p.copied.filled(out)
	if p.at >= 0 && p.at <= missing {
		if p.wrong != nil {
			return v, p.wrong
		}
		var err error
		if out[p.at], err = t.convert(out[p.at], a); err != nil {
			return v, err
		}
	}
	if err := refusedOf(p.schema.Fields, missing); err != nil {
		return v, err
	}
	return data.OfStruct(out), nil
}

func (t *timestampConverter) schemaless(c *data.Cell, v data.Value, a *data.Arena) error {
	if v.IsNull() || t.field == "" {
		v, err := t.inferred(v, a)
		if err == nil {
			c.Set(v, nil)
		}
		return err
	}
	if err := requireMap(v, timePurpose); err != nil {
		return err
	}
	converted, err := t.inferred(lookup(v, t.field), a)
	if err != nil {
		return err
	}
	c.Set(data.OfMap(putPair(copyPairs(a, v, 1), t.field, converted)), nil)
	return nil
}

func (t *timestampConverter) plan(s *data.Schema) (*timePlan, error) {
	list, err := fields(s)
	if err != nil {
		return nil, err
	}
	p, b := &timePlan{at: -1, copied: copying(list, t.defaults)}, build(s)
	for i, f := range list {
		if f.Name == t.field {
			p.at, p.wrong = i, timeSchema(f.Schema)
			f.Schema = t.typeSchema(f.Schema.Optional)
		}
		if err := b.field(f.Name, f.Schema); err != nil {
			return nil, err
		}
	}
	p.schema = b.done()
	p.schema.Optional = s.Optional
	if s.HasDefault && !s.Default.IsNull() {
		v, err := t.converted(p, s.Default, nil)
		if err != nil {
			return nil, err
		}
		p.schema.Default, p.schema.HasDefault = v, true
	}
	return p, nil
}

// timeSchema refuses schemas that no time has.
func timeSchema(s *data.Schema) error {
	switch s.Kind {
	case data.Date, data.Time, data.Timestamp, data.String, data.Int64:
		return nil
	}
	return fault.New(fault.Record, "smt.time_type", "Schema %s does not correspond to a known timestamp type format", schemaText(s)).
		WithJava("org.apache.kafka.connect.errors.ConnectException")
}

// inferred converts a value without schema, whose class tells what it is.
func (t *timestampConverter) inferred(v data.Value, a *data.Arena) (data.Value, error) {
	switch v.Kind() {
	case data.Null, data.Date, data.Time, data.Timestamp, data.Int64, data.String:
		out, err := t.convert(v, a)
		if isLogical(out.Kind()) {
			out = data.OfTimestamp(out.Int()) // without schema, all of them are a java.util.Date
		}
		return out, err
	}
	return v, badData("TimestampConverter does not support %s objects as timestamps", classOf(v))
}

func (t *timestampConverter) convert(v data.Value, a *data.Arena) (data.Value, error) {
	var ms int64
	var err error
	switch v.Kind() {
	case data.Null:
		return v, nil
	case data.String:
		ms, err = t.parse(v.Str())
	case data.Int64:
		ms, err = t.fromUnix(v)
	case data.Date, data.Time, data.Timestamp:
		ms = v.Int()
	default:
		err = badData("TimestampConverter does not support %s objects as timestamps", classOf(v))
	}
	if err != nil {
		return v, err
	}
	switch t.target {
	case data.String:
		return data.OfText(t.format.Append(a.Bytes(len(t.format.Pattern())+24), ms)), nil
	case data.Date:
		return data.OfDate(ms - inDay(ms)), nil
	case data.Time:
		return data.OfTime(inDay(ms)), nil
	case data.Timestamp:
		return data.OfTimestamp(ms), nil
	}
	return t.toUnix(ms)
}

func inDay(ms int64) int64 { return (ms%dayMillis + dayMillis) % dayMillis }

func (t *timestampConverter) parse(s string) (int64, error) {
	if t.format == nil {
		return 0, badData("Could not parse timestamp: value (%s), because format is not set", s).WithFix("Set format to the pattern of the texts.")
	}
	ms, err := t.format.Parse(s)
	if err != nil {
		return 0, badData("Could not parse timestamp: value (%s) does not match pattern (%s)", strings.ToValidUTF8(s, "\ufffd"), t.format.Pattern())
	}
	return ms, nil
}

// fromUnix and toUnix change the unit, as TimeUnit does, but refuse a time beyond
// the range, where Java takes the largest.
func (t *timestampConverter) fromUnix(v data.Value) (int64, error) {
	n := v.Int()
	if ms := n * t.times; ms/t.times == n {
		return ms / t.per, nil
	}
	return 0, timeRange(n)
}

func (t *timestampConverter) toUnix(ms int64) (data.Value, error) {
	if n := ms * t.per; n/t.per == ms {
		return data.OfInt64(n / t.times), nil
	}
	return data.Value{}, timeRange(ms)
}

func timeRange(n int64) error {
	return badData("Timestamp %d is beyond the range of 64 bits in the unit of its conversion", n).
		WithFix("Correct the value, or unix.precision.")
}
