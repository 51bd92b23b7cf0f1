package mongodb

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"culvert/data"
	"culvert/fault"
)

// offsetsCollection holds, in the database of the sink, how far each partition has
// been written: {_id: {group, topic, partition}, offset: the next to read}.
const offsetsCollection = "culvert.offsets"

// codeFenced is the fault of a task whose partition somebody else has moved on.
const codeFenced = "mongo.fenced"

// offsets are the positions of one consumer group in a MongoDB. Every change names
// the position that it starts from: one who was thrown out of the group without
// knowing it finds another, and changes nothing.
type offsets struct {
	server server
	hosts  string
	ns     namespace
	group  string
	mine   []data.TopicPartition
	at     data.Offsets // as this task found or left them; what is missing has no document
}

// move is a step of one partition.
type move struct {
	tp   data.TopicPartition
	from int64 // where known, else there is no document
	to   int64

	known bool
}

// movesOf is how far a batch takes each of its partitions.
func (o *offsets) movesOf(b *data.Batch) []move {
	var moves []move
	for i := range b.Inputs {
		m := &b.Inputs[i]
		k := len(moves) - 1 // messages of a partition come in runs
		if k < 0 || moves[k].tp.Partition != m.Partition || moves[k].tp.Topic != m.Topic {
			tp := data.TopicPartition{Topic: m.Topic, Partition: m.Partition}
			if k = slices.IndexFunc(moves, func(m move) bool { return m.tp == tp }); k < 0 {
				k = len(moves)
				from, known := o.at[tp]
				moves = append(moves, move{tp: tp, from: from, known: known})
			}
		}
		moves[k].to = m.Offset + 1
	}
	return moves
}

func (o *offsets) id(tp data.TopicPartition) bson.D {
	return bson.D{{Key: "group", Value: o.group}, {Key: "topic", Value: tp.Topic}, {Key: "partition", Value: tp.Partition}}
}

// mark is a document of a partition: its position, or the session that writes it.
type mark struct {
	ID struct {
		Topic     string `bson:"topic"`
		Partition int32  `bson:"partition"`
	} `bson:"_id"`
	Offset  *int64   `bson:"offset"`
	Session bson.Raw `bson:"session"`
}

// find gives the documents of partitions that are there.
func (o *offsets) find(ctx context.Context, coll string, tps []data.TopicPartition) ([]mark, error) {
	if len(tps) == 0 {
		return nil, nil
	}
	ids := make(bson.A, len(tps))
	for i, tp := range tps {
		ids[i] = o.id(tp)
	}
	// A command is sent to the primary, whatever the connection string prefers for reads.
	answer, err := o.server.command(ctx, o.ns.db, bson.D{{Key: "find", Value: coll},
		{Key: "filter", Value: bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}},
		{Key: "batchSize", Value: int32(len(tps))}, {Key: "singleBatch", Value: true}})
	if err != nil {
		return nil, o.failed(ctx, err)
	}
	var page struct {
		Cursor struct {
			Docs []mark `bson:"firstBatch"`
		} `bson:"cursor"`
	}
	if err := bson.Unmarshal(answer, &page); err != nil {
		return nil, fault.New(fault.Fatal, "mongo.offsets", "%s of MongoDB at %s cannot be read: %w", o.ns, o.hosts, err).
			WithFix("A document of it is not {_id: {group, topic, partition}, offset}; correct or delete it.")
	}
	return page.Cursor.Docs, nil
}

// read gives the positions that are there.
func (o *offsets) read(ctx context.Context, tps []data.TopicPartition) (data.Offsets, error) {
	docs, err := o.find(ctx, o.ns.coll, tps)
	if err != nil {
		return nil, err
	}
	found := data.Offsets{}
	for _, d := range docs {
		if d.Offset != nil {
			found[data.TopicPartition{Topic: d.ID.Topic, Partition: d.ID.Partition}] = *d.Offset
		}
	}
	return found, nil
}

// restore reads where the partitions stand, and takes it as what changes start from.
func (o *offsets) restore(ctx context.Context, tps []data.TopicPartition) (data.Offsets, error) {
	found, err := o.read(ctx, tps)
	if err != nil {
		return nil, err
	}
	o.at = make(data.Offsets, len(found))
	for tp, offset := range found {
		o.at[tp] = offset
	}
	return found, nil
}

// create makes the collection, so that no transaction has to. A user who may not
// leaves it to the first write.
func (o *offsets) create(ctx context.Context) error {
	return o.tried(ctx, o.ns.db, bson.D{{Key: "create", Value: o.ns.coll}})
}

// tried runs a command that the task can do without; only an outage is an error.
func (o *offsets) tried(ctx context.Context, db string, cmd bson.D) error {
	_, err := o.server.command(ctx, db, cmd)
	if err == nil {
		return nil
	}
	if err = o.failed(ctx, err); fault.Is(err, fault.Retry) {
		return err
	}
	return nil
}

// left are the moves that have not been made; one that has neither its beginning nor
// its end any more is Fenced. A move that is there was made by this task, when the
// answer got lost, or by another one that had the same messages: its documents are
// written.
func (o *offsets) left(ctx context.Context, moves []move) ([]move, error) {
	tps := make([]data.TopicPartition, len(moves))
	for i := range moves {
		tps[i] = moves[i].tp
	}
	found, err := o.read(ctx, tps)
	if err != nil {
		return nil, err
	}
	var left []move
	for _, m := range moves {
		switch at, ok := found[m.tp]; {
		case ok && at == m.to:
		case ok == m.known && at == m.from:
			left = append(left, m)
		case ok:
			return nil, o.fenced(m, fmt.Sprint(at))
		default:
			return nil, o.fenced(m, "nowhere")
		}
	}
	return left, nil
}

func (o *offsets) fenced(m move, at string) error {
	from := "nowhere"
	if m.known {
		from = fmt.Sprint(m.from)
	}
	return fault.New(fault.Fenced, codeFenced, "%s of MongoDB at %s has topic '%s', partition %d of group %s at %s, not at %s where this task left it: another task has written it",
		o.ns, o.hosts, m.tp.Topic, m.tp.Partition, o.group, at, from).
		WithFix("Nothing is lost. If it happens again, two clusters write to this database under the same connector name; give one of them another.")
}

// errMoved says that a position was not where the change starts from.
var errMoved = errors.New("the position is another")

// make makes the moves. In a transaction all of them, or it is to be aborted.
func (o *offsets) make(ctx context.Context, moves []move) error {
	var fresh, updates bson.A
	for i := range moves {
		m := &moves[i]
		if !m.known {
			fresh = append(fresh, bson.D{{Key: "_id", Value: o.id(m.tp)}, {Key: "offset", Value: m.to}})
			continue
		}
		updates = append(updates, bson.D{
			{Key: "q", Value: bson.D{{Key: "_id", Value: o.id(m.tp)}, {Key: "offset", Value: m.from}}},
			{Key: "u", Value: bson.D{{Key: "$set", Value: bson.D{{Key: "offset", Value: m.to}}}}},
		})
	}
	for _, c := range []struct {
		name, list string
		statements bson.A
	}{{"update", "updates", updates}, {"insert", "documents", fresh}} {
		if len(c.statements) == 0 {
			continue
		}
		cmd := bson.D{{Key: c.name, Value: o.ns.coll}, {Key: "ordered", Value: true}, {Key: c.list, Value: c.statements}}
		if wc := o.server.writeConcern(); wc != nil && mongo.SessionFromContext(ctx) == nil {
			cmd = append(cmd, bson.E{Key: "writeConcern", Value: bson.Raw(wc)})
		}
		answer, err := o.server.command(ctx, o.ns.db, cmd)
		if mongo.IsDuplicateKeyError(err) {
			return errMoved
		}
		if err != nil {
			return o.failed(ctx, err)
		}
		if n, ok := answer.Lookup("n").AsInt64OK(); !ok || int(n) != len(c.statements) {
			return errMoved
		}
	}
	return nil
}

// made takes note of moves that are durable.
func (o *offsets) made(moves []move) {
	if o.at == nil {
		o.at = data.Offsets{}
	}
	for i := range moves {
		o.at[moves[i].tp] = moves[i].to
	}
}

func (o *offsets) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &fault.Error{Class: fault.Retry, Code: "mongo.interrupted", Err: fmt.Errorf("MongoDB at %s was interrupted: %w", o.hosts, context.Cause(ctx))}
	}
	var we mongo.WriteException
	if errors.As(err, &we) {
		if f := outage(&we, o.hosts); f != nil {
			return f
		}
	}
	return classify(err, o.hosts)
}

// set changes positions while nobody writes: a nil offset forgets a partition, a nil
// map all of the group.
func (o *offsets) set(ctx context.Context, positions map[data.TopicPartition]*int64) error {
	var updates, deletes bson.A
	if positions == nil {
		deletes = bson.A{bson.D{{Key: "q", Value: bson.D{{Key: "_id.group", Value: o.group}}}, {Key: "limit", Value: int32(0)}}}
	}
	for tp, offset := range positions {
		q := bson.E{Key: "q", Value: bson.D{{Key: "_id", Value: o.id(tp)}}}
		if offset == nil {
			deletes = append(deletes, bson.D{q, {Key: "limit", Value: int32(1)}})
			continue
		}
		updates = append(updates, bson.D{q, {Key: "u", Value: bson.D{{Key: "$set", Value: bson.D{{Key: "offset", Value: *offset}}}}}, {Key: "upsert", Value: true}})
	}
	for _, c := range []struct {
		name, list string
		statements bson.A
	}{{"update", "updates", updates}, {"delete", "deletes", deletes}} {
		if len(c.statements) == 0 {
			continue
		}
		cmd := bson.D{{Key: c.name, Value: o.ns.coll}, {Key: c.list, Value: c.statements}}
		if wc := o.server.writeConcern(); wc != nil {
			cmd = append(cmd, bson.E{Key: "writeConcern", Value: bson.Raw(wc)})
		}
		if _, err := o.server.command(ctx, o.ns.db, cmd); err != nil {
			return o.failed(ctx, err)
		}
	}
	return nil
}
