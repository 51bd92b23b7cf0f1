package boot_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culvert/runtime/boot"
)

// withProviders lets a world's worker read a folder of secrets.
func withProviders(dir string) option {
	return withProps(map[string]string{
		"config.providers":                          "file,dir",
		"config.providers.file.class":               "org.apache.kafka.common.config.provider.FileConfigProvider",
		"config.providers.file.param.ttl.ms":        "20",
		"config.providers.file.param.allowed.paths": dir,
		"config.providers.dir.class":                "DirectoryConfigProvider",
		// Of the worker's own properties: the name of its clients in the broker's log.
		"client.id": "${file:" + filepath.Join(dir, "worker.properties") + ":client}",
	})
}

func secretFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	// As Kubernetes replaces a mounted secret: never half of it.
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestConfigProviders: a variable is stored and shown as it was written, what stands
// behind it is used, and shows nowhere.
func TestConfigProviders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secretFile(t, dir, "worker.properties", "client=c-"+secret)
	file := secretFile(t, dir, "sink.properties", "password="+secret+"\ntopic=in\nnumber="+secret+"\n")
	w := newWorld(t, withTopics(1, "in", "again"), withProviders(dir))
	w.produce(w.rowsOf("in", "a")...)
	password := "${file:" + file + ":password}"
	config := w.sink("${file:"+file+":topic}", map[string]string{
		// A server that knows no users: the URI is right, the log-in fails.
		"connection.uri": "mongodb://me:" + password + "@" + w.mongo.Addr(),
	})
	answer := w.do(http.MethodPut, "/connector-plugins/MongoSink/config/validate", w.sink("in", map[string]string{
		"connection.uri": "mongo://me:" + password + "@" + w.mongo.Addr(), "max.batch.size": "${file:" + file + ":number}", "database": "${file:" + file + ":password}"}), http.StatusOK)
	hides(t, "the validation", string(answer))
	mustSay(t, string(answer), "Invalid value ${file:"+file+":number} for configuration max.batch.size", `"value":"`+password+`"`)
	hides(t, "the refusal", w.refused("x", w.sink("in", map[string]string{"tasks.max": "${file:" + file + ":number}"})))
	hides(t, "an unknown class", w.refused("x", map[string]string{"connector.class": password}))
	mustSay(t, w.refused("x", w.sink("in", map[string]string{"tasks.max": "${file:/etc/passwd:x}"})), "${file:/etc/passwd:x}") // not an allowed path

	w.createUnchecked("sink", config)
	trace := w.awaitTask("sink", 0, "FAILED", "MongoDB")
	hides(t, "the trace", trace)
	for _, path := range []string{"/connectors/sink", "/connectors/sink/config", "/connectors/sink/tasks", "/connectors?expand=info&expand=status"} {
		_, body := w.get(path)
		hides(t, path, string(body))
		if !strings.Contains(string(body), password) {
			t.Errorf("%s does not show the variable: %s", path, body)
		}
	}
	for _, m := range w.read("connect-configs") {
		hides(t, "the config topic", string(m.Value))
	}
	// Right values: it runs, and with other values it begins anew by itself.
	uri := secretFile(t, dir, "uri.properties", "uri="+w.mongo.URI()+"\ntopic=in\n")
	w.do(http.MethodPut, "/connectors/sink/config", w.sink("${file:"+uri+":topic}", map[string]string{"connection.uri": "${file:" + uri + ":uri}"}), http.StatusOK)
	w.awaitDocuments("a")
	secretFile(t, dir, "uri.properties", "uri="+w.mongo.URI()+"/\ntopic=again\n")
	w.produce(w.rowsOf("again", "b")...)
	w.await("the task to begin anew", func() error {
		if !strings.Contains(w.logs.String(), "its config providers give other values now") {
			return fmt.Errorf("no such line")
		}
		return nil
	})
	w.awaitDocuments("a", "b") // from the new topic
	// A secret that cannot be read any more does not stop what runs; a restart needs it.
	if err := os.Remove(uri); err != nil {
		t.Fatal(err)
	}
	w.await("the provider to be asked again", func() error {
		if !strings.Contains(w.logs.String(), "a config provider cannot be asked again") {
			return fmt.Errorf("no such line")
		}
		return nil
	})
	w.running("sink", 1)
	w.do(http.MethodPost, "/connectors/sink/tasks/0/restart", nil, http.StatusNoContent)
	w.awaitTask("sink", 0, "FAILED", "Could not read properties from file "+uri)
	hides(t, "the log", w.logs.String())
}

// TestConfigProvidersOfTheWorker: what is wrong with the worker's variables is told
// with the key, and never with the value.
func TestConfigProvidersOfTheWorker(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := secretFile(t, dir, "w.properties", "pw="+secret)
	for name, tt := range map[string]struct {
		change map[string]string
		key    string
		says   []string
	}{
		"no file":       {map[string]string{"group.id": "${file:" + dir + "/none:g}"}, "group.id", []string{"Could not read properties from file " + dir + "/none", "no such file"}},
		"bad value":     {map[string]string{"session.timeout.ms": "${file:" + file + ":pw}"}, "session.timeout.ms", []string{"${file:" + file + ":pw}", "Not a number"}},
		"unknown class": {map[string]string{"config.providers": "file,x", "config.providers.x.class": "x.Y"}, "config.providers.x.class", []string{"FileConfigProvider"}},
	} {
		props := map[string]string{
			"bootstrap.servers": "localhost:9092", "group.id": "g", "key.converter": "StringConverter", "value.converter": "JsonConverter",
			"config.storage.topic": "c", "offset.storage.topic": "o", "status.storage.topic": "s",
			"config.providers": "file", "config.providers.file.class": "FileConfigProvider",
		}
		for k, v := range tt.change {
			props[k] = v
		}
		_, _, err := boot.ParseConfig(boot.Distributed, props)
		bad, ok := err.(*boot.ConfigErrors)
		if !ok || len(bad.Keys) != 1 || bad.Keys[0] != tt.key {
			t.Errorf("%s: %v", name, err)
			continue
		}
		hides(t, name, err.Error())
		mustSay(t, err.Error(), tt.says...)
	}
}
