//go:build e2e

package e2e

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sort"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/hamba/avro/v2"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"culvert/connectors/datagen/macd"
)

// counts are how often each pair was found.
type counts map[macd.Pair]int

// equal compares with what there must be: none missing, none doubled, none invented.
func (c counts) equal(want counts) error {
	var missing, doubled, invented []string
	for p, n := range want {
		if c[p] < n {
			missing = append(missing, fmt.Sprintf("%s %d of %d", p.PaymentID, c[p], n))
		}
	}
	for p, n := range c {
		switch {
		case want[p] == 0:
			invented = append(invented, fmt.Sprint(p))
		case n > want[p]:
			doubled = append(doubled, fmt.Sprintf("%s %d for %d", p.PaymentID, n, want[p]))
		}
	}
	if len(missing)+len(doubled)+len(invented) == 0 {
		return nil
	}
	return fmt.Errorf("of %d pairs: %d missing %s, %d doubled %s, %d invented %s", len(want),
		len(missing), some(missing), len(doubled), some(doubled), len(invented), some(invented))
}

func (c counts) total() (n int) {
	for _, each := range c {
		n += each
	}
	return n
}

func once(pairs []macd.Pair) counts {
	c := counts{}
	for _, p := range pairs {
		c[p]++
	}
	return c
}

// input is a record of an input topic, as far as the join looks at it.
type input struct {
	orderID, paymentID string
	at                 int64
}

// expectedRows is the join, done the simplest way, over what the topics hold.
func expectedRows(orders, payments []input) counts {
	byOrder := map[string][]input{}
	for _, o := range orders {
		byOrder[o.orderID] = append(byOrder[o.orderID], o)
	}
	want := counts{}
	for _, p := range payments {
		for _, o := range byOrder[p.orderID] {
			if apart := p.at - o.at; max(apart, -apart) <= macd.Window.Milliseconds() {
				want[macd.Pair{OrderID: o.orderID, PaymentID: p.paymentID}]++
			}
		}
	}
	return want
}

// covers checks that the topics hold every order and payment, and no others.
func covers(orders, payments []input, truth macd.Truth) error {
	madeOrders, madePayments := counts{}, counts{}
	for _, o := range truth.Orders {
		madeOrders[macd.Pair{OrderID: o.ID}] = 1
	}
	for _, p := range truth.Payments {
		madePayments[macd.Pair{OrderID: p.OrderID, PaymentID: p.ID}] = 1
	}
	seen := func(records []input) counts {
		c := counts{}
		for _, r := range records {
			c[macd.Pair{OrderID: r.orderID, PaymentID: r.paymentID}] = 1
		}
		return c
	}
	return errors.Join(seen(orders).equal(madeOrders), seen(payments).equal(madePayments))
}

func some(list []string) []string {
	sort.Strings(list)
	return list[:min(len(list), 5)]
}

// rowsOf reads a joined topic as a read_committed reader sees it, to its end.
func rowsOf(t *testing.T, topic string) counts {
	t.Helper()
	rows := counts{}
	for _, r := range readTopic(t, topic) {
		rows[macd.Pair{OrderID: r.orderID, PaymentID: r.paymentID}]++
	}
	return rows
}

// readTopic reads what a read_committed reader sees, to the end of the topic. The
// key of every record must be its order_id.
func readTopic(t *testing.T, topic string) []input {
	t.Helper()
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V3_6_0_0
	cfg.Consumer.IsolationLevel = sarama.ReadCommitted
	client, err := sarama.NewClient([]string{shared.kafka.Addr}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		t.Fatal(err)
	}
	defer consumer.Close()
	partitions, err := client.Partitions(topic)
	if err != nil {
		t.Fatal(err)
	}
	var records []input
	decode := rowDecoder(t)
	for _, p := range partitions {
		readPartition(t, client, consumer, topic, p, 3*time.Second, func(m *sarama.ConsumerMessage) {
			r := decode(m)
			if r.orderID != string(m.Key) {
				t.Errorf("record %v of %s has the key %q", r, topic, m.Key)
			}
			records = append(records, r)
		})
	}
	return records
}

// readPartition reads to the last stable offset. Transaction markers take offsets
// that no message has, so the end is reached too when the reader has nothing more for
// as long as quiet; the count is then compared with the truth, which tells a cut.
func readPartition(t *testing.T, client sarama.Client, consumer sarama.Consumer, topic string, p int32, quiet time.Duration, each func(*sarama.ConsumerMessage)) {
	t.Helper()
	end, err := client.GetOffset(topic, p, sarama.OffsetNewest)
	if err != nil {
		t.Fatal(err)
	}
	if end == 0 {
		return
	}
	pc, err := consumer.ConsumePartition(topic, p, sarama.OffsetOldest)
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	timer := time.NewTimer(quiet)
	defer timer.Stop()
	for {
		select {
		case m := <-pc.Messages():
			each(m)
			if m.Offset == end-1 {
				return
			}
			timer.Reset(quiet)
		case <-timer.C:
			return
		}
	}
}

// rowDecoder reads order_id and payment_id of Avro rows in the registry's format.
func rowDecoder(t *testing.T) func(m *sarama.ConsumerMessage) input {
	schemas := map[uint32]avro.Schema{}
	return func(m *sarama.ConsumerMessage) input {
		if len(m.Value) < 5 || m.Value[0] != 0 {
			t.Fatalf("offset %d of %s is not in the registry's format: %x", m.Offset, m.Topic, m.Value)
		}
		id := binary.BigEndian.Uint32(m.Value[1:5])
		if schemas[id] == nil {
			status, body := rest(t, http.MethodGet, fmt.Sprintf("%s/schemas/ids/%d", shared.registry.URL, id), nil)
			var answer struct{ Schema string }
			if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusOK {
				t.Fatalf("schema %d: %d %s", id, status, body)
			}
			schemas[id] = avro.MustParse(answer.Schema)
		}
		var row map[string]any
		if err := avro.Unmarshal(schemas[id], m.Value[5:], &row); err != nil {
			t.Fatal(err)
		}
		r := input{orderID: fmt.Sprint(row["order_id"]), at: m.Timestamp.UnixMilli()}
		if id, ok := row["payment_id"]; ok {
			r.paymentID = fmt.Sprint(id)
		}
		return r
	}
}

// documentsOf counts the pairs of a MongoDB collection.
func documentsOf(t *testing.T, database, collection string) (counts, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	client, err := mongo.Connect(options.Client().ApplyURI(shared.mongo.URI))
	if err != nil {
		return nil, err
	}
	defer func() { _ = client.Disconnect(context.WithoutCancel(ctx)) }()
	cursor, err := client.Database(database).Collection(collection).Find(ctx, bson.D{})
	if err != nil {
		return nil, err
	}
	docs := counts{}
	for cursor.Next(ctx) {
		var d struct {
			OrderID   string `bson:"order_id"`
			PaymentID string `bson:"payment_id"`
		}
		if err := cursor.Decode(&d); err != nil {
			return nil, err
		}
		docs[macd.Pair{OrderID: d.OrderID, PaymentID: d.PaymentID}]++
	}
	return docs, errors.Join(cursor.Err(), cursor.Close(ctx))
}

// countDocuments asks the server for the number alone.
func countDocuments(t *testing.T, database, collection string) (int64, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	client, err := mongo.Connect(options.Client().ApplyURI(shared.mongo.URI))
	if err != nil {
		return 0, err
	}
	defer func() { _ = client.Disconnect(context.WithoutCancel(ctx)) }()
	return client.Database(database).Collection(collection).CountDocuments(ctx, bson.D{})
}

func createTopic(t *testing.T, name string, partitions int32) {
	t.Helper()
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V3_6_0_0
	admin, err := sarama.NewClusterAdmin([]string{shared.kafka.Addr}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if err := admin.CreateTopic(name, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false); err != nil {
		t.Fatal(err)
	}
}
