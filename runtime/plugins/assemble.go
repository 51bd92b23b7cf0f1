package plugins

import (
	"context"
	"slices"
	"strings"

	"culvert/configdef"
	"culvert/connectors"
)

// assembly puts the parts of an answer together in the order of
// AbstractHerder.generateResult and mergeConfigInfos: first the values of keys that
// nobody declares, then the framework's keys, then those of the connector; a key
// that the connector declares as well keeps the framework's place.
type assembly struct {
	name    string
	props   map[string]string
	groups  []string
	keys    []key
	at      map[string]int
	loose   []*Value
	extras  []Config
	errors  int // of extras
	dialled []Reached
}

type key struct {
	spec  *configdef.Spec
	order int
	value *Value
	given bool
}

func (a *assembly) framework(report *configdef.Report) {
	a.at = map[string]int{}
	loose := map[string]*Value{}
	var names []string // of all keys: they share a map in Java, and its size decides the order
	for i := range report.Results {
		res := &report.Results[i]
		v := valueOf(res, a.props)
		names = append(names, v.Name)
		if res.Undeclared {
			if text, ok := a.props[v.Name]; ok {
				v.Value = &text
			}
			loose[v.Name] = v
			continue
		}
		a.group(res.Spec)
		a.at[v.Name] = len(a.keys)
		a.keys = append(a.keys, key{spec: res.Spec, order: res.Spec.Order, value: v, given: res.Value.Given})
	}
	for _, n := range configdef.JavaOrder(names) {
		if v := loose[n]; v != nil {
			a.loose = append(a.loose, v)
		}
	}
}

// fail adds an error to a key, whoever has declared it.
func (a *assembly) fail(name, text string) {
	if i, ok := a.at[name]; ok {
		a.keys[i].value.Errors = append(a.keys[i].value.Errors, text)
		return
	}
	v := &Value{Name: name, Recommended: []string{}, Errors: []string{text}, Visible: true}
	if given, ok := a.props[name]; ok {
		v.Value = &given
	}
	a.loose = append(a.loose, v)
}

// failed reports whether a key has the error already.
func (a *assembly) failed(name, text string) bool {
	if i, ok := a.at[name]; ok && a.keys[i].value != nil {
		return slices.Contains(a.keys[i].value.Errors, text)
	}
	return false
}

// reach dials what the connector talks to. The first error comes with its remedy: a
// dry run shows more than Java's sentence.
func reach(ctx context.Context, p *connectors.Plugin, props map[string]string, report *configdef.Report) Reached {
	r := Reached{Target: p.Dial(ctx, props, report)}
	for i := range report.Results {
		if res := &report.Results[i]; len(res.Errors) > 0 {
			r.Error = strings.TrimSpace(res.Errors[0] + " " + res.Remedy)
			break
		}
	}
	return r
}

// connector adds the connector's own keys and what its check says of them.
func (a *assembly) connector(ctx context.Context, p *connectors.Plugin, q Request) error {
	done := q.stage("retrieving the configuration definition from the connector")
	specs := p.Spec()
	done()
	defer q.stage("performing multi-property validation for the connector")()
	var report *configdef.Report
	if p.Check != nil {
		report = p.Check(ctx, a.props)
	} else {
		report = configdef.ValidateNulls(specs, a.props, q.Nulls)
	}
	if p.Dial != nil && !q.Offline && len(report.Errors()) == 0 {
		if r := reach(ctx, p, a.props, report); r.Target != "" {
			a.dialled = append(a.dialled, r)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	nulls := configdef.ValidateNulls(specs, a.props, q.Nulls)
	// The connector's own value of a key takes the place of what was said of it so far.
	a.loose = slices.DeleteFunc(a.loose, func(v *Value) bool {
		return slices.ContainsFunc(specs, func(s configdef.Spec) bool { return s.Name == v.Name })
	})
	orders := configdef.Orders(specs)
	for i := range specs {
		s := &specs[i]
		a.group(s)
		k := key{spec: s, order: orders[i]}
		if s.Ungrouped {
			k.order = -1
		}
		res := report.Get(s.Name)
		if slices.Contains(q.Nulls, s.Name) {
			res = nulls.Get(s.Name) // a plugin sees props without nulls and would miss a value
		}
		if res != nil {
			k.value, k.given = valueOf(res, a.props), res.Value.Given
		}
		if n, ok := a.at[s.Name]; ok {
			if k.value == nil {
				k.value = a.keys[n].value
			}
			a.keys[n] = k
			continue
		}
		a.at[s.Name] = len(a.keys)
		a.keys = append(a.keys, k)
	}
	for i := range report.Results {
		if res := &report.Results[i]; len(res.Errors) > 0 {
			if n, ok := a.at[res.Spec.Name]; !ok {
				a.loose = append(a.loose, valueOf(res, a.props))
			} else if !slices.ContainsFunc(specs, func(s configdef.Spec) bool { return s.Name == res.Spec.Name }) {
				// A connector's rule about a key of the framework.
				a.keys[n].value.Errors = append(a.keys[n].value.Errors, res.Errors...)
			}
		}
	}
	return nil
}

func (a *assembly) group(s *configdef.Spec) {
	if !s.Ungrouped && !slices.Contains(a.groups, s.Group) {
		a.groups = append(a.groups, s.Group)
	}
}

// extra adds keys after all others. Java counts one error for each key there, and
// one for each error elsewhere.
func (a *assembly) extra(pieces []piece) {
	for _, p := range pieces {
		if p.definition != nil && p.definition.Group != nil && !slices.Contains(a.groups, *p.definition.Group) {
			a.groups = append(a.groups, *p.definition.Group)
		}
		if len(p.value.Errors) > 0 {
			a.errors++
		}
		a.extras = append(a.extras, Config{Definition: p.definition, Value: p.value})
	}
}

func (a *assembly) answer() *Answer {
	out := &Answer{Name: a.name, Errors: a.errors, Groups: a.groups, Reached: a.dialled, props: a.props}
	for _, v := range a.loose {
		out.Errors += len(v.Errors)
		out.Configs = append(out.Configs, Config{Value: v})
	}
	for _, k := range a.keys {
		if k.spec.Extended && !k.given && (k.value == nil || len(k.value.Errors) == 0) {
			continue
		}
		if k.value != nil {
			out.Errors += len(k.value.Errors)
		}
		out.Configs = append(out.Configs, Config{Definition: definition(k.spec, k.order), Value: k.value})
	}
	out.Configs = append(out.Configs, a.extras...)
	return out
}
