package mongodb

import (
	"maps"
	"strings"
	"testing"
)

// exported is a MongoDbAtlasSink as the console of Confluent Cloud exports it, with
// the secrets filled in.
func exported(changes ...string) map[string]string {
	props := map[string]string{
		"connector.class": "MongoDbAtlasSink", "name": "atlas", "schema.context.name": "default", "input.data.format": "AVRO", "input.key.format": "STRING",
		"topics": "orders", "kafka.auth.mode": "KAFKA_API_KEY", "kafka.api.key": "****************", "kafka.api.secret": "****************",
		"kafka.endpoint": "SASL_SSL://pkc-1.eu.confluent.cloud:9092", "kafka.region": "eu", "cloud.environment": "prod", "cloud.provider": "aws",
		"connection.host": "cluster0.abc.mongodb.net", "connection.user": "a@b", "connection.password": "p:/?#[]@%+ ", "database": "shop", "collection": "",
		"cdc.handler": "None", "write.strategy": "ReplaceOneBusinessKeyStrategy", "doc.id.strategy": "PartialValueStrategy",
		"doc.id.strategy.overwrite.existing": "true", "value.projection.type": "allowlist", "value.projection.list": "id", "key.projection.type": "none",
		"namespace.mapper.class": "DefaultNamespaceMapper", "ts.granularity": "None", "max.poll.records": "100", "mongo.errors.tolerance": "NONE",
		"csfle.enabled": "false", "auto.restart.on.user.error": "true", "value.subject.name.strategy": "TopicNameStrategy", "tasks.max": "1",
	}
	for i := 0; i+1 < len(changes); i += 2 {
		props[changes[i]] = changes[i+1]
		if changes[i+1] == "-" {
			delete(props, changes[i])
		}
	}
	return props
}

var withRegistry = map[string]string{"value.converter.schema.registry.url": "http://sr:8081", "value.converter.basic.auth.user.info": "u:p", "value.converter.other": "x"}

func TestManaged(t *testing.T) {
	given := exported()
	before := maps.Clone(given)
	m := managed.Apply(given, withRegistry)
	if !maps.Equal(given, before) {
		t.Error("the configuration that the user sent was changed")
	}
	want := map[string]string{
		"connection.uri": "mongodb+srv://a%40b:p%3A%2F%3F%23%5B%5D%40%25%2B%20@cluster0.abc.mongodb.net/",
		"key.converter":  "org.apache.kafka.connect.storage.StringConverter", "value.converter": "io.confluent.connect.avro.AvroConverter",
		"value.converter.schema.registry.url": "http://sr:8081", "value.converter.basic.auth.user.info": "u:p", "value.converter.other": "",
		"value.converter.value.subject.name.strategy": "TopicNameStrategy",
		"writemodel.strategy":                         "com.mongodb.kafka.connect.sink.writemodel.strategy.ReplaceOneBusinessKeyStrategy",
		"document.id.strategy":                        "com.mongodb.kafka.connect.sink.processor.id.strategy.PartialValueStrategy",
		"document.id.strategy.overwrite.existing":     "true", "document.id.strategy.partial.value.projection.type": "allowlist",
		"document.id.strategy.partial.value.projection.list": "id", "document.id.strategy.partial.key.projection.type": "",
		"namespace.mapper":                   "com.mongodb.kafka.connect.sink.namespace.mapping.DefaultNamespaceMapper",
		"change.data.capture.handler":        "",
		"timeseries.granularity":             "",
		"consumer.override.max.poll.records": "100", "culvert.restart.max.attempts": "-1", "connection.host": "", "kafka.api.key": "",
		"producer.override.sasl.jaas.config": "", "topics": "orders",
	}
	for k, v := range want {
		if m.Props[k] != v {
			t.Errorf("%s is %q, want %q", k, m.Props[k], v)
		}
	}
	if got := strings.Join(m.Ignored, ","); got != "cloud.environment,cloud.provider,kafka.api.key,kafka.api.secret,kafka.auth.mode,kafka.endpoint,kafka.region" {
		t.Errorf("ignored %s", got)
	}
	if len(m.Problems) > 0 {
		t.Errorf("problems %v", m.Problems)
	}
	if m.From["connection.uri"] != "connection.host" {
		t.Errorf("from %v", m.From)
	}
	if _, r := validate(m.Props); len(r.Errors()) > 0 {
		t.Errorf("the connector refuses its translation: %v", r.Errors())
	}
}

func TestManagedValues(t *testing.T) {
	cloud := map[string]string{"bootstrap.servers": "pkc-1.eu.confluent.cloud:9092"}
	for _, c := range []struct {
		name    string
		changes []string
		worker  map[string]string
		key     string // of the result
		want    string
		problem string // part of it
	}{
		{name: "host with port", changes: []string{"connection.host", "mongo:27017,mongo2:27017"}, key: "connection.uri", want: "mongodb://a%40b:p%3A%2F%3F%23%5B%5D%40%25%2B%20@mongo:27017,mongo2:27017/"},
		{name: "host with options", changes: []string{"connection.host", "m.net/?tls=true", "connection.user", "-"}, key: "connection.uri", want: "mongodb+srv://m.net/?tls=true"},
		{name: "scheme", changes: []string{"connection.host", "mongodb://m:1/", "connection.user", "-"}, key: "connection.uri", want: "mongodb://m:1/"},
		{name: "no host", changes: []string{"connection.host", "-"}, problem: `Missing required configuration "connection.host"`},
		{name: "json", changes: []string{"input.data.format", "JSON"}, key: "value.converter.schemas.enable", want: "false"},
		{name: "default format", changes: []string{"input.data.format", "-"}, key: "value.converter", want: "org.apache.kafka.connect.json.JsonConverter"},
		{name: "own converter", changes: []string{"value.converter", "X"}, key: "value.converter", want: "X"},
		{name: "bson", changes: []string{"input.data.format", "BSON"}, key: "value.converter", want: "org.apache.kafka.connect.converters.ByteArrayConverter"},
		{name: "no such format", changes: []string{"input.data.format", "CSV"}, problem: "CSV for configuration input.data.format: this worker has no converter"},
		{name: "no registry", worker: map[string]string{}, problem: "value.converter.schema.registry.url"},
		{name: "own registry", worker: map[string]string{}, changes: []string{"value.converter.schema.registry.url", "http://own"}, key: "value.converter.schema.registry.url", want: "http://own"},
		{name: "context", changes: []string{"schema.context.name", "team"}, key: "value.converter.schema.registry.url", want: "http://sr:8081/contexts/.team"},
		{name: "cdc", changes: []string{"cdc.handler", "DebeziumMySqlHandler"}, key: "change.data.capture.handler", want: "com.mongodb.kafka.connect.sink.cdc.debezium.rdbms.mysql.MysqlHandler"},
		{name: "full class", changes: []string{"write.strategy", "my.Own"}, key: "writemodel.strategy", want: "my.Own"},
		{name: "time series", changes: []string{"ts.granularity", "hours"}, key: "timeseries.granularity", want: "hours"},
		{name: "encryption", changes: []string{"csfle.enabled", "true"}, problem: "csfle.enabled"},
		{name: "no restart", changes: []string{"auto.restart.on.user.error", "false"}, key: "culvert.restart.max.attempts"},
		{name: "key for the cloud", worker: cloud, changes: []string{"input.data.format", "JSON", "kafka.api.key", "k", "kafka.api.secret", `s"\`},
			key: "consumer.override.sasl.jaas.config", want: `org.apache.kafka.common.security.plain.PlainLoginModule required username="k" password="s\"\\";`},
		{name: "masked key for the cloud", worker: cloud, changes: []string{"input.data.format", "JSON"}, problem: "[hidden] for configuration kafka.api.key: the value is masked"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.worker == nil {
				c.worker = withRegistry
			}
			m := managed.Apply(exported(c.changes...), c.worker)
			if got := m.Props[c.key]; got != c.want {
				t.Errorf("%s is %q, want %q", c.key, got, c.want)
			}
			var texts []string
			for _, p := range m.Problems {
				texts = append(texts, p.Text)
			}
			if text := strings.Join(texts, "\n"); (text != "") != (c.problem != "") || !strings.Contains(text, c.problem) {
				t.Errorf("problems %q, want %q", text, c.problem)
			}
		})
	}
}
