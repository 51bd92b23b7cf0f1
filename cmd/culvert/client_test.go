package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"culvert/connectors/all"
	"culvert/internal/ports"
	"culvert/runtime/boot"
)

// startWorker starts a worker in this process and returns its address.
func startWorker(t *testing.T) string {
	t.Helper()
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "lines"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	port, err := ports.Free()
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("http://127.0.0.1:%d", port)
	props := map[string]string{
		"bootstrap.servers": strings.Join(broker.ListenAddrs(), ","), "listeners": address, "culvert.data.dir": t.TempDir(),
		"key.converter": "org.apache.kafka.connect.storage.StringConverter", "value.converter": "org.apache.kafka.connect.storage.StringConverter",
		"offset.storage.file.filename": filepath.Join(t.TempDir(), "offsets"),
	}
	cfg, _, err := boot.ParseConfig(boot.Standalone, props)
	if err != nil {
		t.Fatal(err)
	}
	w, err := boot.Start(t.Context(), boot.Options{Config: cfg, Mode: boot.Standalone, Plugins: all.Set(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	eventually(t, func() error { return checkHealth(t.Context(), address, t.Output()) })
	return address
}

// eventually asks until f has no complaint.
func eventually(t *testing.T, f func() error) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// file writes a connector file.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConnectorCommands(t *testing.T) {
	t.Setenv("CULVERT_URL", startWorker(t))
	out := filepath.Join(t.TempDir(), "out.txt")
	sink := file(t, "sink.json", fmt.Sprintf(`{"name":"the sink","config":{"connector.class":"FileStreamSink","topics":"lines","file":%q}}`, out))
	source := file(t, "source.properties", "name=src\nconnector.class=FileStreamSource\ntopic=lines\nfile="+out+".none\n")
	must := func(args ...string) string {
		t.Helper()
		text, err := run(t, args...)
		if err != nil {
			t.Fatalf("culvert %s: %v %s", strings.Join(args, " "), err, text)
		}
		return text
	}
	fails := func(code int, text string, args ...string) {
		t.Helper()
		got, err := run(t, args...)
		var quiet exitStatus
		is := exitCode(err)
		if errors.As(err, &quiet) {
			is = int(quiet)
		}
		if err == nil || is != code || !strings.Contains(got+err.Error(), text) {
			t.Errorf("culvert %s: exit %d, %v %s; want %d and %q", strings.Join(args, " "), is, err, got, code, text)
		}
	}
	contains := func(text string, all ...string) {
		t.Helper()
		for _, w := range all {
			if !strings.Contains(text, w) {
				t.Errorf("no %q in %q", w, text)
			}
		}
	}
	contains(must("connector", "create", "--dry-run", sink), "Kafka at ", " answers", "sink.json: ok")
	contains(must("connector", "list", "--json"), "[]")
	contains(must("connector", "create", sink, source), "connector the sink created", "connector src created")
	fails(exitConflict, "Connector the sink already exists", "connector", "create", sink)
	contains(must("connector", "create", "--replace", sink), "stored")
	eventually(t, func() error {
		text, err := run(t, "connector", "list")
		if err == nil && (!strings.Contains(text, "the sink  sink    RUNNING  1/1    FileStreamSink") || !strings.Contains(text, "src       source  RUNNING  1/1    FileStreamSource")) {
			err = errors.New(text)
		}
		return err
	})
	contains(must("connector", "status", "src", "the sink"), "NAME", "src task 0", "the sink task 0", "RUNNING")
	contains(must("connector", "config", "src", "batch.size=7", "my.note=x"), "batch.size=7", "my.note=x")
	if text := must("connector", "config", "src", "my.note-"); strings.Contains(text, "my.note") {
		t.Errorf("not removed: %s", text)
	}
	var config map[string]string
	if err := json.Unmarshal([]byte(must("connector", "config", "src", "--json")), &config); err != nil || config["batch.size"] != "7" {
		t.Errorf("%v %v", config, err)
	}
	fails(exitInvalid, "Not a number of type INT", "connector", "config", "src", "batch.size=many")
	fails(1, "neither KEY=VALUE nor KEY-", "connector", "config", "src", "batch.size")
	contains(must("connector", "pause", "src"), "paused")
	contains(must("connector", "resume", "src"), "resumed")
	contains(must("connector", "restart", "src", "--tasks"), "restarted")
	eventually(t, func() error { _, err := run(t, "connector", "restart", "src", "--task", "0"); return err })
	must("connector", "topics", "src")
	contains(must("connector", "stop", "src"), "stopped")
	eventually(t, func() error { _, err := run(t, "connector", "offsets", "src", "--reset"); return err })
	contains(must("connector", "offsets", "src"), "offsets")
	contains(must("__complete", "connector", "pause", ""), "src", "the sink")
	contains(must("plugins", "--url", os.Getenv("CULVERT_URL")), "FileStreamSourceConnector")
	must("connector", "delete", "src", "the sink")
	fails(exitNotFound, "No status found for connector src", "connector", "status", "src")
	fails(exitUnreachable, "refused", "connector", "list", "--url", "http://127.0.0.1:1")
}

// TestStatusOfFailed: scripts see by the exit status that something has failed.
func TestStatusOfFailed(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"name":"a","connector":{"state":"RUNNING","worker_id":"w"},"tasks":[{"id":0,"state":"FAILED","worker_id":"w","trace":"boom"}],"type":"sink"}`)
	}))
	defer s.Close()
	text, err := run(t, "connector", "status", "a", "--url", s.URL)
	var quiet exitStatus
	if !errors.As(err, &quiet) || quiet != 1 || !strings.Contains(text, "boom") {
		t.Errorf("%v %s", err, text)
	}
}

// TestDryRunIsNotSentToJava: a worker without dry runs would store the connector.
func TestDryRunIsNotSentToJava(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error_code":404,"message":"HTTP 404 Not Found"}`)
	}))
	defer s.Close()
	path := file(t, "a.json", `{"name":"a","config":{}}`)
	for _, args := range [][]string{{"validate", "--url", s.URL, path}, {"connector", "create", "--dry-run", "--url", s.URL, path}} {
		if _, err := run(t, args...); err == nil || !strings.Contains(err.Error(), "nothing was sent") {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestValidate(t *testing.T) {
	good := file(t, "good.properties", "name=a\nconnector.class=FileStreamSource\ntopic=t\nfile=f\nbatch.size=${file:/x:y}\n")
	bad := file(t, "bad.json", "{\n \"connector.class\": \"FileStreamSource\", \"name\": \"b\",\n \"topic\": \"t\",\n \"tasks.max\": \"many\", \"errors.tolerence\": \"all\"\n}\n")
	if text, err := run(t, "validate", good); err != nil || !strings.Contains(text, good+": ok") || !strings.Contains(text, good+":5: warning: batch.size: not checked") {
		t.Errorf("%v %s", err, text)
	}
	text, err := run(t, "validate", good, bad)
	var quiet exitStatus
	if !errors.As(err, &quiet) || quiet != exitInvalid {
		t.Errorf("%v %s", err, text)
	}
	for _, want := range []string{good + ": ok", bad + ":4: tasks.max: Invalid value many", "remedy: tasks.max takes a whole number (default 1)", bad + ":4: warning: errors.tolerence"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	text, _ = run(t, "validate", "--json", bad)
	var reports []report
	if err := json.Unmarshal([]byte(text), &reports); err != nil || len(reports) != 1 || reports[0].Valid || reports[0].Errors[0].Value != "many" {
		t.Errorf("%v %s", err, text)
	}
	// A policy of the worker counts.
	worker := file(t, "w.properties", "connector.client.config.override.policy=None\n")
	overriding := file(t, "o.json", `{"name":"o","config":{"connector.class":"FileStreamSource","topic":"t","file":"f","producer.override.acks":"all"}}`)
	if text, err := run(t, "validate", "--worker", worker, overriding); err == nil || !strings.Contains(text, "The 'None' policy does not allow 'acks'") {
		t.Errorf("%v %s", err, text)
	}
}

func TestPlugins(t *testing.T) {
	text, err := run(t, "plugins")
	if err != nil || !strings.Contains(text, "io.confluent.kafka.connect.datagen.DatagenConnector") || !strings.Contains(text, "CLASS") {
		t.Errorf("%v %s", err, text)
	}
	if text, err := run(t, "plugins", "DatagenSource"); err != nil || !strings.Contains(text, "payments.late.rate") || !strings.Contains(text, "culvert.restart.max.attempts") {
		t.Errorf("%v %s", err, text)
	}
	if _, err := run(t, "plugins", "Nope"); exitCode(err) != exitNotFound {
		t.Error(err)
	}
}
