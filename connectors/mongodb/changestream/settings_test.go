package changestream

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

func TestValidation(t *testing.T) {
	for _, c := range []struct{ name, key, value, at, want string }{
		{"default", "database", "", "", ""},
		{"collection", "collection", "c", "collection", "Invalid value c for configuration collection: Missing database configuration `database`"},
		{"uri", "connection.uri", "http://x", "connection.uri", "The connection string is invalid. Connection strings must start with either 'mongodb://' or 'mongodb+srv://"},
		{"pipeline", "pipeline", "not json", "pipeline", "Not a valid JSON array"},
		{"batch", "poll.max.batch.size", "0", "poll.max.batch.size", "Value must be at least 1"},
		{"full", "change.stream.full.document", "sometimes", "change.stream.full.document", "Invalid enumerator value. Should be one of: [default, updateLookup, whenAvailable, required]"},
		{"format", "output.format.value", "xml", "output.format.value", "Should be one of: [json, bson, schema]"},
		{"mode", "startup.mode", "now", "startup.mode", "Should be one of: [latest, timestamp, copy_existing]"},
		{"time", "startup.mode.timestamp.start.at.operation.time", "yesterday", "startup.mode.timestamp.start.at.operation.time", "Must be either an integer number of seconds"},
		{"tolerance", "mongo.errors.tolerance", "data", "mongo.errors.tolerance", "Should be one of: [none, all]"},
		{"map", "topic.namespace.map", `{"/(": "x"}`, "topic.namespace.map", "Unclosed group"},
		{"map_variable", "topic.namespace.map", `{"/a": "{x}"}`, "topic.namespace.map", "x is not a supported variable name"},
		{"map_slash", "topic.namespace.map", `{"a/b": "x"}`, "topic.namespace.map", "'/' is not allowed in a simple namespace pattern"},
		{"map_number", "topic.namespace.map", `{"a": 1}`, "topic.namespace.map", "All values must be strings"},
		{"mapper", "topic.mapper", "my.Mapper", "topic.mapper", "a mapper of your own is Java code"},
		{"formatter", "output.json.formatter", "my.Json", "output.json.formatter", "a formatter of your own is Java code"},
		{"auth", "mongo.custom.auth.mechanism.enable", "true", "mongo.custom.auth.mechanism.enable", "needs Java code of your own"},
		{"avro", "output.schema.value", "{}", "output.schema.value", "Invalid Avro schema."},
		{"avro_top", "output.schema.key", `"string"`, "output.schema.key", "Only Record schemas are supported at the top-level."},
		{"avro_enum", "output.schema.value", `{"type":"record","name":"r","fields":[{"name":"e","type":{"type":"enum","name":"x","symbols":["A"]}}]}`, "output.schema.value",
			"Field 'e' is invalid. Unsupported Avro schema type: 'ENUM'. The connector will not validate the values. Use string instead."},
		{"avro_union", "output.schema.value", `{"type":"record","name":"r","fields":[{"name":"u","type":["int","string"]}]}`, "output.schema.value",
			"Field 'u' is invalid. Union Schemas are not supported, unless one value is null to represent an optional value."},
		{"heartbeat", "heartbeat.topic.name", "", "heartbeat.topic.name", "String must be non-empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, r := definition.Parse(map[string]string{c.key: c.value})
			errs := r.Errors()
			if c.want == "" {
				if len(errs) > 0 {
					t.Fatal(errs)
				}
				return
			}
			res := r.Get(c.at)
			if len(errs) != 1 || res == nil || len(res.Errors) != 1 || !strings.Contains(res.Errors[0], c.want) {
				t.Errorf("errors %q, want %q at %s", errs, c.want, c.at)
			}
		})
	}
}

func TestPartitionName(t *testing.T) {
	for _, c := range []struct{ uri, db, coll, own, want string }{
		{"mongodb://u:p@h2:1,h1/x?a=b", "db", "c", "", "mongodb://h1,h2:1/db.c"},
		{"mongodb+srv://u:p%40@cluster.net", "db", "", "", "mongodb+srv://cluster.net/db"},
		{"mongodb://localhost:27017", "", "", "", "mongodb://localhost:27017/"},
		{"mongodb://localhost", "", "", "mine", "mine"},
	} {
		s, r := definition.Parse(map[string]string{"connection.uri": c.uri, "database": c.db, "collection": c.coll, "offset.partition.name": c.own})
		if errs := r.Errors(); len(errs) > 0 {
			t.Fatal(errs)
		}
		if got := partitionName(&s); got != c.want {
			t.Errorf("%s: %s, want %s", c.uri, got, c.want)
		}
	}
}

// TestTopics has the examples of topic.namespace.map's documentation.
func TestTopics(t *testing.T) {
	for _, c := range []struct{ topics, db, coll, want string }{
		{`{"myDb": "two", "myDb.myColl": "one"}`, "myDb", "myColl", "p-one-s"},
		{`{"myDb": "two", "myDb.myColl": "one"}`, "myDb", "x", "p-two-x-s"},
		{`{"myDb": "two", "myDb.myColl": "one"}`, "myDb", "", "p-two-s"},
		{`{"myDb": "two"}`, "other", "x", "p-other-x-s"},
		{`{"/myDb(?:\\..*)?": "two{sep_coll}", "*": "three", "myDb.myColl": "one"}`, "myDb", "x", "p-two-x-s"},
		{`{"/myDb(?:\\..*)?": "two{sep_coll}", "*": "three"}`, "myDb", "", "p-two-s"},
		{`{"/myDb(?:\\..*)?": "two{sep_coll}", "*": "three"}`, "myDbs", "x", "p-three-s"},
		{`{"/(?!a).*": "{db}{sep_coll_sep}{sep}{coll_sep}z"}`, "b", "c", "p-b-c--c-z-s"},
		{`{"a": "one", "/a.*": "two", "a": ""}`, "a", "c", "p-two-s"},
		{``, "", "c", ""},
	} {
		s, r := definition.Parse(map[string]string{"topic.namespace.map": c.topics, "topic.prefix": "p", "topic.suffix": "s", "topic.separator": "-"})
		if errs := r.Errors(); len(errs) > 0 {
			t.Fatal(errs)
		}
		m, err := newMapper(&s)
		if err != nil {
			t.Fatal(err)
		}
		ns := bson.D{{Key: "db", Value: c.db}}
		if c.coll != "" {
			ns = append(ns, bson.E{Key: "coll", Value: c.coll})
		}
		event, err := bson.Marshal(bson.D{{Key: "ns", Value: ns}})
		if err != nil {
			t.Fatal(err)
		}
		if got := m.topic(event); got != c.want {
			t.Errorf("%s, %s.%s: %s, want %s", c.topics, c.db, c.coll, got, c.want)
		}
	}
}

func TestTimestamps(t *testing.T) {
	for text, want := range map[string]bson.Timestamp{"30": {T: 30}, "1970-01-01T00:00:30Z": {T: 30}, `{"$timestamp": {"t": 30, "i": 4}}`: {T: 30, I: 4}, "0": {}} {
		if got, err := parseTimestamp(text); err != nil || got != want {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
}

func TestManaged(t *testing.T) {
	worker := map[string]string{"value.converter.schema.registry.url": "http://sr"}
	m := managed.Apply(map[string]string{"connection.host": "m:1", "connection.user": "u", "connection.password": "p", "output.data.format": "AVRO", "database": "db",
		"output.json.format": "SimplifiedJson"}, worker)
	if len(m.Problems) > 0 {
		t.Fatal(m.Problems)
	}
	for k, want := range map[string]string{"connection.uri": "mongodb://u:p@m:1/", "output.format.value": "schema", "output.schema.infer.value": "true",
		"value.converter": "io.confluent.connect.avro.AvroConverter", "key.converter": "org.apache.kafka.connect.storage.StringConverter", keyFormatter: formatters + "SimplifiedJson"} {
		if m.Props[k] != want {
			t.Errorf("%s is %q, want %q", k, m.Props[k], want)
		}
	}
	if _, r := definition.Parse(m.Props); len(r.Errors()) > 0 {
		t.Error(r.Errors())
	}
}

// managedDefaults is what an export has of a connector that nobody has changed: the
// defaults of Confluent's template.
var managedDefaults = map[string]string{
	"publish.full.document.only": "false", "publish.full.document.only.tombstone.on.delete": "false", "change.stream.full.document": "default",
	"change.stream.full.document.before.change": "default", "change.stream.document.key.as.key": "false", "change.stream.show.expanded.events": "false", "collation": "",
	"output.json.format": "DefaultJson", "topic.separator": ".", "topic.namespace.map": "", "mongodb.instance.type": "MONGODB_ATLAS", "connection.host": "c.mongodb.net",
	"connection.user": "u", "connection.password": "p", "database": "db", "poll.await.time.ms": "5000", "poll.max.batch.size": "100", "pipeline": "[]", "startup.mode": "",
	"startup.mode.copy.existing.namespace.regex": "", "startup.mode.copy.existing.pipeline": "", "startup.mode.timestamp.start.at.operation.time": "", "batch.size": "0",
	"heartbeat.interval.ms": "0", "heartbeat.topic.name": "__mongodb_heartbeats", "remove.field.on.schema.mismatch": "true", "mongo.errors.tolerance": "NONE",
	"server.api.deprecation.errors": "false", "server.api.strict": "false", "offset.partition.name": "", "linger.ms": "0", "producer.batch.size": "16384",
}

// TestManagedDefaults: each format, and what it means by Confluent's template.
func TestManagedDefaults(t *testing.T) {
	worker := map[string]string{"value.converter.schema.registry.url": "http://sr"}
	const confluent, kafka = "io.confluent.connect.", "org.apache.kafka.connect."
	for format, want := range map[string][3]string{ // output.format.value, value.converter, output.schema.infer.value
		"":         {"", kafka + "storage.StringConverter", ""},
		"STRING":   {"", kafka + "storage.StringConverter", ""},
		"JSON":     {"schema", kafka + "json.JsonConverter", "true"},
		"AVRO":     {"schema", confluent + "avro.AvroConverter", "true"},
		"JSON_SR":  {"schema", confluent + "json.JsonSchemaConverter", "true"},
		"PROTOBUF": {"schema", confluent + "protobuf.ProtobufConverter", "true"},
		"BSON":     {"bson", kafka + "converters.ByteArrayConverter", ""},
	} {
		props := maps.Clone(managedDefaults)
		if format != "" {
			props["output.data.format"] = format
		}
		m := managed.Apply(props, worker)
		if len(m.Problems) > 0 || !slices.Equal(m.Ignored, []string{"remove.field.on.schema.mismatch"}) {
			t.Errorf("%s: %v, ignored %v", format, m.Problems, m.Ignored)
		}
		for k, v := range map[string]string{"output.format.value": want[0], "value.converter": want[1], "output.schema.infer.value": want[2],
			"connection.uri": "mongodb+srv://u:p@c.mongodb.net/", "producer.override.linger.ms": "0", "producer.override.batch.size": "16384",
			"mongo.errors.log.enable": "true", keyFormatter: formatters + "DefaultJson"} {
			if m.Props[k] != v {
				t.Errorf("%s: %s is %q, want %q", format, k, m.Props[k], v)
			}
		}
		if format == "JSON" && m.Props["value.converter.schemas.enable"] != "false" {
			t.Error("JSON is written with schemas")
		}
		for _, k := range []string{"output.data.format", "output.json.format", "mongodb.instance.type", "linger.ms", "producer.batch.size"} {
			if _, stays := m.Props[k]; stays {
				t.Errorf("%s stays", k)
			}
		}
		if _, r := definition.Parse(m.Props); len(r.Errors()) > 0 {
			t.Errorf("%s: %v", format, r.Errors())
		}
	}
	own := maps.Clone(managedDefaults)
	own["mongodb.instance.type"], own["output.data.format"], own["output.schema.infer.value"], own["output.key.format"] = "MONGODB_SELF_MANAGED", "AVRO", "false", "BSON"
	m := managed.Apply(own, worker)
	for k, v := range map[string]string{"connection.uri": "mongodb://u:p@c.mongodb.net/", "output.schema.infer.value": "false", "output.format.key": "bson",
		"key.converter": kafka + "converters.ByteArrayConverter"} {
		if m.Props[k] != v {
			t.Errorf("%s is %q, want %q", k, m.Props[k], v)
		}
	}
}

// FuzzAvro: a schema is read or refused, whatever it is.
func FuzzAvro(f *testing.F) {
	f.Add(defaultValueSchema)
	f.Add(defaultKeySchema)
	f.Add(`{"type":"record","name":"r","fields":[{"name":"n","type":["null","r"]},{"name":"a","type":{"type":"array","items":"r"},"default":[]}]}`)
	f.Fuzz(func(_ *testing.T, text string) {
		if n, err := parseAvro(text); err == nil {
			_, _ = n.connect(nil) // an error is an answer
		}
	})
}
