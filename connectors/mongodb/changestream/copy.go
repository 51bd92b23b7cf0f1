package changestream

import (
	"context"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"culvert/connectors/mongodb"
	"culvert/data"
)

// copier reads what is in the collections already, one after another, as insert
// events: MongoCopyDataManager.
type copier struct {
	client *mongodb.Client
	cfg    *settings
	todo   []namespace
	cur    *cursor
}

type namespace struct{ db, coll string }

// newCopier finds the namespaces to copy.
func newCopier(ctx context.Context, client *mongodb.Client, cfg *settings) (*copier, error) {
	c := &copier{client: client, cfg: cfg}
	all, err := c.namespaces(ctx)
	if err != nil {
		return nil, err
	}
	matches := func(string) bool { return true }
	if r := cfg.CopyRegex.value(); r != "" {
		if matches, err = within(r); err != nil {
			return nil, err
		}
	}
	for _, ns := range all {
		if matches(ns.db + "." + ns.coll) {
			c.todo = append(c.todo, ns)
		}
	}
	return c, nil
}

func (c *copier) namespaces(ctx context.Context) ([]namespace, error) {
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

func (c *copier) collections(ctx context.Context, db string) ([]namespace, error) {
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
func (c *copier) pipeline(ns namespace) (bson.A, error) {
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

// more reports whether there is another event, and has it at hand. After an error the
// collection is begun again: what was read of it comes twice.
func (c *copier) more(ctx context.Context) (bool, error) {
	for len(c.todo) > 0 {
		var err error
		switch {
		case c.cur == nil:
			err = c.begin(ctx)
		case len(c.cur.batch) > 0:
			return true, nil
		case c.cur.id == 0:
			c.cur, c.todo = nil, c.todo[1:]
		default:
			err = c.cur.fetch(ctx, 0, 0)
		}
		if err != nil {
			c.stop(ctx)
			return false, err
		}
	}
	return false, nil
}

func (c *copier) begin(ctx context.Context) error {
	ns := c.todo[0]
	pipeline, err := c.pipeline(ns)
	if err != nil {
		return err
	}
	c.cur, err = open(ctx, c.client, ns.db, bson.D{{Key: "aggregate", Value: ns.coll}, {Key: "pipeline", Value: pipeline},
		{Key: "cursor", Value: bson.D{}}, {Key: "allowDiskUse", Value: c.cfg.CopyDisk.is()}})
	return err
}

func (c *copier) stop(ctx context.Context) {
	if c.cur != nil {
		c.cur.close(ctx)
		c.cur = nil
	}
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
	s.copy, err = newCopier(ctx, s.client, s.cfg)
	if err != nil {
		return s.class(err)
	}
	s.log.Info("copying existing data", "collections", len(s.copy.todo))
	return nil
}

// copyBatch makes records of documents. The mark of the last ones is the position of
// the stream: until then a restart begins the copy anew.
func (s *Source) copyBatch(ctx context.Context, b *data.Batch) error {
	now := time.Now().UnixMilli()
	var id bson.Raw
	more := true
	for n := 0; n < s.cfg.PollMaxBatch; n++ {
		var err error
		if more, err = s.copy.more(ctx); err != nil || !more {
			if err != nil && len(b.Records) == 0 {
				return s.copyFailed(ctx, err)
			}
			break
		}
		event := withNamespace(s.copy.cur.batch[0])
		next, err := s.record(b, event, now)
		if err != nil {
			if len(b.Records) == 0 {
				return err
			}
			break
		}
		s.copy.cur.take()
		id = next
	}
	if id != nil && more {
		// Whether that was all is known only by asking. An error shows at the next Read.
		left, err := s.copy.more(ctx)
		more = left || err != nil
	}
	if !more {
		s.endCopy()
	}
	switch {
	case len(b.Records) == 0:
	case !more && s.token != nil && s.stream == nil:
		b.Mark(s.partition, offset(tokenText(s.token), ""))
	default:
		b.Mark(s.partition, offset(tokenText(id), offsetCopy))
	}
	return nil
}

// endCopy goes over to the stream.
func (s *Source) endCopy() {
	s.toCopy, s.copy = false, nil
	s.stream, s.cached = s.cached, nil
	s.log.Info("copying existing data is done")
}

func (s *Source) copyFailed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return s.class(err)
}
