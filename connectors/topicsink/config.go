package topicsink

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"culvert/configdef"
	"culvert/connectors"
	"culvert/fault"
)

// Class is the name of the connector in configurations.
const Class = "culvert.connectors.TopicSink"

// Plugin describes the connector.
func Plugin() connectors.Plugin {
	return connectors.Plugin{
		Class:     Class,
		Aliases:   []string{"TopicSink"},
		TaskClass: "culvert.connectors.TopicSinkTask",
		Kind:      connectors.SinkKind,

		Transactional: true,
		Spec:          def.Specs,
		Check:         check,
		Tasks:         tasks,
		AllOffsets:    true,
		Sink: func(ctx context.Context, env connectors.Env, task map[string]string) (connectors.Sink, error) {
			return Open(ctx, env, task)
		},
	}
}

// config is a parsed configuration.
type config struct {
	topic       string
	partitions  int32
	replication int16
	schemaName  string
}

// The keys whose names the runtime looks up too (connectors.Env.Converter).
const (
	keyConverterKey    = "output.key.converter"
	valueConverterKey  = "output.value.converter"
	headerConverterKey = "output.header.converter"
)

var def = &configdef.Def[config]{Keys: keys, Rules: []func(*config, *configdef.Report){schemaRule}}

var keys = []configdef.Key[config]{
	{Spec: configdef.Spec{Name: "topic", Required: true, Importance: configdef.High, Check: checkTopic, Group: "Output",
		Doc: "The topic that is written. It is created if it is missing."},
		Into: configdef.Str(func(c *config) *string { return &c.topic })},
	{Spec: configdef.Spec{Name: keyConverterKey, Type: configdef.Class, Importance: configdef.Medium, Group: "Output",
		Doc: "The converter for the keys of the output, with its settings under " + keyConverterKey + ".*. Default: the one that reads the input's keys."}},
	{Spec: configdef.Spec{Name: valueConverterKey, Type: configdef.Class, Importance: configdef.Medium, Group: "Output",
		Doc: "The converter for the values of the output, with its settings under " + valueConverterKey + ".*. Default: the one that reads the input's values."}},
	{Spec: configdef.Spec{Name: headerConverterKey, Type: configdef.Class, Importance: configdef.Low, Group: "Output",
		Doc: "The converter for headers that a transformation has made; others are passed on as they came. Default: the one that reads the input's headers."}},
	{Spec: configdef.Spec{Name: "output.topic.partitions", Type: configdef.Int, Default: configdef.Default("-1"), Importance: configdef.Medium, Check: positive, Group: "Output",
		Doc: "The number of partitions if the topic has to be created. Default -1: as many as the (left) input has."},
		Into: configdef.Num(func(c *config) *int32 { return &c.partitions })},
	{Spec: configdef.Spec{Name: "output.topic.replication.factor", Type: configdef.Short, Default: configdef.Default("-1"), Importance: configdef.Medium, Check: positive, Group: "Output",
		Doc: "The replication factor if the topic has to be created. Default -1: that of the (left) input."},
		Into: func(c *config, v configdef.Parsed) { c.replication = int16(v.Int) }},
	{Spec: configdef.Spec{Name: "output.schema.name", Importance: configdef.Medium, Group: "Output",
		Doc: "The name of the record schema of the values, in Avro the record's full name. Default: for values without a name, such as the rows of a join, culvert. and the topic's name."},
		Into: configdef.Str(func(c *config) *string { return &c.schemaName })},
}

var topicName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,249}$`)

// checkTopic is org.apache.kafka.common.internals.Topic.validate.
func checkTopic(_ string, v configdef.Parsed) error {
	if v.Null || topicName.MatchString(v.Text) && v.Text != "." && v.Text != ".." {
		return nil
	}
	return fmt.Errorf("a topic's name has 1 to 249 letters, digits, dots, underscores and hyphens")
}

func positive(_ string, v configdef.Parsed) error {
	if !v.Null && v.Int < 1 && v.Int != -1 {
		return fmt.Errorf("Value must be at least 1, or -1")
	}
	return nil
}

var schemaName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$`)

func schemaRule(c *config, r *configdef.Report) {
	if c.schemaName != "" && !schemaName.MatchString(c.schemaName) {
		r.FailValue("output.schema.name", c.schemaName, "must be names of letters, digits and underscores, with dots between, as Avro has it")
	}
}

func check(_ context.Context, props map[string]string) *configdef.Report {
	c, r := def.Parse(props)
	r.Unknown = slices.DeleteFunc(r.Unknown, func(k string) bool {
		return strings.HasPrefix(k, keyConverterKey+".") || strings.HasPrefix(k, valueConverterKey+".") || strings.HasPrefix(k, headerConverterKey+".")
	})
	if c.topic != "" && reads(props, c.topic) {
		r.FailValue("topic", c.topic, "it is one of the topics that the connector reads: it would read its own output for ever")
	}
	return r
}

// reads reports whether the connector would read the topic.
func reads(props map[string]string, topic string) bool {
	if slices.Contains(inputs(props), topic) {
		return true
	}
	pattern := strings.TrimSpace(props["topics.regex"])
	if pattern == "" {
		return false
	}
	re, err := regexp.Compile(`^(?:` + pattern + `)$`)
	return err == nil && re.MatchString(topic) // a bad pattern is the runtime's to report
}

func inputs(props map[string]string) []string {
	var all []string
	for _, t := range strings.Split(props["topics"], ",") {
		if t = strings.TrimSpace(t); t != "" {
			all = append(all, t)
		}
	}
	return all
}

// model is the input whose partitions and replication a new output topic gets:
// the left side of a join in the chain, else the first topic; empty when only a
// pattern is given.
func model(props map[string]string) string {
	for _, alias := range strings.Split(props["transforms"], ",") {
		if t := strings.TrimSpace(props["transforms."+strings.TrimSpace(alias)+".left.topic"]); t != "" {
			return t
		}
	}
	if all := inputs(props); len(all) > 0 {
		return all[0]
	}
	return ""
}

func tasks(props map[string]string, max int) ([]map[string]string, error) {
	all := make([]map[string]string, max)
	for i := range all {
		all[i] = maps.Clone(props)
	}
	return all, nil
}

func parse(props map[string]string) (config, error) {
	r := check(context.Background(), props)
	if errs := r.Errors(); len(errs) > 0 {
		return config{}, fault.New(fault.Config, "topicsink.config", "%s", strings.Join(errs, "\n"))
	}
	c, _ := def.Parse(props)
	return c, nil
}
