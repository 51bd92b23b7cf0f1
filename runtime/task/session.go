package task

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"sync"
	"time"

	"culvert/data"
	"culvert/fault"
	"culvert/kafka"
)

// work is one batch of a sink on its way, with converters of its own: while it is
// written, the next is being converted.
type work struct {
	batch   *data.Batch
	codecs  *codecs
	letters []data.Message // to be produced before the batch counts as done
	polled  time.Time
}

// Batches of a session: one being filled, one ready, one being written.
const batchesUnderWay = 3

// How long ago a batch may have been fetched before membership is proven anew by
// a commit: the process may have been frozen, and another member may own the
// partitions since.
const proofAge = 10 * time.Second

// session is the time between two rebalances: the partitions, and two loops that
// fetch and write them.
type session struct {
	s   *Sink
	tps []data.TopicPartition

	soft   context.Context // ends: no new work, give up waiting
	end    context.CancelFunc
	hard   context.Context // ends: a Write under way is cancelled
	kill   context.CancelFunc
	ready  chan *work
	free   chan *work
	flush  chan struct{} // asks for a commit
	joined sync.WaitGroup

	// The writer's, and the revoker's after joined.
	done      data.Offsets
	committed data.Offsets
	proven    time.Time

	mu   sync.Mutex
	open map[data.TopicPartition]span // guarded by mu
}

func newSession(s *Sink, tps []data.TopicPartition) *session {
	ses := &session{
		s: s, tps: tps, ready: make(chan *work, 1), free: make(chan *work, batchesUnderWay), flush: make(chan struct{}, 1),
		done: data.Offsets{}, committed: data.Offsets{}, open: map[data.TopicPartition]span{}, proven: time.Now(),
	}
	ses.hard, ses.kill = context.WithCancel(s.hard)
	ses.soft, ses.end = context.WithCancel(s.hard)
	for range batchesUnderWay {
		ses.free <- &work{batch: data.NewBatch(), codecs: newCodecs(&s.cfg.Chain)}
	}
	return ses
}

// start runs the two loops. What fails in one fails the task.
func (ses *session) start() {
	ses.s.cfg.Stats.Partitions(len(ses.tps))
	for _, loop := range []func() error{ses.fetch, ses.write} {
		ses.joined.Add(1)
		go func() {
			defer ses.joined.Done()
			if err := guarded(loop); err != nil && !ended(ses.soft, err) {
				ses.end()
				ses.s.fail(err)
			}
		}()
	}
}

// stop ends the loops. A Write under way has the grace period, then it is
// cancelled; one that does not come back then is the connector's defect.
func (ses *session) stop(ctx context.Context, grace time.Duration) error {
	ses.end()
	ses.s.cfg.Stats.Partitions(0)
	left := make(chan struct{})
	go func() { ses.joined.Wait(); close(left) }()
	within := func(d time.Duration) bool {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-left:
			return true
		case <-timer.C:
			return false
		}
	}
	if ctx.Err() != nil {
		grace = 0 // the membership is lost already: others may own the partitions
	}
	if within(grace) {
		ses.kill()
		return nil
	}
	ses.kill()
	if within(ses.s.cfg.Graceful) {
		return nil
	}
	return fault.New(fault.Fatal, "task.write_stuck", "the connector's Write did not return within %s after it was cancelled; its partitions cannot be given back", ses.s.cfg.Graceful).
		WithFix("Restart the task; report the connector, which ignores the end of its context.")
}

// fetch is steps 1 to 3 of the way of a record.
func (ses *session) fetch() error {
	s := ses.s
	pipe := pipeline{steps: s.cfg.Chain.Steps, policy: s.policy, retry: newRetrier(&s.cfg.Common, "transformations")}
	for {
		var w *work
		select {
		case w = <-ses.free:
		case <-ses.soft.Done():
			return nil
		}
		if err := ses.poll(w); err != nil {
			return err
		}
		ses.arrived(w.batch.Inputs)
		w.codecs.wire(w.batch)
		s.tracker.note(w.batch.Inputs)
		var err error
		w.letters, err = pipe.apply(ses.soft, w.batch, w.letters)
		if err != nil {
			ses.lastLetters(w)
			return err
		}
		if s.prepares != nil && len(w.batch.Records) > 0 {
			s.prepares.Prepare(w.batch)
		}
		s.cfg.Stats.Sent(len(w.batch.Records))
		select {
		case ses.ready <- w:
		case <-ses.soft.Done():
			return nil // not written: the next owner reads it again
		}
	}
}

// poll fills w, waiting while the task is paused.
func (ses *session) poll(w *work) error {
	s := ses.s
	for {
		period, err := s.gate.enter(ses.soft, func() { poke(ses.flush) })
		if err != nil {
			return err
		}
		w.batch.Inputs, err = s.consumer.Poll(period, s.limits, w.batch.Inputs[:0])
		w.polled = time.Now()
		switch {
		case len(w.batch.Inputs) > 0:
			return nil
		case err != nil && !ended(period, err):
			return err
		}
	}
}

// lastLetters produces the dead letters of a batch that stops the task, as Java
// does; the record comes again after a restart.
func (ses *session) lastLetters(w *work) {
	ctx, cancel := context.WithTimeout(ses.hard, ses.s.cfg.FlushTimeout)
	defer cancel()
	if err := sendLetters(ctx, ses.s.letters, w.letters); err != nil {
		ses.s.cfg.Stats.LettersFailed(len(w.letters))
		ses.s.cfg.Log.Warn("dead letter not written", "error", fmt.Sprint(err))
	}
	w.letters = nil
}

// write is steps 4 and 5.
func (ses *session) write() error {
	ticker := time.NewTicker(ses.s.cfg.FlushInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ses.soft.Done():
			return nil
		case <-ticker.C:
			ses.commit(ses.soft)
		case <-ses.flush:
			ses.commit(ses.soft)
		case w := <-ses.ready:
			if err := ses.deliver(w); err != nil {
				return err
			}
			ses.mark(w.batch.Inputs)
			ses.count(w.batch.Inputs)
			ses.s.cfg.Log.Debug("batch written", "records", len(w.batch.Inputs), "dead.letters", len(w.letters))
			ses.release(w)
			ses.free <- w
		}
	}
}

// release gives back the memory of a batch that is done, and that of its messages,
// which the consumer uses again.
func (ses *session) release(w *work) {
	for _, last := range runs(w.batch.Inputs) {
		ses.s.consumer.Done(data.TopicPartition{Topic: last.Topic, Partition: last.Partition}, last.Offset+1)
	}
	w.batch.Release()
	clear(w.letters)
	w.letters = w.letters[:0]
}

// deliver writes one batch for as long as it takes.
//
// Invariant 3: a sink's offset is committed only after Write has returned for
// what it covers, or the record is in the dead letter topic: deliver returns nil
// then and only then.
func (ses *session) deliver(w *work) error {
	s := ses.s
	b := w.batch
	begun := time.Now()
	for n := 0; ; n++ {
		err := ses.member(w)
		if err == nil && s.keeps != nil {
			err = ses.putWhole(w)
		} else if err == nil && len(b.Records) > 0 {
			put := time.Now()
			err = s.sink.Write(ses.hard, b)
			s.cfg.Stats.Put(time.Since(put))
			if err == nil {
				var wait error
				if w.letters, wait, err = settleWritten(s.policy, b, w.letters, begun); err == nil {
					err = wait
				}
			} else {
				w.letters, err = stopped(s.policy, b, w.letters, err)
			}
		}
		if err == nil {
			err = sendLetters(ses.hard, s.letters, w.letters)
		}
		switch {
		case err == nil:
			if n > 0 {
				s.retry.waiting("")
				s.cfg.Log.Info("resumed", "for", "sink", "attempts", n+1)
			}
			return nil
		case ended(ses.soft, err):
			return err
		case !fault.Is(err, fault.Retry):
			if errors.Is(err, errStale) {
				<-ses.soft.Done() // the group is about to take the partitions away
				return ses.soft.Err()
			}
			ses.lastLetters(w)
			return err
		}
		if n == 0 {
			s.cfg.Log.Warn("waiting", "for", "sink", "reason", err.Error())
		}
		s.retry.waiting(fault.Explain(err))
		for i := range b.Records {
			forget(&b.Records[i])
		}
		if err := s.retry.wait(ses.soft, n, err); err != nil {
			s.retry.waiting("")
			return err
		}
	}
}

// errStale says that the membership is gone and the batch is not ours to write.
var errStale = errors.New("membership lost")

// member makes sure that a batch that was fetched a while ago is still ours to
// write. A process that was frozen (SIGSTOP, a stalled machine) wakes up in the
// middle of this code: its member has been thrown out meanwhile, another one
// writes the partitions, but no heartbeat has told us yet. A commit is checked
// against the generation by the broker, so it tells.
func (ses *session) member(w *work) error {
	if len(ses.done) == 0 || time.Since(w.polled) < proofAge || time.Since(ses.proven) < proofAge {
		return nil
	}
	ctx, cancel := context.WithTimeout(ses.soft, ses.s.cfg.FlushTimeout)
	defer cancel()
	err := ses.send(ctx, ses.done)
	switch {
	case err == nil:
		return nil
	case fault.Is(err, fault.Fenced):
		return errStale
	case ses.soft.Err() != nil:
		return ses.soft.Err()
	case ctx.Err() != nil:
		return fault.New(fault.Retry, "task.coordinator", "the group coordinator does not answer: %w", err)
	}
	return err
}

// runs gives the first and the last message of each run of one partition. Messages
// of a partition come in order and mostly in runs, so that what is kept by partition
// is touched once for each.
func runs(msgs []data.Message) iter.Seq2[*data.Message, *data.Message] {
	return func(yield func(first, last *data.Message) bool) {
		begun := 0
		for i := range msgs {
			m := &msgs[i]
			if i+1 < len(msgs) && msgs[i+1].Partition == m.Partition && msgs[i+1].Topic == m.Topic {
				continue
			}
			if !yield(&msgs[begun], m) {
				return
			}
			begun = i + 1
		}
	}
}

// mark notes what is durable.
func (ses *session) mark(msgs []data.Message) {
	for _, last := range runs(msgs) {
		ses.done[data.TopicPartition{Topic: last.Topic, Partition: last.Partition}] = last.Offset + 1
	}
}

// span is what was fetched of a partition and is not written: the offsets from next
// to before end.
type span struct{ next, end int64 }

// arrived counts a batch that was fetched.
func (ses *session) arrived(msgs []data.Message) {
	ses.mu.Lock()
	for first, last := range runs(msgs) {
		tp := data.TopicPartition{Topic: last.Topic, Partition: last.Partition}
		open, known := ses.open[tp]
		if !known {
			open.next = first.Offset
		}
		open.end = last.Offset + 1
		ses.open[tp] = open
	}
	behind := ses.behind()
	ses.mu.Unlock()
	ses.s.cfg.Stats.Read(len(msgs), 0)
	ses.s.cfg.Stats.Lag(behind)
}

// count counts a batch that is done.
func (ses *session) count(msgs []data.Message) {
	ses.mu.Lock()
	for _, last := range runs(msgs) {
		tp := data.TopicPartition{Topic: last.Topic, Partition: last.Partition}
		ses.open[tp] = span{next: last.Offset + 1, end: ses.open[tp].end}
	}
	behind := ses.behind()
	ses.mu.Unlock()
	ses.s.cfg.Stats.Done(len(msgs))
	ses.s.cfg.Stats.Lag(behind)
}

// behind is how far the writes are behind the fetches, in the partition where that is
// most: also while nothing is written, which is when one wants to know. The caller
// holds mu.
func (ses *session) behind() (most int64) {
	for _, open := range ses.open {
		most = max(most, open.end-open.next)
	}
	return most
}

// commit commits what is done and not committed yet. A failed commit is no
// failure of the task: the next one covers it, and a stale generation is the
// group's to deal with.
func (ses *session) commit(ctx context.Context) {
	todo := data.Offsets{}
	for tp, o := range ses.done {
		if c, ok := ses.committed[tp]; !ok || c != o {
			todo[tp] = o
		}
	}
	if len(todo) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, ses.s.cfg.FlushTimeout)
	defer cancel()
	if err := ses.send(ctx, todo); err != nil {
		switch {
		case fault.Is(err, fault.Fenced): // too late: the next owner goes on from the last commit
			ses.s.cfg.Log.Debug("offsets not committed", "error", fmt.Sprint(err))
		case !ended(ses.soft, err):
			ses.s.cfg.Log.Warn("offsets not committed", "error", fmt.Sprint(err))
		}
		return
	}
	ses.s.cfg.Log.Debug("offsets committed", "partitions", len(todo))
}

// send commits offsets, once, and counts how that went.
func (ses *session) send(ctx context.Context, offsets data.Offsets) error {
	begun := time.Now()
	err := ses.s.group.Commit(ctx, metas(offsets))
	if fault.Is(err, fault.Fenced) {
		ses.s.cfg.Stats.CommitSkipped()
		return err
	}
	ses.s.cfg.Stats.Committed(time.Since(begun), err)
	if err == nil {
		ses.proven = time.Now()
		maps.Copy(ses.committed, offsets)
	}
	return err
}

func metas(offsets data.Offsets) map[data.TopicPartition]kafka.OffsetMeta {
	m := make(map[data.TopicPartition]kafka.OffsetMeta, len(offsets))
	for tp, o := range offsets {
		m[tp] = kafka.OffsetMeta{Offset: o}
	}
	return m
}
