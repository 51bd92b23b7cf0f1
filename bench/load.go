package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/hamba/avro/v2"

	"culvert/kafka"
)

// item is what the measured records hold: about 300 bytes as JSON.
type item struct {
	OrderID    string  `json:"order_id" bson:"order_id" avro:"order_id"`
	CustomerID string  `json:"customer_id" bson:"customer_id" avro:"customer_id"`
	Store      string  `json:"store" bson:"store" avro:"store"`
	City       string  `json:"city" bson:"city" avro:"city"`
	Channel    string  `json:"channel" bson:"channel" avro:"channel"`
	Note       string  `json:"note" bson:"note" avro:"note"`
	Quantity   int64   `json:"quantity" bson:"quantity" avro:"quantity"`
	OrderedAt  int64   `json:"ordered_at" bson:"ordered_at" avro:"ordered_at"`
	Price      float64 `json:"price" bson:"price" avro:"price"`
	Total      float64 `json:"total" bson:"total" avro:"total"`
	Paid       bool    `json:"paid" bson:"paid" avro:"paid"`
}

const itemSchema = `{"type":"record","name":"Item","namespace":"culvert.bench","fields":[
 {"name":"order_id","type":"string"},{"name":"customer_id","type":"string"},{"name":"store","type":"string"},{"name":"city","type":"string"},
 {"name":"channel","type":"string"},{"name":"note","type":"string"},{"name":"quantity","type":"long"},{"name":"ordered_at","type":"long"},
 {"name":"price","type":"double"},{"name":"total","type":"double"},{"name":"paid","type":"boolean"}]}`

func document(i int) item {
	return item{
		OrderID: string(orderKey(i)), CustomerID: fmt.Sprintf("customer-%06d", i%50_000), Store: fmt.Sprintf("store-%04d", i%1000),
		City: "Chicago", Channel: "drive-thru", Note: "no onions, extra pickles, sauce on the side, napkins please",
		Quantity: int64(i % 9), OrderedAt: 1_750_000_000_000 + int64(i), Price: 4.59, Total: 4.59 * float64(i%9), Paid: i%7 != 0,
	}
}

func orderKey(i int) []byte { return fmt.Appendf(nil, "order-%010d", i) }

func jsonDocument(i int) []byte {
	raw, _ := json.Marshal(document(i)) // cannot fail: no such type in item
	return raw
}

func avroDocument(schema avro.Schema, id int) func(i int) []byte {
	return func(i int) []byte {
		raw, err := avro.Marshal(schema, document(i))
		if err != nil {
			panic(err) // the schema above is for the struct above
		}
		return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(id)), raw...)
	}
}

// fill writes n records to a topic, partitioned by key as Java does, with
// timestamps a millisecond apart.
func fill(ctx context.Context, bootstrap, topic string, partitions int32, n int, record func(i int) (key, value []byte)) error {
	c, err := client(bootstrap)
	if err != nil {
		return err
	}
	defer c.Close()
	admin, err := sarama.NewClusterAdminFromClient(c)
	if err != nil {
		return err
	}
	if err := admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false); err != nil && !strings.Contains(err.Error(), "exists") {
		return fmt.Errorf("create %s: %w", topic, err)
	}
	if err := c.RefreshMetadata(topic); err != nil {
		return err
	}
	p, err := sarama.NewAsyncProducerFromClient(c)
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { // ends when Close has closed both channels
		for range p.Successes() { //nolint:revive // drained so that the producer goes on
		}
	}()
	go func() {
		for e := range p.Errors() {
			select {
			case failed <- e:
			default:
			}
		}
		close(failed)
	}()
	start := time.Now().Add(-time.Duration(n) * time.Millisecond)
	for i := 0; i < n && ctx.Err() == nil; i++ {
		key, value := record(i)
		p.Input() <- &sarama.ProducerMessage{
			Topic: topic, Partition: kafka.PartitionFor(key, partitions), Key: sarama.ByteEncoder(key), Value: sarama.ByteEncoder(value),
			Timestamp: start.Add(time.Duration(i) * time.Millisecond),
		}
	}
	p.AsyncClose()
	if err := <-failed; err != nil {
		return err
	}
	return ctx.Err()
}

// produced returns how many offsets the topic has used.
func produced(c sarama.Client, topic string) (int64, error) {
	if err := c.RefreshMetadata(topic); err != nil {
		return 0, nil // not there yet
	}
	partitions, err := c.Partitions(topic)
	if err != nil {
		return 0, nil
	}
	var total int64
	for _, p := range partitions {
		end, err := c.GetOffset(topic, p, sarama.OffsetNewest)
		if err != nil {
			return 0, err
		}
		total += end
	}
	return total, nil
}

// call sends a JSON request and returns the answer's body; a status of 400 or
// more is an error with it.
func call(ctx context.Context, method, url string, body any) ([]byte, error) {
	var in io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		in = strings.NewReader(string(raw))
	}
	req, err := http.NewRequestWithContext(ctx, method, url, in)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 400 {
		err = fmt.Errorf("%s %s: %s: %s", method, url, resp.Status, out)
	}
	return out, err
}
