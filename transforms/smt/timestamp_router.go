package smt

import (
	"fmt"
	"strings"

	"culvert/configdef"
	"culvert/data"
	"culvert/data/values"
	"culvert/fault"
	"culvert/transforms"
	"culvert/transforms/dateformat"
)

type timestampRouterConfig struct{ topic, format string }

var timestampRouterDef = &configdef.Def[timestampRouterConfig]{Keys: []configdef.Key[timestampRouterConfig]{
	{Spec: withDefault(spec("topic.format", configdef.String, configdef.High,
		"The new name of the topic; ${topic} stands for the old one and ${timestamp} for the time of the record."), "${topic}-${timestamp}"),
		Into: configdef.Str(func(c *timestampRouterConfig) *string { return &c.topic })},
	{Spec: withDefault(spec("timestamp.format", configdef.String, configdef.High,
		"The form of ${timestamp}, in UTC: a pattern of java.text.SimpleDateFormat."), "yyyyMMdd"),
		Into: configdef.Str(func(c *timestampRouterConfig) *string { return &c.format })},
}}

// timestampRouter makes a new name only where topic and formatted time have changed.
type timestampRouter struct {
	format   string
	date     *dateformat.Format
	wrong    error // of a pattern that cannot be read; Java finds it at the first record
	from, to string
	known    bool
	time     []byte // formatted, of to
	scratch  []byte
}

func newTimestampRouter(c timestampRouterConfig) (transforms.Transform, error) {
	t := &timestampRouter{format: c.topic}
	if t.date, t.wrong = dateformat.New(c.format); t.wrong != nil {
		t.wrong = fault.New(fault.Record, "smt.date_pattern", "%w", t.wrong).WithField("timestamp.format").
			WithJava("java.lang.IllegalArgumentException").WithFix("Correct timestamp.format %s.", c.format)
	}
	return each(t.apply), nil
}

func (t *timestampRouter) apply(r *data.Record, a *data.Arena) error {
	if r.Timestamp == data.NoTimestamp {
		return badData("Timestamp missing on record: %s", describe(r, a))
	}
	if t.wrong != nil {
		return t.wrong
	}
	t.scratch = t.date.Append(t.scratch[:0], r.Timestamp)
	if !t.known || t.from != r.Topic || string(t.time) != string(t.scratch) {
		t.known, t.from, t.time = true, r.Topic, append(t.time[:0], t.scratch...)
		t.to = strings.ReplaceAll(strings.ReplaceAll(t.format, "${topic}", r.Topic), "${timestamp}", string(t.time))
	}
	r.Topic = t.to
	return nil
}

// describe is the record as Java's toString shows it.
func describe(r *data.Record, a *data.Arena) string {
	kind := "SourceRecord{}"
	if r.Input >= 0 {
		kind = fmt.Sprintf("SinkRecord{kafkaOffset=%[1]d, timestampType=NoTimestampType, originalTopic=%[2]s, originalKafkaPartition=%[3]d, originalKafkaOffset=%[1]d}",
			r.Offset, r.Topic, r.Partition)
	}
	var headers []string
	for i := range r.Headers {
		v, s := shown(&r.Headers[i].Value, a)
		headers = append(headers, fmt.Sprintf("ConnectHeader(key=%s, value=%s, schema=%s)", r.Headers[i].Key, v, s))
	}
	key, keySchema := shown(&r.Key, a)
	value, valueSchema := shown(&r.Value, a)
	return fmt.Sprintf("%s ConnectRecord{topic='%s', kafkaPartition=%d, key=%s, keySchema=%s, value=%s, valueSchema=%s, timestamp=null, headers=ConnectHeaders(headers=%s)}",
		kind, r.Topic, r.Partition, key, keySchema, value, valueSchema, strings.Join(headers, ", "))
}

func shown(c *data.Cell, a *data.Arena) (value, schema string) {
	v, s, err := c.Value(a)
	switch {
	case err != nil:
		return "unreadable", "null"
	case s == nil:
		return values.String(v, nil), "null"
	}
	return values.String(v, s), schemaText(s)
}

// schemaText is ConnectSchema.toString.
func schemaText(s *data.Schema) string {
	if s.Name != "" {
		return "Schema{" + s.Name + ":" + values.TypeName(s.Kind) + "}"
	}
	return "Schema{" + values.TypeName(s.Kind) + "}"
}
