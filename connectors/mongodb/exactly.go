package mongodb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/connectors"
	"culvert/data"
	"culvert/fault"
)

// Modes of culvert.exactly.once.
const (
	exactlyNone       = "none"
	exactlyTransact   = "transaction"
	exactlyIdempotent = "idempotent"
)

const codeNotConvergent = "mongo.not_convergent"

// buildExactly refuses what culvert.exactly.once cannot promise anything for.
func (t *topicConfig) buildExactly() error {
	reason := ""
	switch {
	case !t.keepsOffsets():
	case t.isTimeSeries():
		reason = "a time series collection takes part in no transaction and has no unique _id. Leave " + keyTimeField + " out, or " + keyExactly
	case t.ExactlyOnce == exactlyIdempotent:
		built := *t // a step is run by itself where the errors of all are wanted
		if errors.Join(built.buildID(), built.buildWrite(), built.buildRemove(), built.buildCDC()) == nil {
			reason = built.divergence()
		}
	}
	if reason == "" {
		return nil
	}
	return &classError{keyExactly, t.ExactlyOnce, reason}
}

func (s *settings) keepsOffsets() bool {
	return s.ExactlyOnce == exactlyTransact || s.ExactlyOnce == exactlyIdempotent
}

// divergence is why a replay of records may leave other documents behind than there
// were, where only their _id keeps them apart.
func (t *topicConfig) divergence() string {
	if t.Duplicates != "" && t.Duplicates != duplicatesFail {
		return fmt.Sprintf("what %s=%s makes of a document depends on what is there already, and a replay finds later documents. Leave it out or set it to %s", keyDuplicates, t.Duplicates, duplicatesFail)
	}
	if t.cdc != nil {
		return "" // each event is looked at by itself
	}
	switch t.id.(type) {
	case objectID, randomUUID:
		return fmt.Sprintf("%s makes another _id in a replay. Use one of the record: %sprocessor.id.strategy.KafkaMetaDataStrategy, or a strategy of key or value", t.IDStrategy, pkg)
	}
	byID := pkg + "writemodel.strategy.ReplaceOneDefaultStrategy"
	switch t.write.(type) {
	case *replaceByKey, *updateByKey:
		return fmt.Sprintf("with %s the server makes the _id. Use %s, which finds documents by the _id of the strategy", t.WriteModel, byID)
	case updateWithTimes:
		return fmt.Sprintf("%s writes the time of the write, which is another in a replay. Use %swritemodel.strategy.UpdateOneDefaultStrategy", t.WriteModel, pkg)
	case insert:
		if t.remove != nil {
			return fmt.Sprintf("in a replay %s would find the documents of later records where %s has made room for them. Use %s", t.WriteModel, keyDeleteOnNull, byID)
		}
	case *deleteByKey, *deleteTombstone:
		return deletesMore(t.WriteModel)
	}
	switch t.remove.(type) {
	case *deleteByKey, *deleteTombstone:
		return deletesMore(t.DeleteModel)
	}
	return ""
}

func deletesMore(class string) string {
	return fmt.Sprintf("%s deletes one document of several that have the business key, and a replay deletes another. Use %swritemodel.strategy.DeleteOneDefaultStrategy", class, pkg)
}

// overridesExactly are keys that set the mode for one topic: the offsets are those of
// a task.
func overridesExactly(props map[string]string) (keys []string) {
	for _, k := range sortedKeys(props) {
		if strings.HasPrefix(k, overridePrefix) && strings.HasSuffix(k, "."+keyExactly) {
			keys = append(keys, k)
		}
	}
	return keys
}

func overrideText(key, value string) string {
	return fmt.Sprintf("Invalid value %s for configuration %s: %s is of the whole connector, not of a topic", value, key, keyExactly)
}

// notConvergent is why a model that a change event became cannot be repeated: it has
// no _id of its own.
func (p *plan) notConvergent(m *model) error {
	bad := m.ownID
	if !bad && m.op != opInsert {
		f, ok := next(p.buf[m.filter.off:m.filter.end], first)
		_, more := find(p.buf[m.filter.off:m.filter.end], idField)
		bad = !ok || !more || f.end != m.filter.end-m.filter.off-1
	}
	if !bad {
		return nil
	}
	return fault.New(fault.Record, codeNotConvergent, "%s=%s needs an _id that the record determines, and this record has none", keyExactly, exactlyIdempotent).
		WithJava(dataException).WithFix("Give the table a primary key, or use %s=%s.", keyExactly, exactlyTransact)
}

// keeper is a Sink that keeps its offsets with the documents.
type keeper struct {
	*Sink
	offsets offsets
	session txSession
}

// newKeeper makes the sink of a configuration with culvert.exactly.once.
func newKeeper(s *Sink, srv *driverServer, group string) (*keeper, error) {
	if group == "" {
		return nil, configFault(fmt.Sprintf("Invalid value %s for configuration %s: this task is in no consumer group, so that there are no offsets to keep", s.cfg.ExactlyOnce, keyExactly), keyExactly)
	}
	if srv.unacknowledged() {
		return nil, configFault(unacknowledgedText(s.cfg.ExactlyOnce), keyExactly)
	}
	s.converges = s.cfg.ExactlyOnce == exactlyIdempotent
	return &keeper{Sink: s, offsets: newOffsets(srv, s.hosts, &s.cfg.settings, group), session: txSession{server: srv}}, nil
}

func newOffsets(srv server, hosts string, s *settings, group string) offsets {
	return offsets{server: srv, hosts: hosts, ns: namespace{s.Database, offsetsCollection}, group: group}
}

func unacknowledgedText(mode string) string {
	return fmt.Sprintf("Invalid value %s for configuration %s: with w=0 in %s nobody knows what is written. Leave w out, or set w=majority", mode, keyExactly, keyURI)
}

// Restore is connectors.Checkpointer.
func (k *keeper) Restore(ctx context.Context, tps []data.TopicPartition) (data.Offsets, error) {
	k.finish() // what was left comes again only as part of another batch
	if err := k.offsets.create(ctx); err != nil {
		return nil, err
	}
	if k.offsets.mine = tps; !k.converges {
		if err := k.session.open(ctx, &k.offsets, tps); err != nil {
			return nil, k.explained(err)
		}
	}
	return k.offsets.restore(ctx, tps)
}

// Limits bounds a transaction: what it has to hold, and how long it is open.
func (k *keeper) Limits() connectors.Limits {
	return connectors.Limits{MaxRecords: 1000, MaxBytes: 4 << 20}
}

// Write writes the batch and moves the offsets past its messages, or neither.
func (k *keeper) Write(ctx context.Context, b *data.Batch) error {
	k.work.begin(b)
	defer func() { k.env.Worked(k.work.end()) }()
	if err := k.take(b); err != nil {
		return err
	}
	if err := k.retry.wait(ctx); err != nil {
		return err
	}
	if k.blame(b) {
		return nil
	}
	moves := k.offsets.movesOf(b)
	over := k.watch()
	var err error
	if k.converges {
		err = k.repeatable(ctx, b, moves)
	} else {
		err = k.transact(ctx, b, moves)
	}
	over()
	if err != nil || len(b.Failed()) > 0 {
		return err
	}
	k.offsets.made(moves)
	k.finish()
	return nil
}

// blame marks the records that have failed so far; it reports whether the batch has
// to come again without them. What is skipped without a mark stays with the batch.
func (k *keeper) blame(b *data.Batch) bool {
	if !k.plan.hasFailed() {
		return false
	}
	k.report(b)
	k.plan.failures = k.plan.failures[:0]
	for i := range k.plan.list {
		if m := &k.plan.list[i]; m.state == failed {
			m.state = skipped
			if !k.converges { // else the bulk write has counted it
				k.work.Refused++
			}
		}
	}
	marked := len(b.Failed())
	if marked > 0 {
		k.work.Records = int64(marked) // the others come again
	}
	return marked > 0
}

func (p *plan) hasFailed() bool {
	return len(p.failures) > 0 || slices.ContainsFunc(p.list, func(m model) bool { return m.state == failed })
}

// repeatable writes the batch, then moves the offsets. A crash between the two leads
// to a replay, which makes the same documents of the same records.
//
// A task that was thrown out of its group without knowing it could put older documents
// in the place of its successor's. Looking at the offsets first leaves only the time of
// one write for that; a transaction leaves none.
func (k *keeper) repeatable(ctx context.Context, b *data.Batch, moves []move) error {
	left, err := k.offsets.left(ctx, moves)
	if err != nil {
		return k.retryOf(err)
	}
	if len(left) == 0 {
		return nil
	}
	if err := k.unrepeatable(); err != nil {
		return err
	}
	if err := k.write(ctx); err != nil {
		return err
	}
	if k.blame(b) {
		return nil
	}
	if err = k.offsets.make(ctx, left); err == errMoved {
		if left, err = k.offsets.left(ctx, moves); err == nil && len(left) > 0 {
			err = k.offsets.fenced(left[0], "another place")
		}
	}
	return k.retryOf(err)
}

// unrepeatable fails the models that a replay would write otherwise. The others may
// be there from before: an insert that finds its own document has succeeded.
func (k *keeper) unrepeatable() error {
	for i := range k.plan.chunks {
		c := &k.plan.chunks[i]
		for n := c.from; n < c.to; n++ {
			m := &k.plan.list[n]
			if m.state != pending || m.maybe {
				continue
			}
			m.maybe = true
			if bad := k.plan.notConvergent(m); bad != nil {
				m.fail(bad)
				if err := k.settleModel(c, n); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// retryOf counts an attempt that MongoDB could not take.
func (k *keeper) retryOf(err error) error {
	if err == nil {
		return nil
	}
	t := &topicConfig{settings: k.cfg.settings}
	if len(k.plan.chunks) > 0 {
		t = k.plan.chunks[0].topic
	}
	return k.retry.after(err, t)
}

// Close ends the session and the connections.
func (k *keeper) Close(ctx context.Context) error {
	k.session.end(ctx)
	return k.Sink.Close(ctx)
}

// keptOffsets changes the positions of a connector that is stopped.
func keptOffsets(ctx context.Context, props map[string]string, group string, positions map[data.TopicPartition]*int64) (bool, error) {
	cfg, err := newConfig(props)
	if err != nil || !cfg.keepsOffsets() {
		return false, err
	}
	srv, err := connect(&cfg.settings)
	if err != nil {
		return true, err
	}
	defer func() { _ = srv.close(context.WithoutCancel(ctx)) }() // a client of its own, thrown away
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	o := newOffsets(srv, hostsOf(cfg.URI), &cfg.settings, group)
	return true, o.set(ctx, positions)
}

// canTransact says why a server has no transactions; empty if it has.
func canTransact(hello bson.Raw) string {
	if _, err := hello.LookupErr("setName"); err == nil || hello.Lookup("msg").String() == `"isdbgrid"` {
		return ""
	}
	return fmt.Sprintf("Invalid value %s for configuration %s: the server is neither a replica set nor a sharded cluster, and has no transactions. Use %s=%s, or make it a replica set of one",
		exactlyTransact, keyExactly, keyExactly, exactlyIdempotent)
}

// Times of what follows a failed transaction.
const (
	abortLimit  = time.Second
	commitTries = 3
)

var (
	_ connectors.Sink         = (*keeper)(nil)
	_ connectors.Checkpointer = (*keeper)(nil)
	_ connectors.Limited      = (*keeper)(nil)
)
