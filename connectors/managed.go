package connectors

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Managed is how Confluent Cloud configures its managed connector of the same kind:
// other names for some keys, short names for classes, a format where Connect wants
// a converter. A configuration that was exported there works here unchanged; it is
// stored as it came, and translated where it is used.
type Managed struct {
	Class string // connector.class of such a configuration, MongoDbAtlasSink
	// Secrets are the keys, beyond those that are common to all, whose values nobody
	// may see.
	Secrets []string
	// Map translates the connector's own keys.
	Map func(m *Mapping)
}

// Mapping is a configuration on its way from the managed spelling to ours.
type Mapping struct {
	Props map[string]string // the result
	// From gives for a key of Props the key that the user wrote, where they differ.
	From map[string]string
	// Ignored are keys that mean nothing outside of the managed service, sorted.
	Ignored []string
	// Problems are values that have no counterpart here.
	Problems []Problem

	worker map[string]string
}

// Problem is an error of one key, as the user wrote it.
type Problem struct{ Key, Text string }

const (
	keyAPIKey    = "kafka.api.key"
	keyAPISecret = "kafka.api.secret"
	keyDLQ       = "errors.deadletterqueue.topic.name"
)

// ignored are keys that only the managed service can act on.
var ignored = []string{
	"cloud.environment", "cloud.provider", "kafka.auth.mode", keyAPIKey, keyAPISecret, "kafka.service.account.id", "kafka.endpoint", "kafka.region",
	"kafka.deployment.type", "valid.kafka.api.key", "sr.service.account.id", "csfle.onFailure",
}

// ManagedSecrets are the secrets that configurations of all managed connectors have.
var ManagedSecrets = []string{keyAPISecret}

// Masked reports whether a value is what the managed service shows in place of a
// secret: asterisks.
func Masked(value string) bool { return len(value) >= 4 && strings.Trim(value, "*") == "" }

// Apply translates props; they stay as they are. worker are the worker's properties:
// the schema registry of the managed service has no key of its own.
func (g *Managed) Apply(props, worker map[string]string) *Mapping {
	m := &Mapping{Props: maps.Clone(props), From: map[string]string{}, worker: worker}
	g.Map(m)
	m.subjects("key")
	m.subjects("value")
	if v, ok := m.take("auto.restart.on.user.error"); ok && strings.EqualFold(strings.TrimSpace(v), "true") {
		m.set("auto.restart.on.user.error", "culvert.restart.max.attempts", "-1")
	}
	if v, ok := m.take("csfle.enabled"); ok && !strings.EqualFold(v, "false") && v != "" {
		m.fail("csfle.enabled", v, "encryption of fields is not available here; set it to false")
	}
	m.credentials()
	if v := m.Props[keyDLQ]; strings.Contains(v, "${connector}") {
		m.Props[keyDLQ] = strings.ReplaceAll(v, "${connector}", m.Props["name"])
	}
	for k := range m.Props {
		if slices.Contains(ignored, k) || strings.HasPrefix(k, "cloud.") {
			m.Ignore(k)
		}
	}
	slices.Sort(m.Ignored)
	return m
}

// Move renames a key. A value that the user has given under its own name stays.
func (m *Mapping) Move(managed, own string) {
	if v, ok := m.take(managed); ok {
		m.set(managed, own, v)
	}
}

// Choose renames a key whose values have other names here. Values that are not in
// the table are passed on, so that whoever reads the key refuses them; an empty
// counterpart means that nothing is to be set.
func (m *Mapping) Choose(managed, own string, values map[string]string) {
	v, ok := m.take(managed)
	if !ok {
		return
	}
	if to, known := values[strings.TrimSpace(v)]; known {
		v = to
	}
	if v != "" {
		m.set(managed, own, v)
	}
}

// Prefix renames a key whose value is the last part of a class name.
func (m *Mapping) Prefix(managed, own, pkg string) {
	if v, ok := m.take(managed); ok {
		if v = strings.TrimSpace(v); v != "" && !strings.Contains(v, ".") {
			v = pkg + v
		}
		m.set(managed, own, v)
	}
}

// Value is the value of a key, empty if it is not given.
func (m *Mapping) Value(key string) string { return m.Props[key] }

// Drop removes a key.
func (m *Mapping) Drop(key string) { delete(m.Props, key) }

// Ignore removes a key that has no effect here, and says so.
func (m *Mapping) Ignore(key string) {
	if _, given := m.take(key); given {
		m.Ignored = append(m.Ignored, key)
	}
}

// Set gives a key of ours a value that follows from a managed key.
func (m *Mapping) Set(managed, own, value string) { m.set(managed, own, value) }

// Fail says that a value has no counterpart here. The value is shown unless it is
// empty.
func (m *Mapping) Fail(key, text string) { m.Problems = append(m.Problems, Problem{key, text}) }

func (m *Mapping) fail(key, value, reason string) {
	m.Fail(key, fmt.Sprintf("Invalid value %s for configuration %s: %s", value, key, reason))
}

func (m *Mapping) take(key string) (string, bool) {
	v, ok := m.Props[key]
	delete(m.Props, key)
	return v, ok
}

func (m *Mapping) set(managed, own, value string) {
	if _, given := m.Props[own]; given {
		return
	}
	m.Props[own] = value
	m.From[own] = managed
}

// formats are the converters of the managed formats.
var formats = map[string]string{
	"AVRO":   "io.confluent.connect.avro.AvroConverter",
	"JSON":   "org.apache.kafka.connect.json.JsonConverter",
	"STRING": "org.apache.kafka.connect.storage.StringConverter",
	"BYTES":  "org.apache.kafka.connect.converters.ByteArrayConverter",
	"BSON":   "org.apache.kafka.connect.converters.ByteArrayConverter",

	"JSON_SR":  "io.confluent.connect.json.JsonSchemaConverter",
	"PROTOBUF": "io.confluent.connect.protobuf.ProtobufConverter",
}

// Format turns a format into a converter, key.converter or value.converter, unless
// the configuration names one. dflt is the format where none is given; empty: the
// worker's converter.
func (m *Mapping) Format(managed, converter, dflt string) {
	v, given := m.take(managed)
	if !given {
		v = dflt
	}
	if _, own := m.Props[converter]; own || v == "" {
		return
	}
	name := strings.ToUpper(strings.TrimSpace(v))
	class, ok := formats[name]
	if !ok {
		m.fail(managed, v, "this worker has no converter for it; it has AVRO, BSON, BYTES, JSON, JSON_SR, PROTOBUF and STRING")
		return
	}
	m.set(managed, converter, class)
	switch name {
	case "JSON": // the managed service writes plain JSON
		m.set(managed, converter+".schemas.enable", "false")
	case "AVRO", "JSON_SR", "PROTOBUF":
		m.registry(managed, converter, name)
	}
}

// registry takes the address and the credentials of the registry from the worker's
// own converters, as far as the connector does not say otherwise.
func (m *Mapping) registry(managed, converter, format string) {
	for _, from := range []string{converter + ".", "value.converter.", "key.converter."} {
		if m.worker[from+"schema.registry.url"] == "" {
			continue
		}
		if _, given := m.Props[converter+".schema.registry.url"]; given {
			break
		}
		for k, v := range m.worker {
			name, ok := strings.CutPrefix(k, from)
			if ok && (strings.HasPrefix(name, "schema.registry.") || strings.HasPrefix(name, "basic.auth.") || strings.HasPrefix(name, "bearer.auth.")) {
				m.set(managed, converter+"."+name, v)
			}
		}
		break
	}
	own := converter + ".schema.registry.url"
	if m.Props[own] == "" {
		m.Fail(managed, fmt.Sprintf("Missing required configuration \"%[1]s\" which has no default value. %[2]s=%[3]s needs a schema registry: set %[1]s, "+
			"in the connector or in the worker's properties.", own, managed, format))
		return
	}
	// A context is a part of the registry with an address of its own.
	if c := strings.TrimSpace(m.Props["schema.context.name"]); c != "" && c != "default" {
		var bases []string
		for _, b := range strings.Split(m.Props[own], ",") {
			bases = append(bases, strings.TrimRight(strings.TrimSpace(b), "/")+"/contexts/."+strings.TrimPrefix(c, "."))
		}
		m.Props[own] = strings.Join(bases, ",")
	}
}

// subjects moves the naming of subjects to the converter that does it.
func (m *Mapping) subjects(side string) {
	if side == "value" {
		defer delete(m.Props, "schema.context.name")
	}
	m.Move(side+".subject.name.strategy", side+".converter."+side+".subject.name.strategy")
}

// credentials turns the API key into those of the Kafka clients where the worker
// talks to the managed service. Anywhere else the worker's own credentials count.
func (m *Mapping) credentials() {
	user, password := m.Props[keyAPIKey], m.Props[keyAPISecret]
	if user == "" || !strings.Contains(m.worker["bootstrap.servers"], ".confluent.cloud:") {
		return
	}
	for _, k := range []string{keyAPIKey, keyAPISecret} {
		if Masked(m.Props[k]) {
			m.Fail(k, maskedText(k))
			return
		}
	}
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace
	for _, client := range []string{"producer", "consumer", "admin"} {
		prefix := client + ".override."
		m.set(keyAPIKey, prefix+"security.protocol", "SASL_SSL")
		m.set(keyAPIKey, prefix+"sasl.mechanism", "PLAIN")
		m.set(keyAPISecret, prefix+"sasl.jaas.config", fmt.Sprintf(
			`org.apache.kafka.common.security.plain.PlainLoginModule required username="%s" password="%s";`, quote(user), quote(password)))
	}
}

// maskedText is the error of a secret that was exported without its value.
func maskedText(key string) string {
	return fmt.Sprintf("Invalid value [hidden] for configuration %s: the value is masked, as an export shows it; fill in the secret", key)
}

// MaskedProblem is the error of a key whose value is masked.
func MaskedProblem(key string) Problem { return Problem{key, maskedText(key)} }
