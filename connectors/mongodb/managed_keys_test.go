package mongodb

import (
	"slices"
	"strings"
	"testing"
)

// managedKey is a key of MongoDbAtlasSink, what it becomes, and the values that the
// managed service offers: each with its counterpart, ours in the place of "=".
type managedKey struct {
	managed, own string
	values       map[string]string
}

func kept(values ...string) map[string]string { return counterparts("", values...) }

// counterparts are the values with what Java's class name begins with.
func counterparts(prefix string, values ...string) map[string]string {
	all := map[string]string{}
	for _, v := range values {
		all[v] = prefix + v
	}
	return all
}

const (
	strategies = pkg + "writemodel.strategy."
	ids        = pkg + "processor.id.strategy."
)

// managedKeys are the keys of the managed sink, one by one; managedURI has the three
// that make the connection string.
var managedKeys = []managedKey{
	{"topics", "topics", kept("orders", "orders,payments")},
	{"database", "database", kept("shop")},
	{"collection", "collection", kept("", "c")},
	{"input.data.format", "value.converter", map[string]string{"AVRO": "io.confluent.connect.avro.AvroConverter", "JSON_SR": "io.confluent.connect.json.JsonSchemaConverter",
		"PROTOBUF": "io.confluent.connect.protobuf.ProtobufConverter", "JSON": "org.apache.kafka.connect.json.JsonConverter",
		"STRING": "org.apache.kafka.connect.storage.StringConverter", "BSON": "org.apache.kafka.connect.converters.ByteArrayConverter"}},
	{"input.key.format", "key.converter", map[string]string{"AVRO": "io.confluent.connect.avro.AvroConverter", "BYTES": "org.apache.kafka.connect.converters.ByteArrayConverter",
		"JSON": "org.apache.kafka.connect.json.JsonConverter", "JSON_SR": "io.confluent.connect.json.JsonSchemaConverter",
		"PROTOBUF": "io.confluent.connect.protobuf.ProtobufConverter", "STRING": "org.apache.kafka.connect.storage.StringConverter"}},
	{"cdc.handler", "change.data.capture.handler", map[string]string{"None": "", "MongoDbChangeStreamHandler": pkg + "cdc.mongodb.ChangeStreamHandler",
		"DebeziumMongoDbHandler": pkg + "cdc.debezium.mongodb.MongoDbHandler", "DebeziumMySqlHandler": pkg + "cdc.debezium.rdbms.mysql.MysqlHandler",
		"DebeziumPostgresHandler": pkg + "cdc.debezium.rdbms.postgres.PostgresHandler", "QlikRdbmsHandler": pkg + "cdc.qlik.rdbms.RdbmsHandler"}},
	{"delete.on.null.values", "delete.on.null.values", kept("false")},
	{"write.strategy", "writemodel.strategy", counterparts(strategies, "DefaultWriteModelStrategy", "ReplaceOneDefaultStrategy", "InsertOneDefaultStrategy", "ReplaceOneBusinessKeyStrategy",
		"DeleteOneDefaultStrategy", "UpdateOneTimestampsStrategy", "UpdateOneBusinessKeyTimestampStrategy", "UpdateOneDefaultStrategy")},
	{"doc.id.strategy", "document.id.strategy", counterparts(ids, "BsonOidStrategy", "KafkaMetaDataStrategy", "FullKeyStrategy", "PartialKeyStrategy", "PartialValueStrategy",
		"ProvidedInKeyStrategy", "ProvidedInValueStrategy", "UuidStrategy")},
	{"doc.id.strategy.overwrite.existing", "document.id.strategy.overwrite.existing", kept("true", "false")},
	{"document.id.strategy.uuid.format", "document.id.strategy.uuid.format", kept("string", "binary")},
	{"key.projection.type", "document.id.strategy.partial.key.projection.type", map[string]string{"none": "", "allowlist": "allowlist", "blocklist": "blocklist"}},
	{"value.projection.type", "document.id.strategy.partial.value.projection.type", map[string]string{"none": "", "allowlist": "allowlist", "blocklist": "blocklist"}},
	{"namespace.mapper.class", "namespace.mapper", counterparts(pkg+"namespace.mapping.", "DefaultNamespaceMapper", "FieldPathNamespaceMapper")},
	{"namespace.mapper.key.database.field", "namespace.mapper.key.database.field", kept("", "a")},
	{"namespace.mapper.value.database.field", "namespace.mapper.value.database.field", kept("", "a")},
	{"namespace.mapper.key.collection.field", "namespace.mapper.key.collection.field", kept("", "a")},
	{"namespace.mapper.value.collection.field", "namespace.mapper.value.collection.field", kept("", "a")},
	{"namespace.mapper.error.if.invalid", "namespace.mapper.error.if.invalid", kept("true", "false")},
	{"timeseries.timefield", "timeseries.timefield", kept("", "ts")},
	{"timeseries.timefield.auto.convert", "timeseries.timefield.auto.convert", kept("true", "false")},
	{"timeseries.timefield.auto.convert.date.format", "timeseries.timefield.auto.convert.date.format", kept("yyyy-MM-dd")},
	{"timeseries.timefield.auto.convert.locale.language.tag", "timeseries.timefield.auto.convert.locale.language.tag", kept("", "de")},
	{"timeseries.metafield", "timeseries.metafield", kept("", "m")},
	{"timeseries.expire.after.seconds", "timeseries.expire.after.seconds", kept("0", "60")},
	{"ts.granularity", "timeseries.granularity", map[string]string{"None": "", "seconds": "seconds", "minutes": "minutes", "hours": "hours"}},
	{"max.batch.size", "max.batch.size", kept("0", "100")},
	{"bulk.write.ordered", "bulk.write.ordered", kept("true", "false")},
	{"rate.limiting.timeout", "rate.limiting.timeout", kept("0", "10")},
	{"rate.limiting.every.n", "rate.limiting.every.n", kept("0", "10")},
	{"max.num.retries", "max.num.retries", map[string]string{"3": "", "0": "0", "10": "10"}},
	{"retries.defer.timeout", "retries.defer.timeout", map[string]string{"5000": "", "100": "100"}},
	{"errors.deadletterqueue.topic.name", "errors.deadletterqueue.topic.name", map[string]string{"dlq-${connector}": "dlq-atlas", "own": "own"}},
	{"mongo.errors.tolerance", "mongo.errors.tolerance", kept("NONE", "ALL", "DATA", "none", "data", "all")},
	{"server.api.version", "server.api.version", kept("", "1")},
	{"server.api.deprecation.errors", "server.api.deprecation.errors", kept("true", "false")},
	{"server.api.deprecationErrors", "server.api.deprecation.errors", kept("true", "false")},
	{"server.api.strict", "server.api.strict", kept("true", "false")},
	{"max.poll.interval.ms", "consumer.override.max.poll.interval.ms", kept("300000")},
	{"max.poll.records", "consumer.override.max.poll.records", kept("500")},
	{"consumer.override.auto.offset.reset", "consumer.override.auto.offset.reset", kept("earliest", "latest")},
	{"consumer.override.isolation.level", "consumer.override.isolation.level", kept("read_committed")},
	{"csfle.enabled", "csfle.enabled", map[string]string{"false": "", "": ""}},
	{"csfle.onFailure", "csfle.onFailure", map[string]string{"FAIL": ""}},
	{"sr.service.account.id", "sr.service.account.id", map[string]string{"sa-1": ""}},
}

// bare is a managed configuration of what has to be there, and of what the strategies
// and the formats ask for.
func bare(changes map[string]string) map[string]string {
	props := map[string]string{
		"connector.class": "MongoDbAtlasSink", "name": "atlas", "topics": "orders", "connection.host": "cluster0.abc.mongodb.net", "connection.user": "u",
		"connection.password": "p", "database": "shop",
		"key.projection.list": "id", "value.projection.list": "id",
	}
	for k, v := range changes {
		props[k] = v
	}
	return props
}

// TestManagedKeys takes each key with each of its values through the translation, in
// the managed spelling and in the connector's own.
func TestManagedKeys(t *testing.T) {
	for _, k := range managedKeys {
		for value, want := range k.values {
			t.Run(k.managed+"="+value, func(t *testing.T) {
				m := managed.Apply(bare(map[string]string{k.managed: value}), withRegistry)
				if got := m.Props[k.own]; got != want {
					t.Errorf("%s is %q, want %q", k.own, got, want)
				}
				if _, stays := m.Props[k.managed]; stays && k.managed != k.own && !isOwn(k.managed) {
					t.Errorf("%s stays", k.managed)
				}
				if len(m.Problems) > 0 {
					t.Errorf("problems %v", m.Problems)
				}
				if _, r := validate(m.Props); len(r.Errors()) > 0 && !needsMore(k.own, value) {
					t.Errorf("the connector refuses it: %v", r.Errors())
				}
				gone := want == "" && m.Props[k.own] == "" && k.managed == k.own && value != ""
				if ignored := slices.Contains(m.Ignored, k.managed); gone && k.own != "csfle.enabled" && !ignored {
					t.Errorf("%s is dropped without a word; ignored: %v", k.managed, m.Ignored)
				}
				if want == "" || k.managed == k.own {
					return
				}
				// The connector's own spelling, in the same file, is taken as it is, and counts more.
				both := managed.Apply(bare(map[string]string{k.managed: "other", k.own: want}), withRegistry)
				if got := both.Props[k.own]; got != want {
					t.Errorf("of both spellings %s is %q, want %q", k.own, got, want)
				}
			})
		}
	}
}

func isOwn(key string) bool {
	return slices.ContainsFunc(rows, func(r row) bool { return r.name == key })
}

// needsMore: values that are wrong alone, in the managed service too.
func needsMore(key, value string) bool {
	return strings.HasPrefix(key, "timeseries.") || strings.Contains(value, "PartialValue") || strings.Contains(value, "PartialKey") || value == "FieldPathNamespaceMapper"
}

// TestManagedKeysAreKnown: what the table calls ours is a key of the connector, of the
// worker, or of the consumer.
func TestManagedKeysAreKnown(t *testing.T) {
	for _, k := range managedKeys {
		known := isOwn(k.own) || slices.Contains([]string{"value.converter", "key.converter", keyDLQ, "csfle.enabled", "csfle.onFailure", "sr.service.account.id"}, k.own) ||
			strings.HasPrefix(k.own, "consumer.override.")
		if !known {
			t.Errorf("%s becomes %s, which nothing reads", k.managed, k.own)
		}
	}
}

const keyDLQ = "errors.deadletterqueue.topic.name"
