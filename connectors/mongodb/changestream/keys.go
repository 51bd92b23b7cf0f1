package changestream

import (
	"errors"
	"runtime"
	"strconv"
	"strings"

	"culvert/configdef"
	"culvert/connectors/mongodb"
)

// Names of keys that code outside the table has to spell.
const (
	keyURI            = "connection.uri"
	keyDatabase       = "database"
	keyCollection     = "collection"
	keyTopicMapper    = "topic.mapper"
	keyTopicMap       = "topic.namespace.map"
	keyFormatter      = "output.json.formatter"
	keyKeySchema      = "output.schema.key"
	keyValueSchema    = "output.schema.value"
	keyAuthentication = "mongo.custom.auth.mechanism.enable"
)

// Where the classes of the original live.
const (
	formatters    = "com.mongodb.kafka.connect.source.json.formatter."
	defaultMapper = "com.mongodb.kafka.connect.source.topic.mapping.DefaultTopicMapper"
)

const (
	defaultURI       = "mongodb://localhost:27017,localhost:27018,localhost:27019"
	defaultKeySchema = `{  "type": "record",  "name": "keySchema",  "fields" : [{"name": "_id", "type": "string"}]}`
)

var definition = &configdef.Def[settings]{Keys: keys(), Rules: rules}

// key makes a row of the table.
func key(name string, typ configdef.Type, def string, imp configdef.Importance, width configdef.Width, group, display, doc string,
	into func(*settings, configdef.Parsed)) configdef.Key[settings] {
	return configdef.Key[settings]{Into: into, Spec: configdef.Spec{Name: name, Type: typ, Default: configdef.Default(def), Importance: imp,
		Width: width, Group: group, DisplayName: display, Doc: doc}}
}

// checked adds a check.
func checked(check configdef.Validator, k configdef.Key[settings]) configdef.Key[settings] {
	k.Check = check
	return k
}

// oneOf adds a choice of values that forms may offer.
func oneOf(k configdef.Key[settings], values ...string) configdef.Key[settings] {
	k.Check = mongodb.OneOf(values...)
	k.Recommend = func(map[string]string) []string { return values }
	return k
}

// orEmpty is oneOf that takes no text as well.
func orEmpty(k configdef.Key[settings]) configdef.Key[settings] {
	k.Check = mongodb.EmptyOr(k.Check)
	return k
}

// silent is a choice that is not recommended.
func silent(k configdef.Key[settings]) configdef.Key[settings] {
	k.Recommend = nil
	return k
}

// perProcessor gives the key the number of processors as its default.
func perProcessor(k configdef.Key[settings]) configdef.Key[settings] {
	k.Default, k.Measured = configdef.Default(strconv.Itoa(runtime.GOMAXPROCS(0))), "processors"
	return k
}

func shared(names ...string) []configdef.Key[settings] {
	var list []configdef.Key[settings]
	for _, n := range names {
		list = append(list, mongodb.ConnectionKey(n, func(s *settings) *mongodb.Connection { return &s.Connection }))
	}
	return list
}

// keys is the table, in the order of Java's definition (MongoSourceConfig).
func keys() []configdef.Key[settings] {
	uri := shared(keyURI)[0]
	uri.Default = configdef.Default(defaultURI)
	list := []configdef.Key[settings]{uri,
		key(keyDatabase, configdef.String, "", configdef.Medium, configdef.MediumWidth, "Connection", "The database to watch.",
			"The database to watch. Empty: all databases.", configdef.Str(func(s *settings) *string { return &s.Database })),
		key(keyCollection, configdef.String, "", configdef.Medium, configdef.MediumWidth, "Connection", "The collection to watch.",
			"The collection of the database to watch. Empty: all collections.", configdef.Str(func(s *settings) *string { return &s.Collection })),
	}
	list = append(list, shared("server.api.version", "server.api.deprecation.errors", "server.api.strict",
		"connection.ssl.truststore", "connection.ssl.truststorePassword", "connection.ssl.keystore", "connection.ssl.keystorePassword")...)
	list = append(list, streamKeys()...)
	list = append(list, topicKeys()...)
	list = append(list, schemaKeys()...)
	list = append(list, startupKeys()...)
	list = append(list, errorKeys()...)
	list = append(list, key("offset.partition.name", configdef.String, "", configdef.Medium, configdef.ShortWidth, "Partition", "Offset partition name",
		"The name under which the position is stored. A new name begins anew. Empty: made of servers, database and collection.",
		configdef.Str(func(s *settings) *string { return &s.OffsetPartition })))
	list = append(list, shared("provider", "connection.check")...)
	auth := key(keyAuthentication, configdef.Boolean, "false", configdef.Low, configdef.NoWidth, "", "Custom authentication",
		"Take credentials from a Java class of the user. That cannot be loaded here, so that it has to be false.", configdef.Flag(func(s *settings) *bool { return &s.Authentication }))
	auth.Extended = true
	return append(list, auth)
}

func streamKeys() []configdef.Key[settings] {
	const group = "Change stream"
	return []configdef.Key[settings]{
		checked(jsonArray, key("pipeline", configdef.String, "[]", configdef.Medium, configdef.MediumWidth, group, "The pipeline to apply to the change stream",
			"Stages that are applied to the events of the change stream, as a JSON array.", configdef.Str(func(s *settings) *string { return &s.Pipeline }))),
		checked(configdef.AtLeast(0), key("batch.size", configdef.Int, "0", configdef.Medium, configdef.MediumWidth, group, "The cursor batch size",
			"How many events the server sends at once. 0: as many as it likes.", configdef.Num(func(s *settings) *int { return &s.BatchSize }))),
		key("publish.full.document.only", configdef.Boolean, "false", configdef.High, configdef.MediumWidth, group, "Publish only the `fullDocument` field",
			"Write the changed document in place of the event. Updates are looked up.", configdef.Flag(func(s *settings) *bool { return &s.FullDocumentOnly })),
		key("publish.full.document.only.tombstone.on.delete", configdef.Boolean, "false", configdef.Medium, configdef.MediumWidth, group,
			"Send a null value on a delete event. Requires publish.full.document.only=true.",
			"Write a null value for a deleted document, if publish.full.document.only is set.", configdef.Flag(func(s *settings) *bool { return &s.TombstoneOnDelete })),
		key("change.stream.document.key.as.key", configdef.Boolean, "true", configdef.Medium, configdef.MediumWidth, group, "Use the `documentKey` for the source record key",
			"Make the key of a record of the document's key; else of the event's resume token.", configdef.Flag(func(s *settings) *bool { return &s.DocumentKeyAsKey })),
		orEmpty(oneOf(key("change.stream.full.document.before.change", configdef.String, "", configdef.High, configdef.MediumWidth, group, "The `fullDocumentBeforeChange` configuration.",
			"Whether events carry the document as it was before. It needs MongoDB 6.0.", configdef.Str(func(s *settings) *string { return &s.BeforeChange })),
			"default", "off", "whenAvailable", "required")),
		orEmpty(oneOf(key("change.stream.full.document", configdef.String, "", configdef.High, configdef.MediumWidth, group, "The `fullDocument` configuration.",
			"What events of updates carry beside the change: updateLookup adds the document as it is by then.", configdef.Str(func(s *settings) *string { return &s.FullDocument })),
			"default", "updateLookup", "whenAvailable", "required")),
		key("change.stream.show.expanded.events", configdef.Boolean, "false", configdef.Medium, configdef.MediumWidth, group, "The `showExpandedEvents` configuration.",
			"Whether changes of indexes and collections are events too. It needs MongoDB 6.0.", configdef.Flag(func(s *settings) *bool { return &s.ExpandedEvents })),
		checked(collation, key("collation", configdef.String, "", configdef.High, configdef.MediumWidth, group, "The collation options",
			"The collation by which the pipeline compares texts, as a JSON document.", configdef.Str(func(s *settings) *string { return &s.Collation }))),
		checked(configdef.AtLeast(1), key("poll.max.batch.size", configdef.Int, "1000", configdef.Low, configdef.MediumWidth, group, "The maximum batch size",
			"How many events a batch of records has at most.", configdef.Num(func(s *settings) *int { return &s.PollMaxBatch }))),
		checked(configdef.AtLeast(1), key("poll.await.time.ms", configdef.Long, "5000", configdef.Low, configdef.MediumWidth, group, "Poll await time (ms)",
			"Milliseconds that the server waits for an event before it answers without one.", configdef.Num(func(s *settings) *int64 { return &s.PollAwaitMS }))),
	}
}

func topicKeys() []configdef.Key[settings] {
	const group = "Topic mapping"
	return []configdef.Key[settings]{
		checked(mongodb.ClassName(), key(keyTopicMapper, configdef.String, defaultMapper, configdef.High, configdef.LongWidth, group, "The topic mapper class",
			"What finds the topic of an event. There is the default, which goes by the namespace.", configdef.Str(func(s *settings) *string { return &s.TopicMapper }))),
		key("topic.separator", configdef.String, ".", configdef.Low, configdef.MediumWidth, group, "The topic separator",
			"What stands between the parts of a topic's name.", configdef.Str(func(s *settings) *string { return &s.TopicSeparator })),
		key("topic.prefix", configdef.String, "", configdef.Low, configdef.MediumWidth, group, "The topic prefix",
			"What a topic's name begins with.", configdef.Str(func(s *settings) *string { return &s.TopicPrefix })),
		key("topic.suffix", configdef.String, "", configdef.Low, configdef.MediumWidth, group, "The topic suffix",
			"What a topic's name ends with.", configdef.Str(func(s *settings) *string { return &s.TopicSuffix })),
		checked(jsonDocument, key(keyTopicMap, configdef.String, "", configdef.High, configdef.MediumWidth, group, "The namespace to topic map",
			"Topics by namespace, as a JSON document: a database, database.collection, a regular expression behind a slash, or * for all others.",
			configdef.Str(func(s *settings) *string { return &s.TopicMap }))),
	}
}

func schemaKeys() []configdef.Key[settings] {
	const group = "Schema"
	return []configdef.Key[settings]{
		oneOf(key("output.format.key", configdef.String, "json", configdef.High, configdef.MediumWidth, group, "The key output format",
			"The form of keys: json texts, bson bytes, or data with a schema.", lower(func(s *settings) *string { return &s.KeyFormat })), "json", "bson", "schema"),
		oneOf(key("output.format.value", configdef.String, "json", configdef.High, configdef.MediumWidth, group, "The value output format",
			"The form of values: json texts, bson bytes, or data with a schema.", lower(func(s *settings) *string { return &s.ValueFormat })), "json", "bson", "schema"),
		key("output.schema.infer.value", configdef.Boolean, "false", configdef.Medium, configdef.MediumWidth, group, "Enable Infer Schemas for the value",
			"Make a schema for each document by its fields, if the values have schemas.", configdef.Flag(func(s *settings) *bool { return &s.InferValue })),
		checked(avroSchema, key(keyKeySchema, configdef.String, defaultKeySchema, configdef.High, configdef.MediumWidth, group, "The Avro schema definition for the key.",
			"The schema of keys, in Avro's JSON.", configdef.Str(func(s *settings) *string { return &s.KeySchema }))),
		checked(avroSchema, key(keyValueSchema, configdef.String, defaultValueSchema, configdef.High, configdef.MediumWidth, group, "The Avro schema definition for the value.",
			"The schema of values, in Avro's JSON.", configdef.Str(func(s *settings) *string { return &s.ValueSchema }))),
		checked(mongodb.ClassName(), key(keyFormatter, configdef.String, formatters+"DefaultJson", configdef.Medium, configdef.MediumWidth, group, "The json formatter class",
			"How JSON is written: DefaultJson (strict), ExtendedJson (with all types) or SimplifiedJson.", configdef.Str(func(s *settings) *string { return &s.Formatter }))),
	}
}

func startupKeys() []configdef.Key[settings] {
	const group = "Startup"
	mode := silent(orEmpty(oneOf(key("startup.mode", configdef.String, "", configdef.Medium, configdef.MediumWidth, group, "The start up behavior when there is no source offset available.",
		"Where to begin without a stored position: latest (the default), timestamp, or copy_existing, which writes all documents first.",
		configdef.Str(func(s *settings) *string { return &s.StartupMode })), modeLatest, modeTimestamp, modeCopy)))
	mode.Dependents = []string{"startup.mode.timestamp.start.at.operation.time", "startup.mode.copy.existing.max.threads", "startup.mode.copy.existing.queue.size",
		"startup.mode.copy.existing.pipeline", "startup.mode.copy.existing.namespace.regex", "startup.mode.copy.existing.allow.disk.use"}
	copying := func(prefix, hint string, into func(field func(*settings) *override) func(*settings, configdef.Parsed)) []configdef.Key[settings] {
		return []configdef.Key[settings]{
			perProcessor(checked(configdef.AtLeast(1), key(prefix+"max.threads", configdef.Int, "", configdef.Medium, configdef.MediumWidth, group, "Copy existing max number of threads",
				"How many collections are copied side by side, at most."+hint, into(func(s *settings) *override { return &s.CopyThreads })))),
			checked(configdef.AtLeast(1), key(prefix+"queue.size", configdef.Int, "16000", configdef.Medium, configdef.MediumWidth, group, "Copy existing queue size",
				"How many documents are read ahead while copying, at most, one for each collection at least. About 64 MB of them are."+hint, into(func(s *settings) *override { return &s.CopyQueue }))),
			checked(jsonArray, key(prefix+"pipeline", configdef.String, "", configdef.Medium, configdef.MediumWidth, group, "Copy existing initial pipeline",
				"Stages that copying begins with, as a JSON array."+hint, into(func(s *settings) *override { return &s.CopyPipeline }))),
			checked(mongodb.EmptyOr(mongodb.Regex()), key(prefix+"namespace.regex", configdef.String, "", configdef.Medium, configdef.MediumWidth, group, "Copy existing namespace regex",
				"A regular expression for the namespaces, database.collection, that are copied."+hint, into(func(s *settings) *override { return &s.CopyRegex }))),
			key(prefix+"allow.disk.use", configdef.Boolean, "true", configdef.Medium, configdef.MediumWidth, group, "Copy existing allow disk use with the copying aggregation",
				"Whether the server may use its disk for copying."+hint, into(func(s *settings) *override { return &s.CopyDisk })),
		}
	}
	list := []configdef.Key[settings]{mode,
		checked(mongodb.EmptyOr(operationTime), key("startup.mode.timestamp.start.at.operation.time", configdef.String, "", configdef.Medium, configdef.MediumWidth, group,
			"The `startAtOperationTime` configuration.", "The time at which startup.mode=timestamp begins: seconds since 1970, an ISO-8601 instant, or a BSON timestamp as extended JSON.",
			configdef.Str(func(s *settings) *string { return &s.StartAt }))),
	}
	list = append(list, copying("startup.mode.copy.existing.", "", particular)...)
	list = append(list, key("copy.existing", configdef.Boolean, "false", configdef.Medium, configdef.MediumWidth, group, "Copy existing data",
		"Write all documents before the changes. Deprecated: startup.mode=copy_existing.", configdef.Flag(func(s *settings) *bool { return &s.CopyExisting })))
	return append(list, copying("copy.existing.", " Deprecated: the key behind startup.mode counts.", general)...)
}

func errorKeys() []configdef.Key[settings] {
	const group = "Errors"
	tolerance := func(s *settings) *override { return &s.Tolerance }
	log := func(s *settings) *override { return &s.Log }
	dead := func(s *settings) *override { return &s.Dead }
	return []configdef.Key[settings]{
		silent(oneOf(key("errors.tolerance", configdef.String, "none", configdef.Medium, configdef.ShortWidth, group, "Error Tolerance",
			"none: an event that cannot become a record, or a lost position, fails the task. all: the event is left out, the stream begins anew.", general(tolerance)), "none", "all")),
		silent(oneOf(key("mongo.errors.tolerance", configdef.String, "none", configdef.Medium, configdef.ShortWidth, group, "Error Tolerance",
			"As errors.tolerance, for this connector alone; it wins where both are set.", particular(tolerance)), "none", "all")),
		key("errors.log.enable", configdef.Boolean, "false", configdef.Medium, configdef.ShortWidth, group, "Log Errors", "Log tolerated errors.", general(log)),
		key("mongo.errors.log.enable", configdef.Boolean, "false", configdef.Medium, configdef.ShortWidth, group, "Log Errors",
			"As errors.log.enable, for this connector alone; it wins where both are set.", particular(log)),
		key("errors.deadletterqueue.topic.name", configdef.String, "", configdef.Medium, configdef.ShortWidth, group, "Output errors to the dead letter queue",
			"A topic for events that cannot become records, as JSON. It needs errors.tolerance=all.", general(dead)),
		key("mongo.errors.deadletterqueue.topic.name", configdef.String, "", configdef.Medium, configdef.ShortWidth, group, "Output errors to the dead letter queue",
			"As errors.deadletterqueue.topic.name, for this connector alone; it wins where both are set.", particular(dead)),
		checked(configdef.AtLeast(0), key("heartbeat.interval.ms", configdef.Long, "0", configdef.Medium, configdef.MediumWidth, group, "Heartbeat interval",
			"Milliseconds between records that store the position of a stream without events. 0: none.", configdef.Num(func(s *settings) *int64 { return &s.HeartbeatMS }))),
		checked(configdef.NonEmpty, key("heartbeat.topic.name", configdef.String, "__mongodb_heartbeats", configdef.Medium, configdef.MediumWidth, group, "The heartbeat topic name",
			"The topic of those records.", configdef.Str(func(s *settings) *string { return &s.HeartbeatTopic }))),
	}
}

func lower(field func(*settings) *string) func(*settings, configdef.Parsed) {
	return func(s *settings, v configdef.Parsed) { *field(s) = strings.ToLower(v.Text) }
}

func jsonArray(_ string, v configdef.Parsed) error { _, err := mongodb.Documents(v.Text); return err }

func jsonDocument(_ string, v configdef.Parsed) error { _, err := topicMap(v.Text); return err }

func avroSchema(_ string, v configdef.Parsed) error { _, err := parseAvro(v.Text); return err }

func operationTime(_ string, v configdef.Parsed) error { _, err := parseTimestamp(v.Text); return err }

// collation is ConfigHelper.collationFromJson: a document.
func collation(_ string, v configdef.Parsed) error {
	if v.Text == "" {
		return nil
	}
	doc, err := mongodb.Document(v.Text)
	if err == nil && doc.Lookup("locale").Type != 0 {
		if _, ok := doc.Lookup("locale").StringValueOK(); !ok {
			err = errors.New("locale is not a text")
		}
	}
	return err
}
