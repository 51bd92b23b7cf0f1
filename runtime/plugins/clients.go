package plugins

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"culvert/configdef"
	"culvert/fault"
	"culvert/kafka"
)

//go:embed clients.tsv
var clientTable string

// clientSpecs gives the keys of the Kafka clients by client and key: producer,
// consumer, admin. Culvert's clients do not use all of them; the table is what
// validate answers show of an override.
var clientSpecs = sync.OnceValue(func() map[string]map[string]*configdef.Spec {
	types := map[string]configdef.Type{}
	for t := configdef.String; t <= configdef.Password; t++ {
		types[t.String()] = t
	}
	importances := map[string]configdef.Importance{}
	for i := configdef.Low; i <= configdef.High; i++ {
		importances[i.String()] = i
	}
	table := map[string]map[string]*configdef.Spec{}
	for line := range strings.Lines(clientTable) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") || len(f) != 5 {
			continue
		}
		s := &configdef.Spec{Name: f[1], Type: types[f[2]], Importance: importances[f[3]], Ungrouped: true,
			Doc: "See the documentation of the Kafka " + f[0] + "."}
		switch f[4] {
		case "-":
			s.Required = true
		case `\N`:
		default:
			s.Default = &f[4]
		}
		if table[f[0]] == nil {
			table[f[0]] = map[string]*configdef.Spec{}
		}
		table[f[0]][f[1]] = s
	}
	return table
})

// ClientKeys lists the properties of Java's producer, consumer or admin, in no order.
func ClientKeys(client string) []string { return slices.Collect(maps.Keys(clientSpecs()[client])) }

// overridePolicy is connector.client.config.override.policy.
type overridePolicy struct {
	name    string
	allowed func(key string) bool
}

const keyPolicy = "connector.client.config.override.policy"

// Policy resolves the class of an override policy or a short form of one, and gives
// its shortest as well.
func Policy(name string) (class, short string, ok bool) {
	const pack, suffix = "org.apache.kafka.connect.connector.policy.", "ConnectorClientConfigOverridePolicy"
	for _, short := range []string{"All", "None", "Principal", "Allowlist"} {
		if name == short || name == short+suffix || name == pack+short+suffix {
			return pack + short + suffix, short, true
		}
	}
	return "", "", false
}

// policy reads the worker's policy.
func policy(worker map[string]string) overridePolicy {
	_, name, _ := Policy(worker[keyPolicy])
	var list []string
	switch name {
	case "None":
	case "Principal":
		list = []string{"sasl.jaas.config", "sasl.mechanism", "security.protocol"}
	case "Allowlist":
		for _, k := range strings.Split(worker["connector.client.config.override.allowlist"], ",") {
			list = append(list, strings.TrimSpace(k))
		}
	default:
		return overridePolicy{name: "All", allowed: func(string) bool { return true }}
	}
	return overridePolicy{name: name, allowed: func(key string) bool { return contains(list, key) }}
}

// CheckPolicy checks the worker's choice of an override policy.
func CheckPolicy(worker map[string]string) error {
	name := worker[keyPolicy]
	if _, _, ok := Policy(name); ok || name == "" {
		return nil
	}
	return fault.New(fault.Config, "connect.override_policy", "Invalid value %s for configuration %s: no such policy", name, keyPolicy).
		WithField(keyPolicy).WithFix("Use All, None, Principal or Allowlist.")
}

// CodeOverride is the fault code of an override that cannot be parsed.
const CodeOverride = "connect.override"

// overrides validates the keys under prefix: AbstractHerder.validateClientOverrides.
func overrides(client string, props, worker map[string]string) (pieces []piece, err error) {
	p, prefix := policy(worker), client+".override."
	var names []string
	for k := range props {
		if name, ok := strings.CutPrefix(k, prefix); ok && name != "" {
			names = append(names, name)
		}
	}
	for _, name := range configdef.JavaOrder(sorted(names)) {
		text := props[prefix+name]
		spec := clientSpecs()[client][name]
		c := piece{value: &Value{Name: prefix + name, Value: &text, Recommended: []string{}, Errors: []string{}, Visible: true}}
		if spec != nil {
			v, parseErr := configdef.ParseText(spec.Type, text)
			if parseErr != nil {
				// Java lets the exception out; it ends the validation.
				return nil, fault.New(fault.Config, CodeOverride, "Invalid value %s for configuration %s: %s", shown(spec, text), name, parseErr).
					WithField(prefix + name).WithJava("org.apache.kafka.common.config.ConfigException")
			}
			c.value.Value = textOf(spec, v)
			d := definition(spec, -1)
			d.Name = prefix + name
			c.definition = d
		}
		if text := unusable(client, name, text); text != "" {
			c.value.Errors = append(c.value.Errors, strings.Replace(text, " configuration "+name+":", " configuration "+prefix+name+":", 1))
		}
		if !p.allowed(name) {
			c.value.Errors = append(c.value.Errors,
				fmt.Sprintf("The '%s' policy does not allow '%s' to be overridden in the connector configuration.", p.name, name))
		}
		pieces = append(pieces, c)
	}
	together(client, pieces, props, worker)
	return pieces, nil
}

// together adds what only shows when the overrides meet each other and the worker's
// own security settings. Files are left out: they are those of the machine that the
// task will run on.
func together(client string, pieces []piece, given, worker map[string]string) {
	prefix, own := client+".override.", map[string]*Value{}
	props := map[string]string{"bootstrap.servers": "localhost:9092"}
	for k, v := range worker {
		if k == "security.protocol" || strings.HasPrefix(k, "sasl.") || strings.HasPrefix(k, "ssl.") {
			props[k] = v
		}
	}
	for k, v := range worker {
		if name, ok := strings.CutPrefix(k, client+"."); ok {
			props[name] = v
		}
	}
	for _, c := range pieces {
		if len(c.value.Errors) > 0 {
			return // enough to do
		}
		name := strings.TrimPrefix(c.value.Name, prefix)
		props[name], own[name] = given[c.value.Name], c.value
	}
	_, err := kafka.CheckProps(props, clientRoles[client])
	e := fault.Of(kafka.Rename(err, func(key string) string { return prefix + key }))
	if e == nil || e.Code != kafka.CodeBadProperty || strings.HasSuffix(e.Field, ".location") {
		return
	}
	// What is missing is told where it was asked for.
	for _, key := range []string{strings.TrimPrefix(e.Field, prefix), "sasl.mechanism", "security.protocol"} {
		if own[key] != nil {
			own[key].Errors = append(own[key].Errors, e.Error())
			return
		}
	}
}

var clientRoles = map[string]kafka.Role{"producer": kafka.ProducerRole, "consumer": kafka.ConsumerRole, "admin": kafka.AdminRole}

// unusable says why a client cannot work with a value; empty when it can. Java finds
// it out when the task starts.
func unusable(client, name, text string) string {
	props := map[string]string{"bootstrap.servers": "localhost:9092", name: text}
	_, err := kafka.CheckProps(props, clientRoles[client])
	if e := fault.Of(err); e != nil && e.Code == kafka.CodeBadProperty && e.Field == name {
		return e.Error()
	}
	return ""
}

func shown(s *configdef.Spec, text string) string {
	if s.Type == configdef.Password {
		return configdef.Hidden
	}
	return text
}
