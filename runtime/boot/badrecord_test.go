package boot_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/hamba/avro/v2"
	"github.com/twmb/franz-go/pkg/sr"

	"culvert/data"
)

// Values of the input topics of these tests.
const rowSchema = `{"type":"record","name":"Row","namespace":"shop","fields":[
	{"name":"order_id","type":"string"},{"name":"payment_id","type":"string"}]}`

// row is a record as an Avro producer writes it. The key decides on the partition.
func (w *world) row(topic, order, payment string) data.Message {
	w.t.Helper()
	id, _, err := w.registry.RegisterSchema(topic+"-value", sr.Schema{Schema: rowSchema})
	if err != nil {
		w.t.Fatal(err)
	}
	raw, err := avro.Marshal(avro.MustParse(rowSchema), map[string]any{"order_id": order, "payment_id": payment})
	if err != nil {
		w.t.Fatal(err)
	}
	value := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(id)), raw...)
	return data.Message{Topic: topic, Partition: -1, Timestamp: 1_750_000_000_000, Key: []byte(order), Value: value}
}

func (w *world) rowsOf(topic string, orders ...string) []data.Message {
	w.t.Helper()
	var rows []data.Message
	for _, o := range orders {
		rows = append(rows, w.row(topic, o, "p-"+o))
	}
	return rows
}

// sink is the MongoDB sink of configs/ on another topic.
func (w *world) sink(topic string, changes ...map[string]string) map[string]string {
	return w.fromFile("mongodb-sink", append([]map[string]string{{"topics": topic}}, changes...)...)
}

func (w *world) awaitDocuments(orders ...string) {
	w.t.Helper()
	w.await(fmt.Sprintf("the documents %v", orders), func() error {
		found := map[string]int{}
		for p, n := range w.documents(collection) {
			found[p.OrderID] += n
		}
		want := map[string]int{}
		for _, o := range orders {
			want[o] = 1
		}
		if !maps.Equal(found, want) {
			return fmt.Errorf("%v", found)
		}
		return nil
	})
}

// badRecords are those that no converter can read, with words of the complaint.
var badRecords = map[string]struct {
	value []byte
	says  []string
}{
	"not Avro":          {[]byte("hello"), []string{"magic byte"}},
	"unknown schema id": {[]byte{0, 0, 0, 0x27, 0x0f, 2}, []string{"9999"}},
	"cut off":           {nil, nil}, // made from a good one
}

func TestBadRecordFailsItsTaskAndNobodyElse(t *testing.T) {
	t.Parallel()
	for name, bad := range badRecords {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, withTopics(1, "good", "bad"))
			rows := w.rowsOf("bad", "a", "b", "c")
			if bad.value == nil {
				bad.value = rows[0].Value[:len(rows[0].Value)-2]
			}
			w.produce(rows[0], data.Message{Topic: "bad", Partition: 0, Key: []byte("x"), Value: bad.value}, rows[1], rows[2])
			w.create("bad-sink", w.sink("bad"))
			w.create("good-sink", w.sink("good"))
			trace := w.awaitTask("bad-sink", 0, "FAILED")
			mustSay(t, trace, append(bad.says, "'bad'", "partition 0", "offset 1", "VALUE_CONVERTER", "io.confluent.connect.avro.AvroConverter", "errors.tolerance")...)
			w.produce(w.rowsOf("good", "d")...)
			w.awaitDocuments("d")

			// The remedy that the trace names: nothing else is lost.
			w.do(http.MethodPut, "/connectors/bad-sink/config", w.sink("bad", map[string]string{"errors.tolerance": "all"}), http.StatusOK)
			w.awaitDocuments("a", "b", "c", "d")
			w.await("the sink to run", func() error { return w.healthy("bad-sink") })
		})
	}
}

func TestBadRecordsBecomeDeadLetters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTopics(1, "in"))
	rows := w.rowsOf("in", "a", "b", "c")
	var msgs []data.Message
	msgs = append(msgs, rows[0])
	for _, bad := range badRecords {
		if bad.value != nil {
			msgs = append(msgs, data.Message{Topic: "in", Partition: 0, Key: []byte("x"), Value: bad.value, Headers: []data.RawHeader{{Key: "own", Value: []byte("1")}}})
		}
	}
	msgs = append(msgs, rows[1], rows[2])
	w.produce(msgs...)
	w.create("sink", w.sink("in", map[string]string{
		"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "letters",
		"errors.deadletterqueue.topic.replication.factor": "1", "errors.deadletterqueue.context.headers.enable": "true",
	}))
	w.awaitDocuments("a", "b", "c")
	w.checkLetters("letters", msgs[1:3], "sink", "VALUE_CONVERTER", "io.confluent.connect.avro.AvroConverter")
	w.await("the sink to run", func() error { return w.healthy("sink") })
}

// checkLetters compares a dead letter topic with the records that must have gone
// there, in their order.
func (w *world) checkLetters(topic string, want []data.Message, connector, stage, class string) {
	w.t.Helper()
	var letters []data.Message
	w.await("the dead letters", func() error {
		if letters = w.read(topic); len(letters) < len(want) {
			return fmt.Errorf("%d of %d", len(letters), len(want))
		}
		return nil
	})
	if len(letters) != len(want) {
		w.t.Errorf("%d dead letters, want %d", len(letters), len(want))
		return
	}
	for i, l := range letters {
		if string(l.Key) != string(want[i].Key) || string(l.Value) != string(want[i].Value) {
			w.t.Errorf("letter %d is not the record as it came: %q %q", i, l.Key, l.Value)
		}
		h := map[string]string{}
		for _, each := range l.Headers {
			h[each.Key] = string(each.Value)
		}
		for key, value := range map[string]string{
			"topic": want[i].Topic, "connector.name": connector, "stage": stage, "class.name": class,
		} {
			if got := h["__connect.errors."+key]; got != value {
				w.t.Errorf("header %s of letter %d is %q, want %q", key, i, got, value)
			}
		}
		for _, key := range []string{"partition", "offset", "task.id", "exception.class.name", "exception.message", "exception.stacktrace"} {
			if h["__connect.errors."+key] == "" {
				w.t.Errorf("letter %d has no header %s", i, key)
			}
		}
		for _, own := range want[i].Headers {
			if h[own.Key] != string(own.Value) {
				w.t.Errorf("letter %d lost its own header %s", i, own.Key)
			}
		}
	}
}

// A join of two topics of rows.
func (w *world) join(changes ...map[string]string) map[string]string {
	return w.fromFile("orders-payments-join", append([]map[string]string{{
		"topics": "left,right", "topic": "joined", "transforms.join.left.topic": "left", "transforms.join.right.topic": "right",
	}}, changes...)...)
}

func (w *world) awaitJoined(orders ...string) {
	w.t.Helper()
	w.await(fmt.Sprintf("the rows %v", orders), func() error {
		found, want := map[string]int{}, map[string]int{}
		for _, m := range w.read("joined") {
			found[string(m.Key)]++
		}
		for _, o := range orders {
			want[o] = 1
		}
		if !maps.Equal(found, want) {
			return fmt.Errorf("%v", found)
		}
		return nil
	})
}

func TestBadRecordInAJoin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTopics(1, "left", "right"))
	bad := data.Message{Topic: "left", Partition: 0, Key: []byte("x"), Value: []byte("hello"), Timestamp: 1_750_000_000_000}
	w.produce(w.row("left", "a", "l"), bad, w.row("left", "b", "l"))
	w.produce(w.rowsOf("right", "a", "b")...)
	w.create("join", w.join())
	trace := w.awaitTask("join", 0, "FAILED")
	mustSay(t, trace, "'left'", "partition 0", "offset 1", "VALUE_CONVERTER", "magic byte", "errors.tolerance")

	w.do(http.MethodPut, "/connectors/join/config", w.join(map[string]string{
		"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "letters",
		"errors.deadletterqueue.topic.replication.factor": "1", "errors.deadletterqueue.context.headers.enable": "true",
	}), http.StatusOK)
	w.awaitJoined("a", "b")
	w.checkLetters("letters", []data.Message{bad}, "join", "VALUE_CONVERTER", "io.confluent.connect.avro.AvroConverter")
}

func TestJoinWhoseKeyIsNotTheJoinField(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTopics(2, "left", "right"))
	other := w.row("left", "a", "l")
	other.Key = []byte("someone else")
	w.produce(other)
	w.produce(w.rowsOf("right", "a")...)
	w.create("join", w.join(map[string]string{"tasks.max": "1"}))
	trace := w.awaitTask("join", 0, "FAILED")
	mustSay(t, trace, "'left'", "someone else", "order_id", "copartitioned=false")

	w.overAllPartitions()
	w.awaitJoined("a")
}

// overAllPartitions lets the join begin anew with copartitioned=false, as its errors
// advise: what was committed until then was joined within each partition only.
func (w *world) overAllPartitions() {
	w.t.Helper()
	w.do(http.MethodPut, "/connectors/join/stop", nil, http.StatusNoContent)
	w.do(http.MethodPut, "/connectors/join/config", w.join(map[string]string{"tasks.max": "1", "transforms.join.copartitioned": "false"}), http.StatusOK)
	w.do(http.MethodDelete, "/connectors/join/offsets", nil, http.StatusOK)
	w.do(http.MethodPut, "/connectors/join/resume", nil, http.StatusAccepted)
}

// inPartition puts a record into a partition.
func inPartition(m data.Message, p int32) data.Message {
	m.Partition = p
	return m
}

func TestJoinOfTopicsThatArePartitionedDifferently(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTopics(4, "left", "right"))
	var names []string
	for i := range 12 {
		names = append(names, fmt.Sprintf("order-%d", i))
	}
	w.produce(w.rowsOf("left", names...)...) // murmur2
	var others []data.Message
	for i, m := range w.rowsOf("right", names...) {
		others = append(others, inPartition(m, int32(i%4))) // by nothing that a key tells
	}
	w.produce(others...)
	w.create("join", w.join(map[string]string{"tasks.max": "1"}))
	trace := w.awaitTask("join", 0, "FAILED")
	mustSay(t, trace, "'right'", "partition", "offset", "order-", "copartitioned=false")

	w.overAllPartitions()
	w.await("every row", func() error {
		found := map[string]bool{}
		for _, m := range w.read("joined") {
			found[string(m.Key)] = true
		}
		if len(found) != len(names) {
			return fmt.Errorf("%v", found)
		}
		return nil
	})
}

// TestJoinOverAllPartitionsAfterOneByPartition: offsets of the one would hide rows
// from the other, so that is refused until they are deleted.
func TestJoinOverAllPartitionsAfterOneByPartition(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTopics(2, "left", "right"))
	w.produce(append(w.rowsOf("left", "a", "b", "c"), w.rowsOf("right", "a", "b", "c")...)...)
	w.create("join", w.join(map[string]string{"tasks.max": "1"}))
	w.awaitJoined("a", "b", "c")
	w.do(http.MethodPut, "/connectors/join/stop", nil, http.StatusNoContent) // commits what is done
	w.do(http.MethodPut, "/connectors/join/config", w.join(map[string]string{"tasks.max": "1", "transforms.join.copartitioned": "false"}), http.StatusOK)
	w.do(http.MethodPut, "/connectors/join/resume", nil, http.StatusAccepted)
	mustSay(t, w.awaitTask("join", 0, "FAILED"), "connect-join", "copartitioned=true", "DELETE /connectors/join/offsets")
}

func TestJoinOfKeysOfDifferentTypes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTopics(1, "left", "right"))
	left, right := w.row("left", "1", "l"), w.row("right", "1", "r")
	right.Key = []byte(`"1"`)
	w.produce(left, right)
	w.create("join", w.join(map[string]string{
		"tasks.max": "1", "key.converter": "org.apache.kafka.connect.json.JsonConverter", "key.converter.schemas.enable": "false", "transforms.join.on": "",
	}))
	trace := w.awaitTask("join", 0, "FAILED")
	mustSay(t, trace, "'left'", "'right'", "types", "partition 0", "offset 0")
	if !strings.Contains(strings.ToLower(trace), "int64") || !strings.Contains(strings.ToLower(trace), "string") {
		t.Errorf("the types are not named: %s", trace)
	}
}
