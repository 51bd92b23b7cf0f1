// Package predicates holds the predicates of Apache Kafka Connect (KIP-585,
// org.apache.kafka.connect.transforms.predicates): they say for which records a
// transformation runs.
package predicates

import (
	"log/slog"

	"culvert/configdef"
	"culvert/data"
	"culvert/fault"
	"culvert/transforms"
	"culvert/transforms/regex"
)

// Plugins lists all predicates.
func Plugins() []transforms.PredicatePlugin {
	return []transforms.PredicatePlugin{
		plugin("HasHeaderKey", hasHeaderKeyDef, func(c nameConfig) transforms.Predicate { return hasHeaderKey(c.name) }),
		plugin("RecordIsTombstone", recordIsTombstoneDef, func(struct{}) transforms.Predicate { return recordIsTombstone{} }),
		plugin("TopicNameMatches", topicNameMatchesDef, func(c patternConfig) transforms.Predicate { return &topicNameMatches{pattern: c.pattern} }),
	}
}

func plugin[C any](name string, d *configdef.Def[C], make func(C) transforms.Predicate) transforms.PredicatePlugin {
	return transforms.PredicatePlugin{Class: "org.apache.kafka.connect.transforms.predicates." + name, Spec: d.Specs,
		New: func(props map[string]string, _ *slog.Logger) (transforms.Predicate, error) {
			c, err := transforms.Configure(d, props)
			if err != nil {
				return nil, err
			}
			return make(c), nil
		}}
}

type nameConfig struct{ name string }

var hasHeaderKeyDef = &configdef.Def[nameConfig]{Keys: []configdef.Key[nameConfig]{
	{Spec: configdef.Spec{Name: "name", Type: configdef.String, Required: true, Importance: configdef.Medium, Ungrouped: true,
		Check: configdef.NonEmpty, Doc: "The name of the header that a record must have."},
		Into: configdef.Str(func(c *nameConfig) *string { return &c.name })},
}}

// hasHeaderKey holds for records with at least one header of the name.
type hasHeaderKey string

// Test implements transforms.Predicate.
func (name hasHeaderKey) Test(r *data.Record, _ *data.Arena) (bool, error) {
	for i := range r.Headers {
		if r.Headers[i].Key == string(name) {
			return true, nil
		}
	}
	return false, nil
}

var recordIsTombstoneDef = &configdef.Def[struct{}]{}

// recordIsTombstone holds for records whose value is null. The value has to be
// decoded: what a converter makes of its bytes counts, also of bytes that say null.
type recordIsTombstone struct{}

// Test implements transforms.Predicate.
func (recordIsTombstone) Test(r *data.Record, a *data.Arena) (bool, error) {
	v, _, err := r.Value.Value(a)
	return v.IsNull(), err
}

type patternConfig struct{ pattern *regex.Pattern }

var topicNameMatchesDef = &configdef.Def[patternConfig]{Keys: []configdef.Key[patternConfig]{
	{Spec: configdef.Spec{Name: "pattern", Type: configdef.String, Required: true, Importance: configdef.Medium, Ungrouped: true,
		Check: configdef.All(configdef.NonEmpty, regex.Check), Doc: "A Java regular expression that the whole name of the topic must match."},
		Into: func(c *patternConfig, v configdef.Parsed) { c.pattern, _ = regex.Compile(v.Text) }},
}}

// topicNameMatches holds for records of topics that match. It remembers the last
// topic: the records of a batch mostly have one.
type topicNameMatches struct {
	pattern *regex.Pattern
	topic   string
	known   bool
	matches bool
}

// Test implements transforms.Predicate.
func (p *topicNameMatches) Test(r *data.Record, _ *data.Arena) (bool, error) {
	if p.known && p.topic == r.Topic {
		return p.matches, nil
	}
	ok, err := p.pattern.Matches(r.Topic)
	if err != nil {
		return false, fault.New(fault.Record, "predicates.regex", "topic %s: %w", r.Topic, err)
	}
	p.topic, p.known, p.matches = r.Topic, true, ok
	return ok, nil
}
