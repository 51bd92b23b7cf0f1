package boot_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"culvert/data"
)

// TestTransformations sends one batch through a chain with predicates: of its
// records some are changed, some dropped, and some fail, each for itself.
func TestTransformations(t *testing.T) {
	w := newWorld(t, withTopics(1, "in"))
	message := func(value string, headers ...string) data.Message {
		m := data.Message{Topic: "in", Partition: 0, Timestamp: 1700000000123, Value: []byte(value)}
		for _, h := range headers {
			m.Headers = append(m.Headers, data.RawHeader{Key: h, Value: []byte("x")})
		}
		return m
	}
	msgs := []data.Message{
		message(`{"id":1,"qty":"7"}`), message(`{"id":2,"qty":"seven"}`), message(`{"id":3,"qty":"8"}`, "old"),
		message(`{"id":4,"qty":9}`, "as-is"), message(`["no map"]`), message(`{"id":5,"qty":3000000000}`), message(`{"id":6,"qty":"10"}`),
	}
	w.produce(msgs...)
	file := filepath.Join(t.TempDir(), "out.txt")
	w.create("sink", map[string]string{
		"connector.class": "FileStreamSink", "topics": "in", "file": file, "tasks.max": "1",
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
		"key.converter": "org.apache.kafka.connect.storage.StringConverter",
		"transforms":    "drop,cast,route,day,insert",
		"predicates":    "old,asIs",
		// Filter runs for records with the header, Cast for those without the other one.
		"transforms.drop.type": "org.apache.kafka.connect.transforms.Filter", "transforms.drop.predicate": "old",
		"predicates.old.type": "org.apache.kafka.connect.transforms.predicates.HasHeaderKey", "predicates.old.name": "old",
		"transforms.cast.type": "org.apache.kafka.connect.transforms.Cast$Value", "transforms.cast.spec": "qty:int32",
		"transforms.cast.predicate": "asIs", "transforms.cast.negate": "true",
		"predicates.asIs.type": "org.apache.kafka.connect.transforms.predicates.HasHeaderKey", "predicates.asIs.name": "as-is",
		"transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter", "transforms.route.regex": "(?!x)(.*)", "transforms.route.replacement": "$1put",
		"transforms.day.type":    "org.apache.kafka.connect.transforms.TimestampRouter",
		"transforms.insert.type": "org.apache.kafka.connect.transforms.InsertField$Value", "transforms.insert.topic.field": "topic",
		"transforms.insert.plugin.version": "[4,)",
		"errors.tolerance":                 "all", "errors.deadletterqueue.topic.name": "dead",
		"errors.deadletterqueue.topic.replication.factor": "1", "errors.deadletterqueue.context.headers.enable": "true",
	})
	want := []string{
		"{id=1, qty=7, topic=input-20231114}", "{id=4, qty=9, topic=input-20231114}", "{id=6, qty=10, topic=input-20231114}",
	}
	w.await("the lines of the sink", func() error {
		text, err := os.ReadFile(file)
		if lines := strings.Split(strings.TrimSpace(string(text)), "\n"); err != nil || !slices.Equal(lines, want) {
			return fmt.Errorf("%v, %q", err, lines)
		}
		return nil
	})
	w.checkLetters("dead", []data.Message{msgs[1], msgs[4], msgs[5]}, "sink", "TRANSFORMATION", "org.apache.kafka.connect.transforms.Cast$Value")
	for i, say := range []string{
		"Value (seven) was out of range for requested data type",
		"Only Map objects supported in absence of schema for [cast types], found: java.util.ArrayList",
		"Value (3000000000) was out of range for requested data type",
	} {
		for _, h := range w.read("dead")[i].Headers {
			if h.Key == "__connect.errors.exception.message" && string(h.Value) != say ||
				h.Key == "__connect.errors.exception.class.name" && string(h.Value) != "org.apache.kafka.connect.errors.DataException" {
				t.Errorf("letter %d: %s is %q", i, h.Key, h.Value)
			}
		}
	}
}
