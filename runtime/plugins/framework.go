package plugins

import (
	"fmt"

	"culvert/configdef"
	"culvert/transforms/regex"
)

// Names of the framework's keys that more than one place spells.
const (
	keyName             = "name"
	keyClass            = "connector.class"
	keyVersion          = "connector.plugin.version"
	keyTransforms       = "transforms"
	keyPredicates       = "predicates"
	keyTopics           = "topics"
	keyTopicsRegex      = "topics.regex"
	keyDeadLetters      = "errors.deadletterqueue.topic.name"
	keyExactlyOnce      = "exactly.once.support"
	keyRestarts         = "culvert.restart.max.attempts"
	keyBoundary         = "transaction.boundary"
	keyOffsetsTopic     = "offsets.storage.topic"
	keyKeyConverter     = "key.converter"
	keyValueConverter   = "value.converter"
	keyHeaderConverter  = "header.converter"
	versionSuffix       = ".plugin.version"
	topicCreationPrefix = "topic.creation."
)

const (
	common        = "Common"
	errorHandling = "Error Handling"
	topicCreation = "Topic Creation"
	exactlyOnce   = "Exactly Once Support"
)

// defaults are what a request and the worker make the defaults of: empty is null.
type defaults struct {
	version                                    string // of the connector
	key, value, header                         string // converter classes of the worker
	keyVersion, valueVersion, headerVersion    string
	keyVisible, valueVisible, headerVisible    bool
	versions, keyVersions, valueVersions, more []string // recommended
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// commonSpecs is ConnectorConfig.configDef.
func (r *Registry) commonSpecs(d *defaults) []configdef.Spec {
	def := configdef.Default
	always := func(list []string) func(map[string]string) []string {
		return func(map[string]string) []string { return list }
	}
	only := func(show bool) func(map[string]string) bool { return func(map[string]string) bool { return show } }
	return []configdef.Spec{
		{Name: keyName, Type: configdef.String, Required: true, Importance: configdef.High, Group: common, Order: 1, Width: configdef.MediumWidth,
			DisplayName: "Connector name", Check: configdef.NonEmptyWithoutControlChars,
			Doc: "The name of the connector, unique in the cluster."},
		{Name: keyClass, Type: configdef.String, Required: true, Importance: configdef.High, Group: common, Order: 2, Width: configdef.LongWidth,
			DisplayName: "Connector class", Doc: "The Java class name of the connector, or one of its short names."},
		{Name: keyVersion, Type: configdef.String, Default: orNull(d.version), Importance: configdef.Medium, Group: common, Order: 3, Width: configdef.MediumWidth,
			DisplayName: "Connector version", Check: checkVersion, Recommend: always(d.versions),
			Doc: "The version, or range of versions, that the connector must have. One version is built in."},
		{Name: "tasks.max", Type: configdef.Int, Default: def("1"), Importance: configdef.High, Group: common, Order: 4, Width: configdef.ShortWidth,
			DisplayName: "Tasks max", Check: configdef.AtLeast(1), Doc: "The largest number of tasks that the connector may have."},
		{Name: "tasks.max.enforce", Type: configdef.Boolean, Default: def("true"), Importance: configdef.Low, Group: common, Order: 5, Width: configdef.ShortWidth,
			DisplayName: "Enforce tasks max", Doc: "Fail a connector that makes more tasks than tasks.max."},
		r.converterSpec(keyKeyConverter, d.key, 6, "Key converter class", "Turns record keys into bytes and back. Unset: the worker's.", Converter),
		{Name: keyKeyConverter + versionSuffix, Type: configdef.String, Default: orNull(d.keyVersion), Importance: configdef.Low, Group: common, Order: 7, Width: configdef.ShortWidth,
			DisplayName: "Key converter version", Check: checkVersion, Recommend: always(d.keyVersions), Visible: only(d.keyVisible),
			Doc: "The version that the key converter must have."},
		r.converterSpec(keyValueConverter, d.value, 8, "Value converter class", "Turns record values into bytes and back. Unset: the worker's.", Converter),
		{Name: keyValueConverter + versionSuffix, Type: configdef.String, Default: orNull(d.valueVersion), Importance: configdef.Low, Group: common, Order: 9, Width: configdef.ShortWidth,
			DisplayName: "Value converter version", Check: checkVersion, Recommend: always(d.valueVersions), Visible: only(d.valueVisible),
			Doc: "The version that the value converter must have."},
		r.converterSpec(keyHeaderConverter, d.header, 10, "Header converter class", "Turns record headers into bytes and back. Unset: the worker's.", HeaderConverter),
		{Name: keyHeaderConverter + versionSuffix, Type: configdef.String, Default: orNull(d.headerVersion), Importance: configdef.Low, Group: common, Order: 11, Width: configdef.ShortWidth,
			DisplayName: "Header converter version", Check: checkVersion, Recommend: always(d.more), Visible: only(d.headerVisible),
			Doc: "The version that the header converter must have."},
		{Name: keyTransforms, Type: configdef.List, Default: def(""), Importance: configdef.Low, Group: "Transforms", Order: 12, Width: configdef.LongWidth,
			DisplayName: "Transforms", Check: configdef.Aliases,
			Doc: "Names that you give to transformations, in the order in which records pass them; each is configured under transforms.<name>."},
		{Name: keyPredicates, Type: configdef.List, Default: def(""), Importance: configdef.Low, Group: "Predicates", Order: 13, Width: configdef.LongWidth,
			DisplayName: "Predicates", Check: configdef.Aliases,
			Doc: "Names that you give to predicates, which transformations refer to; each is configured under predicates.<name>."},
		{Name: "config.action.reload", Type: configdef.String, Default: def("restart"), Importance: configdef.Low, Group: common, Order: 14, Width: configdef.MediumWidth,
			DisplayName: "Reload Action", Check: configdef.OneOf("none", "restart"),
			Doc: "What happens when a value that a config provider supplied changes: restart the connector, or none."},
		{Name: "errors.retry.timeout", Type: configdef.Long, Default: def("0"), Importance: configdef.Medium, Group: errorHandling, Order: 1, Width: configdef.MediumWidth,
			DisplayName: "Retry Timeout for Errors", Doc: "Milliseconds for which a failed operation is tried again; 0 not at all, -1 without end."},
		{Name: "errors.retry.delay.max.ms", Type: configdef.Long, Default: def("60000"), Importance: configdef.Medium, Group: errorHandling, Order: 2, Width: configdef.MediumWidth,
			DisplayName: "Maximum Delay Between Retries for Errors", Doc: "The longest wait between two attempts, in milliseconds."},
		{Name: "errors.tolerance", Type: configdef.String, Default: def("none"), Importance: configdef.Medium, Group: errorHandling, Order: 3, Width: configdef.ShortWidth,
			DisplayName: "Error Tolerance", Check: configdef.OneOf("none", "all"),
			Doc: "none: a bad record fails its task. all: it is left out, and goes to the dead letter topic if there is one."},
		{Name: "errors.log.enable", Type: configdef.Boolean, Default: def("false"), Importance: configdef.Medium, Group: errorHandling, Order: 4, Width: configdef.ShortWidth,
			DisplayName: "Log Errors", Doc: "Log also the errors that are tolerated."},
		{Name: "errors.log.include.messages", Type: configdef.Boolean, Default: def("false"), Importance: configdef.Medium, Group: errorHandling, Order: 5, Width: configdef.ShortWidth,
			DisplayName: "Log Error Details", Doc: "Name the record in the log line of an error: its topic, partition, offset and time."},
		{Name: keyRestarts, Type: configdef.Int, Default: def("0"), Importance: configdef.Medium, Group: errorHandling, Order: 9, Width: configdef.ShortWidth,
			DisplayName: "Automatic restarts", Check: configdef.AtLeast(-1), Extended: true,
			Doc: "How many times a failed task is restarted by itself, after 1 s, 2 s, 4 s and so on up to a minute; after ten minutes without failure all attempts are there again. 0: never, as Java. -1: without end."},
	}
}

func (r *Registry) converterSpec(name, worker string, order int, display, doc string, kind Kind) configdef.Spec {
	if class, ok := r.Class(worker); ok {
		worker = class
	}
	java, classes := "Converter", r.Classes(kind)
	if kind == HeaderConverter {
		java = "HeaderConverter"
	}
	return configdef.Spec{Name: name, Type: configdef.Class, Default: orNull(worker), Importance: configdef.Low, Group: common, Order: order,
		Width: configdef.ShortWidth, DisplayName: display, Doc: doc, Resolve: r.Class,
		Recommend: func(map[string]string) []string { return classes },
		Check: configdef.Optional(func(_ string, v configdef.Parsed) error {
			if v.Given && !contains(classes, v.Text) {
				return notA(v.Text, java)
			}
			return nil
		})}
}

// notA is Java's error for a class of another kind.
func notA(class, what string) error {
	return configdef.Sentence(fmt.Sprintf("Class class %s does not implement the %s interface", class, what))
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

// sourceSpecs is SourceConnectorConfig.configDef.
func (r *Registry) sourceSpecs(d *defaults) []configdef.Spec {
	def := configdef.Default
	return append(r.commonSpecs(d),
		configdef.Spec{Name: topicCreationPrefix + "groups", Type: configdef.List, Default: def(""), Importance: configdef.Low, Group: topicCreation, Order: 1,
			Width: configdef.LongWidth, DisplayName: "Topic Creation Groups", Check: configdef.Aliases,
			Doc: "Names of groups of topics that are created with settings of their own, under topic.creation.<group>.; topic.creation.default. is for all others."},
		configdef.Spec{Name: keyExactlyOnce, Type: configdef.String, Default: def("requested"), Importance: configdef.Medium, Group: exactlyOnce, Order: 2,
			Width: configdef.ShortWidth, DisplayName: "Exactly once support", Check: configdef.OneOfFold("REQUIRED", "REQUESTED"),
			Doc: "required: refuse the connector unless connector and worker can write each record exactly once."},
		configdef.Spec{Name: keyBoundary, Type: configdef.String, Default: def("poll"), Importance: configdef.Medium, Group: exactlyOnce, Order: 3,
			Width: configdef.ShortWidth, DisplayName: "Transaction Boundary", Check: configdef.OneOfFold("INTERVAL", "POLL", "CONNECTOR"),
			Doc: "Where a transaction ends: after each batch (poll), after a time (interval), or where the connector says."},
		configdef.Spec{Name: "transaction.boundary.interval.ms", Type: configdef.Long, Importance: configdef.Low, Group: exactlyOnce, Order: 4,
			Width: configdef.ShortWidth, DisplayName: "Transaction boundary interval", Check: configdef.Optional(configdef.AtLeast(0)),
			Doc: "With transaction.boundary=interval: milliseconds between two commits. Unset: offset.flush.interval.ms of the worker."},
		configdef.Spec{Name: keyOffsetsTopic, Type: configdef.String, Importance: configdef.Low, Group: "offsets.topic", Order: 1,
			Width: configdef.LongWidth, DisplayName: "Offsets topic", Check: configdef.NonEmpty,
			Doc: "A topic for the source offsets of this connector alone. Unset: the worker's."},
	)
}

// sinkSpecs is SinkConnectorConfig.configDef.
func (r *Registry) sinkSpecs(d *defaults) []configdef.Spec {
	def := configdef.Default
	return append(r.commonSpecs(d),
		configdef.Spec{Name: keyTopics, Type: configdef.List, Default: def(""), Importance: configdef.High, Group: common, Order: 4,
			Width: configdef.LongWidth, DisplayName: "Topics", Check: configdef.Elements(), Doc: "The topics to read."},
		configdef.Spec{Name: keyTopicsRegex, Type: configdef.String, Default: def(""), Importance: configdef.High, Group: common, Order: 4,
			Width: configdef.LongWidth, DisplayName: "Topics regex", Check: configdef.Optional(regex.Check),
			Doc: "A regular expression for the topics to read; new topics that match are taken up. Set this or topics."},
		configdef.Spec{Name: keyDeadLetters, Type: configdef.String, Default: def(""), Importance: configdef.Medium, Group: errorHandling, Order: 6,
			Width: configdef.MediumWidth, DisplayName: "Dead Letter Queue Topic Name",
			Doc: "The topic for records that could not be processed. Empty: they are only counted."},
		configdef.Spec{Name: "errors.deadletterqueue.topic.replication.factor", Type: configdef.Short, Default: def("3"), Importance: configdef.Medium, Group: errorHandling, Order: 7,
			Width: configdef.MediumWidth, DisplayName: "Dead Letter Queue Topic Replication Factor",
			Doc: "The replication of the dead letter topic when it is created."},
		configdef.Spec{Name: "errors.deadletterqueue.context.headers.enable", Type: configdef.Boolean, Default: def("false"), Importance: configdef.Medium, Group: errorHandling, Order: 8,
			Width: configdef.MediumWidth, DisplayName: "Enable Error Context Headers",
			Doc: "Say in headers, __connect.errors.…, where a dead letter came from and what was wrong."},
	)
}
