package mongodb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"culvert/data"
	"culvert/fault"
)

// errAborted says that the transaction has ended with an error of one of its
// statements: what would follow is not sent.
var errAborted = errors.New("the transaction is aborted")

// txSession is a task's session with the server; its transactions come one after the
// other, so that the next one ends what the server still holds of the last.
type txSession struct {
	server *driverServer
	now    *mongo.Session
}

// sessionsCollection names the session in which each partition is written, beside the
// offsets: {_id: {group, topic, partition}, session}.
const sessionsCollection = "culvert.sessions"

// open makes the session known as that of the partitions, and ends the one before. A
// task that was killed leaves a transaction open, and whoever writes the same documents
// would be refused for the minute until the server gives it up. Where the user may not,
// that is what happens.
func (s *txSession) open(ctx context.Context, o *offsets, tps []data.TopicPartition) error {
	if s.now == nil {
		now, err := s.server.client.StartSession()
		if err != nil {
			return o.failed(ctx, err)
		}
		s.now = now
	}
	docs, err := o.find(ctx, sessionsCollection, tps)
	if fault.Is(err, fault.Retry) {
		return err
	}
	err = nil // the user may not look
	var old, claims bson.A
	known := map[string]bool{string(s.now.ID()): true}
	for _, d := range docs {
		if id := string(d.Session); id != "" && !known[id] {
			known[id] = true
			old = append(old, d.Session)
		}
	}
	for _, tp := range tps {
		claims = append(claims, bson.D{{Key: "q", Value: bson.D{{Key: "_id", Value: o.id(tp)}}},
			{Key: "u", Value: bson.D{{Key: "$set", Value: bson.D{{Key: "session", Value: s.now.ID()}}}}}, {Key: "upsert", Value: true}})
	}
	if len(old) > 0 {
		err = o.tried(ctx, "admin", bson.D{{Key: "killSessions", Value: old}})
	}
	if err == nil && len(claims) > 0 {
		err = o.tried(ctx, o.ns.db, bson.D{{Key: "update", Value: sessionsCollection}, {Key: "updates", Value: claims}})
	}
	return err
}

// begin starts a transaction.
func (s *txSession) begin(ctx context.Context, o *offsets) (*mongo.Session, error) {
	if s.now == nil {
		if err := s.open(ctx, o, o.mine); err != nil {
			return nil, err
		}
	}
	opts := options.Transaction()
	if s.server.concern == nil {
		opts.SetWriteConcern(writeconcern.Majority()) // a server's own default may be less
	}
	return s.now, s.now.StartTransaction(opts)
}

// abort ends the transaction, also when ctx has ended: what stays open holds up
// whoever writes the same documents, for a minute.
func (s *txSession) abort(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortLimit)
	defer cancel()
	if err := s.now.AbortTransaction(ctx); err != nil {
		s.end(ctx) // it had no transaction any more; a new one is in no doubt
	}
}

func (s *txSession) end(ctx context.Context) {
	if s.now == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortLimit)
	defer cancel()
	s.now.EndSession(ctx)
	s.now = nil
}

// commit commits. An error without known says that nobody knows the outcome: asking
// for the offsets does tell.
func (s *txSession) commit(ctx context.Context) (known bool, err error) {
	for range commitTries {
		if err = s.now.CommitTransaction(ctx); err == nil {
			return true, nil
		}
		var l mongo.LabeledError
		if !errors.As(err, &l) || !l.HasErrorLabel("UnknownTransactionCommitResult") || ctx.Err() != nil {
			break
		}
	}
	var l mongo.LabeledError
	known = errors.As(err, &l) && l.HasErrorLabel("TransientTransactionError")
	s.end(ctx)
	return known, err
}

// transact writes the batch and moves the offsets in one transaction. An error aborts
// it: a document that is refused is put to the policy, and the rest goes out in
// another one, with the same bytes and the same ids.
func (k *keeper) transact(ctx context.Context, b *data.Batch, moves []move) error {
	for {
		before := k.plan.pendings()
		begun := time.Now()
		err := k.try(ctx, moves)
		if err == nil {
			k.committed(ctx, before, begun)
			return nil
		}
		k.undo(before)
		if err != errAborted {
			return err
		}
		if k.blame(b) {
			return nil
		}
	}
}

// try makes one transaction. The offsets come first: who finds them elsewhere has not
// written anything, nor taken a document of its own for a stranger's.
func (k *keeper) try(ctx context.Context, moves []move) error {
	ses, err := k.session.begin(ctx, &k.offsets)
	if err != nil {
		return k.refused(ctx, err)
	}
	k.inside, k.broken = true, false
	err = k.within(mongo.NewSessionContext(ctx, ses), moves)
	k.inside = false
	if err != nil {
		k.session.abort(ctx)
		if err == errMoved {
			return k.moved(ctx, moves)
		}
		return err
	}
	known, err := k.session.commit(ctx)
	if err == nil {
		return nil
	}
	if known || ctx.Err() != nil {
		return k.refused(ctx, err)
	}
	return k.retryOf(down(k.hosts, "has not said whether a transaction is committed: "+explain(err), err))
}

func (k *keeper) within(ctx context.Context, moves []move) error {
	if err := k.offsets.make(ctx, moves); err != nil {
		if err == errMoved {
			return err
		}
		return k.explained(k.retryOf(err))
	}
	for i := range k.plan.chunks {
		c := &k.plan.chunks[i]
		if k.isDone(c) {
			continue
		}
		begun := time.Now()
		err := k.writeChunk(ctx, c)
		if k.broken && (err == nil || err == errAborted) || err == nil && k.plan.hasFailed() {
			err = errAborted
		}
		if err != nil {
			k.work.BadWrites.Add(time.Since(begun))
			if err == errAborted {
				return err
			}
			return k.retry.after(err, c.topic)
		}
	}
	return nil
}

// moved decides what it means that the offsets were not where the batch begins: it is
// written, when the answer to its commit got lost; or somebody else owns the partition.
func (k *keeper) moved(ctx context.Context, moves []move) error {
	left, err := k.offsets.left(ctx, moves)
	switch {
	case err != nil:
		return k.retryOf(err)
	case len(left) == 0:
		return nil
	case len(left) < len(moves):
		return k.offsets.fenced(left[0], fmt.Sprintf("%d, and others of the batch further", left[0].from))
	}
	return k.retryOf(down(k.hosts, "changes the offsets of the batch at this moment", errMoved))
}

// undo takes back what an aborted transaction seemed to have written.
func (k *keeper) undo(before []int) {
	for _, i := range before {
		m := &k.plan.list[i]
		m.maybe = false
		if m.state == done {
			m.state = pending
		}
	}
}

// committed counts the bulk writes of a transaction, and lets their rate limits act.
func (k *keeper) committed(ctx context.Context, tried []int, begun time.Time) {
	took := time.Since(begun)
	for _, i := range tried {
		if m := &k.plan.list[i]; m.state == pending {
			m.state = done // the transaction was there already
		}
	}
	k.work.Written += int64(len(tried))
	for i := range k.plan.chunks {
		c := &k.plan.chunks[i]
		k.work.GoodWrites.Add(took / time.Duration(len(k.plan.chunks)))
		if c.topic.limiter.due() {
			_ = pause(ctx, c.topic.limiter.wait) // interrupted: the batch is written all the same
		}
	}
}

// refused is an error of the transaction as a whole.
func (k *keeper) refused(ctx context.Context, err error) error {
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		return err
	}
	return k.explained(k.retryOf(k.offsets.failed(ctx, err)))
}

// explained says what to do where a server has no transactions: code 20 of the server,
// or the driver's own word.
func (k *keeper) explained(err error) error {
	f := fault.Of(err)
	if f == nil || f.Class != fault.Fatal || f.Code == codeAuth {
		return err
	}
	out := *f
	if out.Fix == "" {
		out.Fix = fmt.Sprintf("Transactions need a replica set or a sharded cluster, of MongoDB 4.2 or later; %s=%s goes without.", keyExactly, exactlyIdempotent)
	}
	return &out
}

// pendings lists the models that are to be written.
func (p *plan) pendings() []int {
	list := p.tried[:0]
	for i := range p.list {
		if p.list[i].state == pending {
			list = append(list, i)
		}
	}
	p.tried = list
	return list
}
