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
	var scopes []scope
	if p := r.connectors[r.classes[props[keyClass]]]; p != nil {
		scopes = append(scopes, scope{"", r.passwordsOf(p.Class)})
	}
	for _, alias := range aliases(props[keyTransforms]) {
		prefix := keyTransforms + "." + alias + "."
		if p, err := r.Transform(props[prefix+"type"]); err == nil {
			scopes = append(scopes, scope{prefix, r.passwordsOf(p.Class)})
		}
	}
	for key, class := range props {
		if strings.HasSuffix(key, "converter") && r.converters[r.classes[class]] != nil {
			scopes = append(scopes, scope{key + ".", r.passwordsOf(r.classes[class])})
		}
	}
	managed := r.managed(props)
	return func(key string) bool {
		if managed != nil && (slices.Contains(managed.Managed.Secrets, key) || slices.Contains(connectors.ManagedSecrets, key)) {
			return true
		}
		for _, s := range scopes {
			if name, ok := strings.CutPrefix(key, s.prefix); ok {
				if secret, declared := s.keys[name]; declared {
					return secret
				}
			}
		}
		for _, client := range []string{"producer", "consumer", "admin"} {
			if name, ok := strings.CutPrefix(key, client+".override."); ok {
				if spec := clientSpecs()[client][name]; spec != nil {
					return spec.Type == configdef.Password
				}
			}
		}
		return soundsSecret(key)
	}
}

// scope is the keys of a plugin where they stand in a configuration.
type scope struct {
	prefix string
	keys   map[string]bool // declared keys: whether they are passwords
}

// passwordsOf tells of each key that a plugin declares whether it is a password. It
// is asked for every connector in a list.
func (r *Registry) passwordsOf(class string) map[string]bool {
	if known, ok := r.passwords.Load(class); ok {
		return known.(map[string]bool)
	}
	_, specs := r.specs(class)
	keys := map[string]bool{}
	for i := range specs {
		for _, name := range append([]string{specs[i].Name}, specs[i].Aliases...) {
			keys[name] = specs[i].Type == configdef.Password
		}
	}
	r.passwords.Store(class, keys)
	return keys
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
