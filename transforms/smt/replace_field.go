package smt

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"culvert/configdef"
	"culvert/data"
	"culvert/transforms"
)

type replaceFieldConfig struct {
	exclude, include, renames []string
	defaults                  bool
}

var replaceFieldDef = &configdef.Def[replaceFieldConfig]{Keys: []configdef.Key[replaceFieldConfig]{
	{Spec: anyNames(spec("exclude", configdef.List, configdef.Medium, "The fields to take away, also if include names them.")),
		Into: configdef.Strs(func(c *replaceFieldConfig) *[]string { return &c.exclude })},
	{Spec: anyNames(spec("include", configdef.List, configdef.Medium, "The fields to keep; empty: all.")),
		Into: configdef.Strs(func(c *replaceFieldConfig) *[]string { return &c.include })},
	{Spec: checked(withDefault(spec("renames", configdef.List, configdef.Medium, "New names for fields, as in old:new,other:another."), ""), checkRenames),
		Into: configdef.Strs(func(c *replaceFieldConfig) *[]string { return &c.renames })},
	replaceNull(func(c *replaceFieldConfig) *bool { return &c.defaults }),
}}

// anyNames is a list of names that may be empty.
func anyNames(s configdef.Spec) configdef.Spec {
	s = withDefault(s, "")
	s.Check, s.Distinct = configdef.Elements(), true
	return s
}

func checkRenames(_ string, v configdef.Parsed) error {
	for _, mapping := range v.List {
		if len(splitPair(mapping)) != 2 {
			return fmt.Errorf("Invalid rename mapping: %s", mapping)
		}
	}
	return nil
}

// splitPair is String.split(":"): empty parts at the end do not count.
func splitPair(s string) []string {
	parts := strings.Split(s, ":")
	for len(parts) > 1 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	return parts
}

type replaceField struct {
	exclude, include map[string]bool
	renames          map[string]string
	sources          map[string]string // the renames, turned around
	targets          map[string]int    // new names, numbered
	taken            []bool            // of the targets, in the record at hand
	half             half
	defaults         bool
	plans            *plans[replacePlan]
}

type replacePlan struct {
	schema *data.Schema
	from   []int
	copied copied
	lost   int    // the first field that Java cannot read; beyond the fields: none
	source string // the name that Java looks for there
}

const replacePurpose = "field replacement"

func newReplaceField(h half, c replaceFieldConfig) (transforms.Transform, error) {
	t := &replaceField{half: h, defaults: c.defaults, exclude: set(c.exclude), include: set(c.include), renames: map[string]string{}, targets: map[string]int{}}
	for _, mapping := range c.renames {
		parts := splitPair(mapping)
		t.renames[parts[0]] = parts[1]
		if _, ok := t.targets[parts[1]]; !ok {
			t.targets[parts[1]] = len(t.targets)
		}
	}
	t.sources = turned(t.renames)
	t.taken = make([]bool, len(t.targets))
	t.plans = newPlans(t.plan)
	return each(t.apply), nil
}

// turned is ReplaceField.invert: of two names that become one, the one that comes
// later in Java's HashMap stays.
func turned(renames map[string]string) map[string]string {
	sources := make(map[string]string, len(renames))
	for _, from := range configdef.JavaOrder(slices.Sorted(maps.Keys(renames))) {
		sources[renames[from]] = from
	}
	return sources
}

func set(names []string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

// kept tells the new name of a field that stays.
func (t *replaceField) kept(name string) (string, bool) {
	if t.exclude[name] || len(t.include) > 0 && !t.include[name] {
		return "", false
	}
	if n, ok := t.renames[name]; ok {
		return n, true
	}
	return name, true
}

func (t *replaceField) apply(r *data.Record, a *data.Arena) error {
	c := t.half.of(r)
	v, s, err := c.Value(a)
	switch {
	case err != nil || v.IsNull():
		return err
	case s == nil:
		return t.schemaless(c, v, a)
	}
	if err := requireStruct(v, replacePurpose); err != nil {
		return err
	}
	p, err := t.plans.of(s)
	if err != nil {
		return err
	}
	out, all := a.Values(len(p.from)), v.Elems()
	for i, from := range p.from {
		out[i] = all[from]
	}
	missing := p.copied.filled(out)
	if p.lost < len(out) && p.lost <= missing {
		return badData("%s is not a valid field name", p.source).WithField(p.source)
	}
	if err := p.copied.refused(missing); err != nil {
		return err
	}
	c.Set(data.OfStruct(out), p.schema)
	return nil
}

func (t *replaceField) schemaless(c *data.Cell, v data.Value, a *data.Arena) error {
	if err := requireMap(v, replacePurpose); err != nil {
		return err
	}
	pairs := v.Elems()
	out := a.Values(len(pairs))[:0]
	clear(t.taken)
	for i := 0; i+1 < len(pairs); i += 2 {
		key := pairs[i]
		if key.Kind() == data.String {
			name, ok := t.kept(key.Str())
			if !ok {
				continue
			}
			if n, isTarget := t.targets[name]; isTarget {
				if t.taken[n] { // Java loses one of the two
					return badSchema("Cannot create field because of field name duplication %s", name).WithField(name)
				}
				t.taken[n], key = true, data.OfString(name)
			}
		}
		out = append(out, key, pairs[i+1])
	}
	c.Set(data.OfMap(out), nil)
	return nil
}

func (t *replaceField) plan(s *data.Schema) (*replacePlan, error) {
	p, b := &replacePlan{}, build(s)
	for i, f := range s.Fields {
		name, ok := t.kept(f.Name)
		if !ok {
			continue
		}
		if err := b.field(name, f.Schema); err != nil {
			return nil, err
		}
		p.from = append(p.from, i)
	}
	p.schema = b.done()
	p.copied = copying(p.schema.Fields, t.defaults)
	// Java finds the value of a field by its new name, turned back. A field that has
	// this name from the start, where the one to be renamed is not there, is not found.
	p.lost = slices.IndexFunc(p.schema.Fields, func(f data.Field) bool {
		source, ok := t.sources[f.Name]
		return ok && s.FieldIndex(source) < 0
	})
	if p.lost < 0 {
		p.lost = len(p.schema.Fields)
	} else {
		p.source = t.sources[p.schema.Fields[p.lost].Name]
	}
	return p, nil
}
