package mongodb

import (
	"strings"

	"culvert/configdef"
)

// pkg is where the sink's own classes live in Java.
const pkg = "com.mongodb.kafka.connect.sink."

// row is one key as the connector's ConfigDef (2.0.1) declares it, or one that is
// beyond it: of a later release, or ours.
type row struct {
	name, def, group, display, doc string
	typ                            configdef.Type
	imp                            configdef.Importance
	width                          configdef.Width
	order                          int
	required                       bool
	recommend                      bool
	extended                       bool // not in release 2.0.1
	check                          validator
	dependents                     []string
	into                           func(*settings, configdef.Parsed)
}

// Names of keys that code outside the table has to spell.
const (
	keyTopics         = "topics"
	keyTopicsRegex    = "topics.regex"
	keyURI            = "connection.uri"
	keyOverride       = "topic.override.%s.%s"
	keyDatabase       = "database"
	keyCollection     = "collection"
	keyMapper         = "namespace.mapper"
	keyMapKeyDB       = "namespace.mapper.key.database.field"
	keyMapValueDB     = "namespace.mapper.value.database.field"
	keyMapKeyColl     = "namespace.mapper.key.collection.field"
	keyMapValueColl   = "namespace.mapper.value.collection.field"
	keyIDStrategy     = "document.id.strategy"
	keyChain          = "post.processor.chain"
	keyWriteModel     = "writemodel.strategy"
	keyDeleteModel    = "delete.writemodel.strategy"
	keyDeleteOnNull   = "delete.on.null.values"
	keyCDC            = "change.data.capture.handler"
	keyTimeField      = "timeseries.timefield"
	keyMetaField      = "timeseries.metafield"
	keyExpireAfter    = "timeseries.expire.after.seconds"
	keyGranularity    = "timeseries.granularity"
	keyTimeFormat     = "timeseries.timefield.auto.convert.date.format"
	keyRenameMapping  = "field.renamer.mapping"
	keyRenameRegexp   = "field.renamer.regexp"
	overridePrefix    = "topic.override."
	keyDuplicates     = "culvert.duplicate.key"
	keyMaxRetries     = "max.num.retries"
	keyRetryDefer     = "retries.defer.timeout"
	keyExactly        = "culvert.exactly.once"
	keyProjectKeyType = "key.projection.type"
	keyProjectValType = "value.projection.type"
)

// rows is the table, in the order of Java's definition. Everything that knows a
// key reads it from here.
var rows = []row{
	{name: "topics", typ: configdef.List, def: "", imp: configdef.High, group: "Connection", width: configdef.MediumWidth, display: "The Kafka topics",
		into: configdef.Strs(func(s *settings) *[]string { return &s.Topics }), doc: "The topics to read, separated by commas."},
	{name: "topics.regex", typ: configdef.String, def: "", imp: configdef.High, group: "Connection", width: configdef.MediumWidth, display: "Topics regex",
		check: aRegex, into: configdef.Str(func(s *settings) *string { return &s.TopicsRegex }), doc: "A regular expression of the topics to read. Set this or topics."},
	{name: "connection.uri", typ: configdef.Password, def: "mongodb://localhost:27017", imp: configdef.High, group: "Connection", width: configdef.MediumWidth, display: "MongoDB Connection URI",
		check: aConnectionString, into: configdef.Str(func(s *settings) *string { return &s.URI }), doc: "The connection string of MongoDB, mongodb:// or mongodb+srv://, with credentials and options."},
	{name: "server.api.version", typ: configdef.String, def: "", imp: configdef.Medium, group: "Server Api", width: configdef.MediumWidth, display: "The server API version.",
		check: emptyOr(aServerVersion), into: configdef.Str(func(s *settings) *string { return &s.APIVersion }), doc: "The version of the Stable API that every command declares. Empty: none."},
	{name: "server.api.deprecation.errors", typ: configdef.Boolean, def: "false", imp: configdef.Medium, group: "Server Api", width: configdef.MediumWidth, display: "Deprecation errors",
		into: configdef.Flag(func(s *settings) *bool { return &s.APIDeprecationErrors }), doc: "Let the server refuse what the declared API version has deprecated."},
	{name: "server.api.strict", typ: configdef.Boolean, def: "false", imp: configdef.Medium, group: "Server Api", width: configdef.MediumWidth, display: "Strict",
		into: configdef.Flag(func(s *settings) *bool { return &s.APIStrict }), doc: "Let the server refuse what is not in the declared API version."},
	{name: "connection.ssl.truststore", typ: configdef.String, def: "", imp: configdef.Medium, group: "SSL", width: configdef.LongWidth, display: "SSL TrustStore",
		into: configdef.Str(func(s *settings) *string { return &s.Truststore }), doc: "A file with the certificates to trust: PEM, JKS or PKCS12."},
	{name: "connection.ssl.truststorePassword", typ: configdef.Password, def: "", imp: configdef.Medium, group: "SSL", width: configdef.MediumWidth, display: "SSL TrustStore Password",
		into: configdef.Str(func(s *settings) *string { return &s.TruststorePassword }), doc: "The password of the trust store."},
	{name: "connection.ssl.keystore", typ: configdef.String, def: "", imp: configdef.Medium, group: "SSL", width: configdef.LongWidth, display: "SSL KeyStore",
		into: configdef.Str(func(s *settings) *string { return &s.Keystore }), doc: "A file with the certificate and private key to present: PEM, JKS or PKCS12."},
	{name: "connection.ssl.keystorePassword", typ: configdef.Password, def: "", imp: configdef.Medium, group: "SSL", width: configdef.MediumWidth, display: "SSL KeyStore Password",
		into: configdef.Str(func(s *settings) *string { return &s.KeystorePassword }), doc: "The password of the key store."},
	{name: "topic.override.%s.%s", typ: configdef.String, def: "", imp: configdef.Low, group: "Overrides", width: configdef.MediumWidth, display: "Per topic configuration overrides.",
		check: notItself, doc: "topic.override.<topic>.<key> sets a key for one topic. connection.uri and topics cannot be overridden."},
	{name: "provider", typ: configdef.String, def: "", imp: configdef.Low, group: "", width: configdef.NoWidth, display: "provider",
		order: -1, into: configdef.Str(func(s *settings) *string { return &s.Provider }), doc: "A name that is added to what the client tells the server about itself."},
	{name: "database", typ: configdef.String, required: true, imp: configdef.High, group: "Namespace", width: configdef.MediumWidth, display: "The MongoDB database name.",
		check: nonEmpty, into: configdef.Str(func(s *settings) *string { return &s.Database }), doc: "The database to write to."},
	{name: "collection", typ: configdef.String, def: "", imp: configdef.High, group: "Namespace", width: configdef.MediumWidth, display: "The default MongoDB collection name",
		into: configdef.Str(func(s *settings) *string { return &s.Collection }), doc: "The collection to write to. Empty: the name of the topic."},
	{name: "namespace.mapper", typ: configdef.String, def: pkg + "namespace.mapping.DefaultNamespaceMapper", imp: configdef.High, group: "Namespace mapping", width: configdef.LongWidth, display: "The namespace mapper class",
		check: aClassName, into: configdef.Str(func(s *settings) *string { return &s.Mapper }), doc: "What chooses database and collection of a record."},
	{name: "namespace.mapper.key.database.field", typ: configdef.String, def: "", imp: configdef.Medium, group: "Namespace mapping", width: configdef.MediumWidth, display: "The key field to use as the destination database name.",
		into: configdef.Str(func(s *settings) *string { return &s.KeyDatabase }), doc: "The field of the key that holds the database name."},
	{name: "namespace.mapper.key.collection.field", typ: configdef.String, def: "", imp: configdef.Medium, group: "Namespace mapping", width: configdef.MediumWidth, display: "The key field to use as the destination collection name.",
		into: configdef.Str(func(s *settings) *string { return &s.KeyCollection }), doc: "The field of the key that holds the collection name."},
	{name: "namespace.mapper.value.database.field", typ: configdef.String, def: "", imp: configdef.Medium, group: "Namespace mapping", width: configdef.MediumWidth, display: "The value field to use as the destination database name.",
		into: configdef.Str(func(s *settings) *string { return &s.ValueDatabase }), doc: "The field of the value that holds the database name."},
	{name: "namespace.mapper.value.collection.field", typ: configdef.String, def: "", imp: configdef.Medium, group: "Namespace mapping", width: configdef.MediumWidth, display: "The value field to use as the destination collection name.",
		into: configdef.Str(func(s *settings) *string { return &s.ValueCollection }), doc: "The field of the value that holds the collection name."},
	{name: "namespace.mapper.error.if.invalid", typ: configdef.Boolean, def: "false", imp: configdef.Medium, group: "Namespace mapping", width: configdef.MediumWidth, display: "Throw an error if the mapped field is missing or invalid.",
		into: configdef.Flag(func(s *settings) *bool { return &s.MapperStrict }), doc: "Fail a record whose mapped field is missing or no text, instead of using the configured names."},
	{name: "delete.on.null.values", typ: configdef.Boolean, def: "false", imp: configdef.Medium, group: "Writes", width: configdef.MediumWidth, display: "Delete on null values",
		into: configdef.Flag(func(s *settings) *bool { return &s.DeleteOnNull }), doc: "Delete the document of a record without value."},
	{name: "writemodel.strategy", typ: configdef.String, def: pkg + "writemodel.strategy.DefaultWriteModelStrategy", imp: configdef.Low, group: "Writes", width: configdef.MediumWidth, display: "The writeModel strategy",
		check: aClassName, into: configdef.Str(func(s *settings) *string { return &s.WriteModel }), doc: "How a record becomes a write: insert, replace or update."},
	{name: "delete.writemodel.strategy", typ: configdef.String, def: pkg + "writemodel.strategy.DeleteOneDefaultStrategy", imp: configdef.Low, group: "Writes", width: configdef.MediumWidth, display: "The delete writeModel strategy",
		check: aClassName, into: configdef.Str(func(s *settings) *string { return &s.DeleteModel }), doc: "How a record without value becomes a delete."},
	{name: "max.batch.size", typ: configdef.Int, def: "0", imp: configdef.Medium, group: "Writes", width: configdef.MediumWidth, display: "The maximum batch size",
		check: atLeast0, into: configdef.Num(func(s *settings) *int { return &s.MaxBatchSize }), doc: "The most records in one bulk write. 0: no bound."},
	{name: "bulk.write.ordered", typ: configdef.Boolean, def: "true", imp: configdef.Medium, group: "Writes", width: configdef.MediumWidth, display: "Use ordered bulk writes",
		into: configdef.Flag(func(s *settings) *bool { return &s.Ordered }), doc: "Write the records of a batch in order."},
	{name: "rate.limiting.timeout", typ: configdef.Int, def: "0", imp: configdef.Low, group: "Writes", width: configdef.MediumWidth, display: "The rate limiting timeout",
		check: atLeast0, into: configdef.Num(func(s *settings) *int { return &s.RateTimeoutMS }), doc: "Milliseconds to wait after every rate.limiting.every.n bulk writes. 0: never."},
	{name: "rate.limiting.every.n", typ: configdef.Int, def: "0", imp: configdef.Low, group: "Writes", width: configdef.MediumWidth, display: "The rate limiting batch number",
		check: atLeast0, into: configdef.Num(func(s *settings) *int { return &s.RateEvery }), doc: "The number of bulk writes between two waits. 0: never wait."},
	{name: "post.processor.chain", typ: configdef.List, def: pkg + "processor.DocumentIdAdder", imp: configdef.Low, group: "Post Processing", width: configdef.MediumWidth, display: "The post processor chain",
		check: classNames, into: configdef.Strs(func(s *settings) *[]string { return &s.PostProcessors }), doc: "What changes documents before they are written, in order. A missing DocumentIdAdder comes first."},
	{name: "key.projection.type", typ: configdef.String, def: "none", imp: configdef.Low, group: "Post Processing", width: configdef.MediumWidth, display: "The key projection type",
		check: projectionTypes, recommend: true, into: configdef.Str(func(s *settings) *string { return &s.KeyProjection }), doc: "Whether key.projection.list names the fields to keep or those to leave out."},
	{name: "key.projection.list", typ: configdef.String, def: "", imp: configdef.Low, group: "Post Processing", width: configdef.MediumWidth, display: "The key projection list",
		dependents: []string{"key.projection.type"}, into: configdef.Str(func(s *settings) *string { return &s.KeyProjectionList }), doc: "Fields of the key, separated by commas; dots reach into documents, * and ** stand for one and any level."},
	{name: "value.projection.type", typ: configdef.String, def: "none", imp: configdef.Low, group: "Post Processing", width: configdef.MediumWidth, display: "The type of value projection to use Use either `AllowList` or `BlockList`.",
		check: projectionTypes, recommend: true, into: configdef.Str(func(s *settings) *string { return &s.ValueProjection }), doc: "Whether value.projection.list names the fields to keep or those to leave out."},
	{name: "value.projection.list", typ: configdef.String, def: "", imp: configdef.Low, group: "Post Processing", width: configdef.MediumWidth, display: "The value projection list",
		dependents: []string{"value.projection.type"}, into: configdef.Str(func(s *settings) *string { return &s.ValueProjectionList }), doc: "Fields of the value, separated by commas; dots reach into documents, * and ** stand for one and any level."},
	{name: "field.renamer.mapping", typ: configdef.String, def: "[]", imp: configdef.Low, group: "Post Processing", width: configdef.MediumWidth, display: "The field renamer mapping",
		check: aJSONArray, into: configdef.Str(func(s *settings) *string { return &s.RenameMapping }), doc: "A JSON array of {\"oldName\":\"value.a\",\"newName\":\"b\"}: fields to rename; paths begin with key or value."},
	{name: keyRenameRegexp, typ: configdef.String, def: "[]", imp: configdef.Low, group: "Post Processing", width: configdef.MediumWidth, display: "The field renamer regex",
		check: aJSONArray, into: configdef.Str(func(s *settings) *string { return &s.RenameRegexp }), doc: "A JSON array of {\"regexp\",\"pattern\",\"replace\"}: in fields whose path matches regexp, pattern is replaced."},
	{name: "document.id.strategy", typ: configdef.String, def: pkg + "processor.id.strategy.BsonOidStrategy", imp: configdef.High, group: "Id Strategies", width: configdef.MediumWidth, display: "The document id strategy",
		check: emptyOr(aClassName), into: configdef.Str(func(s *settings) *string { return &s.IDStrategy }), doc: "What makes the _id of a document."},
	{name: "document.id.strategy.overwrite.existing", typ: configdef.Boolean, def: "false", imp: configdef.High, group: "Id Strategies", width: configdef.MediumWidth, display: "The document id strategy overwrite existing setting",
		into: configdef.Flag(func(s *settings) *bool { return &s.OverwriteID }), doc: "Replace an _id that the document already has."},
	{name: "document.id.strategy.uuid.format", typ: configdef.String, def: "string", imp: configdef.High, group: "Id Strategies", width: configdef.MediumWidth, display: "The document id strategy uuid format",
		check: uuidFormats, recommend: true, into: configdef.Str(func(s *settings) *string { return &s.UUIDFormat }), doc: "How UuidStrategy stores the _id: as text or as binary."},
	{name: "document.id.strategy.partial.key.projection.type", typ: configdef.String, def: "", imp: configdef.Low, group: "Id Strategies", width: configdef.MediumWidth, display: "The document id strategy key projection",
		check: emptyOr(projectionTypes), recommend: true, into: configdef.Str(func(s *settings) *string { return &s.PartialKey }), doc: "For PartialKeyStrategy: whether the list names the fields to keep or those to leave out."},
	{name: "document.id.strategy.partial.key.projection.list", typ: configdef.String, def: "", imp: configdef.Low, group: "Id Strategies", width: configdef.MediumWidth, display: "The document id strategy key projection list",
		dependents: []string{"document.id.strategy.partial.key.projection.type"}, into: configdef.Str(func(s *settings) *string { return &s.PartialKeyList }), doc: "For PartialKeyStrategy: fields of the key."},
	{name: "document.id.strategy.partial.value.projection.type", typ: configdef.String, def: "", imp: configdef.Low, group: "Id Strategies", width: configdef.MediumWidth, display: "The document id strategy value projection",
		check: emptyOr(projectionTypes), recommend: true, into: configdef.Str(func(s *settings) *string { return &s.PartialValue }), doc: "For PartialValueStrategy: whether the list names the fields to keep or those to leave out."},
	{name: "document.id.strategy.partial.value.projection.list", typ: configdef.String, def: "", imp: configdef.Low, group: "Id Strategies", width: configdef.MediumWidth, display: "The document id strategy value projection list",
		dependents: []string{"document.id.strategy.partial.value.projection.type"}, into: configdef.Str(func(s *settings) *string { return &s.PartialValueList }), doc: "For PartialValueStrategy: fields of the value."},
	{name: "errors.tolerance", typ: configdef.String, def: "none", imp: configdef.Medium, group: "Errors", width: configdef.ShortWidth, display: "Error Tolerance",
		check: tolerances, into: func(s *settings, v configdef.Parsed) { s.Tolerance.set(v) }, doc: "Which errors a record may have without failing the task: none, data (bad records and failed writes), all."},
	{name: "mongo.errors.tolerance", typ: configdef.String, def: "none", imp: configdef.Medium, group: "Errors", width: configdef.ShortWidth, display: "Error Tolerance",
		check: tolerances, into: func(s *settings, v configdef.Parsed) { s.MongoTolerance.set(v) }, doc: "As errors.tolerance, for this connector alone; it wins where both are set."},
	{name: "errors.log.enable", typ: configdef.Boolean, def: "false", imp: configdef.Medium, group: "Errors", width: configdef.ShortWidth, display: "Log Errors",
		into: func(s *settings, v configdef.Parsed) { s.LogErrors.set(v) }, doc: "Log tolerated errors."},
	{name: "mongo.errors.log.enable", typ: configdef.Boolean, def: "false", imp: configdef.Medium, group: "Errors", width: configdef.ShortWidth, display: "Log Errors",
		into: func(s *settings, v configdef.Parsed) { s.MongoLogErrors.set(v) }, doc: "As errors.log.enable, for this connector alone; it wins where both are set."},
	{name: "change.data.capture.handler", typ: configdef.String, def: "", imp: configdef.Low, group: "Change Data Capture", width: configdef.MediumWidth, display: "The CDC handler",
		check: emptyOr(aClassName), into: configdef.Str(func(s *settings) *string { return &s.CDCHandler }), doc: "What turns change events of a database into writes. Empty: records are documents."},
	{name: "timeseries.timefield", typ: configdef.String, def: "", imp: configdef.Low, group: "Time series", width: configdef.MediumWidth, display: "The field used for time",
		into: configdef.Str(func(s *settings) *string { return &s.TimeField }), doc: "The field that holds the time of a time series. Empty: no time series."},
	{name: "timeseries.metafield", typ: configdef.String, def: "", imp: configdef.Low, group: "Time series", width: configdef.MediumWidth, display: "The field describing the series",
		into: configdef.Str(func(s *settings) *string { return &s.MetaField }), doc: "The field that names the series."},
	{name: "timeseries.expire.after.seconds", typ: configdef.Long, def: "0", imp: configdef.Low, group: "Time series", width: configdef.MediumWidth, display: "The data expiry time in seconds",
		check: atLeast0, into: configdef.Num(func(s *settings) *int64 { return &s.ExpireAfter }), doc: "Seconds after which data of a time series is deleted. 0: never."},
	{name: "timeseries.granularity", typ: configdef.String, def: "", imp: configdef.Low, group: "Time series", width: configdef.MediumWidth, display: "The data expiry time",
		check: emptyOr(granularities), into: configdef.Str(func(s *settings) *string { return &s.Granularity }), doc: "The spacing of the measurements."},
	{name: "timeseries.timefield.auto.convert", typ: configdef.Boolean, def: "false", imp: configdef.Low, group: "Time series", width: configdef.MediumWidth, display: "Convert the field to a BSON datetime type.",
		into: configdef.Flag(func(s *settings) *bool { return &s.TimeConvert }), doc: "Turn the time field into a date."},
	{name: "timeseries.timefield.auto.convert.date.format", typ: configdef.String, def: "yyyy-MM-dd[['T'][ ]][HH:mm:ss[[.][SSSSSS][SSS]][ ]VV[ ]'['VV']'][HH:mm:ss[[.][SSSSSS][SSS]][ ]X][HH:mm:ss[[.][SSSSSS][SSS]]]", imp: configdef.Low, group: "Time series", width: configdef.MediumWidth, display: "The DateTimeFormatter pattern for the date.",
		check: aDatePattern, into: configdef.Str(func(s *settings) *string { return &s.TimeFormat }), doc: "The pattern that texts in the time field have."},
	{name: "timeseries.timefield.auto.convert.locale.language.tag", typ: configdef.String, def: "", imp: configdef.Low, group: "Time series", width: configdef.MediumWidth, display: "The DateTimeFormatter locale language tag to use: Defaults to using the neutral Locale.ROOT.",
		check: emptyOr(aLanguageTag), into: configdef.Str(func(s *settings) *string { return &s.TimeLanguage }), doc: "The language of names in those texts."},
	{name: "change.data.capture.handler.remove.null.values", typ: configdef.Boolean, def: "false", imp: configdef.Low, group: "Change Data Capture", width: configdef.MediumWidth, display: "Remove null values from CDC writes",
		extended: true, into: configdef.Flag(func(s *settings) *bool { return &s.CDCNoNulls }), doc: "Leave fields that are null out of what a change event writes."},
	{name: "connection.check", typ: configdef.String, def: checkOriginal, imp: configdef.Low, group: "Connection", width: configdef.ShortWidth, display: "Check of the connection",
		extended: true, check: oneOf(checkOriginal, checkSteps, checkNone), recommend: true,
		into: func(s *settings, v configdef.Parsed) { s.ConnectionCheck = strings.ToLower(v.Text) },
		doc:  "Validation asks the server and looks at the user's rights on each namespace. original: errors have the words of MongoDB's connector; steps: they also name the step that failed, as dry runs always do (resolve, connect, TLS, answer, find a primary, authenticate, authorize); none: nobody is asked, so that a connector can be created while MongoDB is away."},
	{name: keyDuplicates, typ: configdef.String, def: "", imp: configdef.Medium, group: "Errors", width: configdef.ShortWidth, display: "Duplicate keys",
		extended: true, check: emptyOr(oneOf(duplicatesFail, duplicatesSkip, duplicatesReplace, duplicatesLetter)), recommend: true,
		into: func(s *settings, v configdef.Parsed) { s.Duplicates = strings.ToLower(v.Text) },
		doc:  "What a document is that a unique index refuses: fail ends the task, skip leaves it out, replace puts it in the place of the one that is there, dlq makes a dead letter of it. Empty: an error like others."},
	{name: keyMaxRetries, typ: configdef.String, def: "", imp: configdef.Medium, group: "Errors", width: configdef.ShortWidth, display: "Retries of a write",
		extended: true, into: func(s *settings, v configdef.Parsed) { s.MaxRetries.set(v) },
		doc: "How often a write is repeated while MongoDB cannot take it, before the task fails. Below 0, or no number: for as long as it takes. So it is too for the value 3 of MongoDbAtlasSink, the default that every export carries."},
	{name: keyRetryDefer, typ: configdef.String, def: "", imp: configdef.Medium, group: "Errors", width: configdef.ShortWidth, display: "Wait before a retry",
		extended: true, into: func(s *settings, v configdef.Parsed) { s.RetryDeferMS.set(v) },
		doc: "Milliseconds between two attempts of a write that MongoDB cannot take. 0 or below, no number, or the default 5000 of MongoDbAtlasSink: a back-off from 50 ms on."},
	{name: keyExactly, typ: configdef.String, def: "", imp: configdef.Medium, group: "Writes", width: configdef.ShortWidth, display: "Exactly once",
		extended: true, check: emptyOr(oneOf(exactlyNone, exactlyTransact, exactlyIdempotent)), recommend: true,
		into: func(s *settings, v configdef.Parsed) { s.ExactlyOnce = strings.ToLower(v.Text) },
		doc: "How each record is written exactly once. transaction: documents and the consumed offsets are committed in one transaction of MongoDB, which has to be a replica set or a sharded cluster; " +
			"idempotent: without transactions, with an _id that the record determines, so that a replay makes the same documents. Both keep the offsets in the collection culvert.offsets of the database, and go on from there. Empty or none: at least once."},
	{name: "field.value.transformer", typ: configdef.String, def: "", imp: configdef.Low, group: "Post Processing", width: configdef.MediumWidth, display: "Field value transformer class",
		extended: true, check: emptyOr(ownJavaCode), doc: "A class of the user that changes values of fields (release 2.1). Java code cannot be loaded here, so that it has to be empty."},
	{name: "field.value.transformer.fields", typ: configdef.String, def: "", imp: configdef.Low, group: "Post Processing", width: configdef.MediumWidth, display: "Fields to transform",
		extended: true, doc: "The fields that field.value.transformer changes."},
}
