package changestream

import (
	"context"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"culvert/connectors/mongodb"
	"culvert/data"
)

// existing is what there is to copy, and how.
type existing struct {
	client *mongodb.Client
	cfg    *settings
}

type namespace struct{ db, coll string }

// wanted finds the namespaces to copy.
func (c existing) wanted(ctx context.Context) ([]namespace, error) {
	all, err := c.namespaces(ctx)
	if err != nil {
		return nil, err
	}
	r := c.cfg.CopyRegex.value()
	if r == "" {
		return all, nil
	}
	matches, err := within(r)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(ns namespace) bool { return !matches(ns.db + "." + ns.coll) }), nil
}

func (c existing) namespaces(ctx context.Context) ([]namespace, error) {
	if c.cfg.Collection != "" {
		return []namespace{{c.cfg.Database, c.cfg.Collection}}, nil
	}
	if c.cfg.Database != "" {
		return c.collections(ctx, c.cfg.Database)
	}
	reply, err := c.client.Run(ctx, "admin", bson.D{{Key: "listDatabases", Value: 1}, {Key: "nameOnly", Value: true}}, nil)
	if err != nil {
		return nil, err
	}
	var all []namespace
	for _, v := range fields(field(reply, "databases").Value) {
		db, _ := field(v.Value, "name").StringValueOK()
		// As in Java, what only begins like one of the server's own is left out too.
		if strings.HasPrefix(db, "admin") || strings.HasPrefix(db, "config") || strings.HasPrefix(db, "local") {
			continue
		}
		list, err := c.collections(ctx, db)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

func (c existing) collections(ctx context.Context, db string) ([]namespace, error) {
	cur, err := open(ctx, c.client, db, bson.D{{Key: "listCollections", Value: 1}, {Key: "nameOnly", Value: true}, {Key: "cursor", Value: bson.D{}}})
	if err != nil {
		return nil, err
	}
	defer cur.close(ctx)
	var list []namespace
	for {
		for len(cur.batch) > 0 {
			if name, _ := field(cur.take(), "name").StringValueOK(); !strings.HasPrefix(name, "system.") {
				list = append(list, namespace{db, name})
			}
		}
		if cur.id == 0 {
			return list, nil
		}
		if err := cur.fetch(ctx, 0, 0); err != nil {
			return nil, err
		}
	}
}

// altNamespace is the name that the namespace has while the server's pipeline runs: with
// its own, a pipeline that changes it would be refused; it also moves it to the end.
const altNamespace = "__"

// pipeline makes events of documents (MongoCopyDataManager.createPipeline).
func (c existing) pipeline(ns namespace) (bson.A, error) {
	first, err := stages(c.cfg.CopyPipeline.value())
	if err != nil {
		return nil, err
	}
	last, err := stages(c.cfg.Pipeline)
	if err != nil {
		return nil, err
	}
	event := bson.D{
		{Key: "_id", Value: bson.D{{Key: "_id", Value: "$_id"}, {Key: "copyingData", Value: true}}},
		{Key: "operationType", Value: "insert"},
		{Key: "ns", Value: bson.D{{Key: "db", Value: literal(ns.db)}, {Key: "coll", Value: literal(ns.coll)}}},
		{Key: "documentKey", Value: bson.D{{Key: "_id", Value: "$_id"}}},
		{Key: "fullDocument", Value: "$$ROOT"},
	}
	all := append(first, bson.D{{Key: "$replaceRoot", Value: bson.D{{Key: "newRoot", Value: event}}}})
	all = append(all, last...)
	return append(all, bson.D{{Key: "$addFields", Value: bson.D{{Key: altNamespace, Value: "$ns"}}}},
		bson.D{{Key: "$project", Value: bson.D{{Key: "ns", Value: 0}}}}), nil
}

// stages reads a pipeline of the configuration.
func stages(text string) (bson.A, error) {
	docs, err := mongodb.Documents(text)
	var list bson.A
	for _, d := range docs {
		list = append(list, d)
	}
	return list, err
}

// literal keeps a name that begins with a dollar from being a path.
func literal(name string) any {
	if strings.HasPrefix(name, "$") {
		return bson.D{{Key: "$literal", Value: name}}
	}
	return name
}

// open begins to read a collection, with so many documents in the first answer.
func (c existing) open(ctx context.Context, ns namespace, size int) (*cursor, error) {
	pipeline, err := c.pipeline(ns)
	if err != nil {
		return nil, err
	}
	return open(ctx, c.client, ns.db, bson.D{{Key: "aggregate", Value: ns.coll}, {Key: "pipeline", Value: pipeline},
		{Key: "cursor", Value: bson.D{{Key: "batchSize", Value: size}}}, {Key: "allowDiskUse", Value: c.cfg.CopyDisk.is()}})
}

// withNamespace gives the field its name back, where it is.
func withNamespace(event bson.Raw) bson.Raw {
	at := 4
	for rest := event[at : len(event)-1]; ; {
		e, tail, ok := bsoncore.ReadElement(rest)
		if !ok {
			return event
		}
		if e.Key() == altNamespace {
			copy(event[at+1:], "ns")
			return event
		}
		at += len(rest) - len(tail)
		rest = tail
	}
}

// beginCopy asks for the position at which the stream goes on after the copy, and for
// what there is to copy. What changes meanwhile is in the stream: it may come twice,
// and is not lost.
func (s *Source) beginCopy(ctx context.Context) error {
	s.token, s.since = nil, bson.Timestamp{}
	c, err := s.openStream(ctx)
	if err != nil {
		return err
	}
	if c != nil {
		defer c.close(ctx)
		s.token, s.since = c.token, c.time
		s.cached = nil
		if len(c.batch) > 0 { // an event already: it follows the copy, and the stream follows it
			s.cached = &cursor{client: s.client, batch: c.batch[:1]}
		}
	}
	s.copy, err = newCopier(ctx, existing{s.client, s.cfg})
	if err != nil {
		return s.class(err)
	}
	s.log.Info("copying existing data", "collections", len(s.copy.todo))
	return nil
}

// copyBatch makes records of documents. The mark of the last one is the position of the
// stream: until then a restart begins the copy anew.
func (s *Source) copyBatch(ctx context.Context, b *data.Batch) error {
	c := s.copy
	if err := c.fill(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return s.class(err)
	}
	now := time.Now().UnixMilli()
	var id bson.Raw
	for n := 0; n < s.cfg.PollMaxBatch && c.ready(); n++ {
		next, err := s.record(b, withNamespace(c.batch[0]), now)
		if err != nil {
			if len(b.Records) == 0 {
				return err
			}
			break
		}
		c.take()
		id = next
	}
	done := c.over() && len(c.batch) == 0
	if done {
		s.endCopy()
	}
	switch {
	case len(b.Records) == 0:
	case done && s.token != nil && s.stream == nil:
		b.Mark(s.partition, offset(tokenText(s.token), ""))
	default:
		b.Mark(s.partition, offset(tokenText(id), offsetCopy))
	}
	return nil
}

// endCopy goes over to the stream.
func (s *Source) endCopy() {
	s.copy.stop()
	s.toCopy, s.copy = false, nil
	s.stream, s.cached = s.cached, nil
	s.log.Info("copying existing data is done")
}
