package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"culvert/data"
	"culvert/fault"
)

// Txn is the one transactional producer of a transactional id. One goroutine
// uses it.
//
// Like Producer it speaks to the brokers itself. A transaction never stays open
// across a wait: what does not get through within half of transaction.timeout.ms
// is aborted, and Run says Retry.
type Txn struct {
	c      *cluster
	id     string
	topics map[string]*sink

	who       identity
	sequences map[data.TopicPartition]int32
	open      bool  // the coordinator knows of partitions in the current transaction
	dirty     bool  // the last transaction did not end well: recover before the next
	over      error // fenced, or an unknown outcome: Run gives it for good

	coordinator int32            // of id; -1: to be asked for
	groups      map[string]int32 // coordinators of groups
}

// RecordError is the error of a message that cannot be written: class Record
// within. It makes Run abort; the caller routes the message away and runs the rest.
type RecordError struct {
	Index int // in the msgs of Run
	Err   error
}

func (e *RecordError) Error() string { return e.Err.Error() }

func (e *RecordError) Unwrap() error { return e.Err }

// OpenTxn takes the transactional id over (InitProducerId): its old owner is
// fenced and what it left open is aborted. It waits for a broker until ctx ends.
func OpenTxn(ctx context.Context, s Settings, transactionalID string) (*Txn, error) {
	c, err := openCluster(s, ProducerRole)
	if err != nil {
		return nil, err
	}
	t := &Txn{c: c, id: transactionalID, topics: map[string]*sink{}, coordinator: -1, groups: map[string]int32{}}
	if err := t.take(ctx, nobody); err != nil {
		c.close()
		return nil, err
	}
	return t, nil
}

// take gets a producer id and epoch: with nobody from whoever has them, else only
// if nobody else has taken them since (KIP-360).
func (t *Txn) take(ctx context.Context, from identity) error {
	what := "take over the transactional id " + t.id
	err := t.c.retry(ctx, what, func() error {
		return t.quick(ctx, func() error {
			who, err := t.sendInit(ctx, from)
			if err == nil {
				t.who, t.sequences, t.open, t.dirty = who, map[data.TopicPartition]int32{}, false, false
			}
			return err
		})
	})
	if errors.Is(err, sarama.ErrInvalidTransactionTimeout) {
		return fault.New(fault.Config, "kafka.transaction_timeout", "%v: transaction.timeout.ms=%d is more than the broker allows",
			err, t.c.opts.txnTimeout.Milliseconds()).WithFix("Lower transaction.timeout.ms or raise the broker's transaction.max.timeout.ms.")
	}
	return err
}

// Run writes messages and a group's offsets in one transaction.
//
// Nil: all of it is committed. Retry: none of it is or will be visible, call
// again. A *RecordError (class Record): none of it is visible, and the same call
// would fail again. Fenced: another has taken the id over; it decides by the
// committed offsets what of this call counts. Fatal: no rights, or ctx ended while
// the outcome of the commit was not known; open a new Txn and look at the
// committed offsets. Once fenced, every later Run says so.
//
// Messages with Partition -1 are partitioned as Producer does it; without offsets
// the group is left alone.
func (t *Txn) Run(ctx context.Context, msgs []data.Message, group string, offsets map[data.TopicPartition]OffsetMeta) error {
	if t.over != nil {
		return t.over
	}
	if t.dirty {
		if err := t.recover(ctx); err != nil {
			return t.verdict(err)
		}
	}
	if len(msgs) == 0 && len(offsets) == 0 {
		return nil
	}
	queues, err := t.prepare(ctx, msgs)
	if err != nil {
		return t.verdict(err)
	}
	defer freeAll(queues)
	limited, cancel := context.WithTimeout(ctx, t.c.opts.txnTimeout/2)
	defer cancel()
	if err := t.fill(limited, queues, group, offsets); err != nil {
		return t.giveUp(ctx, err)
	}
	return t.commit(ctx)
}

// queue is what is to be written to one partition, in order.
type queue struct {
	tp      data.TopicPartition
	batches []*batch
}

func freeAll(queues []*queue) {
	for _, q := range queues {
		for _, b := range q.batches {
			b.free()
		}
	}
}

// prepare forms the batches of all partitions, before the transaction begins.
func (t *Txn) prepare(ctx context.Context, msgs []data.Message) ([]*queue, error) {
	var queues []*queue
	byPartition := map[data.TopicPartition]*queue{}
	origin := &submission{msgs: msgs}
	for i := range msgs {
		m := &msgs[i]
		if err := checkMessage(m, &t.c.opts); err != nil {
			return nil, &RecordError{i, err}
		}
		topic, err := t.topic(ctx, m)
		if fault.Is(err, fault.Record) {
			return nil, &RecordError{i, err}
		}
		if err != nil {
			return nil, err
		}
		tp := data.TopicPartition{Topic: m.Topic, Partition: topic.choose(m, t.c.opts.batchSize)}
		q := byPartition[tp]
		if q == nil {
			q = &queue{tp: tp}
			byPartition[tp] = q
			queues = append(queues, q)
		}
		if n := len(q.batches); n == 0 || q.batches[n-1].bytes+m.Bytes() > t.c.opts.batchSize {
			q.batches = append(q.batches, newBatch(tp))
		}
		b := q.batches[len(q.batches)-1]
		b.add(m)
		b.entries = append(b.entries, entry{origin, int32(i)})
	}
	return queues, nil
}

// topic waits until the topic of a message is known, and the partition it names.
func (t *Txn) topic(ctx context.Context, m *data.Message) (*sink, error) {
	s := t.topics[m.Topic]
	if n, age := t.c.partitions(m.Topic); s != nil && m.Partition < s.n && n > 0 && age < t.c.opts.metadataMaxAge {
		return s, nil
	}
	n, err := t.c.findTopic(ctx, m)
	if err != nil {
		return nil, err
	}
	if s == nil {
		s = &sink{}
		t.topics[m.Topic] = s
	}
	s.resize(n)
	return s, nil
}

// fill does all of a transaction but its end.
func (t *Txn) fill(ctx context.Context, queues []*queue, group string, offsets map[data.TopicPartition]OffsetMeta) error {
	if len(queues) > 0 {
		if err := t.patiently(ctx, func() error { return t.sendPartitions(ctx, queues) }); err != nil {
			return err
		}
	}
	if err := t.produceAll(ctx, queues); err != nil {
		return err
	}
	if len(offsets) == 0 {
		return nil
	}
	if err := t.patiently(ctx, func() error { return t.sendGroup(ctx, group) }); err != nil {
		return err
	}
	return t.patiently(ctx, func() error { return t.sendOffsets(ctx, group, offsets) })
}

// produceAll sends the queues, one batch of each partition at a time, until all
// are in the log.
func (t *Txn) produceAll(ctx context.Context, queues []*queue) error {
	left := make([]*queue, 0, len(queues))
	for _, q := range queues {
		left = append(left, &queue{q.tp, q.batches})
	}
	w := t.c.waiter("produce in transaction " + t.id)
	defer w.done()
	for len(left) > 0 {
		progress, err := t.produceRound(ctx, left)
		if err != nil && !waitable(err) {
			return err
		}
		if err != nil {
			w.fail(err)
		} else {
			w.ok()
		}
		rest := left[:0]
		for _, q := range left {
			if len(q.batches) > 0 {
				rest = append(rest, q)
			}
		}
		left = rest
		if err != nil && !progress {
			if w.pause(ctx) != nil {
				return unreachable("produce in transaction "+t.id, err)
			}
		}
	}
	return nil
}

// commit ends the transaction. From here on only an answer tells what has become
// of it, so it is asked for until there is one.
func (t *Txn) commit(ctx context.Context) error {
	err := t.patiently(ctx, func() error { return t.sendEnd(ctx, true) })
	if err == nil {
		t.open = false
		return nil
	}
	code, known := kerror(err)
	switch {
	case !known || waitable(err): // ctx has ended: one more try, with a time of its own
		extra, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWord)
		defer cancel()
		if err = t.patiently(extra, func() error { return t.sendEnd(extra, true) }); err == nil {
			t.open = false
			return nil
		}
		if code, known = kerror(err); !known || waitable(err) {
			t.over = fault.New(fault.Fatal, "kafka.commit_unknown",
				"whether transaction %s was committed is not known: %v", t.id, err)
			return t.over
		}
	}
	if code == sarama.ErrInvalidTxnState { // it was aborted: it had timed out
		t.dirty, t.open = true, false
		return fault.New(fault.Retry, "kafka.transaction_timeout", "transaction %s had timed out and was aborted", t.id)
	}
	return t.giveUp(ctx, err)
}

// lastWord is the time for learning the outcome of a commit when ctx has ended.
const lastWord = 5 * time.Second

// giveUp makes sure that nothing of the transaction becomes visible, and says what
// the caller is to do about err.
func (t *Txn) giveUp(ctx context.Context, err error) error {
	t.dirty = true
	if fencing(err) {
		return t.verdict(t.explainFence(ctx, err))
	}
	// The abort gets its own time: it is wanted above all when ctx has ended, and
	// read_committed readers wait for it.
	cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWord)
	defer cancel()
	if rerr := t.recover(cleanup); rerr != nil {
		if !waitable(rerr) {
			return t.verdict(rerr)
		}
		t.c.log.Warn("transaction could not be aborted yet", "transactional_id", t.id, "err", rerr)
	}
	return t.verdict(err)
}

// recover aborts what is open and takes a new epoch, so that sequence numbers
// begin anew: which of the batches got into the log is not always known.
func (t *Txn) recover(ctx context.Context) error {
	if t.open {
		err := t.patiently(ctx, func() error { return t.sendEnd(ctx, false) })
		if fencing(err) {
			return t.explainFence(ctx, err)
		}
		if code, _ := kerror(err); err != nil && code != sarama.ErrInvalidTxnState {
			return err
		}
		t.open = false
	}
	return t.take(ctx, t.who)
}

// explainFence tells a transaction that timed out, which the coordinator fences as
// well, from another owner of the id: a time-out raises the epoch by one and leaves
// the transaction aborted; another owner then raises it again. Only the first can
// be recovered from. That is done with the epoch of the time-out in hand, so it
// fails if another owner comes in between.
func (t *Txn) explainFence(ctx context.Context, fence error) error {
	if !t.open {
		return fence
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.c.opts.requestTimeout)
	defer cancel()
	var now identity
	var state string
	err := t.patiently(limited, func() (err error) {
		now, state, err = t.describe(limited)
		return err
	})
	if err != nil {
		if waitable(err) {
			return err // dirty stays: the next Run comes here again
		}
		return fence
	}
	timedOut := now.id == t.who.id && now.epoch == t.who.epoch+1 &&
		(state == "CompleteAbort" || state == "PrepareAbort" || state == "PrepareEpochFence")
	if !timedOut {
		return fence
	}
	if err := t.take(limited, now); err != nil {
		return err
	}
	return fault.New(fault.Retry, "kafka.transaction_timeout", "transaction %s had timed out and was aborted", t.id)
}

// verdict classifies the error of a transaction and remembers those that end the
// Txn.
func (t *Txn) verdict(err error) error {
	var record *RecordError
	switch {
	case errors.As(err, &record):
		return err
	case fencing(err):
		t.over = &fault.Error{Class: fault.Fenced, Code: "kafka.fenced",
			Err: fmt.Errorf("another producer has taken over the transactional id %s: %w", t.id, err)}
		return t.over
	case waitable(err):
		return unreachable("transaction "+t.id, err)
	}
	switch code, _ := kerror(err); code {
	case sarama.ErrOutOfOrderSequenceNumber, sarama.ErrUnknownProducerID, sarama.ErrInvalidTxnState, sarama.ErrInvalidProducerIDMapping:
		// Java: abortable. The abort and the new epoch have put it right, or the next
		// Run will.
		return &fault.Error{Class: fault.Retry, Code: "kafka.transaction_aborted", Err: err}
	}
	return unreachable("transaction "+t.id, err)
}

func fencing(err error) bool {
	code, ok := kerror(err)
	return ok && (code == sarama.ErrProducerFenced || code == sarama.ErrInvalidProducerEpoch)
}

// patiently repeats f while the cluster is busy or away, until ctx ends.
func (t *Txn) patiently(ctx context.Context, f func() error) error {
	return t.c.retry(ctx, "transaction "+t.id, func() error { return t.quick(ctx, f) })
}

// busyWait is the longest pause between tries while the last transaction is being
// completed: Java's too.
const busyWait = 20 * time.Millisecond

// quick repeats f while the previous transaction is still being completed, which
// takes a few milliseconds: the back-off for outages would be far too long. It also
// forgets coordinators that do not answer.
func (t *Txn) quick(ctx context.Context, f func() error) error {
	for wait := time.Millisecond; ; wait = min(wait*2, busyWait) {
		err := f()
		code, _ := kerror(err)
		if errors.Is(err, errTransport) || staleCoordinator(code) {
			t.coordinator = -1
			clear(t.groups)
		}
		if code != sarama.ErrConcurrentTransactions {
			return err
		}
		if sleep(ctx, wait) != nil {
			return err
		}
	}
}

// Close ends the connections. It may be called twice.
func (t *Txn) Close() error {
	t.c.close()
	return nil
}

var _ error = (*RecordError)(nil)
