//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"culvert/test/servers"
)

// The users of the secured MongoDB. A password has what a connection string must escape.
const (
	rootSecret = "root-pw"
	sinkSecret = "s:3/cr@t%"
)

// securedMongo is a MongoDB that asks for a user, and fails on request. It is a replica
// set of one: it has transactions and change streams.
type securedMongo struct {
	*servers.Mongo
	root *mongo.Client
	url  string // of the worker
}

const mongoFlow = "flow" // the database of the tests

// startMongo starts a MongoDB with its data in dir, until the end of the test.
func startMongo(t *testing.T, dir string, flags ...string) *servers.Mongo {
	t.Helper()
	m, err := servers.NewMongo(t.Context(), dir, flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Kill)
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m
}

// startSecuredMongo makes the users while the server asks for none, and starts it again.
func startSecuredMongo(t *testing.T) *securedMongo {
	t.Helper()
	dir := t.TempDir()
	open := startMongo(t, dir)
	admin := connected(t, open.URI)
	for user, roles := range map[string]bson.A{
		"root": {"root"}, "sink": {bson.D{{Key: "role", Value: "readWrite"}, {Key: "db", Value: mongoFlow}}}, "reader": {bson.D{{Key: "role", Value: "read"}, {Key: "db", Value: mongoFlow}}},
	} {
		secret := sinkSecret
		if user == "root" {
			secret = rootSecret
		}
		runCommand(t, admin, bson.D{{Key: "createUser", Value: user}, {Key: "pwd", Value: secret}, {Key: "roles", Value: roles}})
	}
	if err := open.Stop(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	m := &securedMongo{Mongo: startMongo(t, dir, "--auth", "--enable-test-commands")}
	m.root = connected(t, m.as("root", rootSecret))
	return m
}

// as is the connection string of a user. A driver that was told "not primary" by a fail
// point asks again at its next heartbeat; a server that really stepped down tells at once.
func (m *securedMongo) as(user, secret string) string {
	return strings.Replace(m.URI, "mongodb://", "mongodb://"+user+":"+url.QueryEscape(secret)+"@", 1) + "/?authSource=admin&heartbeatFrequencyMS=500"
}

func connected(t *testing.T, uri string) *mongo.Client {
	t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Second) // the server may be gone
		defer cancel()
		_ = client.Disconnect(ctx)
	})
	return client
}

func runCommand(t *testing.T, c *mongo.Client, cmd bson.D) {
	t.Helper()
	if err := c.Database("admin").RunCommand(t.Context(), cmd).Err(); err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
}

// failing makes the server fail the next commands that write.
func (m *securedMongo) failing(t *testing.T, times int, how ...bson.E) {
	t.Helper()
	data := append(bson.D{{Key: "failCommands", Value: bson.A{"insert", "update", "delete", "commitTransaction"}}}, how...)
	runCommand(t, m.root, bson.D{{Key: "configureFailPoint", Value: "failCommand"}, {Key: "mode", Value: bson.D{{Key: "times", Value: times}}}, {Key: "data", Value: data}})
}

func (m *securedMongo) coll(name string) *mongo.Collection {
	return m.root.Database(mongoFlow).Collection(name)
}

func (m *securedMongo) config(topic string, changes map[string]string) map[string]string {
	config := map[string]string{
		"connector.class": "com.mongodb.kafka.connect.MongoSinkConnector", "tasks.max": "1", "topics": topic, "connection.uri": m.as("sink", sinkSecret), "database": mongoFlow,
		"key.converter": stringConverter, "value.converter": jsonConverter, "value.converter.schemas.enable": "false",
	}
	maps.Copy(config, changes)
	return config
}

// produce sends values to partition 0 of a topic.
func produce(t *testing.T, topic string, values ...string) {
	t.Helper()
	m := &mixed{r: rand.New(rand.NewPCG(1, 1))}
	for _, v := range values {
		m.add(topic, 0, nil, v)
	}
	m.send(t)
}

// holds waits until a collection has so many documents, and then no more: each record
// has an _id of its own, so that one that was lost or written twice shows.
func (m *securedMongo) holds(t *testing.T, coll string, want int64) {
	t.Helper()
	await(t, 2*time.Minute, fmt.Sprintf("%d documents in %s", want, coll), func() error {
		n, err := m.coll(coll).CountDocuments(t.Context(), bson.D{})
		if err == nil && n != want {
			err = fmt.Errorf("%d documents", n)
		}
		return err
	})
}

// TestMongoSink runs the sink on a MongoDB with users, transactions, change streams,
// unique indexes and failures on request.
func TestMongoSink(t *testing.T) {
	t.Parallel()
	m := startSecuredMongo(t)
	m.url = startWorker(t, "secured-mongo", "a", nil).url
	t.Run("users", m.testUsers)
	t.Run("change streams", m.testChangeStream)
	t.Run("unique indexes", m.testUniqueIndexes)
	t.Run("fail points", m.testFailPoints)
	t.Run("stepdown", m.testStepDown)
	t.Run("outage", m.testOutage)
	t.Run("limited retries", m.testLimitedRetries)
}

// Users who may not write are told so at validation, with the step.
func (m *securedMongo) testUsers(t *testing.T) {
	createTopic(t, "mongo_users", 1)
	for _, c := range []struct{ uri, text, step string }{
		{m.as("sink", "wrong"), "Invalid user permissions authentication failed. ", "Failed step: authenticate: "},
		{m.as("reader", sinkSecret), "Invalid user permissions. Missing the following action permissions: insert, update, remove", "Failed step: authorize on flow.users: the user may not insert, update, remove"},
		{strings.Replace(m.URI, "127.0.0.1", "no..host", 1) + "/?serverSelectionTimeoutMS=500", "Unable to connect to the server.", "Failed step: resolve: "},
	} {
		config := m.config("mongo_users", map[string]string{"collection": "users", "connection.uri": c.uri})
		status, body := rest(t, http.MethodPost, m.url+"/connectors", map[string]any{"name": "users", "config": config})
		if status != http.StatusBadRequest || !strings.Contains(string(body), c.text) || strings.Contains(string(body), "Failed step") {
			t.Errorf("%d %s, want %s", status, body, c.text)
		}
		config["connection.check"] = "steps"
		if status, body = rest(t, http.MethodPost, m.url+"/connectors", map[string]any{"name": "users", "config": config}); status != http.StatusBadRequest || !strings.Contains(string(body), c.step) {
			t.Errorf("%d %s, want %s", status, body, c.step)
		}
		var tried struct {
			Valid  bool
			Errors []struct{ Fix string }
		}
		_, body = rest(t, http.MethodPost, m.url+"/connectors?dry_run=true", map[string]any{"name": "users", "config": config})
		if err := json.Unmarshal(body, &tried); err != nil || tried.Valid || len(tried.Errors) != 1 || !strings.HasPrefix(tried.Errors[0].Fix, c.step) {
			t.Errorf("%s, want %s", body, c.step)
		}
		if strings.Contains(string(body), url.QueryEscape(sinkSecret)) || strings.Contains(string(body), sinkSecret) {
			t.Errorf("the password shows: %s", body)
		}
	}
	// Nobody is asked, and the task says what is wrong.
	create(t, m.url, "unasked", m.config("mongo_users", map[string]string{"collection": "unasked", "connection.uri": m.as("reader", sinkSecret), "connection.check": "none"}))
	create(t, m.url, "users", m.config("mongo_users", map[string]string{"collection": "users"}))
	produce(t, "mongo_users", `{"a":1}`, `{"a":2}`)
	m.holds(t, "users", 2)
	await(t, time.Minute, "the task of a reader to fail", func() error {
		s, err := statusOf(t, m.url, "unasked")
		if err == nil && (len(s.Tasks) != 1 || s.Tasks[0].State != "FAILED" || !strings.Contains(s.Tasks[0].Trace, "not authorized")) {
			err = fmt.Errorf("%+v", s)
		}
		return err
	})
}

// testChangeStream follows a collection by its change stream, and makes it again by
// the change stream handler.
func (m *securedMongo) testChangeStream(t *testing.T) {
	createTopic(t, "mongo_changes", 1)
	create(t, m.url, "changes", m.config("mongo_changes", map[string]string{"collection": "copy", "value.converter": stringConverter,
		"change.data.capture.handler": sinkPackage + "cdc.mongodb.ChangeStreamHandler", "errors.tolerance": "none"}))
	stream, err := m.coll("source").Watch(t.Context(), mongo.Pipeline{})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close(context.WithoutCancel(t.Context()))
	r := rand.New(rand.NewPCG(3, 3))
	const changes, ids = 1000, 40
	for i := range changes {
		id := bson.D{{Key: "_id", Value: r.IntN(ids)}}
		var err error
		switch r.IntN(6) {
		case 0:
			_, err = m.coll("source").DeleteOne(t.Context(), id)
		case 1, 2:
			doc := append(id, bson.E{Key: "n", Value: int64(i)}, bson.E{Key: "nested", Value: bson.D{{Key: "at", Value: bson.DateTime(i)}, {Key: "list", Value: bson.A{1, "two"}}}})
			_, err = m.coll("source").ReplaceOne(t.Context(), id, doc, options.Replace().SetUpsert(true))
		case 3:
			_, err = m.coll("source").UpdateOne(t.Context(), id, bson.D{{Key: "$unset", Value: bson.D{{Key: "n", Value: 1}}}})
		default:
			_, err = m.coll("source").UpdateOne(t.Context(), id, bson.D{{Key: "$set", Value: bson.D{{Key: "nested.at", Value: i}, {Key: "more", Value: fmt.Sprint(i)}}}}, options.UpdateOne().SetUpsert(true))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.coll("source").InsertOne(t.Context(), bson.D{{Key: "_id", Value: "last"}}); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	var events []string
	for last := false; !last && stream.Next(t.Context()); {
		event, err := bson.MarshalExtJSON(stream.Current, true, false)
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, string(event))
		kinds[stream.Current.Lookup("operationType").StringValue()]++
		id, _ := stream.Current.Lookup("documentKey", "_id").StringValueOK()
		last = id == "last"
	}
	if err := stream.Err(); err != nil || len(kinds) < 4 {
		t.Fatalf("%v: %v", kinds, err)
	}
	produce(t, "mongo_changes", events...)
	want := m.contents(t, "source")
	await(t, time.Minute, "a copy of the collection", func() error {
		if s, err := statusOf(t, m.url, "changes"); err == nil && len(s.Tasks) == 1 && s.Tasks[0].State == "FAILED" {
			t.Fatal(s.Tasks[0].Trace)
		}
		if got := m.contents(t, "copy"); !maps.Equal(got, want) {
			return fmt.Errorf("%d documents, the source has %d: %v", len(got), len(want), got)
		}
		return nil
	})
	t.Logf("%d events (%v) have made the %d documents again", len(events), kinds, len(want))
}

// contents are the documents of a collection by their _id.
func (m *securedMongo) contents(t *testing.T, coll string) map[string]string {
	t.Helper()
	cursor, err := m.coll(coll).Find(t.Context(), bson.D{})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for cursor.Next(t.Context()) {
		all[cursor.Current.Lookup("_id").String()] = cursor.Current.String()
	}
	if err := cursor.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// Each policy for a document that a unique index refuses.
func (m *securedMongo) testUniqueIndexes(t *testing.T) {
	createTopic(t, "mongo_unique", 1)
	produce(t, "mongo_unique", `{"_id":1,"email":"a","v":1}`, `{"_id":2,"email":"a","v":2}`, `{"_id":1,"email":"b","v":3}`, `{"_id":3,"email":"c","v":4}`)
	for policy, want := range map[string]struct {
		docs    string // the v that are left
		letters int
	}{"skip": {"1 4", 0}, "dlq": {"1 4", 2}, "replace": {"3 4", 0}, "fail": {"1", 0}} {
		coll := "unique_" + policy
		index := mongo.IndexModel{Keys: bson.D{{Key: "email", Value: 1}}, Options: options.Index().SetUnique(true)}
		if _, err := m.coll(coll).Indexes().CreateOne(t.Context(), index); err != nil {
			t.Fatal(err)
		}
		changes := map[string]string{"collection": coll, "culvert.duplicate.key": policy, "document.id.strategy": idStrategies + "ProvidedInValueStrategy",
			"writemodel.strategy": sinkPackage + "writemodel.strategy.InsertOneDefaultStrategy"}
		if policy == "dlq" {
			maps.Copy(changes, map[string]string{"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "mongo_unique_dlq", "errors.deadletterqueue.topic.replication.factor": "1"})
		}
		create(t, m.url, coll, m.config("mongo_unique", changes))
		await(t, time.Minute, policy, func() error {
			var left []string
			for _, id := range []string{"1", "2", "3"} {
				if doc, ok := m.contents(t, coll)[`{"$numberLong":"`+id+`"}`]; ok {
					left = append(left, bsonNumber(t, doc))
				}
			}
			if got := strings.Join(left, " "); got != want.docs {
				return fmt.Errorf("%s", got)
			}
			return nil
		})
		if policy == "fail" {
			await(t, time.Minute, "the task to fail", func() error {
				s, err := statusOf(t, m.url, coll)
				if err == nil && (len(s.Tasks) != 1 || s.Tasks[0].State != "FAILED" || !strings.Contains(s.Tasks[0].Trace, "E11000")) {
					err = fmt.Errorf("%+v", s)
				}
				return err
			})
		}
		if want.letters > 0 {
			await(t, time.Minute, "dead letters", func() error {
				if n := len(messagesOf(t, "mongo_unique_dlq")); n != want.letters {
					return fmt.Errorf("%d", n)
				}
				return nil
			})
		}
	}
}

// bsonNumber is the field v.
func bsonNumber(t *testing.T, doc string) string {
	t.Helper()
	var d struct{ V int }
	if err := bson.UnmarshalExtJSON([]byte(doc), false, &d); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(d.V)
}

// flow is a sink under failures: records with an _id each, by its partition and offset.
func (m *securedMongo) flow(t *testing.T, name string, changes map[string]string) (send func(n int), total *int64) {
	t.Helper()
	topic := "mongo_" + name
	createTopic(t, topic, 1)
	all := map[string]string{"collection": name, "document.id.strategy": idStrategies + "KafkaMetaDataStrategy", "errors.tolerance": "all",
		"writemodel.strategy":               sinkPackage + "writemodel.strategy.InsertOneDefaultStrategy",
		"errors.deadletterqueue.topic.name": topic + "_dlq", "errors.deadletterqueue.topic.replication.factor": "1"}
	maps.Copy(all, changes)
	create(t, m.url, name, m.config(topic, all))
	total = new(int64)
	return func(n int) {
		values := make([]string, n)
		for i := range values {
			values[i] = fmt.Sprintf(`{"n":%d}`, *total)
			*total++
		}
		produce(t, topic, values...)
	}, total
}

// unharmed checks that a failure was no record's: the task runs and there is no letter.
func (m *securedMongo) unharmed(t *testing.T, name string) {
	t.Helper()
	running(t, m.url, name, 1)
	if letters := messagesOf(t, "mongo_"+name+"_dlq"); len(letters) > 0 {
		t.Errorf("%d dead letters, for instance %s", len(letters), letters[0].Value)
	}
}

// Failures of the server that say nothing about a record: it is written once, whatever
// came before. With a transaction the offset comes with it.
func (m *securedMongo) testFailPoints(t *testing.T) {
	for mode, changes := range map[string]map[string]string{
		"alone": nil, "transacted": {"culvert.exactly.once": "transaction"},
	} {
		send, total := m.flow(t, mode, changes)
		send(10)
		m.holds(t, mode, *total)
		for name, how := range map[string]bson.D{
			"not primary":        {{Key: "errorCode", Value: 10107}},
			"shutdown":           {{Key: "errorCode", Value: 91}},
			"stepped down":       {{Key: "errorCode", Value: 189}},
			"disk full":          {{Key: "errorCode", Value: 14031}},
			"time limit":         {{Key: "errorCode", Value: 262}},
			"connection":         {{Key: "closeConnection", Value: true}},
			"slow":               {{Key: "blockConnection", Value: true}, {Key: "blockTimeMS", Value: 300}},
			"labelled":           {{Key: "errorCode", Value: 8}, {Key: "errorLabels", Value: bson.A{"RetryableWriteError"}}},
			"concern":            {{Key: "writeConcernError", Value: bson.D{{Key: "code", Value: 91}, {Key: "errmsg", Value: "shutdown"}}}},
			"write conflict":     {{Key: "errorCode", Value: 112}, {Key: "errorLabels", Value: bson.A{"TransientTransactionError"}}},
			"no such commitment": {{Key: "errorCode", Value: 64}, {Key: "errorLabels", Value: bson.A{"RetryableWriteError"}}},
		} {
			m.failing(t, 3, how...)
			send(25)
			m.holds(t, mode, *total)
			if t.Failed() {
				t.Fatalf("after %s (%s)", name, mode)
			}
		}
		m.unharmed(t, mode)
	}
	var offset struct{ Offset int64 }
	if err := m.coll("culvert.offsets").FindOne(t.Context(), bson.D{{Key: "_id.topic", Value: "mongo_transacted"}}).Decode(&offset); err != nil || offset.Offset != 10+11*25 {
		t.Errorf("offset %d of %d: %v", offset.Offset, 10+11*25, err)
	}
}

// The primary steps down and comes back.
func (m *securedMongo) testStepDown(t *testing.T) {
	send, total := m.flow(t, "stepdown", nil)
	send(100)
	m.holds(t, "stepdown", *total)
	runCommand(t, m.root, bson.D{{Key: "replSetStepDown", Value: 5}, {Key: "force", Value: true}})
	send(500)
	m.waiting(t, "stepdown")
	m.holds(t, "stepdown", *total)
	m.unharmed(t, "stepdown")
}

// waiting waits until the status says that the task waits for MongoDB.
func (m *securedMongo) waiting(t *testing.T, name string) {
	t.Helper()
	await(t, time.Minute, "the status to say what is waited for", func() error {
		s, err := statusOf(t, m.url, name)
		if err == nil && (len(s.Tasks) != 1 || s.Tasks[0].State != "RUNNING" || !strings.Contains(s.Tasks[0].Trace, "MongoDB at ")) {
			err = fmt.Errorf("%+v", s)
		}
		if err == nil && strings.Contains(s.Tasks[0].Trace, url.QueryEscape(sinkSecret)) {
			t.Fatal("the password shows in the status")
		}
		return err
	})
}

// The server goes away, and comes back. It is not killed: this one loses what it has
// acknowledged in the last moment before that, and a sink is not to be blamed.
func (m *securedMongo) testOutage(t *testing.T) {
	send, total := m.flow(t, "outage", nil)
	send(100)
	m.holds(t, "outage", *total)
	if err := m.Stop(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	send(500)
	m.waiting(t, "outage")
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.holds(t, "outage", *total)
	m.unharmed(t, "outage")
}

// max.num.retries ends a wait: the task fails, and goes on where it was.
func (m *securedMongo) testLimitedRetries(t *testing.T) {
	send, total := m.flow(t, "limited", map[string]string{"max.num.retries": "2", "retries.defer.timeout": "100"})
	send(10)
	m.holds(t, "limited", *total)
	m.failing(t, 1000, bson.E{Key: "errorCode", Value: 10107})
	send(10)
	await(t, time.Minute, "the task to give up", func() error {
		s, err := statusOf(t, m.url, "limited")
		if err == nil && (len(s.Tasks) != 1 || s.Tasks[0].State != "FAILED" || !strings.Contains(s.Tasks[0].Trace, "despite retrying")) {
			err = fmt.Errorf("%+v", s)
		}
		return err
	})
	runCommand(t, m.root, bson.D{{Key: "configureFailPoint", Value: "failCommand"}, {Key: "mode", Value: "off"}})
	if status, body := rest(t, http.MethodPost, m.url+"/connectors/limited/tasks/0/restart", nil); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, body)
	}
	m.holds(t, "limited", *total)
	m.unharmed(t, "limited")
}
