package boot_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"culvert/configs"
)

const nonsense = "soup with spoons"

// declared is a key of a connector as the validate answer shows it.
type declared struct {
	Name string
	Type string
}

func (w *world) keysOf(config map[string]string) []declared {
	w.t.Helper()
	answer := w.do(http.MethodPut, "/connector-plugins/"+config["connector.class"]+"/config/validate", config, http.StatusOK)
	var v struct {
		ErrorCount int `json:"error_count"`
		Configs    []struct{ Definition *declared }
	}
	if err := json.Unmarshal(answer, &v); err != nil || v.ErrorCount != 0 {
		w.t.Fatalf("the connector as it is has %d errors: %v", v.ErrorCount, err)
	}
	var keys []declared
	for _, c := range v.Configs {
		if c.Definition != nil {
			keys = append(keys, *c.Definition)
		}
	}
	return keys
}

// TestEveryTypedKeyIsChecked gives every key of the four connectors that is no
// free text a value that cannot be right.
func TestEveryTypedKeyIsChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, file := range configs.Pipeline {
		config := w.fromFile(file)
		config["name"] = file
		keys := w.keysOf(config)
		if len(keys) < 60 {
			t.Errorf("%s has only %d keys", file, len(keys))
		}
		checked := 0
		for _, key := range keys {
			switch key.Type {
			case "BOOLEAN", "INT", "SHORT", "LONG", "DOUBLE", "CLASS":
			default:
				continue
			}
			checked++
			message := w.refused("x", w.fromFile(file, map[string]string{key.Name: nonsense}))
			// A converter's own keys stand without the prefix, as in Java.
			short := strings.TrimPrefix(strings.TrimPrefix(key.Name, "key.converter."), "value.converter.")
			if !strings.Contains(message, nonsense) || !strings.Contains(message, key.Name) && !strings.Contains(message, " "+short+":") {
				t.Errorf("%s of %s: the message names not both key and value: %s", key.Name, file, message)
			}
		}
		if checked < 20 {
			t.Errorf("%s has only %d typed keys", file, checked)
		}
	}
}

// TestBadValuesAreRefused: what a type does not tell.
func TestBadValuesAreRefused(t *testing.T) {
	t.Parallel()
	const password = "tr0ub4dor"
	tests := []struct {
		file, key, value string
		says             []string // beside key and value
		hides            bool     // the value
		silentKey        bool     // Java's text names no key
	}{
		{file: "datagen-orders", key: "connector.class", value: "DatagenConector", says: []string{"io.confluent.kafka.connect.datagen.DatagenConnector", "culvert.connectors.TopicSink"}, silentKey: true},
		{file: "datagen-orders", key: "tasks.max", value: "0", says: []string{"at least 1"}},
		{file: "datagen-orders", key: "tasks.max", value: "-3", says: []string{"at least 1"}},
		{file: "datagen-orders", key: "errors.tolerance", value: "some", says: []string{"none, all"}},
		{file: "datagen-orders", key: "config.action.reload", value: "never", says: []string{"none, restart"}},
		{file: "datagen-orders", key: "key.converter", value: "StringConvertor", says: []string{"could not be found"}},
		{file: "datagen-orders", key: "header.converter", value: "io.confluent.connect.avro.AvroConverter", says: []string{"HeaderConverter"}, silentKey: true},
		{file: "datagen-orders", key: "quickstart", value: "MACD_ORDER", says: []string{"macd_orders"}, silentKey: true},
		{file: "datagen-orders", key: "event.time.start", value: "yesterday"},
		{file: "datagen-orders", key: "exactly.once.support", value: "required", says: []string{"exactly-once source support"}, silentKey: true},
		{file: "datagen-orders", key: "producer.override.compression.type", value: "zip", says: []string{"gzip"}},
		{file: "datagen-orders", key: "producer.override.linger.ms", value: "soon", says: []string{"linger.ms", "soon"}, silentKey: true},
		{file: "datagen-orders", key: "value.converter.schema.registry.url", value: "localhost:8081", says: []string{"http://host:8081"}, silentKey: true},
		{file: "datagen-payments", key: "payments.wrong.amount.rate", value: "1.5", says: []string{"1"}},
		{file: "datagen-payments", key: "payments.late.rate", value: "0.1", says: []string{"event.time.start"}},
		{file: "orders-payments-join", key: "topic", value: "a/b", says: []string{"letters"}},
		{file: "orders-payments-join", key: "topic", value: "macd_orders", says: []string{"reads"}},
		{file: "orders-payments-join", key: "topics", value: "macd_orders,macd_refunds", says: []string{"macd_payments", "join"}},
		{file: "orders-payments-join", key: "topics", value: "macd_orders,macd_payments,macd_refunds", says: []string{"'macd_refunds'"}, silentKey: true},
		{file: "orders-payments-join", key: "transforms.join.left.topic", value: "macd_order", says: []string{"topics"}, silentKey: true},
		{file: "orders-payments-join", key: "transforms.join.left.topic", value: "", says: []string{"Missing required"}},
		{file: "orders-payments-join", key: "transforms.join.right.topic", value: "macd_orders", says: []string{"left.topic"}},
		{file: "orders-payments-join", key: "transforms.join.within", value: "a while", says: []string{"24 hours", "PT24H"}},
		{file: "orders-payments-join", key: "transforms.join.within", value: "-5"},
		{file: "orders-payments-join", key: "transforms.join.within", value: "", says: []string{"before and after"}},
		{file: "orders-payments-join", key: "transforms.join.kind", value: "outer", says: []string{"inner"}},
		{file: "orders-payments-join", key: "transforms.join.select", value: "left.*,", says: []string{"empty"}},
		{file: "orders-payments-join", key: "transforms.join.copartitioned", value: "false", says: []string{"tasks.max is 2", "tasks.max=1"}, silentKey: true},
		{file: "orders-payments-join", key: "transforms.join.predicate", value: "p", says: []string{"takes no predicate"}, silentKey: true},
		{file: "orders-payments-join", key: "output.topic.partitions", value: "0", says: []string{"at least 1"}},
		{file: "orders-payments-join", key: "output.value.converter", value: "culvert.NoConverter", says: []string{"could not be found"}},
		{file: "orders-payments-join", key: "output.schema.name", value: "1st", says: []string{"letters"}},
		{file: "mongodb-sink", key: "topics", value: "", says: []string{"topics.regex"}},
		{file: "mongodb-sink", key: "topics.regex", value: "macd_.*", says: []string{"mutually exclusive"}, silentKey: true},
		{file: "mongodb-sink", key: "connection.uri", value: "localhost:27017", says: []string{"'mongodb://'"}},
		{file: "mongodb-sink", key: "connection.uri", value: "http://me:" + password + "@localhost", says: []string{"'mongodb://'"}, hides: true},
		{file: "mongodb-sink", key: "connection.uri", value: "mongodb://me:" + password + "@localhost:port", says: []string{"port"}, hides: true},
		{file: "mongodb-sink", key: "connection.uri", value: "mongodb://me:" + password + "?@localhost:27017", says: []string{"urlencoded"}, hides: true},
		{file: "mongodb-sink", key: "connection.uri", value: "mongodb://me:a/" + password + "@localhost:27017", hides: true},
		{file: "mongodb-sink", key: "connection.uri", value: "mongodb://me:" + password + "@127.0.0.1:1/?connectTimeoutMS=100&serverSelectionTimeoutMS=100", says: []string{"Unable to connect to the server"}, hides: true, silentKey: true},
		{file: "mongodb-sink", key: "database", value: "ma cd", says: []string{"databaseName"}},
		{file: "mongodb-sink", key: "max.batch.size", value: "-1"},
		{file: "mongodb-sink", key: "document.id.strategy", value: "com.mongodb.kafka.connect.sink.processor.id.strategy.NoSuchStrategy"},
		{file: "mongodb-sink", key: "document.id.strategy.partial.value.projection.type", value: "Denylist", says: []string{"allowlist"}},
		{file: "mongodb-sink", key: "writemodel.strategy", value: "com.mongodb.kafka.connect.sink.writemodel.strategy.NoSuchStrategy"},
		{file: "mongodb-sink", key: "mongo.errors.tolerance", value: "some", says: []string{"none"}},
		{file: "mongodb-sink", key: "consumer.override.isolation.level", value: "serializable", says: []string{"read_committed"}},
		{file: "mongodb-sink", key: "consumer.override.auto.offset.reset", value: "beginning", says: []string{"earliest"}},
		{file: "mongodb-sink", key: "errors.deadletterqueue.topic.name", value: "macd_orders_payments_joined", says: []string{"DLQ"}, silentKey: true},
	}
	w := newWorld(t)
	for _, tt := range tests {
		t.Run(tt.file+"/"+tt.key+"="+strings.ReplaceAll(tt.value, "/", "|"), func(t *testing.T) {
			w := w.at(t)
			message := w.refused("x", w.fromFile(tt.file, map[string]string{tt.key: tt.value}))
			mustSay(t, message, tt.says...)
			if !tt.silentKey {
				mustSay(t, message, tt.key)
			}
			if !tt.hides && !tt.silentKey {
				mustSay(t, message, tt.value)
			}
			if strings.Contains(message, password) {
				t.Errorf("the password shows: %s", message)
			}
		})
	}
	if strings.Contains(w.logs.String(), password) {
		t.Error("the password is in the log")
	}
}
