//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"culvert/internal/ports"
	"culvert/test/servers"
)

// TestStandaloneSharesItsOffsetsFileWithJava lets Culvert, the Java worker and
// Culvert again read one file with one offsets file.
func TestStandaloneSharesItsOffsetsFileWithJava(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	jars, err := servers.KafkaJars(ctx)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	input, topic := filepath.Join(dir, "in.txt"), "standalone_lines"
	createTopic(t, topic, 1)
	port, err := ports.Free()
	if err != nil {
		t.Fatal(err)
	}
	worker, connector := filepath.Join(dir, "worker.properties"), filepath.Join(dir, "source.properties")
	text := "org.apache.kafka.connect.storage.StringConverter"
	for file, props := range map[string]map[string]string{
		worker: {
			"bootstrap.servers": shared.kafka.Addr, "listeners": fmt.Sprintf("http://127.0.0.1:%d", port), "key.converter": text, "value.converter": text,
			"offset.storage.file.filename": filepath.Join(dir, "offsets"), "offset.flush.interval.ms": "500",
		},
		connector: {"name": "lines", "connector.class": "FileStreamSource", "tasks.max": "1", "file": input, "topic": topic},
	} {
		if err := servers.WriteProperties(file, props); err != nil {
			t.Fatal(err)
		}
	}
	ready := servers.Answers(fmt.Sprintf("http://127.0.0.1:%d/connectors", port))
	runtimes := []*servers.Process{
		servers.New("culvert standalone", filepath.Join(dir, "culvert.log"), nil, ready, shared.binary, "standalone", worker, connector),
		servers.New("java standalone", filepath.Join(dir, "java.log"), nil, ready, "java", "-Xmx512m", "-Dlog4j2.level=WARN",
			"-cp", jars+"/*", "org.apache.kafka.connect.cli.ConnectStandalone", worker, connector),
	}
	client, err := sarama.NewClient([]string{shared.kafka.Addr}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for turn := range 3 {
		p := runtimes[turn%2]
		t.Cleanup(p.Kill)
		if err := p.Start(ctx); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(input, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			fmt.Fprintf(f, "turn %d line %d\n", turn, i)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		want := int64(100 * (turn + 1))
		await(t, time.Minute, fmt.Sprintf("%d records by %s", want, p.Name), func() error {
			end, err := client.GetOffset(topic, 0, sarama.OffsetNewest)
			if err == nil && end < want {
				err = fmt.Errorf("%d records\n%s", end, p.Tail())
			}
			return err
		})
		if err := p.Stop(20 * time.Second); err != nil {
			t.Fatal(err)
		}
		if end, err := client.GetOffset(topic, 0, sarama.OffsetNewest); err != nil || end != want {
			t.Fatalf("%d records after %s, want %d: it did not go on from the other's offset (%v)", end, p.Name, want, err)
		}
	}
}
