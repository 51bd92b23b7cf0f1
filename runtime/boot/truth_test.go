package boot_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sort"
	"time"

	"github.com/hamba/avro/v2"
	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/connectors/datagen/macd"
	"culvert/data"
	"culvert/kafka"
)

// counts are how often each pair was found.
type counts map[macd.Pair]int

func once(pairs []macd.Pair) counts {
	c := counts{}
	for _, p := range pairs {
		c[p]++
	}
	return c
}

// equal compares with what there must be: none missing, none doubled, none invented.
func (c counts) equal(want counts) error {
	var wrong []string
	for p, n := range want {
		if c[p] != n {
			wrong = append(wrong, fmt.Sprintf("%s: %d instead of %d", p.PaymentID, c[p], n))
		}
	}
	for p, n := range c {
		if want[p] == 0 {
			wrong = append(wrong, fmt.Sprintf("%v: %d that must not be", p, n))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	sort.Strings(wrong)
	return fmt.Errorf("%d of %d pairs are wrong: %v", len(wrong), len(want), wrong[:min(len(wrong), 5)])
}

// read returns what a read_committed reader sees of a topic, to its end; nil
// while the topic is missing.
func (w *world) read(topic string) []data.Message {
	w.t.Helper()
	info := w.broker.TopicInfo(topic)
	if info == nil {
		return nil
	}
	c, err := kafka.OpenConsumer(w.t.Context(), w.settings())
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	var tps []data.TopicPartition
	for _, p := range w.broker.PartitionInfos(topic) {
		tp := data.TopicPartition{Topic: topic, Partition: p.Partition}
		tps = append(tps, tp)
		if err := c.Add(w.t.Context(), tp, kafka.Earliest); err != nil {
			w.t.Fatal(err)
		}
	}
	var all []data.Message
	for {
		atEnd := true
		for _, tp := range tps {
			atEnd = atEnd && c.AtEnd(tp)
		}
		if atEnd {
			return all
		}
		ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Millisecond)
		msgs, err := c.Poll(ctx, kafka.Limits{Records: 1000, Bytes: 10 << 20}, nil)
		cancel()
		if err != nil && ctx.Err() == nil {
			w.t.Fatal(err)
		}
		all = append(all, msgs...)
	}
}

// avroRow decodes a value in the registry's wire format.
func (w *world) avroRow(m data.Message, schemas map[uint32]avro.Schema) map[string]any {
	w.t.Helper()
	if len(m.Value) < 5 || m.Value[0] != 0 {
		w.t.Fatalf("offset %d of %s is not in the registry's format: %x", m.Offset, m.Topic, m.Value)
	}
	id := binary.BigEndian.Uint32(m.Value[1:])
	if schemas[id] == nil {
		resp, err := http.Get(fmt.Sprintf("%s/schemas/ids/%d", w.registry.url, id))
		if err != nil {
			w.t.Fatal(err)
		}
		defer resp.Body.Close()
		var answer struct{ Schema string }
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
			w.t.Fatal(err)
		}
		schemas[id] = avro.MustParse(answer.Schema)
	}
	var row map[string]any
	if err := avro.Unmarshal(schemas[id], m.Value[5:], &row); err != nil {
		w.t.Fatal(err)
	}
	return row
}

// rows are the pairs of a joined topic.
func (w *world) rows(topic string) counts {
	w.t.Helper()
	found, schemas := counts{}, map[uint32]avro.Schema{}
	for _, m := range w.read(topic) {
		row := w.avroRow(m, schemas)
		p := macd.Pair{OrderID: fmt.Sprint(row["order_id"]), PaymentID: fmt.Sprint(row["payment_id"])}
		if p.OrderID != string(m.Key) {
			w.t.Errorf("row %v has the key %q", p, m.Key)
		}
		found[p]++
	}
	return found
}

// documents are the pairs of a collection.
func (w *world) documents(namespace string) counts {
	w.t.Helper()
	found := counts{}
	for _, raw := range w.mongo.Docs(namespace) {
		var d struct {
			OrderID   string `bson:"order_id"`
			PaymentID string `bson:"payment_id"`
		}
		if err := bson.Unmarshal(raw, &d); err != nil {
			w.t.Fatal(err)
		}
		found[macd.Pair{OrderID: d.OrderID, PaymentID: d.PaymentID}]++
	}
	return found
}

const (
	joinedTopic = "macd_orders_payments_joined"
	collection  = "macd.orders_payments_joined"
)

// inputs are the records of a topic by order, as far as the join looks at them.
func (w *world) inputs(topic string) map[string][]input {
	w.t.Helper()
	found, schemas := map[string][]input{}, map[uint32]avro.Schema{}
	for _, m := range w.read(topic) {
		row := w.avroRow(m, schemas)
		id := fmt.Sprint(row["order_id"])
		found[id] = append(found[id], input{fmt.Sprint(row["payment_id"]), m.Timestamp})
	}
	return found
}

type input struct {
	payment string
	at      int64
}

// expected is the join, done the simplest way, over what the topics hold: a
// source that was killed may have sent a record twice.
func (w *world) expected() counts {
	w.t.Helper()
	orders, want := w.inputs("macd_orders"), counts{}
	for id, payments := range w.inputs("macd_payments") {
		for _, p := range payments {
			for _, o := range orders[id] {
				if apart := p.at - o.at; max(apart, -apart) <= macd.Window.Milliseconds() {
					want[macd.Pair{OrderID: id, PaymentID: p.payment}]++
				}
			}
		}
	}
	return want
}

// complete waits until all pairs of the truth are there, and compares the rows
// with the inputs and the documents with the truth.
func (w *world) complete(truth macd.Truth) {
	w.t.Helper()
	if len(truth.Pairs) == 0 {
		w.t.Fatal("there is nothing to compare with")
	}
	w.flowed(len(truth.Pairs))
	// Asked anew each time: a source that was cut off or killed may still send again.
	var want counts
	w.await("all rows", func() error {
		want = w.expected()
		return w.rows(joinedTopic).equal(want)
	})
	for _, p := range truth.Pairs {
		if want[p] == 0 {
			w.t.Errorf("the inputs lack %v", p)
		}
	}
	if err := w.documents(collection).equal(once(truth.Pairs)); err != nil {
		w.t.Error(err)
	}
}

// produce writes records; the keys decide on the partition where it is -1.
func (w *world) produce(msgs ...data.Message) {
	w.t.Helper()
	p, err := kafka.OpenProducer(w.t.Context(), w.settings())
	if err != nil {
		w.t.Fatal(err)
	}
	defer p.Close(w.t.Context())
	err = p.Send(w.t.Context(), msgs, func(_ int, _ int32, _ int64, err error) {
		if err != nil {
			w.t.Error(err)
		}
	})
	if err = errors.Join(err, p.Flush(w.t.Context())); err != nil {
		w.t.Fatal(err)
	}
}
