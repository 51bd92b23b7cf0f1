package expr

import (
	"context"
	"log/slog"
	"reflect"
	"strings"

	"github.com/expr-lang/expr"

	"culvert/configdef"
	"culvert/data"
	"culvert/fault"
	"culvert/transforms"
)

// Class is the name that users configure.
const Class = "culvert.transforms.Expr"

type config struct{ filter, fields, topic string }

func key(name, doc string, gives expr.Option, into func(*config) *string) configdef.Key[config] {
	return configdef.Key[config]{Into: configdef.Str(into), Spec: configdef.Spec{
		Name: name, Type: configdef.String, Importance: configdef.Medium, Doc: doc, Ungrouped: true, Default: configdef.Default(""),
		Check: func(_ string, v configdef.Parsed) error {
			if v.Text == "" {
				return nil
			}
			_, err := compile(v.Text, gives)
			return err
		},
	}}
}

var def = &configdef.Def[config]{Keys: []configdef.Key[config]{
	key("filter", "A condition, for instance value.total > 10. Records that do not meet it are dropped.", expr.AsBool(), func(c *config) *string { return &c.filter }),
	key("fields", "The fields to set, for instance {net: value.total / 1.2, id: value.order_id, order_id: omit}. What is set to omit is removed.",
		expr.AsKind(reflect.Map), func(c *config) *string { return &c.fields }),
	key("topic", "The topic of the record, for instance topic + '-' + lower(value.city).", expr.AsKind(reflect.String), func(c *config) *string { return &c.topic }),
}}

// Plugin describes the transformation.
func Plugin() transforms.Plugin {
	return transforms.Plugin{Class: Class, Aliases: []string{"Expr"}, Spec: def.Specs, New: New, Examples: []transforms.Example{
		{Does: "Compute: an amount from two fields", Keys: [][2]string{{"fields", "{total: value.quantity * value.price}"}}},
		{Does: "Rename: the field keeps its value and its type", Keys: [][2]string{{"fields", "{id: value.order_id, order_id: omit}"}}},
		{Does: "Filter: what is large, or has no price", Keys: [][2]string{{"filter", "(value.price ?? 100) >= 100"}}},
		{Does: "Route: a topic for each city", Keys: [][2]string{{"topic", "topic + '-' + lower(value.city)"}}},
		{Does: "All three in one go; each sees the record as it came", Keys: [][2]string{
			{"filter", "value.city != ''"}, {"fields", "{day: value.at.Format('2006-01-02')}"}, {"topic", "value.quantity > 9 ? 'bulk' : topic"}}},
	}}
}

// New reads the configuration. Errors have class Config.
func New(props map[string]string, _ *slog.Logger) (transforms.Transform, error) {
	c, err := transforms.Configure(def, props)
	if err != nil {
		return nil, err
	}
	if c == (config{}) {
		return nil, fault.New(fault.Config, "expr.empty", "%s has nothing to do", Class).WithField("fields").
			WithFix("Set filter, fields or topic.")
	}
	t := &transform{in: input{env: &env{Omit: omitted{}}}}
	for _, e := range []struct {
		text  string
		gives expr.Option
		into  **program
	}{{c.filter, expr.AsBool(), &t.filter}, {c.fields, expr.AsKind(reflect.Map), &t.fields}, {c.topic, expr.AsKind(reflect.String), &t.topic}} {
		if e.text == "" {
			continue
		}
		if *e.into, err = compile(e.text, e.gives); err != nil {
			return nil, fault.New(fault.Config, "expr.syntax", "%w", err)
		}
	}
	return t, nil
}

type transform struct {
	filter, fields, topic *program

	in     input
	names  []string // of the fields set last
	layout layout
	plans  plans
	to     string // the last topic that was given
}

// Apply implements transforms.Transform.
func (t *transform) Apply(_ context.Context, b *data.Batch) error {
	var drop []bool
	for i := range b.Records {
		keep, err := t.record(&b.Records[i], b.Arena)
		switch {
		case err != nil:
			b.Fail(i, data.StageTransformation, err)
		case !keep:
			if drop == nil {
				drop = make([]bool, len(b.Records))
			}
			drop[i] = true
		}
	}
	if drop == nil {
		return nil
	}
	t.remove(b, drop)
	return nil
}

// remove drops records and gives the failures of the others their new places.
func (t *transform) remove(b *data.Batch, drop []bool) {
	failed := append([]data.Failure(nil), b.Failed()...)
	b.ClearFailed()
	place, n := make([]int, len(drop)), 0
	for i := range drop {
		if place[i] = n; !drop[i] {
			n++
		}
	}
	b.Remove(func(i int) bool { return !drop[i] })
	for _, f := range failed {
		b.FailBy(place[f.Index], f.Stage, f.By, f.Err)
	}
}

// read decodes what the expressions need of r.
func (t *transform) read(r *data.Record, a *data.Arena) (err error) {
	in := &t.in
	in.value, in.key = side{}, side{}
	*in.env = env{Topic: r.Topic, Partition: int(r.Partition), Offset: int(r.Offset), Timestamp: int(r.Timestamp), Omit: omitted{}}
	of := func(need func(*program) bool) bool {
		return t.filter != nil && need(t.filter) || t.fields != nil && need(t.fields) || t.topic != nil && need(t.topic)
	}
	if of(func(p *program) bool { return p.key }) {
		if in.key.v, in.key.s, err = r.Key.Value(a); err != nil {
			return err
		}
	}
	if t.fields != nil || of(func(p *program) bool { return p.value }) {
		in.value.v, in.value.s, err = r.Value.Value(a)
	}
	return err
}

// record changes r when all of its expressions have a result, else not at all.
func (t *transform) record(r *data.Record, a *data.Arena) (keep bool, err error) {
	if err := t.read(r, a); err != nil {
		return false, err
	}
	if t.filter != nil {
		out, err := t.run(t.filter, "filter")
		if err != nil {
			return false, err
		}
		if ok, is := out.(bool); !is {
			return false, bad("filter gives %T, not true or false", out)
		} else if !ok {
			return false, nil
		}
	}
	topic := r.Topic
	if t.topic != nil {
		out, err := t.run(t.topic, "topic")
		if err != nil {
			return false, err
		}
		if topic, _ = out.(string); topic == "" {
			return false, bad("topic gives %T, not the name of a topic", out)
		}
		if topic != t.to {
			t.to = strings.Clone(topic) // it may lie in the batch's memory; the name of a topic is kept longer, as a key
		}
		topic = t.to
	}
	if t.fields != nil {
		out, err := t.run(t.fields, "fields")
		if err != nil {
			return false, err
		}
		fields, ok := out.(map[string]any)
		if !ok {
			return false, bad("fields gives %T, not fields and their values", out)
		}
		v, s, err := t.set(t.in.value.v, t.in.value.s, fields, a)
		if err != nil {
			return false, err
		}
		r.Value.Set(v, s)
	}
	r.Topic = topic
	return true, nil
}

func (t *transform) run(p *program, name string) (any, error) {
	out, err := p.run(&t.in)
	if err != nil {
		return nil, bad("%s: %w", name, err)
	}
	return out, nil
}

func bad(format string, args ...any) *fault.Error {
	return fault.New(fault.Record, "expr.record", format, args...).WithJava("org.apache.kafka.connect.errors.DataException").
		WithFix("Make the expression fit all records, for instance with ?? for what may be missing, or set a predicate.")
}
