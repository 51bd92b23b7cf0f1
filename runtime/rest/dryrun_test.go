package rest_test

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"culvert/runtime/plugins"
	"culvert/runtime/rest"
)

type dryRun struct {
	Name     string
	Valid    bool
	Errors   []struct{ Key, Value, Error, Fix string }
	Warnings []struct{ Key, Warning string }
	Reached  []struct{ Target, Error string }
}

func TestDryRun(t *testing.T) {
	m := newMemory(t)
	s := serve(t, m, func(c *rest.Config) {
		c.Validator.Reach = func(_ context.Context, name string, _ map[string]string) []plugins.Reached {
			return []plugins.Reached{{Target: "Kafka of " + name}}
		}
	})
	try := func(method, path, body string) dryRun {
		t.Helper()
		code, _, answer := call(t, s.URL, method, path+"?dry_run=true", body)
		if code != http.StatusOK {
			t.Fatalf("%s %s: %d %s", method, path, code, answer)
		}
		if names := m.Connectors(); len(names) > 1 || len(names) == 1 && names[0] != "there" {
			t.Fatalf("%s %s has stored something: %v", method, path, names)
		}
		return decode[dryRun](t, answer)
	}
	good := try(http.MethodPost, "/connectors", source("a"))
	if !good.Valid || good.Name != "a" || len(good.Errors)+len(good.Warnings) != 0 || len(good.Reached) != 1 || good.Reached[0].Target != "Kafka of a" {
		t.Errorf("%+v", good)
	}
	bad := try(http.MethodPost, "/connectors", `{"name":"a","config":{"connector.class":"FileStreamSource","topic":"t","file":"f","tasks.max":"many","batch.sise":"1","errors.tolerance":"some"}}`)
	if bad.Valid || len(bad.Errors) != 2 || len(bad.Warnings) != 1 || bad.Warnings[0].Key != "batch.sise" || !strings.Contains(bad.Warnings[0].Warning, "batch.size") {
		t.Errorf("%+v", bad)
	}
	if i := slices.IndexFunc(bad.Errors, func(e struct{ Key, Value, Error, Fix string }) bool { return e.Key == "tasks.max" }); i < 0 ||
		bad.Errors[i].Value != "many" || !strings.Contains(bad.Errors[i].Error, "Not a number of type INT") || !strings.Contains(bad.Errors[i].Fix, "a whole number (default 1)") {
		t.Errorf("%+v", bad.Errors)
	}
	unknown := try(http.MethodPost, "/connectors", `{"name":"a","config":{"connector.class":"Nope"}}`)
	if unknown.Valid || len(unknown.Errors) != 1 || unknown.Errors[0].Key != "connector.class" || !strings.Contains(unknown.Errors[0].Fix, "FileStreamSourceConnector") {
		t.Errorf("%+v", unknown)
	}
	managed := try(http.MethodPost, "/connectors", `{"name":"a","config":{"connector.class":"MongoDbAtlasSink","topics":"t","connection.host":"h.net:x","connection.user":"u","connection.password":"hunter2","database":"d","input.data.format":"CSV"}}`)
	for _, e := range managed.Errors {
		if e.Key == "input.data.format" && e.Value != "CSV" || e.Key == "connection.host" && (e.Value != "h.net:x" || !strings.Contains(e.Error, "configuration connection.host")) || strings.Contains(e.Error, "hunter2") {
			t.Errorf("%+v", e)
		}
	}
	if len(managed.Errors) != 2 {
		t.Errorf("%+v", managed)
	}
	if put := try(http.MethodPut, "/connectors/a/config", `{"connector.class":"FileStreamSource","topic":"t","file":"f"}`); !put.Valid {
		t.Errorf("%+v", put)
	}

	if code, _, body := call(t, s.URL, http.MethodPost, "/connectors", source("there")); code != http.StatusCreated {
		t.Fatalf("%d %s", code, body)
	}
	if again := try(http.MethodPost, "/connectors", source("there")); again.Valid || again.Errors[0].Error != "Connector there already exists" {
		t.Errorf("%+v", again)
	}
	if patch := try(http.MethodPatch, "/connectors/there/config", `{"topic":null}`); patch.Valid || len(patch.Errors) != 1 || patch.Errors[0].Key != "topic" {
		t.Errorf("%+v", patch)
	}
	if code, _, body := call(t, s.URL, http.MethodGet, "/connectors/there/config", ""); code != http.StatusOK || !bytes.Contains(body, []byte(`"topic":"t"`)) {
		t.Errorf("a dry run has changed the connector: %d %s", code, body)
	}
	if code, _, _ := call(t, s.URL, http.MethodPatch, "/connectors/none/config?dry_run=true", `{}`); code != http.StatusNotFound {
		t.Errorf("PATCH of none: %d", code)
	}
	if code, _, _ := call(t, s.URL, http.MethodPost, "/connectors?dry_run=true", `{"name":`); code != http.StatusBadRequest {
		t.Errorf("broken body: %d", code)
	}
}

// TestManagedShapes: what Confluent Cloud exports posts unchanged, and is shown as it
// was sent.
func TestManagedShapes(t *testing.T) {
	const config = `"connector.class":"DatagenSource","name":"cloud","kafka.topic":"pizza","output.data.format":"JSON","quickstart":"ORDERS","max.interval":1000,` +
		`"kafka.api.key":"****************","kafka.api.secret":"****************","kafka.auth.mode":"KAFKA_API_KEY","cloud.provider":"aws","tasks.max":"1"`
	for name, body := range map[string]string{
		"api": `{"name":"cloud","config":{` + config + `}}`, "console": `{"config":{` + config + `}}`, "cli": `{` + config + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, newMemory(t))
			code, header, answer := call(t, s.URL, http.MethodPost, "/connectors", body)
			if code != http.StatusCreated || header.Get("Location") != s.URL+"/connectors/cloud" {
				t.Fatalf("%d %v %s", code, header, answer)
			}
			want := strings.Replace(config, ":1000", `:"1000"`, 1)
			if !bytes.Contains(answer, []byte(`"config":{`+want+`}`)) {
				t.Errorf("not echoed: %s", answer)
			}
			_, _, stored := call(t, s.URL, http.MethodGet, "/connectors/cloud/config", "")
			if got := decode[map[string]string](t, stored); got["output.data.format"] != "JSON" || got["kafka.api.key"] != "****************" || got["value.converter"] != "" {
				t.Errorf("stored %v", got)
			}
		})
	}
	s := serve(t, newMemory(t))
	for body, want := range map[string]string{
		`{"config":{"connector.class":"MongoDbAtlasSink","name":"m","topics":"t","connection.host":"h.mongodb.net","connection.user":"u","connection.password":"****************","database":"d","input.data.format":"JSON"}}`: "Invalid value [hidden] for configuration connection.password: the value is masked, as an export shows it; fill in the secret",
		`{"name":"m","config":{"connector.class":"com.mongodb.kafka.connect.MongoSinkConnector","topics":"t","connection.uri":"****************","database":"d"}}`:                                                             "[hidden] for configuration connection.uri: the value is masked",
		`{"name":"m","connector.class":"DatagenSource","kafka.topic":"t","quickstart":"ORDERS","output.data.format":"CSV"}`:                                                                                                    "Invalid value CSV for configuration output.data.format: ",
		`{"name":"other","config":{` + config + `}}`:                                  "Connector name configuration (cloud) doesn't match connector name in the URL (other)",
		`{"connector.class":"DatagenSource","kafka.topic":"t","quickstart":"ORDERS"}`: "String may not be empty",
	} {
		code, _, answer := call(t, s.URL, http.MethodPost, "/connectors", body)
		if got := decode[errorBody](t, answer); code != http.StatusBadRequest || !strings.Contains(got.Message, want) {
			t.Errorf("%s: %d %q, want %q", body, code, got.Message, want)
		}
	}
}

func TestMaskPasswords(t *testing.T) {
	m := newMemory(t)
	log := &bytes.Buffer{}
	s := serve(t, m, func(c *rest.Config) { c.MaskPasswords = true })
	const secrets = `"consumer.override.sasl.jaas.config":"org.apache.kafka.common.security.plain.PlainLoginModule required username=\"u\" password=\"hunter2\";",` +
		`"value.converter":"io.confluent.connect.avro.AvroConverter","value.converter.schema.registry.url":"http://sr","value.converter.basic.auth.credentials.source":"USER_INFO",` +
		`"value.converter.basic.auth.user.info":"me:hunter2","my.own.password":"hunter2"`
	code, _, body := call(t, s.URL, http.MethodPost, "/connectors", `{"name":"a","config":{"connector.class":"FileStreamSink","topics":"t","file":"f",`+secrets+`}}`)
	if code != http.StatusCreated {
		t.Fatalf("%d %s", code, body)
	}
	log.Write(body)
	get := func(path string) []byte {
		_, _, body := call(t, s.URL, http.MethodGet, path, "")
		log.Write(body)
		return body
	}
	shown := get("/connectors/a/config")
	get("/connectors/a")
	get("/connectors?expand=info")
	if n := strings.Count(string(shown), `"****************"`); n != 3 {
		t.Errorf("%d values are hidden: %s", n, shown)
	}
	stored := func() map[string]string { c, _ := m.Connector("a"); return c.Config }
	for _, change := range []struct{ method, path, body string }{
		{http.MethodPut, "/connectors/a/config", strings.Replace(string(shown), `"file":"f"`, `"file":"g"`, 1)},
		{http.MethodPatch, "/connectors/a/config", `{"my.own.password":"****************","file":"g"}`},
		{http.MethodPut, "/connector-plugins/FileStreamSink/config/validate", string(shown)},
		{http.MethodPut, "/connectors/a/config?dry_run=true", string(shown)},
	} {
		code, _, body := call(t, s.URL, change.method, change.path, change.body)
		log.Write(body)
		c := stored()
		if code != http.StatusOK || c["my.own.password"] != "hunter2" || c["value.converter.basic.auth.user.info"] != "me:hunter2" || c["file"] != "g" {
			t.Errorf("%s: %d %s, stored %v", change.method, code, body, c)
		}
		if bytes.Contains(body, []byte("is masked")) {
			t.Errorf("%s %s: the stored secret does not stand in: %s", change.method, change.path, body)
		}
	}
	if strings.Contains(log.String(), "hunter2") {
		t.Errorf("a secret was shown: %s", log)
	}
	// A new secret replaces the old one, and a masked one for nothing is refused.
	if code, _, body := call(t, s.URL, http.MethodPatch, "/connectors/a/config", `{"my.own.password":"new"}`); code != http.StatusOK || stored()["my.own.password"] != "new" {
		t.Errorf("%d %s", code, body)
	}
	if code, _, body := call(t, s.URL, http.MethodPatch, "/connectors/a/config", `{"another.password":"****************"}`); code != http.StatusBadRequest || !bytes.Contains(body, []byte("another.password")) {
		t.Errorf("%d %s", code, body)
	}
}

func TestPasswordsAreShownByDefault(t *testing.T) {
	s := serve(t, newMemory(t))
	call(t, s.URL, http.MethodPost, "/connectors", `{"name":"a","config":{"connector.class":"FileStreamSink","topics":"t","file":"f","my.own.password":"sesame"}}`)
	if _, _, body := call(t, s.URL, http.MethodGet, "/connectors/a/config", ""); !bytes.Contains(body, []byte(`"my.own.password":"sesame"`)) {
		t.Errorf("clients that compare with what they sent see a change: %s", body)
	}
}

// TestOwnKeys: a key of ours works, and stands in answers only where it was asked for.
func TestOwnKeys(t *testing.T) {
	s := serve(t, newMemory(t))
	const key = `"name":"culvert.restart.max.attempts"`
	for path, want := range map[string]bool{
		"/connector-plugins/FileStreamSource/config": false, "/connector-plugins/FileStreamSource/config?extended=true": true,
		"/connector-plugins/FileStreamSink/config?extended=true": true, "/connector-plugins/DatagenSource/config?extended=false": false,
	} {
		if _, _, body := call(t, s.URL, http.MethodGet, path, ""); bytes.Contains(body, []byte(key)) != want {
			t.Errorf("%s: the key is there: %v, want %v", path, !want, want)
		}
	}
	for more, want := range map[string]bool{"": false, `,"culvert.restart.max.attempts":"3"`: true, `,"culvert.restart.max.attempts":"-2"`: true} {
		code, _, body := call(t, s.URL, http.MethodPut, "/connector-plugins/FileStreamSource/config/validate",
			`{"name":"a","connector.class":"FileStreamSource","topic":"t","file":"f"`+more+`}`)
		if code != http.StatusOK || bytes.Contains(body, []byte(key)) != want || bytes.Contains(body, []byte("Value must be at least -1")) != strings.Contains(more, "-2") {
			t.Errorf("%q: %d, the key is there: %v, want %v", more, code, !want, want)
		}
	}
}
