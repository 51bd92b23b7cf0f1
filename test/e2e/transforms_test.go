//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"culvert/test/servers"
)

// chained are five transformations in a row, which between them make structs of
// texts, add, rename and convert fields, make the key, and set headers' worth of
// schema: what most configurations are made of.
var chained = map[string]string{
	"transforms":                     "hoist,origin,rename,cast,key",
	"transforms.hoist.type":          "org.apache.kafka.connect.transforms.HoistField$Value",
	"transforms.hoist.field":         "line",
	"transforms.origin.type":         "org.apache.kafka.connect.transforms.InsertField$Value",
	"transforms.origin.static.field": "origin",
	"transforms.origin.static.value": "till 7 – Zürich",
	"transforms.rename.type":         "org.apache.kafka.connect.transforms.ReplaceField$Value",
	"transforms.rename.renames":      "line:amount",
	"transforms.cast.type":           "org.apache.kafka.connect.transforms.Cast$Value",
	"transforms.cast.spec":           "amount:float64",
	"transforms.key.type":            "org.apache.kafka.connect.transforms.ValueToKey",
	"transforms.key.fields":          "amount,origin",
}

// TestTransformedTopicsAreEqual runs one connector file on the Java worker and then
// on Culvert: the bytes that arrive in the topic must be the same.
func TestTransformedTopicsAreEqual(t *testing.T) {
	t.Parallel()
	const lines, topic = 10_000, "transformed"
	input := filepath.Join(t.TempDir(), "amounts.txt")
	var text strings.Builder
	for i := range lines {
		fmt.Fprintf(&text, "%d.%03d\n", i*i%100_003-50_000, i*7%1000)
	}
	if err := os.WriteFile(input, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	createTopic(t, topic, 1)
	config := map[string]string{
		"connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector", "tasks.max": "1", "file": input, "topic": topic,
		"key.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter": "org.apache.kafka.connect.json.JsonConverter",
	}
	for k, v := range chained {
		config[k] = v
	}
	arrived := func(by, url string, all int) []*sarama.ConsumerMessage {
		create(t, url, topic, config)
		running(t, url, topic, 1)
		var got []*sarama.ConsumerMessage
		await(t, 2*time.Minute, fmt.Sprintf("%d records by %s", lines, by), func() error {
			if got = messagesOf(t, topic); len(got) < all {
				return fmt.Errorf("%d records", len(got))
			}
			return nil
		})
		return got
	}

	java, err := servers.NewConnect(t.Context(), t.TempDir(), shared.kafka.Addr, "transformed-java", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(java.Kill)
	if err := java.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	arrived("Java", java.URL, lines)
	if err := java.Stop(30 * time.Second); err != nil {
		t.Fatal(err)
	}
	w := startWorker(t, "transformed-culvert", "a", nil)
	all := arrived("Culvert", w.url, 2*lines)
	if len(all) != 2*lines {
		t.Fatalf("%d records of %d lines", len(all), lines)
	}
	for i, theirs := range all[:lines] {
		ours := all[lines+i]
		if !bytes.Equal(theirs.Key, ours.Key) || !bytes.Equal(theirs.Value, ours.Value) || len(theirs.Headers) != len(ours.Headers) {
			t.Fatalf("line %d:\nJava    %s %s\nCulvert %s %s", i+1, theirs.Key, theirs.Value, ours.Key, ours.Value)
		}
	}
	t.Logf("%d records are the same bytes, for instance %s %s", lines, all[0].Key, all[0].Value)
}

// messagesOf reads a topic of one partition, that nobody writes in transactions.
func messagesOf(t *testing.T, topic string) []*sarama.ConsumerMessage {
	t.Helper()
	client, err := sarama.NewClient([]string{shared.kafka.Addr}, sarama.NewConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		t.Fatal(err)
	}
	defer consumer.Close()
	var all []*sarama.ConsumerMessage
	readPartition(t, client, consumer, topic, 0, time.Minute, func(m *sarama.ConsumerMessage) { all = append(all, m) })
	return all
}
