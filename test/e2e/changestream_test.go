//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"culvert/test/servers"
)

// streams are configurations of the source that run in both worlds on the same changes.
var streams = map[string]map[string]string{
	"defaults": {},
	"full":     {"publish.full.document.only": "true", "publish.full.document.only.tombstone.on.delete": "true"},
	"simple":   {"publish.full.document.only": "true", "output.json.formatter": "com.mongodb.kafka.connect.source.json.formatter.SimplifiedJson"},
	"extended": {"output.json.formatter": "com.mongodb.kafka.connect.source.json.formatter.ExtendedJson"},
	"infer": {"publish.full.document.only": "true", "output.format.value": "schema", "output.schema.infer.value": "true",
		"value.converter": jsonConverter, "value.converter.schemas.enable": "true"},
	"schema": {"output.format.key": "schema", "output.format.value": "schema", "key.converter": jsonConverter, "value.converter": jsonConverter},
	"bson": {"output.format.key": "bson", "output.format.value": "bson", "key.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
		"value.converter": "org.apache.kafka.connect.converters.ByteArrayConverter"},
	"copy": {"startup.mode": "copy_existing"},
}

// sourceBed is a MongoDB with changes.
type sourceBed struct {
	uri string
	db  *mongo.Database
}

func newSourceBed(t *testing.T) *sourceBed {
	t.Helper()
	m, err := servers.NewMongo(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Kill)
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	client, err := mongo.Connect(options.Client().ApplyURI(m.URI))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.WithoutCancel(t.Context())) }) // the server goes too
	return &sourceBed{uri: m.URI, db: client.Database("changes")}
}

func (b *sourceBed) insert(t *testing.T, docs ...bson.D) {
	t.Helper()
	for _, d := range docs {
		if _, err := b.db.Collection("c").InsertOne(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
}

func (b *sourceBed) create(t *testing.T, url, name, topics string, config map[string]string) {
	t.Helper()
	all := map[string]string{
		"connector.class": "com.mongodb.kafka.connect.MongoSourceConnector", "tasks.max": "1", "connection.uri": b.uri, "database": "changes", "collection": "c",
		"topic.prefix": topics, "poll.await.time.ms": "500", "key.converter": stringConverter, "value.converter": stringConverter,
	}
	maps.Copy(all, config)
	create(t, url, name, all)
}

// rich has a value of every type that a document may have.
func rich(id any) bson.D {
	oid, _ := bson.ObjectIDFromHex("65a0b1c2d3e4f50617283940")
	dec, _ := bson.ParseDecimal128("12345.6700")
	return bson.D{{Key: "_id", Value: id}, {Key: "z", Value: int32(1)}, {Key: "long", Value: int64(1) << 40}, {Key: "double", Value: 1.5e-7}, {Key: "whole", Value: 100.0},
		{Key: "text", Value: "a\"b\\\né€😀"}, {Key: "yes", Value: true}, {Key: "none", Value: nil}, {Key: "oid", Value: oid}, {Key: "decimal", Value: dec},
		{Key: "date", Value: bson.DateTime(1700000000120)}, {Key: "old", Value: bson.DateTime(-1)}, {Key: "stamp", Value: bson.Timestamp{T: 5, I: 6}},
		{Key: "bytes", Value: bson.Binary{Data: []byte{1, 2, 255}}}, {Key: "regex", Value: bson.Regex{Pattern: "a.b", Options: "i"}},
		{Key: "array", Value: bson.A{int32(1), int32(2)}}, {Key: "mixed", Value: bson.A{int32(1), "two"}}, {Key: "empty", Value: bson.A{}},
		{Key: "docs", Value: bson.A{bson.D{{Key: "b", Value: 1}}, bson.D{{Key: "a", Value: "x"}, {Key: "b", Value: nil}}}},
		{Key: "deep", Value: bson.D{{Key: "y", Value: bson.D{{Key: "x", Value: int32(3)}}}, {Key: "a", Value: "b"}}}}
}

// change makes the changes that are compared; the last one is the document "end".
func (b *sourceBed) change(t *testing.T) {
	t.Helper()
	c := b.db.Collection("c")
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	b.insert(t, rich("rich"), rich(int32(5000)), bson.D{{Key: "n", Value: 1}})
	for i := range 200 {
		b.insert(t, bson.D{{Key: "_id", Value: fmt.Sprintf("d%d", i)}, {Key: "n", Value: i}})
	}
	id := func(v any) bson.D { return bson.D{{Key: "_id", Value: v}} }
	must(c.UpdateOne(t.Context(), id("d1"), bson.D{{Key: "$set", Value: bson.D{{Key: "n", Value: int64(7)}, {Key: "more", Value: "x"}}}}))
	must(c.UpdateOne(t.Context(), id("d2"), bson.D{{Key: "$unset", Value: bson.D{{Key: "n", Value: ""}}}}))
	must(c.ReplaceOne(t.Context(), id("d3"), bson.D{{Key: "other", Value: bson.A{"x"}}}))
	must(c.DeleteOne(t.Context(), id("d4")))
	must(c.DeleteOne(t.Context(), id("rich")))
	b.insert(t, bson.D{{Key: "_id", Value: "end"}})
}

// streamed are the messages of a topic, from the first change that is compared on.
func streamed(t *testing.T, topic string) []string {
	t.Helper()
	var list []string
	for _, m := range messagesOf(t, topic) {
		if isWarm(m) {
			list = list[:0]
			continue
		}
		list = append(list, fmt.Sprintf("%s = %s", text(m.Key), text(m.Value)))
	}
	return list
}

func isWarm(m *sarama.ConsumerMessage) bool {
	return strings.Contains(string(m.Key)+string(m.Value), "warm-")
}

// TestMongoSourceAsJava sends the same changes through the Java worker with MongoDB's
// connector and through Culvert: the topics are the same, byte for byte.
func TestMongoSourceAsJava(t *testing.T) {
	t.Parallel()
	b := newSourceBed(t)
	c, err := servers.NewConnect(t.Context(), t.TempDir(), shared.kafka.Addr, "stream-java", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Kill)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	urls := map[string]string{"java": c.URL, "ours": startWorker(t, "stream-culvert", "a", nil).url}
	t.Run("keys", func(t *testing.T) {
		java, ours := sourceKeys(t, urls["java"]), sourceKeys(t, urls["ours"])
		for name, want := range java {
			if ours[name] != want {
				t.Errorf("%s\njava %s\nours %s", name, want, ours[name])
			}
		}
		if len(ours) != len(java) || len(java) < 50 {
			t.Errorf("%d keys, %d by Java", len(ours), len(java))
		}
	})
	for i := range 50 {
		b.insert(t, bson.D{{Key: "_id", Value: i}, {Key: "existing", Value: true}})
	}
	b.insert(t, rich("existing"))
	for name, config := range streams {
		for side, url := range urls {
			b.create(t, url, "stream-"+side+"-"+name, side+"-"+name, config)
		}
	}
	warm := 0
	await(t, 3*time.Minute, "all streams to be open", func() error {
		b.insert(t, bson.D{{Key: "_id", Value: fmt.Sprintf("warm-%d", warm)}})
		warm++
		for name := range streams {
			for side := range urls {
				found := false
				for _, m := range messagesOf(t, side+"-"+name+".changes.c") {
					found = found || isWarm(m)
				}
				if !found {
					return fmt.Errorf("%s %s has none", side, name)
				}
			}
		}
		return nil
	})
	copied := func(side string) []string {
		var list []string
		for _, m := range messagesOf(t, side+"-copy.changes.c") {
			if strings.Contains(string(m.Value), `"copyingData": true`) && !isWarm(m) {
				list = append(list, fmt.Sprintf("%s = %s", text(m.Key), text(m.Value)))
			}
		}
		return list
	}
	same(t, "copied", copied("java"), copied("ours"))
	if n := len(copied("ours")); n != 51 {
		t.Errorf("%d documents were copied of 51", n)
	}
	b.change(t)
	for name := range streams {
		t.Run(name, func(t *testing.T) {
			for side := range urls {
				await(t, time.Minute, side+" to have all changes", func() error {
					if list := streamed(t, side+"-"+name+".changes.c"); len(list) == 0 || !strings.Contains(list[len(list)-1], "end") {
						return fmt.Errorf("%d messages", len(list))
					}
					return nil
				})
			}
			same(t, name, streamed(t, "java-"+name+".changes.c"), streamed(t, "ours-"+name+".changes.c"))
		})
	}
}

// sourceKeys are the keys of the connector by name, but for their documentation.
func sourceKeys(t *testing.T, url string) map[string]string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/connector-plugins/com.mongodb.kafka.connect.MongoSourceConnector/config", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var list []map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{}
	for _, k := range list {
		delete(k, "documentation")
		keys[fmt.Sprint(k["name"])] = fmt.Sprint(k)
	}
	return keys
}

func same(t *testing.T, what string, java, ours []string) {
	t.Helper()
	if len(java) != len(ours) || len(java) == 0 {
		t.Errorf("%s: %d messages by Java, %d by Culvert", what, len(java), len(ours))
	}
	shown := 0
	for i := range min(len(java), len(ours)) {
		if java[i] != ours[i] && shown < 5 {
			shown++
			t.Errorf("%s, message %d\njava %s\nours %s", what, i, java[i], ours[i])
		}
	}
	t.Logf("%s: %d messages compared", what, len(java))
}

// TestMongoSourceTakeOver: a source of the Java worker goes on in Culvert where it was,
// and back; what is changed while none runs is not lost, and nothing comes twice.
func TestMongoSourceTakeOver(t *testing.T) {
	t.Parallel()
	b := newSourceBed(t)
	const group, topic = "stream-takeover", "taken.changes.c"
	java := func() *servers.Connect {
		c, err := servers.NewConnect(t.Context(), shared.dir, shared.kafka.Addr, group, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Kill)
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		return c
	}
	n := 0
	more := func() {
		for range 50 {
			b.insert(t, bson.D{{Key: "_id", Value: fmt.Sprintf("doc-%d", n)}})
			n++
		}
	}
	arrived := func(by string) {
		t.Helper()
		await(t, 2*time.Minute, fmt.Sprintf("%d documents by %s", n, by), func() error {
			counts := map[string]int{}
			for _, m := range messagesOf(t, topic) {
				if !isWarm(m) {
					counts[string(m.Key)]++
				}
			}
			for k, times := range counts {
				if times != 1 {
					t.Fatalf("%s came %d times by %s", k, times, by)
				}
			}
			if len(counts) != n {
				return fmt.Errorf("%d documents", len(counts))
			}
			return nil
		})
	}
	j := java()
	b.create(t, j.URL, "stream-taken", "taken", map[string]string{"publish.full.document.only": "true"})
	warm := 0
	await(t, time.Minute, "the stream to be open", func() error {
		b.insert(t, bson.D{{Key: "_id", Value: fmt.Sprintf("warm-%d", warm)}})
		warm++
		if len(messagesOf(t, topic)) == 0 {
			return fmt.Errorf("no message")
		}
		return nil
	})
	more()
	arrived("Java")
	if err := j.Stop(30 * time.Second); err != nil {
		t.Fatal(err)
	}
	more()
	w := startWorker(t, group, "culvert", nil)
	running(t, w.url, "stream-taken", 1)
	more()
	arrived("Culvert, which took over")
	if err := w.Stop(30 * time.Second); err != nil {
		t.Fatal(err)
	}
	more()
	j = java()
	more()
	arrived("Java, which took it back")
}
