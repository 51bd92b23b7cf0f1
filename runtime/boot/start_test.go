package boot_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/configs"
	"culvert/connectors/all"
	"culvert/connectors/datagen"
	"culvert/connectors/datagen/macd"
	"culvert/fault"
	"culvert/runtime/boot"
)

// TestWorkerThatCannotStart: what is wrong with the worker's properties or with the
// topics that they name ends it, with a text that says what to do.
func TestWorkerThatCannotStart(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	w := newWorld(t, func(w *world) {
		if err := errors.Join(
			w.broker.CreateTopic("not-compacted", 1, map[string]string{"cleanup.policy": "delete"}),
			w.broker.CreateTopic("wide-configs", 3, map[string]string{"cleanup.policy": "compact"}),
		); err != nil {
			t.Fatal(err)
		}
	})
	for name, tt := range map[string]struct {
		changes map[string]string
		says    []string
	}{
		"port":        {map[string]string{"listeners": "http://" + taken.Addr().String()}, []string{"listeners", taken.Addr().String(), "address already in use"}},
		"host":        {map[string]string{"listeners": "http://no.such.host.invalid:8083"}, []string{"listeners", "no.such.host.invalid"}},
		"bootstrap":   {map[string]string{"bootstrap.servers": "kafka"}, []string{"bootstrap.servers", "kafka", "host:port"}},
		"converter":   {map[string]string{"value.converter": "com.example.ThriftConverter"}, []string{"value.converter", "ThriftConverter", "AvroConverter"}},
		"client":      {map[string]string{"producer.compression.type": "zip"}, []string{"producer.compression.type", "zip", "gzip"}},
		"number":      {map[string]string{"offset.flush.interval.ms": "1s"}, []string{"offset.flush.interval.ms", "1s", "60000"}},
		"partitions":  {map[string]string{"config.storage.topic": "wide-configs"}, []string{"wide-configs", "3", "config.storage.topic"}},
		"compaction":  {map[string]string{"status.storage.topic": "not-compacted"}, []string{"not-compacted", "cleanup.policy", "compact", "status.storage.topic"}},
		"replication": {map[string]string{"offset.storage.topic": "new-offsets", "offset.storage.replication.factor": "3"}, []string{"new-offsets", "replication factor 3", "offset.storage.replication.factor"}},
		"topic name":  {map[string]string{"offset.storage.topic": "my offsets"}, []string{"offset.storage.topic", "my offsets", "letters"}},
		"three":       {map[string]string{"group.id": "", "heartbeat.interval.ms": "-1", "connect.protocol": "best"}, []string{"group.id", "heartbeat.interval.ms", "-1", "connect.protocol", "best"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			props := w.at(t).workerProps()
			props["listeners"] = "http://127.0.0.1:0"
			delete(props, "rest.advertised.port") // that would be the identity of the other worker
			maps.Copy(props, tt.changes)
			err := w.startAndWait(t, boot.Distributed, props)
			if err == nil {
				t.Fatal("it started")
			}
			mustSay(t, fault.Explain(err), tt.says...)
		})
	}
}

// startAndWait starts a worker that is expected to end by itself.
func (w *world) startAndWait(t *testing.T, mode boot.Mode, props map[string]string, connectors ...boot.Connector) error {
	t.Helper()
	cfg, _, err := boot.ParseConfig(mode, props)
	if err != nil {
		return err
	}
	log, _, err := boot.NewLog(w.logs, "text", boot.Environment{})
	if err != nil {
		t.Fatal(err)
	}
	worker, err := boot.Start(t.Context(), boot.Options{Config: cfg, Mode: mode, Plugins: all.Set(), Log: log, Connectors: connectors})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return worker.Wait(ctx)
}

func TestUnknownKeysAreNamedWithWhatWasMeant(t *testing.T) {
	props := map[string]string{
		"bootstrap.servers": "localhost:9092", "group.id": "g", "key.converter": "StringConverter", "value.converter": "JsonConverter",
		"config.storage.topic": "c", "offset.storage.topic": "o", "status.storage.topic": "s", "offset.flush.intervall.ms": "100",
	}
	_, unknown, err := boot.ParseConfig(boot.Distributed, props)
	if err != nil || len(unknown) != 1 || unknown[0] != "offset.flush.intervall.ms" {
		t.Fatalf("%v %v", unknown, err)
	}
	if meant := boot.Suggest(boot.Distributed, unknown[0]); meant != "offset.flush.interval.ms" {
		t.Errorf("meant %q", meant)
	}
}

// standalone are the properties of configs/worker with this world's addresses.
func (w *world) standalone(file string) map[string]string {
	w.t.Helper()
	raw, err := configs.Files.ReadFile("worker/connect-standalone.properties")
	if err != nil {
		w.t.Fatal(err)
	}
	path := filepath.Join(w.t.TempDir(), "connect-standalone.properties")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		w.t.Fatal(err)
	}
	props, err := boot.ReadProperties(path)
	if err != nil {
		w.t.Fatal(err)
	}
	maps.Copy(props, map[string]string{
		"bootstrap.servers": w.brokers(), "listeners": "http://127.0.0.1:0", "rest.advertised.host.name": "127.0.0.1",
		"offset.storage.file.filename": file, "offset.flush.interval.ms": "100", "culvert.data.dir": w.t.TempDir(),
	})
	return props
}

// TestStandalone runs the pipeline in one process that keeps the positions of its
// sources in a file.
func TestStandalone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTopics(4, joinedTopic))
	file := filepath.Join(t.TempDir(), "offsets")
	var connectors []boot.Connector
	var truth macd.Truth
	for _, name := range configs.Pipeline {
		config := w.fromFile(name)
		if strings.HasPrefix(name, "datagen") {
			config = w.fromFile(name, generator("6"))
		}
		if name == "datagen-payments" {
			var err error
			if truth, err = datagen.Truth(config, macd.Window); err != nil {
				t.Fatal(err)
			}
		}
		config["name"] = name
		connectors = append(connectors, boot.Connector{Name: name, Config: config})
	}
	cfg, _, err := boot.ParseConfig(boot.Standalone, w.standalone(file))
	if err != nil {
		t.Fatal(err)
	}
	log, _, err := boot.NewLog(w.logs, "text", boot.Environment{})
	if err != nil {
		t.Fatal(err)
	}
	start := func() *boot.Worker {
		worker, err := boot.Start(t.Context(), boot.Options{Config: cfg, Mode: boot.Standalone, Plugins: all.Set(), Log: log, Connectors: connectors})
		if err != nil {
			t.Fatal(err)
		}
		return worker
	}
	worker := start()
	w.flowed(50)
	if err := worker.Close(); err != nil {
		t.Fatal(err)
	}
	worker = start()
	w.complete(truth)
	if err := worker.Close(); err != nil {
		t.Fatal(err)
	}
	if n := w.offsets("macd_orders"); n != orders {
		t.Errorf("%d orders in the topic, want %d: the position was not kept", n, orders)
	}
}

func TestStandaloneEndsWithABadConnector(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	err := w.startAndWait(t, boot.Standalone, w.standalone(filepath.Join(t.TempDir(), "offsets")),
		boot.Connector{Name: "bad", Config: map[string]string{"name": "bad", "connector.class": "DatagenSource", "kafka.topic": "t", "iterations": "many"}})
	if err == nil {
		t.Fatal("it runs")
	}
	mustSay(t, fmt.Sprint(err), "bad", "iterations", "many")
	if errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
