package plugins

import (
	"slices"
	"strings"

	"culvert/configdef"
	"culvert/connectors"
	"culvert/converters"
)

// Adapt translates the configuration of a managed connector (connectors.Managed)
// into the keys that are read here; any other comes back as it is. worker are the
// worker's properties.
func (r *Registry) Adapt(props, worker map[string]string) *connectors.Mapping {
	if p := r.managed(props); p != nil {
		return p.Managed.Apply(props, worker)
	}
	return &connectors.Mapping{Props: props}
}

// managed is the plugin of a configuration in the managed spelling, else nil.
func (r *Registry) managed(props map[string]string) *connectors.Plugin {
	name := props[keyClass]
	if p := r.connectors[r.classes[name]]; p != nil && p.Managed != nil && p.Managed.Class == name {
		return p
	}
	return nil
}

// Secrets tells which keys of a connector's configuration hold secrets: those that
// the connector, its converters, transformations and clients declare as passwords,
// and undeclared ones whose name says so.
func (r *Registry) Secrets(props map[string]string) func(key string) bool {
	own := map[string]bool{} // declared keys: whether they are passwords
	declare := func(prefix string, specs []configdef.Spec) {
		for i := range specs {
			for _, name := range append([]string{specs[i].Name}, specs[i].Aliases...) {
				own[prefix+name] = specs[i].Type == configdef.Password
			}
		}
	}
	if p := r.connectors[r.classes[props[keyClass]]]; p != nil {
		declare("", p.Spec())
	}
	for _, alias := range aliases(props[keyTransforms]) {
		if p, err := r.Transform(props[keyTransforms+"."+alias+".type"]); err == nil {
			declare(keyTransforms+"."+alias+".", p.Spec())
		}
	}
	for key, class := range props {
		if p := r.converters[r.classes[class]]; p != nil && strings.HasSuffix(key, "converter") {
			declare(key+".", p.Spec())
		}
	}
	if p := r.managed(props); p != nil {
		for _, k := range append(p.Managed.Secrets, connectors.ManagedSecrets...) {
			own[k] = true
		}
	}
	return func(key string) bool {
		if secret, declared := own[key]; declared {
			return secret
		}
		for client, specs := range clientSpecs() {
			if name, ok := strings.CutPrefix(key, client+".override."); ok && specs[name] != nil {
				return specs[name].Type == configdef.Password
			}
		}
		return soundsSecret(key)
	}
}

// soundsSecret guesses from the name of a key that nobody declares.
func soundsSecret(key string) bool {
	lower := strings.ToLower(key)
	return slices.ContainsFunc([]string{"password", "secret", "credential", "token", "jaas", "user.info", "key.pem", "keystore.key"},
		func(word string) bool { return strings.Contains(lower, word) })
}

// masked finds secrets of which an export has left asterisks.
func (r *Registry) masked(props map[string]string, ignored []string) []connectors.Problem {
	var problems []connectors.Problem
	secret := r.Secrets(props)
	for _, k := range sortedKeys(props) {
		if connectors.Masked(props[k]) && secret(k) && !slices.Contains(ignored, k) {
			problems = append(problems, connectors.MaskedProblem(k))
		}
	}
	return problems
}

func sortedKeys(props map[string]string) []string {
	names := make([]string, 0, len(props))
	for k := range props {
		names = append(names, k)
	}
	slices.Sort(names)
	return names
}

// rename moves errors of keys that a translation has set to the keys that the user
// wrote.
func (a *Answer) rename(from map[string]string) {
	for i := range a.Configs {
		v := a.Configs[i].Value
		if v == nil || len(v.Errors) == 0 || from[v.Name] == "" {
			continue
		}
		moved := &Value{Name: from[v.Name], Recommended: []string{}, Visible: true}
		for _, e := range v.Errors {
			moved.Errors = append(moved.Errors, strings.ReplaceAll(e, v.Name, moved.Name))
		}
		v.Errors = []string{}
		a.Configs = append(a.Configs, Config{Value: moved})
	}
}

// converterSides are the keys that name converters, with their side.
var converterSides = []struct {
	key  string
	side converters.Side
}{{keyHeaderConverter, converters.Header}, {keyKeyConverter, converters.Key}, {keyValueConverter, converters.Value}}
