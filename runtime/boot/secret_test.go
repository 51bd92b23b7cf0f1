package boot_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"culvert/connectors/all"
	"culvert/data"
	"culvert/runtime/boot"
)

const secret = "tr0ub4dor"

// hides fails if the secret is in a text.
func hides(t *testing.T, what, text string) {
	t.Helper()
	if strings.Contains(text, secret) {
		i := strings.Index(text, secret)
		t.Errorf("%s shows the secret: …%s…", what, text[max(0, i-200):min(len(text), i+100)])
	}
}

// createUnchecked puts a connector where the worker finds it, as another worker's
// REST interface would have.
func (w *world) createUnchecked(name string, config map[string]string) {
	w.t.Helper()
	config["name"] = name
	raw, err := json.Marshal(map[string]any{"properties": config})
	if err != nil {
		w.t.Fatal(err)
	}
	w.produce(data.Message{Topic: "connect-configs", Partition: 0, Key: []byte("connector-" + name), Value: raw})
}

func TestSecretsShowNowhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTopics(1, "in"))
	w.produce(w.rowsOf("in", "a")...)
	jaas := `org.apache.kafka.common.security.plain.PlainLoginModule required username="me" password="` + secret + `";`
	secured, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("PLAIN", "me", "another"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(secured.Close)
	registry := startRegistry(t, srfake.WithAuth("Basic "+base64.StdEncoding.EncodeToString([]byte("me:another"))))
	refused := map[string]map[string]string{
		"uri":            {"connection.uri": "mongodb://me:" + secret + "@" + w.mongo.Addr()}, // which knows no users
		"uri scheme":     {"connection.uri": "mongo://me:" + secret + "@" + w.mongo.Addr()},
		"uri option":     {"connection.uri": w.mongo.URI() + "/?tlsCertificateKeyFilePassword=" + secret + "&w=none&readPreference=any"},
		"jaas":           {"consumer.override.security.protocol": "SASL_PLAINTEXT", "consumer.override.sasl.mechanism": "GSSAPI", "consumer.override.sasl.jaas.config": jaas, "tasks.max": "0"},
		"registry user":  {"value.converter.basic.auth.credentials.source": "ELSEWHERE", "value.converter.basic.auth.user.info": "me:" + secret},
		"registry url":   {"value.converter.schema.registry.url": "htp://me:" + secret + "@localhost"},
		"key in PEM":     {"value.converter.schema.registry.ssl.keystore.key": secret},
		"no class":       {"connector.class": "", "connection.uri": "mongodb://me:" + secret + "@" + w.mongo.Addr(), "consumer.override.sasl.jaas.config": jaas},
		"unknown class":  {"connector.class": "Nope", "connection.uri": "mongodb://me:" + secret + "@" + w.mongo.Addr()},
		"another's word": {"consumer.override.security.protocol": "SASL", "consumer.override.sasl.jaas.config": jaas},
	}
	for name, changes := range refused {
		hides(t, "the refusal of "+name, w.refused("x", w.sink("in", changes)))
	}
	answer := w.do(http.MethodPut, "/connector-plugins/MongoSink/config/validate", w.sink("in", refused["uri"]), http.StatusOK)
	hides(t, "the validation", string(answer))

	running := map[string]struct {
		changes map[string]string
		state   string
		says    []string
	}{
		"mongo":      {map[string]string{"connection.uri": "mongodb://me:" + secret + "@" + w.mongo.Addr()}, "FAILED", []string{"MongoDB", w.mongo.Addr()}},
		"mongo-away": {map[string]string{"connection.uri": "mongodb://me:" + secret + "@127.0.0.1:1/?serverSelectionTimeoutMS=100"}, "RUNNING", []string{"127.0.0.1:1"}},
		"sasl": {map[string]string{"consumer.override.bootstrap.servers": secured.ListenAddrs()[0], "consumer.override.security.protocol": "SASL_PLAINTEXT", "consumer.override.sasl.mechanism": "PLAIN",
			"consumer.override.sasl.jaas.config": jaas}, "RUNNING", []string{"Kafka", secured.ListenAddrs()[0]}}, // which closes the connection
		"registry": {map[string]string{"value.converter.schema.registry.url": registry.url, "value.converter.basic.auth.credentials.source": "USER_INFO",
			"value.converter.basic.auth.user.info": "me:" + secret, "errors.tolerance": "all"}, "FAILED", []string{registry.addr, "refuses access", "basic.auth.user.info"}},
		"registry-url": {map[string]string{"value.converter.schema.registry.url": "http://me:" + secret + "@" + registry.addr,
			"value.converter.basic.auth.credentials.source": "URL"}, "FAILED", []string{registry.addr, "refuses access", "basic.auth.user.info"}},
	}
	for name, tt := range running {
		w.createUnchecked(name, w.sink("in", tt.changes))
	}
	for name, tt := range running {
		t.Run(name, func(t *testing.T) {
			w := w.at(t)
			hides(t, "the trace", w.awaitTask(name, 0, tt.state, tt.says...))
		})
	}
	_, all := w.get("/connectors?expand=status")
	hides(t, "the status of all", string(all))
	hides(t, "the log", w.logs.String())
}

// TestSecretsOfTheWorker: what is wrong with the worker's own properties.
func TestSecretsOfTheWorker(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]map[string]string{
		"mechanism": {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "GSSAPI"},
		"jaas":      {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.jaas.config": "PlainLoginModule password=" + secret},
		"protocol":  {"security.protocol": "SASL"},
		"keystore":  {"security.protocol": "SSL", "ssl.keystore.type": "PEM", "ssl.keystore.key": secret, "ssl.keystore.certificate.chain": secret},
		"producer":  {"producer.security.protocol": "SASL_SSL", "producer.sasl.mechanism": "PLAIN", "producer.sasl.jaas.config": secret},
	} {
		props := map[string]string{
			"bootstrap.servers": "localhost:9092", "group.id": "g", "key.converter": "StringConverter", "value.converter": "JsonConverter",
			"config.storage.topic": "c", "offset.storage.topic": "o", "status.storage.topic": "s",
			"sasl.jaas.config": `org.apache.kafka.common.security.plain.PlainLoginModule required username="me" password="` + secret + `";`,
		}
		maps.Copy(props, change)
		cfg, _, err := boot.ParseConfig(boot.Distributed, props)
		if err == nil {
			err = boot.Check(t.Context(), boot.Options{Config: cfg, Mode: boot.Distributed, Plugins: all.Set()})
		}
		if err == nil {
			t.Errorf("%s: no complaint about %v", name, change)
			continue
		}
		hides(t, name, err.Error())
	}
}
