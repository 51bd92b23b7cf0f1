package boot_test

import (
	"fmt"
	"sort"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// TestFormatsWithRegistry: the same orders through every converter that has a Schema
// Registry are the same documents; and after a restart of the worker a connector that
// reads them again does so while the registry is down, with what was kept on disk.
func TestFormatsWithRegistry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const n = 40
	formats := map[string]string{
		"avro":     "io.confluent.connect.avro.AvroConverter",
		"json":     "io.confluent.connect.json.JsonSchemaConverter",
		"protobuf": "io.confluent.connect.protobuf.ProtobufConverter",
	}
	sink := func(format, target string) map[string]string {
		return w.fromFile("mongodb-sink", map[string]string{"topics": "orders_" + format, "collection": target, "value.converter": formats[format],
			"document.id.strategy.partial.value.projection.list": "order_id"})
	}
	for format, class := range formats {
		w.create("source-"+format, w.fromFile("datagen-orders", map[string]string{"kafka.topic": "orders_" + format, "value.converter": class,
			"iterations": fmt.Sprint(n), "max.interval": "0", "event.time.start": "1750000000000"}))
		w.create("sink-"+format, sink(format, format))
	}
	documents := func(target string) []string {
		w.await(target+" to have all orders", func() error {
			if have := len(w.mongo.Docs("macd." + target)); have < n {
				return fmt.Errorf("%d documents", have)
			}
			return nil
		})
		var list []string
		for _, d := range w.mongo.Docs("macd." + target) {
			list = append(list, bson.Raw(d).String())
		}
		sort.Strings(list)
		return list
	}
	want := documents("avro")
	same := func(target string) {
		t.Helper()
		got := documents(target)
		for i := range want {
			if i >= len(got) || got[i] != want[i] {
				t.Fatalf("%s: document %d is %s, want %s", target, i, got[i], want[i])
			}
		}
	}
	same("json")
	same("protobuf")

	w.stop()
	w.registry.down()
	w.begin()
	for format := range formats {
		w.create("again-"+format, sink(format, "again_"+format))
	}
	for format := range formats {
		same("again_" + format)
	}
	w.registry.up() // it is closed at the end
}
