package worker

import (
	"fmt"
	"strings"
	"time"

	"culvert/configdef"
	"culvert/fault"
	"culvert/state"
)

// workerKeys are the worker's properties that tasks depend on.
type workerKeys struct {
	Bootstrap                                     string
	FlushInterval                                 time.Duration
	FlushTimeout                                  time.Duration
	Graceful                                      time.Duration
	TopicCreation                                 bool
	StateMemory                                   int64
	KeyConverter, ValueConverter, HeaderConverter string
}

// simpleHeaderConverter is WorkerConfig.HEADER_CONVERTER_CLASS_DEFAULT.
const simpleHeaderConverter = "org.apache.kafka.connect.storage.SimpleHeaderConverter"

func key[C any](name string, t configdef.Type, dflt string, into func(*C, configdef.Parsed)) configdef.Key[C] {
	return configdef.Key[C]{Spec: configdef.Spec{Name: name, Type: t, Default: &dflt}, Into: into}
}

func duration[C any](field func(*C) *time.Duration) func(*C, configdef.Parsed) {
	return func(c *C, v configdef.Parsed) { *field(c) = millis(v.Text, 0) }
}

var workerDef = configdef.Def[workerKeys]{Keys: []configdef.Key[workerKeys]{
	key("bootstrap.servers", configdef.String, "localhost:9092", configdef.Str(func(c *workerKeys) *string { return &c.Bootstrap })),
	key("offset.flush.interval.ms", configdef.Long, "60000", duration(func(c *workerKeys) *time.Duration { return &c.FlushInterval })),
	key("offset.flush.timeout.ms", configdef.Long, "5000", duration(func(c *workerKeys) *time.Duration { return &c.FlushTimeout })),
	key("task.shutdown.graceful.timeout.ms", configdef.Long, "5000", duration(func(c *workerKeys) *time.Duration { return &c.Graceful })),
	key("topic.creation.enable", configdef.Boolean, "true", configdef.Flag(func(c *workerKeys) *bool { return &c.TopicCreation })),
	key("culvert.state.memory.bytes", configdef.Long, fmt.Sprint(int64(state.DefaultMemoryBytes)), configdef.Num(func(c *workerKeys) *int64 { return &c.StateMemory })),
	key("key.converter", configdef.String, "", configdef.Str(func(c *workerKeys) *string { return &c.KeyConverter })),
	key("value.converter", configdef.String, "", configdef.Str(func(c *workerKeys) *string { return &c.ValueConverter })),
	key("header.converter", configdef.String, simpleHeaderConverter, configdef.Str(func(c *workerKeys) *string { return &c.HeaderConverter })),
}}

func parseWorker(props map[string]string) (workerKeys, error) {
	c, report := workerDef.Parse(props)
	if errs := report.Errors(); len(errs) > 0 {
		return c, fault.New(fault.Config, "worker.config", "%s", strings.Join(errs, "; "))
	}
	c.FlushInterval = max(c.FlushInterval, time.Millisecond)
	c.FlushTimeout = max(c.FlushTimeout, time.Millisecond)
	return c, nil
}

// connectorKeys are the connector's properties that tasks depend on: those of
// ConnectorConfig, SourceConnectorConfig and SinkConnectorConfig that have an
// effect after validation.
type connectorKeys struct {
	Class                                         string
	TasksMax                                      int
	TasksMaxEnforce                               bool
	KeyConverter, ValueConverter, HeaderConverter string // empty: the worker's
	Transforms                                    []string
	Topics                                        []string
	TopicsRegex                                   string

	Tolerance         string
	RetryTimeout      time.Duration
	RetryDelayMax     time.Duration
	LogErrors         bool
	LogMessages       bool
	LetterTopic       string
	LetterReplication int16
	LetterContext     bool

	CreationGroups []string
	MaxTaskIdle    time.Duration
	MaxRestarts    int
	Tasks          int
}

// tasksKey tells a task how many there are, where they divide the partitions among
// themselves: with a stateful transformation, and where a sink writes to Kafka. It
// stands in the task configs of such connectors, which Java does not have.
const tasksKey = "culvert.tasks"

var connectorDef = configdef.Def[connectorKeys]{Keys: []configdef.Key[connectorKeys]{
	key("connector.class", configdef.String, "", configdef.Str(func(c *connectorKeys) *string { return &c.Class })),
	key("tasks.max", configdef.Int, "1", configdef.Num(func(c *connectorKeys) *int { return &c.TasksMax })),
	key("tasks.max.enforce", configdef.Boolean, "true", configdef.Flag(func(c *connectorKeys) *bool { return &c.TasksMaxEnforce })),
	key("key.converter", configdef.String, "", configdef.Str(func(c *connectorKeys) *string { return &c.KeyConverter })),
	key("value.converter", configdef.String, "", configdef.Str(func(c *connectorKeys) *string { return &c.ValueConverter })),
	key("header.converter", configdef.String, "", configdef.Str(func(c *connectorKeys) *string { return &c.HeaderConverter })),
	key("transforms", configdef.List, "", configdef.Strs(func(c *connectorKeys) *[]string { return &c.Transforms })),
	key("topics", configdef.List, "", configdef.Strs(func(c *connectorKeys) *[]string { return &c.Topics })),
	key("topics.regex", configdef.String, "", configdef.Str(func(c *connectorKeys) *string { return &c.TopicsRegex })),
	key("errors.tolerance", configdef.String, "none", configdef.Str(func(c *connectorKeys) *string { return &c.Tolerance })),
	key("errors.retry.timeout", configdef.Long, "0", duration(func(c *connectorKeys) *time.Duration { return &c.RetryTimeout })),
	key("errors.retry.delay.max.ms", configdef.Long, "60000", duration(func(c *connectorKeys) *time.Duration { return &c.RetryDelayMax })),
	key("errors.log.enable", configdef.Boolean, "false", configdef.Flag(func(c *connectorKeys) *bool { return &c.LogErrors })),
	key("errors.log.include.messages", configdef.Boolean, "false", configdef.Flag(func(c *connectorKeys) *bool { return &c.LogMessages })),
	key("errors.deadletterqueue.topic.name", configdef.String, "", configdef.Str(func(c *connectorKeys) *string { return &c.LetterTopic })),
	key("errors.deadletterqueue.topic.replication.factor", configdef.Short, "3", func(c *connectorKeys, v configdef.Parsed) { c.LetterReplication = int16(v.Int) }),
	key("errors.deadletterqueue.context.headers.enable", configdef.Boolean, "false", configdef.Flag(func(c *connectorKeys) *bool { return &c.LetterContext })),
	key("topic.creation.groups", configdef.List, "", configdef.Strs(func(c *connectorKeys) *[]string { return &c.CreationGroups })),
	key("max.task.idle.ms", configdef.Long, "0", duration(func(c *connectorKeys) *time.Duration { return &c.MaxTaskIdle })),
	key("culvert.restart.max.attempts", configdef.Int, "0", configdef.Num(func(c *connectorKeys) *int { return &c.MaxRestarts })),
	key(tasksKey, configdef.Int, "0", configdef.Num(func(c *connectorKeys) *int { return &c.Tasks })),
}}

func parseConnector(props map[string]string) (connectorKeys, error) {
	c, report := connectorDef.Parse(props)
	if errs := report.Errors(); len(errs) > 0 {
		return c, fault.New(fault.Config, "connect.config", "%s", strings.Join(errs, "; "))
	}
	c.TasksMax = max(c.TasksMax, 1)
	return c, nil
}

// adapt translates the configuration of a managed connector.
func (w *Worker) adapt(props map[string]string) map[string]string {
	return w.cfg.Plugins.Adapt(props, w.cfg.Props).Props
}

// under returns the properties below a prefix, without it.
func under(props map[string]string, prefix string) map[string]string {
	m := map[string]string{}
	for k, v := range props {
		if rest, ok := strings.CutPrefix(k, prefix); ok && rest != "" {
			m[rest] = v
		}
	}
	return m
}
