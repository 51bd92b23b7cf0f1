package boot_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestManagedPipeline runs what Confluent Cloud exports: a generator in JSON and a
// sink for MongoDB, posted as the console writes them.
func TestManagedPipeline(t *testing.T) {
	w := newWorld(t, withTopics(1, "pizza"))
	host := w.mongo.Addr()
	w.do(http.MethodPost, "/connectors", json.RawMessage(`{"config":{"connector.class":"DatagenSource","name":"DatagenSourceConnector_0","kafka.auth.mode":"KAFKA_API_KEY",
		"kafka.api.key":"****************","kafka.api.secret":"****************","kafka.topic":"pizza","output.data.format":"JSON","quickstart":"ORDERS",
		"max.interval":"0","iterations":"20","random.seed":"1","tasks.max":"1"}}`), http.StatusCreated)
	sink := fmt.Sprintf(`{"name":"MongoDbAtlasSinkConnector_0","connector.class":"MongoDbAtlasSink","topics":"pizza","input.data.format":"JSON","input.key.format":"STRING",
		"connection.host":%q,"database":"shop","collection":"pizza","write.strategy":"ReplaceOneDefaultStrategy","doc.id.strategy":"KafkaMetaDataStrategy",
		"cdc.handler":"None","cloud.provider":"aws","tasks.max":1}`, host)
	dry := w.do(http.MethodPost, "/connectors?dry_run=true", json.RawMessage(sink), http.StatusOK)
	var tried struct {
		Valid   bool
		Reached []struct{ Target, Error string }
	}
	if err := json.Unmarshal(dry, &tried); err != nil || !tried.Valid || len(tried.Reached) < 2 {
		t.Errorf("dry run: %s %v", dry, err)
	}
	for _, r := range tried.Reached {
		if r.Error != "" || !strings.Contains(r.Target, "MongoDB at "+host) && !strings.Contains(r.Target, "Kafka at ") {
			t.Errorf("%+v", r)
		}
	}
	w.do(http.MethodPost, "/connectors", json.RawMessage(sink), http.StatusCreated)
	w.await("20 documents", func() error {
		if n := len(w.mongo.Docs("shop.pizza")); n != 20 {
			return fmt.Errorf("%d documents", n)
		}
		return nil
	})
	if !strings.Contains(w.logs.tail(1000), "keys of the managed service have no effect here") {
		t.Error("the log does not list the keys that are ignored")
	}
	if _, body := w.get("/connectors/MongoDbAtlasSinkConnector_0"); !strings.Contains(string(body), `"connection.host":"`+host+`"`) || strings.Contains(string(body), "connection.uri") {
		t.Errorf("not stored as it was sent: %s", body)
	}
	w.backFromMongoDB(host)
}

// backFromMongoDB reads the documents by the managed source, in its JSON: data with a
// schema, without MongoDB's marks of types.
func (w *world) backFromMongoDB(host string) {
	w.do(http.MethodPost, "/connectors", json.RawMessage(fmt.Sprintf(`{"name":"MongoDbAtlasSourceConnector_0","connector.class":"MongoDbAtlasSource","connection.host":%q,
		"mongodb.instance.type":"MONGODB_SELF_MANAGED","database":"shop","collection":"pizza","topic.prefix":"back","startup.mode":"copy_existing",
		"publish.full.document.only":"true","output.data.format":"JSON","output.json.format":"DefaultJson","linger.ms":"0","tasks.max":"1"}`, host)), http.StatusCreated)
	w.await("20 documents that come back", func() error {
		if n := w.offsets("back.shop.pizza"); n != 20 {
			return fmt.Errorf("%d messages", n)
		}
		return nil
	})
	for _, m := range w.read("back.shop.pizza") {
		var doc struct {
			ID      *string `json:"_id"`
			OrderID *int64  `json:"orderid"`
		}
		if err := json.Unmarshal(m.Value, &doc); err != nil || doc.ID == nil || doc.OrderID == nil {
			w.t.Errorf("%v %s", err, m.Value)
		}
	}
	w.await("the metrics of the source", func() error {
		_, page := w.get("/metrics")
		const group = "com_mongodb_kafka_connect_source_task_metrics_"
		const of = `{connector="MongoDbAtlasSourceConnector_0",task="source-task-0"} `
		for _, row := range []string{"records" + of + "20", "records_acknowledged" + of + "20", "records_filtered" + of + "0", "initial_commands_failed" + of + "0"} {
			if !strings.Contains(string(page), group+row+"\n") {
				return fmt.Errorf("no %s", row)
			}
		}
		return nil
	})
}

// TestManagedSourceOffsets: the offsets of a managed source are checked by what its
// configuration means.
func TestManagedSourceOffsets(t *testing.T) {
	w := newWorld(t)
	host := w.mongo.Addr()
	w.do(http.MethodPost, "/connectors", json.RawMessage(fmt.Sprintf(`{"name":"s","config":{"connector.class":"MongoDbAtlasSource","connection.host":%q,
		"database":"shop","topic.prefix":"p","tasks.max":"1","mongodb.instance.type":"MONGODB_SELF_MANAGED","mongo.errors.tolerance":"NONE","linger.ms":"0",
		"producer.batch.size":"16384","output.data.format":"JSON","startup.mode":"copy_existing","publish.full.document.only":"true","topic.separator":"-"},"initial_state":"STOPPED"}`, host)), http.StatusCreated)
	set := func(ns, offset string, status int) string {
		t.Helper()
		return string(w.do(http.MethodPatch, "/connectors/s/offsets", json.RawMessage(fmt.Sprintf(`{"offsets":[{"partition":{"ns":%q},"offset":%s}]}`, ns, offset)), status))
	}
	const token = `{"_id":"{\"_data\": \"8200000000\"}"}`
	if body := set("mongodb://elsewhere/shop", token, http.StatusInternalServerError); !strings.Contains(body, "mongodb://"+host+"/shop") {
		t.Errorf("the partition is not named: %s", body)
	}
	if body := set("mongodb://"+host+"/shop", `{"_id":{"a":1}}`, http.StatusInternalServerError); !strings.Contains(body, "field _id contains MAP") {
		t.Errorf("%s", body)
	}
	set("mongodb://"+host+"/shop", token, http.StatusOK)
	if _, body := w.get("/connectors/s/offsets"); !strings.Contains(string(body), "8200000000") {
		t.Errorf("not set: %s", body)
	}
}

// TestDryRunSaysWhatDoesNotAnswer: nothing of it is an error of the configuration,
// but MongoDB, as in Java.
func TestDryRunSaysWhatDoesNotAnswer(t *testing.T) {
	w := newWorld(t)
	config := w.fromFile("mongodb-sink", map[string]string{"topics": "absent", "value.converter.schema.registry.url": "http://127.0.0.1:1", "consumer.override.isolation.level": ""})
	body := w.do(http.MethodPut, "/connectors/x/config?dry_run=true", config, http.StatusOK)
	for _, want := range []string{`"valid":true`, `topic absent`, `does not exist yet`, `Schema Registry at http://127.0.0.1:1 (value.converter)","error":"`, "does not answer", `{"target":"MongoDB at `} {
		if !strings.Contains(string(body), want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
	config["connection.uri"] = "mongodb://me:hunter2@127.0.0.1:1/?serverSelectionTimeoutMS=50"
	body = w.do(http.MethodPut, "/connectors/x/config?dry_run=true", config, http.StatusOK)
	if !strings.Contains(string(body), `"valid":false`) || !strings.Contains(string(body), `"value":"[hidden]","error":"Unable to connect to the server."`) || strings.Contains(string(body), "hunter2") {
		t.Errorf("%s", body)
	}
}

// TestDryRunHidesWhatProvidersGive: a dry run must not be a way to read files of the
// worker.
func TestDryRunHidesWhatProvidersGive(t *testing.T) {
	secrets := filepath.Join(t.TempDir(), "secrets.properties")
	if err := os.WriteFile(secrets, []byte("a=hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, withProps(map[string]string{"config.providers": "file", "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider"}))
	variable := "${file:" + secrets + ":a}"
	for _, key := range []string{"tasks.max", "batch.size", "connection.password", "connector.class", "value.converter", "errors.tolerance", "producer.override.acks", "my.key"} {
		config := map[string]string{"connector.class": "FileStreamSource", "topic": "t", "file": "f", key: variable}
		body := w.do(http.MethodPost, "/connectors?dry_run=true", map[string]any{"name": "x", "config": config}, http.StatusOK)
		if strings.Contains(string(body), "hunter2") {
			t.Errorf("%s: %s", key, body)
		}
		if key == "tasks.max" && !strings.Contains(string(body), `"value":"`+variable+`"`) {
			t.Errorf("%s: the value is not shown as it was written: %s", key, body)
		}
	}
	if strings.Contains(w.logs.tail(10000), "hunter2") {
		t.Error("the log holds a secret")
	}
}

// TestRestartOfFailedTasks: a generator that has come to its end fails, is restarted
// as often as was asked for, and then stays failed.
func TestRestartOfFailedTasks(t *testing.T) {
	w := newWorld(t, withTopics(1, "pizza"))
	config := map[string]string{"connector.class": "DatagenSource", "kafka.topic": "pizza", "quickstart": "ORDERS", "output.data.format": "JSON", "max.interval": "0", "iterations": "2"}
	create := func(name, key, value string) {
		own := maps.Clone(config)
		own[key] = value
		w.create(name, own)
	}
	create("once", "culvert.restart.max.attempts", "1")
	create("cloud", "auto.restart.on.user.error", "true")
	create("never", "auto.restart.on.user.error", "false")
	line := func(parts ...string) func() error {
		return func() error {
			for line := range strings.Lines(w.logs.tail(10000)) {
				found := true
				for _, p := range parts {
					found = found && strings.Contains(line, p)
				}
				if found {
					return nil
				}
			}
			return fmt.Errorf("no line with %q", parts)
		}
	}
	w.await("the only restart", line("task failed and is restarted", "connector=once", "attempt=1", "of=1"))
	w.await("the restart of the managed connector", line("task failed and is restarted", "connector=cloud", "attempt=1", "of=-1"))
	w.await("the end of the attempts", line("task stays failed: its automatic restarts are used up", "connector=once", "attempts=1"))
	if err := line("is restarted", "connector=never")(); err == nil {
		t.Error("restarted though nobody has asked for it")
	}
	w.await("the state", func() error {
		if _, body := w.get("/connectors/once/status"); !strings.Contains(string(body), `"id":0,"state":"FAILED"`) {
			return fmt.Errorf("%s", body)
		}
		return nil
	})
}
