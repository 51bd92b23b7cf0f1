package smt

import (
	"culvert/configdef"
	"culvert/data"
	"culvert/fault"
	"culvert/transforms"
	"culvert/transforms/regex"
)

type regexRouterConfig struct {
	pattern     *regex.Pattern
	replacement string
}

var regexRouterDef = &configdef.Def[regexRouterConfig]{Keys: []configdef.Key[regexRouterConfig]{
	{Spec: checked(required(spec("regex", configdef.String, configdef.High, "A Java regular expression that the whole name of the topic must match.")), regex.Check),
		Into: func(c *regexRouterConfig, v configdef.Parsed) { c.pattern, _ = regex.Compile(v.Text) }},
	{Spec: required(spec("replacement", configdef.String, configdef.High,
		"What the first match in the topic's name becomes; $1 stands for the first group, and so on.")),
		Into: configdef.Str(func(c *regexRouterConfig) *string { return &c.replacement })},
}}

// regexRouter remembers the last topic: the records of a batch mostly have one.
type regexRouter struct {
	regexRouterConfig
	known    bool
	from, to string
}

func newRegexRouter(c regexRouterConfig) (transforms.Transform, error) {
	t := &regexRouter{regexRouterConfig: c}
	return each(t.apply), nil
}

func (t *regexRouter) apply(r *data.Record, _ *data.Arena) error {
	if !t.known || t.from != r.Topic {
		to, err := t.route(r.Topic)
		if err != nil {
			return fault.New(fault.Record, "smt.regex", "%w", err).WithJava("java.lang.IllegalArgumentException").
				WithFix("Correct regex and replacement, which do not suit the topic %s.", r.Topic)
		}
		t.known, t.from, t.to = true, r.Topic, to
	}
	r.Topic = t.to
	return nil
}

func (t *regexRouter) route(topic string) (string, error) {
	ok, err := t.pattern.Matches(topic)
	if err != nil || !ok {
		return topic, err
	}
	return t.pattern.ReplaceFirst(topic, t.replacement)
}
