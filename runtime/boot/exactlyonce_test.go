package boot_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/data"
	"culvert/internal/mongostub"
)

// TestOffsetsInMongoDB has a sink that wrote at least once go on with its offsets in
// MongoDB, from where its group stands, and changes them through the REST interface.
func TestOffsetsInMongoDB(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTopics(1, "in"))
	stub, err := mongostub.Start(mongostub.Options{ReplicaSet: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stub.Stop)
	const classes = "com.mongodb.kafka.connect.sink."
	config := map[string]string{"connector.class": "MongoSink", "topics": "in", "connection.uri": stub.URI(), "database": "db", "collection": "c",
		"key.converter": "org.apache.kafka.connect.storage.StringConverter", "value.converter": "org.apache.kafka.connect.storage.StringConverter",
		"document.id.strategy": classes + "processor.id.strategy.BsonOidStrategy", "writemodel.strategy": classes + "writemodel.strategy.InsertOneDefaultStrategy",
		"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "letters", "errors.deadletterqueue.topic.replication.factor": "1"}
	send := func(values ...string) {
		for _, v := range values {
			w.produce(data.Message{Topic: "in", Timestamp: data.NoTimestamp, Value: []byte(v)})
		}
	}
	// documents are those of the collection, by n.
	documents := func(want ...int32) {
		t.Helper()
		w.await(fmt.Sprintf("the documents %v", want), func() error {
			var have []int32
			for _, d := range stub.Docs("db.c") {
				have = append(have, bson.Raw(d).Lookup("n").Int32())
			}
			slices.Sort(have)
			if !slices.Equal(have, want) {
				return fmt.Errorf("%v", have)
			}
			return nil
		})
	}
	position := func(want ...int64) {
		t.Helper()
		w.await(fmt.Sprintf("the offset %v", want), func() error {
			var have []int64
			for _, d := range stub.Docs("db.culvert.offsets") {
				have = append(have, bson.Raw(d).Lookup("offset").Int64())
			}
			if !slices.Equal(have, want) {
				return fmt.Errorf("%v", have)
			}
			return nil
		})
	}
	stopped := func() {
		t.Helper()
		w.do(http.MethodPut, "/connectors/sink/stop", nil, http.StatusNoContent)
		w.await("no tasks", func() error {
			s, err := w.status("sink")
			if err == nil && len(s.Tasks) > 0 {
				err = fmt.Errorf("%+v", s)
			}
			return err
		})
	}
	changed := func(method string, body any) {
		t.Helper()
		w.await("the offsets to be changed", func() error {
			status, answer := w.request(method, "/connectors/sink/offsets", body)
			if status != http.StatusOK || !strings.Contains(string(answer), "The offsets for this connector have been ") {
				return fmt.Errorf("%d %s", status, answer)
			}
			return nil
		})
	}

	w.create("sink", config)
	send(`{"n":0}`, `{"n":1}`)
	documents(0, 1)
	position()
	stopped()
	once := maps.Clone(config)
	once["culvert.exactly.once"] = "transaction"
	w.do(http.MethodPut, "/connectors/sink/config", once, http.StatusOK)
	w.do(http.MethodPut, "/connectors/sink/resume", nil, http.StatusAccepted)
	send(`{"n":2}`, `no document`, `{"n":4}`)
	documents(0, 1, 2, 4)
	position(5)
	if n := len(w.read("letters")); n != 1 {
		t.Errorf("%d dead letters", n)
	}
	stopped()
	changed(http.MethodPatch, map[string]any{"offsets": []any{map[string]any{
		"partition": map[string]any{"kafka_topic": "in", "kafka_partition": 0}, "offset": map[string]any{"kafka_offset": 4}}}})
	position(4)
	w.do(http.MethodPut, "/connectors/sink/resume", nil, http.StatusAccepted)
	documents(0, 1, 2, 4, 4)
	position(5)
	stopped()
	changed(http.MethodDelete, nil)
	position()
	w.do(http.MethodPut, "/connectors/sink/resume", nil, http.StatusAccepted)
	documents(0, 0, 1, 1, 2, 2, 4, 4, 4)
	position(5)
}
