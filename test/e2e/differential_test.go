//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"culvert/test/servers"
)

// comparison is one connector that runs in both worlds.
type comparison struct {
	name        string
	config      map[string]string
	collections []string
	// skips: Java gives up what is behind an error in an ordered bulk write.
	skips bool
	// sorted: Java's JsonConverter puts an object without schema into a HashMap, so that
	// its documents have their fields in another order than the JSON. Here it is kept.
	sorted bool
}

const sinkPackage = "com.mongodb.kafka.connect.sink."

var comparisons = []comparison{
	{name: "defaults", sorted: true, collections: []string{"orders", "changes"}, config: map[string]string{
		"topics": "diff_orders,diff_changes", "bulk.write.ordered": "false",
		"topic.override.diff_orders.collection": "orders", "topic.override.diff_changes.collection": "changes",
		"topic.override.diff_changes.writemodel.strategy":                                sinkPackage + "writemodel.strategy.ReplaceOneBusinessKeyStrategy",
		"topic.override.diff_changes.document.id.strategy":                               idStrategies + "PartialValueStrategy",
		"topic.override.diff_changes.document.id.strategy.partial.value.projection.type": "allowlist",
		"topic.override.diff_changes.document.id.strategy.partial.value.projection.list": "id",
	}},
	{name: "tombstones", sorted: true, collections: []string{"mirrored"}, config: map[string]string{
		"topics": "diff_keyed", "collection": "mirrored", "key.converter": jsonConverter, "key.converter.schemas.enable": "false",
		"document.id.strategy": idStrategies + "ProvidedInKeyStrategy", "delete.on.null.values": "true",
	}},
	{name: "timestamps", sorted: true, collections: []string{"stamped"}, config: map[string]string{
		"topics": "diff_keyed", "collection": "stamped", "key.converter": jsonConverter, "key.converter.schemas.enable": "false",
		"document.id.strategy": idStrategies + "ProvidedInKeyStrategy", "writemodel.strategy": sinkPackage + "writemodel.strategy.UpdateOneTimestampsStrategy",
		"bulk.write.ordered": "false",
	}},
	{name: "typed", collections: []string{"typed"}, config: map[string]string{
		"topics": "diff_typed", "collection": "typed", "value.converter.schemas.enable": "true",
		"document.id.strategy": idStrategies + "KafkaMetaDataStrategy", "writemodel.strategy": sinkPackage + "writemodel.strategy.InsertOneDefaultStrategy",
	}},
	{name: "texts", collections: []string{"texts"}, config: map[string]string{
		"topics": "diff_texts", "collection": "texts", "value.converter": stringConverter, "bulk.write.ordered": "false",
		"document.id.strategy": idStrategies + "ProvidedInValueStrategy", "writemodel.strategy": sinkPackage + "writemodel.strategy.InsertOneDefaultStrategy",
	}},
	{name: "ordered", sorted: true, collections: []string{"seeded"}, skips: true, config: map[string]string{
		"topics": "diff_seeded", "collection": "seeded",
		"document.id.strategy": idStrategies + "ProvidedInValueStrategy", "writemodel.strategy": sinkPackage + "writemodel.strategy.InsertOneDefaultStrategy",
	}},
	// One document a bulk write: Java's driver refuses a bulk write as a whole, and all
	// of its records, for one document that it cannot write.
	{name: "odd", collections: []string{"odd"}, config: map[string]string{
		"topics": "diff_odd", "collection": "odd", "value.converter": stringConverter, "max.batch.size": "1",
		"document.id.strategy": idStrategies + "ProvidedInValueStrategy",
	}},
}

const (
	jsonConverter   = "org.apache.kafka.connect.json.JsonConverter"
	stringConverter = "org.apache.kafka.connect.storage.StringConverter"
	diffRecords     = 100_000
	diffSeeds       = 50
)

// TestMongoSinkAsJava sends 100,000 mixed records through the Java worker with
// MongoDB's connector, and through Culvert: collections and dead letters are the same.
func TestMongoSinkAsJava(t *testing.T) {
	t.Parallel()
	for _, topic := range []string{"diff_orders", "diff_changes", "diff_keyed", "diff_typed", "diff_texts", "diff_seeded", "diff_odd"} {
		createTopic(t, topic, mixedPartitions)
	}
	m := &mixed{r: rand.New(rand.NewPCG(7, 7))}
	m.orders("diff_orders", 12_000)
	m.changes("diff_changes", 2500, 250)
	m.keyed("diff_keyed", 10_000, 2000)
	m.typed("diff_typed", 20_000)
	m.texts("diff_texts", 25_000)
	m.seeded("diff_seeded", 30_000, diffSeeds)
	m.odd("diff_odd", 500)
	if len(m.all) != diffRecords {
		t.Fatalf("%d records", len(m.all))
	}
	m.send(t)

	java, ours := newSide(t, "java"), newSide(t, "culvert")
	c, err := servers.NewConnect(t.Context(), t.TempDir(), shared.kafka.Addr, "diff-java", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Kill)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	java.url = c.URL
	ours.url = startWorker(t, "diff-culvert", "a", nil).url
	for i := range comparisons {
		java.run(t, &comparisons[i])
		ours.run(t, &comparisons[i])
	}
	for i := range comparisons {
		c := &comparisons[i]
		t.Run(c.name, func(t *testing.T) {
			java.done(t, c)
			ours.done(t, c)
			c.compare(t, java, ours)
		})
	}
}

// compare holds what the two have written against each other.
func (c *comparison) compare(t *testing.T, java, ours *side) {
	t.Helper()
	theirLetters, ourLetters := java.letters(t, c), ours.letters(t, c)
	skipped := map[string]bool{} // _id of what Java has given up, and we have written
	for origin, l := range theirLetters {
		if l.exception != sinkPackage+"dlq.WriteSkippedException" {
			continue
		}
		if !c.skips {
			t.Fatalf("Java has skipped %s", origin)
		}
		delete(theirLetters, origin)
		if _, refused := ourLetters[origin]; refused {
			delete(ourLetters, origin) // for what is wrong with the record itself
		} else {
			skipped[idOfText(t, l.value)] = true
		}
	}
	if c.skips && len(skipped) == 0 {
		t.Error("Java has skipped nothing: there is no difference between ordered bulk writes to be seen")
	}
	differ(t, "dead letters", theirLetters, ourLetters, func(origin string, l letter) string { return origin + " " + l.String() })
	total, more := 0, 0
	for _, coll := range c.collections {
		theirs, mine := java.documents(t, c, coll), ours.documents(t, c, coll)
		for doc := range mine {
			if id, ok := bson.Raw(doc).Lookup("_id").StringValueOK(); ok && skipped[id] {
				delete(mine, doc)
				more++
			}
		}
		total += len(mine)
		differ(t, coll, theirs, mine, func(doc string, n int) string { return fmt.Sprintf("%d times %s", n, bson.Raw(doc)) })
	}
	if more != len(skipped) {
		t.Errorf("%d documents of the %d that Java has given up", more, len(skipped))
	}
	if total == 0 || len(ourLetters) == 0 {
		t.Errorf("%d documents and %d dead letters: too few to compare", total, len(ourLetters))
	}
	if !t.Failed() {
		t.Logf("%d documents and %d dead letters are the same; %d more were written that Java has given up", total, len(ourLetters), more)
	}
}

// differ shows the first of the differences between two maps.
func differ[V comparable](t *testing.T, what string, java, ours map[string]V, show func(key string, v V) string) {
	t.Helper()
	var list []string
	for k, v := range java {
		if w, ok := ours[k]; !ok || v != w {
			list = append(list, "Java    "+show(k, v))
		}
	}
	for k, v := range ours {
		if w, ok := java[k]; !ok || v != w {
			list = append(list, "Culvert "+show(k, v))
		}
	}
	if len(list) == 0 {
		return
	}
	slices.SortFunc(list, func(a, b string) int { return strings.Compare(a[8:], b[8:]) })
	t.Errorf("%s: %d differences:\n%s", what, len(list), strings.Join(list[:min(len(list), 20)], "\n"))
}

// side is one of the two worlds: a worker, and a MongoDB of its own, so that the
// same names mean the same in both.
type side struct {
	name  string
	url   string
	mongo *servers.Mongo
	db    *mongo.Database
}

func newSide(t *testing.T, name string) *side {
	t.Helper()
	m := startMongo(t, t.TempDir())
	s := &side{name: name, mongo: m, db: connected(t, m.URI).Database("diff")}
	email := mongo.IndexModel{Keys: bson.D{{Key: "email", Value: 1}}, Options: options.Index().SetUnique(true).SetSparse(true)}
	if _, err := s.db.Collection("orders").Indexes().CreateOne(t.Context(), email); err != nil {
		t.Fatal(err)
	}
	if _, err := s.db.Collection("changes").Indexes().CreateOne(t.Context(), mongo.IndexModel{Keys: bson.D{{Key: "id", Value: 1}}}); err != nil {
		t.Fatal(err)
	}
	for i := range diffSeeds {
		if _, err := s.db.Collection("seeded").InsertOne(t.Context(), bson.D{{Key: "_id", Value: fmt.Sprintf("seed-%d", i)}}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// connector is the name of the connector on this side; its consumers are a group.
func (s *side) connector(c *comparison) string { return "diff-" + s.name + "-" + c.name }

func (s *side) run(t *testing.T, c *comparison) {
	t.Helper()
	config := map[string]string{
		"connector.class": "com.mongodb.kafka.connect.MongoSinkConnector", "tasks.max": "1", "connection.uri": s.mongo.URI, "database": "diff",
		"key.converter": stringConverter, "value.converter": jsonConverter, "value.converter.schemas.enable": "false",
		"errors.tolerance": "all", "mongo.errors.tolerance": "all", "errors.deadletterqueue.topic.name": s.connector(c) + "-dlq",
		"errors.deadletterqueue.topic.replication.factor": "1", "errors.deadletterqueue.context.headers.enable": "true",
	}
	maps.Copy(config, c.config)
	create(t, s.url, s.connector(c), config)
}

// done waits until the offsets of all records are committed.
func (s *side) done(t *testing.T, c *comparison) {
	t.Helper()
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V3_6_0_0
	client, err := sarama.NewClient([]string{shared.kafka.Addr}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close() // and the client
	ends := map[string][]int32{}
	for topic := range strings.SplitSeq(c.config["topics"], ",") {
		ends[topic] = []int32{0, 1}
	}
	await(t, 6*time.Minute, s.connector(c)+" to be done", func() error {
		if st, err := statusOf(t, s.url, s.connector(c)); err == nil && len(st.Tasks) == 1 && st.Tasks[0].State == "FAILED" {
			t.Fatalf("%s has failed: %s", s.connector(c), st.Tasks[0].Trace)
		}
		offsets, err := admin.ListConsumerGroupOffsets("connect-"+s.connector(c), ends)
		if err != nil {
			return err
		}
		for topic, partitions := range ends {
			for _, p := range partitions {
				end, err := client.GetOffset(topic, p, sarama.OffsetNewest)
				if err != nil {
					return err
				}
				if b := offsets.GetBlock(topic, p); b == nil || b.Offset != end {
					return fmt.Errorf("%s partition %d: %+v of %d", topic, p, b, end)
				}
			}
		}
		return nil
	})
}

// documents counts the documents of a collection by their bytes. An _id that was made
// up, and a time of writing, are no part of them.
func (s *side) documents(t *testing.T, c *comparison, coll string) map[string]int {
	t.Helper()
	cursor, err := s.db.Collection(coll).Find(t.Context(), bson.D{})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]int{}
	for cursor.Next(t.Context()) {
		kept := bson.D{} // not nil: a document without fields is one
		var doc bson.D
		if err := bson.Unmarshal(cursor.Current, &doc); err != nil {
			t.Fatal(err)
		}
		for _, e := range doc {
			switch e.Value.(type) {
			case bson.ObjectID:
				if e.Key == "_id" {
					continue
				}
			case bson.DateTime:
				if e.Key == "_modifiedTS" || e.Key == "_insertedTS" {
					e.Value = "now"
				}
			}
			kept = append(kept, e)
		}
		if c.sorted {
			sortFields(kept)
		}
		raw, err := bson.Marshal(kept)
		if err != nil {
			t.Fatal(err)
		}
		all[string(raw)]++
	}
	if err := cursor.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// sortFields sorts the fields of documents, at every depth.
func sortFields(v any) {
	switch v := v.(type) {
	case bson.D:
		slices.SortFunc(v, func(a, b bson.E) int { return strings.Compare(a.Key, b.Key) })
		for _, e := range v {
			sortFields(e.Value)
		}
	case bson.A:
		for _, each := range v {
			sortFields(each)
		}
	}
}

// letter is a dead letter, without what names the side it comes from, and without the
// stack trace.
type letter struct {
	key, value, headers, exception string
	at                             int64
}

func (l letter) String() string {
	return fmt.Sprintf("at %d %q: %q\n        %s", l.at, l.key, l.value, l.headers)
}

const errorHeader = "__connect.errors."

// letters are the dead letters of a connector by where their records come from.
func (s *side) letters(t *testing.T, c *comparison) map[string]letter {
	t.Helper()
	all := map[string]letter{}
	for _, m := range messagesOf(t, s.connector(c)+"-dlq") {
		l := letter{key: text(m.Key), value: text(m.Value), at: m.Timestamp.UnixMilli()}
		headers := map[string]string{}
		var names []string
		for _, h := range m.Headers {
			name, value := string(h.Key), text(h.Value)
			switch name {
			case errorHeader + "exception.stacktrace":
				value = fmt.Sprint(h.Value != nil)
			case errorHeader + "connector.name":
				if value != s.connector(c) {
					t.Errorf("a dead letter of %s is from %s", s.connector(c), value)
				}
				value = c.name
			}
			if name == errorHeader+"exception.message" {
				value = identity.ReplaceAllString(value, "[B@")
			}
			headers[name] = value
			names = append(names, name+"="+value)
		}
		l.headers, l.exception = strings.Join(names, " "), headers[errorHeader+"exception.class.name"]
		origin := headers[errorHeader+"topic"] + "/" + headers[errorHeader+"partition"] + "/" + headers[errorHeader+"offset"]
		if _, twice := all[origin]; twice {
			t.Errorf("%s has two dead letters of %s", s.connector(c), origin)
		}
		all[origin] = l
	}
	return all
}

// identity is how Java prints an array of bytes: by where it was in memory.
var identity = regexp.MustCompile(`\[B@[0-9a-f]+`)

// text tells nothing from empty.
func text(b []byte) string {
	if b == nil {
		return "<none>"
	}
	return string(b)
}

// idOfText is the _id of a document that is JSON.
func idOfText(t *testing.T, doc string) string {
	t.Helper()
	var d struct {
		ID string `bson:"_id"`
	}
	if err := bson.UnmarshalExtJSON([]byte(doc), false, &d); err != nil {
		t.Fatal(err)
	}
	return d.ID
}
