package smt

import (
	"strings"

	"culvert/configdef"
	"culvert/data"
	"culvert/transforms"
)

type insertFieldConfig struct {
	topic, partition, offset, timestamp, static, value *string
	defaults                                           bool
}

const optionality = " With ! at the end the field is required, with ? (or nothing) optional."

var insertFieldDef = &configdef.Def[insertFieldConfig]{Keys: []configdef.Key[insertFieldConfig]{
	{Spec: spec("topic.field", configdef.String, configdef.Medium, "The field for the topic."+optionality),
		Into: text(func(c *insertFieldConfig) **string { return &c.topic })},
	{Spec: spec("partition.field", configdef.String, configdef.Medium, "The field for the partition."+optionality),
		Into: text(func(c *insertFieldConfig) **string { return &c.partition })},
	{Spec: spec("offset.field", configdef.String, configdef.Medium, "The field for the offset; sinks only."+optionality),
		Into: text(func(c *insertFieldConfig) **string { return &c.offset })},
	{Spec: spec("timestamp.field", configdef.String, configdef.Medium, "The field for the record's timestamp."+optionality),
		Into: text(func(c *insertFieldConfig) **string { return &c.timestamp })},
	{Spec: spec("static.field", configdef.String, configdef.Medium, "The field for static.value."+optionality),
		Into: text(func(c *insertFieldConfig) **string { return &c.static })},
	{Spec: spec("static.value", configdef.String, configdef.Medium, "The text that static.field gets."),
		Into: text(func(c *insertFieldConfig) **string { return &c.value })},
	replaceNull(func(c *insertFieldConfig) *bool { return &c.defaults }),
}}

// insertion is one field to add. From gives its value; ok is false where the record
// has none, and the field stays null then.
type insertion struct {
	name   string
	schema *data.Schema
	from   func(r *data.Record, withSchema bool) (v data.Value, ok bool, err error)
}

type insertField struct {
	half       half
	defaults   bool
	insertions []insertion
	plans      *plans[structPlan]
}

const insertPurpose = "field insertion"

func newInsertField(h half, c insertFieldConfig) (transforms.Transform, error) {
	t := &insertField{half: h, defaults: c.defaults}
	t.add(c.topic, data.String, func(r *data.Record, _ bool) (data.Value, bool, error) { return data.OfString(r.Topic), true, nil })
	t.add(c.partition, data.Int32, func(r *data.Record, _ bool) (data.Value, bool, error) {
		return data.OfInt32(r.Partition), r.Partition >= 0, nil
	})
	t.add(c.offset, data.Int64, recordOffset)
	t.add(c.timestamp, data.Timestamp, func(r *data.Record, withSchema bool) (data.Value, bool, error) {
		if withSchema {
			return data.OfTimestamp(r.Timestamp), r.Timestamp != data.NoTimestamp, nil
		}
		return data.OfInt64(r.Timestamp), r.Timestamp != data.NoTimestamp, nil
	})
	if c.static != nil {
		if c.value == nil {
			return nil, badConfig("Invalid value null for configuration static.value: No value specified for static field: %s", *c.static)
		}
		static := data.OfString(*c.value)
		t.add(c.static, data.String, func(*data.Record, bool) (data.Value, bool, error) { return static, true, nil })
	}
	if len(t.insertions) == 0 {
		return nil, badConfig("No field insertion configured")
	}
	t.plans = newPlans(t.plan)
	return each(t.apply), nil
}

func (t *insertField) add(spec *string, kind data.Kind, from func(*data.Record, bool) (data.Value, bool, error)) {
	if spec == nil {
		return
	}
	name, isRequired := strings.CutSuffix(*spec, "!")
	if !isRequired {
		name = strings.TrimSuffix(name, "?")
	}
	t.insertions = append(t.insertions, insertion{name: name, schema: optional(data.Of(kind), !isRequired), from: from})
}

// recordOffset is for sinks: a record of a source has no offset yet.
func recordOffset(r *data.Record, _ bool) (data.Value, bool, error) {
	if r.Input < 0 {
		return data.Value{}, false, badData("Only SinkRecord supported for [%s], found: org.apache.kafka.connect.source.SourceRecord", insertPurpose)
	}
	return data.OfInt64(r.Offset), true, nil
}

func (t *insertField) apply(r *data.Record, a *data.Arena) error {
	c := t.half.of(r)
	v, s, err := c.Value(a)
	switch {
	case err != nil || v.IsNull():
		return err
	case s == nil:
		return t.schemaless(r, c, v, a)
	}
	if err := requireStruct(v, insertPurpose); err != nil {
		return err
	}
	p, err := t.plans.of(s)
	if err != nil {
		return err
	}
	n := len(s.Fields)
	out := a.Values(n + len(t.insertions))
	if err := p.copied.to(out, v.Elems()); err != nil {
		return err
	}
	for i := range t.insertions {
		value, ok, err := t.insertions[i].from(r, true)
		if err != nil {
			return err
		}
		if ok {
			out[n+i] = value
		}
	}
	c.Set(data.OfStruct(out), p.schema)
	return nil
}

func (t *insertField) schemaless(r *data.Record, c *data.Cell, v data.Value, a *data.Arena) error {
	if err := requireMap(v, insertPurpose); err != nil {
		return err
	}
	pairs := copyPairs(a, v, len(t.insertions))
	for i := range t.insertions {
		value, ok, err := t.insertions[i].from(r, false)
		if err != nil {
			return err
		}
		if ok {
			pairs = putPair(pairs, t.insertions[i].name, value)
		}
	}
	c.Set(data.OfMap(pairs), nil)
	return nil
}

func (t *insertField) plan(s *data.Schema) (*structPlan, error) {
	b := build(s)
	for _, f := range s.Fields {
		if err := b.field(f.Name, f.Schema); err != nil {
			return nil, err
		}
	}
	for _, n := range t.insertions {
		if err := b.field(n.name, n.schema); err != nil {
			return nil, err
		}
	}
	return &structPlan{schema: b.done(), copied: copying(s.Fields, t.defaults)}, nil
}
