package plugins

import (
	"fmt"
	"slices"
	"strings"

	"culvert/configdef"
	"culvert/fault"
	"culvert/runtime/providers"
)

// Answer is the outcome of a validation, as REST shows it (ConfigInfos).
type Answer struct {
	Name    string   `json:"name"`
	Errors  int      `json:"error_count"`
	Groups  []string `json:"groups"`
	Configs []Config `json:"configs"`

	// Ignored are keys of managed connectors that have no meaning here.
	Ignored []string `json:"-"`
	// Reached is what was asked whether it can be reached.
	Reached []Reached `json:"-"`

	props  map[string]string // resolved and translated: for the names of keys alone
	sent   map[string]string // as the user wrote them
	secret func(key string) bool
}

// Reached is something that a connector needs, and whether it answered.
type Reached struct {
	Target string `json:"target"`
	Error  string `json:"error,omitempty"` // empty: it answered
}

// Config is one key: its definition, null for a key that nobody declares, and its
// value.
type Config struct {
	Definition *Definition `json:"definition"`
	Value      *Value      `json:"value"`
}

// Definition describes one key (ConfigKeyInfo).
type Definition struct {
	Name          string   `json:"name"`
	Type          string   `json:"type"`
	Required      bool     `json:"required"`
	Default       *string  `json:"default_value"`
	Importance    string   `json:"importance"`
	Documentation string   `json:"documentation"`
	Group         *string  `json:"group"`
	Order         int      `json:"order_in_group"`
	Width         string   `json:"width"`
	DisplayName   string   `json:"display_name"`
	Dependents    []string `json:"dependents"`
}

// Value is a key's value in a request (ConfigValueInfo).
type Value struct {
	Name        string   `json:"name"`
	Value       *string  `json:"value"`
	Recommended []string `json:"recommended_values"`
	Errors      []string `json:"errors"`
	Visible     bool     `json:"visible"`

	// Remedy is what the connector says about the errors; empty: what the definition says.
	Remedy string `json:"-"`
}

// Err is nil for a valid configuration, else the error of class Config with
// Java's text (AbstractHerder.maybeAddConfigErrors).
func (a *Answer) Err() error {
	if a.Errors == 0 {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Connector configuration is invalid and contains the following %d error(s):", a.Errors)
	for _, c := range a.Configs {
		if c.Value == nil {
			continue
		}
		for _, e := range c.Value.Errors {
			b.WriteString("\n" + e)
		}
	}
	b.WriteString("\nYou can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`")
	var remedies []string
	for _, f := range a.Findings() {
		if f.Fix != "" {
			remedies = append(remedies, f.Fix)
		}
	}
	return fault.New(fault.Config, "connect.invalid_config", "%s", b.String()).WithFix("%s", strings.Join(remedies, " "))
}

// hide shows what came from a config provider as the variable that it was written as.
func (a *Answer) hide(s *providers.Secrets) {
	if !s.Any() {
		return
	}
	a.Name = s.Redact(a.Name)
	for _, c := range a.Configs {
		if c.Value == nil {
			continue
		}
		if raw, ok := s.Raw(c.Value.Name); ok && c.Value.Value != nil && *c.Value.Value != configdef.Hidden {
			c.Value.Value = &raw
		}
		for i, text := range c.Value.Errors {
			c.Value.Errors[i] = s.Redact(text)
		}
	}
	for i := range a.Reached {
		a.Reached[i].Target, a.Reached[i].Error = s.Redact(a.Reached[i].Target), s.Redact(a.Reached[i].Error)
	}
}

// piece is a key on its way into an answer.
type piece struct {
	definition *Definition
	value      *Value
}

func definition(s *configdef.Spec, order int) *Definition {
	d := &Definition{Name: s.Name, Type: s.Type.String(), Required: s.Required, Importance: s.Importance.String(), Documentation: s.Doc,
		Order: order, Width: s.Width.String(), DisplayName: s.DisplayName, Dependents: slices.Clone(s.Dependents)}
	if text, ok := s.DefaultText(); ok {
		d.Default = &text
	}
	if !s.Ungrouped {
		group := s.Group
		d.Group = &group
	}
	if d.DisplayName == "" {
		d.DisplayName = s.Name
	}
	if d.Dependents == nil {
		d.Dependents = []string{}
	}
	return d
}

func textOf(s *configdef.Spec, v configdef.Parsed) *string {
	if text, ok := v.String(s.Type); ok {
		return &text
	}
	return nil
}

func valueOf(res *configdef.Result, props map[string]string) *Value {
	v := &Value{Name: res.Spec.Name, Value: textOf(res.Spec, res.Value), Recommended: []string{}, Errors: slices.Clone(res.Errors), Visible: true, Remedy: res.Remedy}
	if res.Spec.Recommend != nil {
		v.Recommended = append(v.Recommended, res.Spec.Recommend(props)...)
	}
	if res.Spec.Visible != nil {
		v.Visible = res.Spec.Visible(props)
	}
	if v.Errors == nil {
		v.Errors = []string{}
	}
	return v
}

// Definitions is the answer of /connector-plugins/{name}/config: the plugin's own
// keys, and for a connector those of the framework. Extended keys are ours, beyond
// the definitions of the Java plugin.
func (r *Registry) Definitions(name string, extended bool) ([]*Definition, error) {
	class, ok := r.classes[name]
	if !ok {
		return nil, fault.New(fault.NotFound, "connect.unknown_plugin", "Unknown plugin %s.", name)
	}
	kind, own := r.specs(class)
	list := []*Definition{}
	seen := map[string]bool{}
	for i, order := range configdef.Orders(own) {
		if own[i].Extended && !extended {
			continue
		}
		seen[own[i].Name] = true
		list = append(list, definition(&own[i], order))
	}
	var framework []configdef.Spec
	switch d := (&defaults{version: r.VersionOf(class)}); kind {
	case Source:
		framework = r.sourceSpecs(d)
	case Sink:
		framework = r.sinkSpecs(d)
	}
	for i := range framework {
		if !seen[framework[i].Name] && (extended || !framework[i].Extended) {
			list = append(list, definition(&framework[i], framework[i].Order))
		}
	}
	return list, nil
}
