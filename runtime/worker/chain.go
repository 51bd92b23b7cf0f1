package worker

import (
	"fmt"
	"log/slog"
	"strings"

	"culvert/converters"
	"culvert/fault"
	"culvert/runtime/plugins"
	"culvert/runtime/task"
	"culvert/transforms"
)

// buildConverters makes the converters of a connector: its own where it names
// one, with the keys below that name, else the worker's with the worker's keys.
func (w *Worker) buildConverters(props map[string]string, keys *connectorKeys, log *slog.Logger) (task.Chain, error) {
	var c task.Chain
	var err error
	if c.Key, err = w.converter(props, "key.converter", keys.KeyConverter, w.keys.KeyConverter, converters.Key, log); err != nil {
		return c, err
	}
	if c.Value, err = w.converter(props, "value.converter", keys.ValueConverter, w.keys.ValueConverter, converters.Value, log); err != nil {
		return c, err
	}
	c.Header, err = w.converter(props, "header.converter", keys.HeaderConverter, w.keys.HeaderConverter, converters.Header, log)
	return c, err
}

func (w *Worker) converter(props map[string]string, key, own, workers string, side converters.Side, log *slog.Logger) (converters.Factory, error) {
	class, from := own, props
	if class == "" {
		class, from = workers, w.cfg.Props
	}
	if class == "" {
		return nil, fault.New(fault.Config, "connect.no_converter", "neither the connector nor the worker names a %s", key).WithField(key).
			WithFix("Set %s, for instance to org.apache.kafka.connect.json.JsonConverter.", key)
	}
	p, err := w.cfg.Plugins.Converter(class, side)
	if err != nil {
		return nil, fmt.Errorf("Invalid value %s for configuration %s: %w", class, key, err)
	}
	c, err := p.New(under(from, key+"."), side, converters.Env{Log: log.With("logger", p.Class), DataDir: w.cfg.DataDir})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return c, nil
}

// outputConverter is connectors.Env.Converter.
func (b *builder) outputConverter(prefix string, side converters.Side) (converters.Factory, error) {
	if class := b.conn[prefix]; class != "" {
		return b.w.converter(b.conn, prefix, class, "", side, b.log)
	}
	switch side {
	case converters.Key:
		return b.chain.Key, nil
	case converters.Value:
		return b.chain.Value, nil
	default:
		return b.chain.Header, nil
	}
}

// stages is the transformations of a connector: the stateless ones before the
// stateful one, that one, and those after it. Without a stateful one all are in
// before.
type stages struct {
	before, after []stage
	plan          transforms.Plan
	alias, class  string // of the stateful one
}

// stage is one configured transformation; make makes a new instance.
type stage struct {
	make func() (task.Step, error)
}

// buildStages reads transforms= and predicates= (TransformationStage, KIP-585).
// Each transformation is made once, so that a wrong configuration shows now.
func buildStages(reg *plugins.Registry, props map[string]string, keys *connectorKeys, log *slog.Logger) (stages, error) {
	var s stages
	if err := checkStateful(reg, props, keys.Transforms); err != nil {
		return s, err
	}
	if err := reg.CheckStages(props); err != nil {
		return s, err
	}
	for _, alias := range keys.Transforms {
		prefix := "transforms." + alias + "."
		own := under(props, prefix)
		name := own["type"]
		p, err := reg.Transform(name)
		if err != nil {
			return s, err
		}
		class := p.Class
		predicate, negate := own["predicate"], strings.EqualFold(own["negate"], "true")
		for _, k := range []string{"type", "plugin.version", "predicate", "negate"} {
			delete(own, k)
		}
		if p.NewStateful != nil {
			if s.plan, err = p.NewStateful(own, log.With("logger", class)); err != nil {
				return s, err
			}
			s.alias, s.class = alias, class
			continue
		}
		st := stage{make: func() (task.Step, error) {
			step := task.Step{Name: alias, Class: class, Negate: negate}
			var err error
			if step.Transform, err = p.New(own, log.With("logger", class)); err != nil {
				return step, err
			}
			step.Predicate, err = buildPredicate(reg, props, predicate, log)
			return step, err
		}}
		if _, err := st.make(); err != nil {
			return s, err
		}
		if s.plan == nil {
			s.before = append(s.before, st)
		} else {
			s.after = append(s.after, st)
		}
	}
	return s, nil
}

// checkStateful refuses a stateful transformation with a predicate, and a second one.
// It comes before Java's own checks, which a predicate that nobody declares fails
// only when the task starts.
func checkStateful(reg *plugins.Registry, props map[string]string, aliases []string) error {
	found := false
	for _, alias := range aliases {
		prefix := "transforms." + alias + "."
		p, err := reg.Transform(props[prefix+"type"])
		if err != nil || p.NewStateful == nil {
			continue
		}
		if found || props[prefix+"predicate"] != "" {
			return fault.New(fault.Config, codeStateful, "transformation '%s' (%s): a chain has one stateful transformation, and it takes no predicate", alias, p.Class).
				WithField(prefix + "type").WithFix("Remove the predicate, or put the second one into a connector of its own.")
		}
		found = true
	}
	return nil
}

func buildPredicate(reg *plugins.Registry, props map[string]string, alias string, log *slog.Logger) (transforms.Predicate, error) {
	if alias == "" {
		return nil, nil
	}
	own := under(props, "predicates."+alias+".")
	p, err := reg.Predicate(own["type"])
	if err != nil {
		return nil, err
	}
	delete(own, "type")
	delete(own, "plugin.version")
	return p.New(own, log.With("logger", p.Class))
}

// steps makes one set of instances.
func steps(of []stage) ([]task.Step, error) {
	var out []task.Step
	for _, st := range of {
		step, err := st.make()
		if err != nil {
			return nil, err
		}
		out = append(out, step)
	}
	return out, nil
}
