//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// What a round of the kill test has to write, how much may wait to be written, and
// how many keys the records have.
const (
	killRecords    = 300
	killBehind     = 3000
	killPartitions = 4
	killKeys       = 97
)

// killBed is the stream of the kill test: record n has the number n, in the partition
// and with the key that follow from it.
type killBed struct {
	producer sarama.SyncProducer
	client   *mongo.Client
	sent     int
}

func (k *killBed) send(t *testing.T, topic string, n int) {
	t.Helper()
	msgs := make([]*sarama.ProducerMessage, n)
	for i := range msgs {
		key := k.sent % killKeys
		msgs[i] = &sarama.ProducerMessage{Topic: topic, Partition: int32(key % killPartitions),
			Key: sarama.StringEncoder(fmt.Sprintf(`{"k":%d}`, key)), Value: sarama.StringEncoder(fmt.Sprintf(`{"n":%d,"k":%d}`, k.sent, key))}
		k.sent++
	}
	if err := k.producer.SendMessages(msgs); err != nil {
		t.Fatal(err)
	}
}

// numbers counts the documents of a collection by n.
func (k *killBed) numbers(t *testing.T, coll string) map[int]int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cursor, err := k.client.Database("once").Collection(coll).Find(ctx, bson.D{}, options.Find().SetProjection(bson.D{{Key: "n", Value: 1}}))
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]int{}
	for cursor.Next(ctx) {
		found[int(cursor.Current.Lookup("n").AsInt64())]++
	}
	if err := cursor.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

// position is the sum of the offsets that a sink keeps in MongoDB.
func (k *killBed) position(t *testing.T, connector string) (sum int, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	cursor, err := k.client.Database("once").Collection("culvert.offsets").Find(ctx, bson.D{})
	if err != nil {
		return 0, err
	}
	for cursor.Next(ctx) {
		if cursor.Current.Lookup("_id", "group").StringValue() == "connect-"+connector {
			sum += int(cursor.Current.Lookup("offset").AsInt64())
		}
	}
	return sum, cursor.Err()
}

// TestExactlyOnceThroughKills kills the worker at random moments of its life, again
// and again (CULVERT_KILLS times), while records come in. In the end each record is one
// document: with ids that are made anew whenever a record is written, in transactions;
// with ids of the record, without. Documents by key hold the last record of the key.
func TestExactlyOnceThroughKills(t *testing.T) {
	rounds := number(t, "CULVERT_KILLS", 15)
	seed := uint64(number(t, "CULVERT_SEED", int(time.Now().UnixNano()%1_000_000)))
	random := rand.New(rand.NewPCG(seed, 1))
	const topic = "once"
	createTopic(t, topic, killPartitions)
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V3_6_0_0
	cfg.Producer.Return.Successes = true
	cfg.Producer.Partitioner = sarama.NewManualPartitioner
	k := &killBed{}
	var err error
	if k.producer, err = sarama.NewSyncProducer([]string{shared.kafka.Addr}, cfg); err != nil {
		t.Fatal(err)
	}
	defer k.producer.Close()
	if k.client, err = mongo.Connect(options.Client().ApplyURI(shared.mongo.URI)); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = k.client.Disconnect(context.WithoutCancel(t.Context())) }()

	w := startWorker(t, "once", "a", nil)
	sinks := map[string]map[string]string{
		"once-transaction": {"culvert.exactly.once": "transaction", "document.id.strategy": idStrategies + "BsonOidStrategy",
			"writemodel.strategy": "com.mongodb.kafka.connect.sink.writemodel.strategy.InsertOneDefaultStrategy"},
		"once-idempotent": {"culvert.exactly.once": "idempotent", "document.id.strategy": idStrategies + "KafkaMetaDataStrategy",
			"writemodel.strategy": "com.mongodb.kafka.connect.sink.writemodel.strategy.InsertOneDefaultStrategy"},
		"once-by-key": {"culvert.exactly.once": "idempotent", "document.id.strategy": idStrategies + "FullKeyStrategy"},
	}
	for name, own := range sinks {
		config := map[string]string{"connector.class": "com.mongodb.kafka.connect.MongoSinkConnector", "tasks.max": "2", "topics": topic,
			"connection.uri": shared.mongo.URI, "database": "once", "collection": name, "consumer.override.max.poll.records": "20",
			"key.converter": "org.apache.kafka.connect.json.JsonConverter", "key.converter.schemas.enable": "false"}
		maps.Copy(config, own)
		create(t, w.url, name, config)
	}

	amid, behind := map[string]int{}, 0 // kills while a sink was at work
	for range rounds {
		if behind < killBehind {
			k.send(t, topic, killRecords)
		}
		pause(t, time.Duration(random.IntN(700))*time.Millisecond)
		w.Kill()
		behind = 0
		for name := range sinks {
			if at, err := k.position(t, name); err == nil && at < k.sent {
				amid[name]++
				behind = max(behind, k.sent-at)
			}
		}
		for random.IntN(4) == 0 { // some do not get as far as to answer
			if err := w.Spawn(); err != nil {
				t.Fatal(err)
			}
			pause(t, time.Duration(random.IntN(1500))*time.Millisecond)
			w.Kill()
		}
		w.up(t)
	}
	for name := range sinks {
		await(t, 4*time.Minute, name+" to write everything", func() error {
			at, err := k.position(t, name)
			if err == nil && at != k.sent {
				err = fmt.Errorf("it is at %d of %d", at, k.sent)
			}
			return err
		})
	}
	t.Logf("seed %d: %d rounds, %d records; kills amid the work of %v", seed, rounds, k.sent, amid)
	for _, name := range []string{"once-transaction", "once-idempotent"} {
		missing, doubled := 0, 0
		found := k.numbers(t, name)
		for n := range k.sent {
			switch found[n] {
			case 0:
				missing++
			case 1:
			default:
				doubled++
			}
		}
		if missing+doubled > 0 || len(found) != k.sent {
			t.Errorf("%s: %d missing, %d doubled, %d in all of %d", name, missing, doubled, len(found), k.sent)
		}
		t.Logf("%s: %d documents, %d missing, %d doubled", name, len(found), missing, doubled)
	}
	last := map[int]int{}
	for n := max(0, k.sent-killKeys); n < k.sent; n++ {
		last[n] = 1
	}
	if found := k.numbers(t, "once-by-key"); !maps.Equal(found, last) {
		t.Errorf("once-by-key holds %v, want the last record of each key, %v", found, last)
	}
}
