package metrics

import (
	"sync"
	"sync/atomic"
	"time"
)

// Task is what one task counts. Its methods are told once for each batch, never
// for each record; all are safe for concurrent use, and do nothing on nil. None of
// those that a batch calls takes a lock.
type Task struct {
	now func() time.Time

	batch              window // records
	commitTime         window // ms
	commitGood         window // 1 or 0
	poll, put          window // ms
	read, sent         counter
	completed, skipped counter // offset commits
	active             atomic.Int64
	activeSeen         window
	lag, partitions    atomic.Int64
	transaction        window // records

	failures, errors, passed      atomic.Int64
	letters, lettersFailed        atomic.Int64
	logged, retries               atomic.Int64
	lastError                     atomic.Int64 // ms since 1970
	joinRows, joinSkips, joinLate atomic.Int64
	acked, filtered               atomic.Int64
	work                          work
	polled                        polled

	mu           sync.Mutex // guards what follows; it changes rarely
	begun        time.Time
	state        taskState
	since        time.Time // of state
	spent        [3]time.Duration
	waitingSince time.Time
	waited       time.Duration
}

// taskState is what the ratios tell apart.
type taskState uint8

const (
	idle taskState = iota // neither: it starts, waits for its end, has failed
	running
	paused
)

// Errors are totals of what became of records that failed.
type Errors struct{ Failures, Errors, Skipped, Letters int64 }

// NewTask begins to count.
func NewTask(s Sampling) *Task {
	t := &Task{now: time.Now}
	t.begun = t.now()
	t.since = t.begun
	for _, w := range []*window{&t.batch, &t.commitTime, &t.commitGood, &t.poll, &t.put, &t.activeSeen, &t.transaction,
		&t.read.last, &t.sent.last, &t.completed.last, &t.skipped.last} {
		*w = newWindow(s)
	}
	return t
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Running, Paused and Ended say what the task does from now on.
func (t *Task) Running() { t.enter(running) }

// Paused is the target state PAUSED.
func (t *Task) Paused() { t.enter(paused) }

// Ended is any state in which nothing is done.
func (t *Task) Ended() { t.enter(idle) }

func (t *Task) enter(s taskState) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	t.spent[t.state] += now.Sub(t.since)
	t.state, t.since = s, now
}

// Read tells of a batch that a source gave within a time, or that was fetched for
// a sink.
func (t *Task) Read(records int, took time.Duration) {
	if t == nil {
		return
	}
	now := t.now()
	t.read.add(records, now)
	t.batch.record(float64(records), now)
	t.poll.record(millis(took), now)
	t.changeActive(records, now)
}

// Sent tells of records that left the transformations for Kafka (source) or for
// the connector (sink).
func (t *Task) Sent(records int) {
	if t != nil {
		t.sent.add(records, t.now())
	}
}

// Put tells how long a connector took for a batch.
func (t *Task) Put(took time.Duration) {
	if t != nil {
		t.put.record(millis(took), t.now())
	}
}

// Done tells of records that are no longer under way: acknowledged or dropped by a
// source, durable or routed by a sink.
func (t *Task) Done(records int) {
	if t != nil && records != 0 {
		t.changeActive(-records, t.now())
	}
}

// Acknowledged tells of records of a source that are in Kafka, or were routed.
func (t *Task) Acknowledged(records int) {
	if t != nil {
		t.acked.Add(int64(records))
		t.Done(records)
	}
}

// Filtered tells of records of a source that are left out of Kafka.
func (t *Task) Filtered(records int) {
	if t != nil {
		t.filtered.Add(int64(records))
		t.Done(records)
	}
}

// Idle says that no record is under way any more: the partitions were given back, or
// the task has ended. Whoever goes on reads again what was not done.
func (t *Task) Idle() {
	if t != nil {
		t.lag.Store(0)
		t.active.Store(0)
		t.activeSeen.record(0, t.now())
	}
}

func (t *Task) changeActive(by int, now time.Time) {
	t.activeSeen.record(float64(t.active.Add(int64(by))), now)
}

// Committed tells of an attempt to commit offsets.
func (t *Task) Committed(took time.Duration, err error) {
	if t == nil {
		return
	}
	now := t.now()
	t.commitTime.record(millis(took), now)
	if err != nil {
		t.commitGood.record(0, now)
		return
	}
	t.commitGood.record(1, now)
	t.completed.add(1, now)
}

// CommitSkipped tells of a commit that came too late or was not needed any more.
func (t *Task) CommitSkipped() {
	if t != nil {
		t.skipped.add(1, t.now())
	}
}

// Transaction tells of the records of a Kafka transaction.
func (t *Task) Transaction(records int) {
	if t != nil {
		t.transaction.record(float64(records), t.now())
	}
}

// Partitions is how many partitions a sink has; Lag is by how many records it is
// behind what was fetched for it, in the partition where that is most.
func (t *Task) Partitions(n int) {
	if t != nil {
		t.partitions.Store(int64(n))
	}
}

// Lag: see Partitions.
func (t *Task) Lag(records int64) {
	if t != nil {
		t.lag.Store(records)
	}
}

// Failed adds what became of failed records.
func (t *Task) Failed(e Errors) {
	if t == nil {
		return
	}
	t.failures.Add(e.Failures)
	t.errors.Add(e.Errors)
	t.passed.Add(e.Skipped)
	t.letters.Add(e.Letters)
	t.lastError.Store(t.now().UnixMilli())
}

// AttemptFailed counts an attempt to process a record that failed and is repeated:
// the record may come through yet.
func (t *Task) AttemptFailed() {
	if t != nil {
		t.failures.Add(1)
	}
}

// Logged counts a failed record that was logged.
func (t *Task) Logged() {
	if t != nil {
		t.logged.Add(1)
	}
}

// Retried counts an attempt after a failure that a wait can cure.
func (t *Task) Retried() {
	if t != nil {
		t.retries.Add(1)
	}
}

// LettersFailed counts dead letters that were not written.
func (t *Task) LettersFailed(n int) {
	if t != nil {
		t.lettersFailed.Add(int64(n))
	}
}

// Waiting says whether the task waits for something outside: a broker, a registry,
// a database.
func (t *Task) Waiting(yes bool) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	switch {
	case yes && t.waitingSince.IsZero():
		t.waitingSince = now
	case !yes && !t.waitingSince.IsZero():
		t.waited += now.Sub(t.waitingSince)
		t.waitingSince = time.Time{}
	}
}

// Joined adds what a stateful transformation did with a batch.
func (t *Task) Joined(rows, skipped, late uint64) {
	if t != nil {
		t.joinRows.Add(int64(rows))
		t.joinSkips.Add(int64(skipped))
		t.joinLate.Add(int64(late))
	}
}

// ratio is the share of its life that the task has spent in a state.
func (t *Task) ratio(s taskState, now time.Time) float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	life := now.Sub(t.begun)
	if life <= 0 {
		return 0
	}
	spent := t.spent[s]
	if t.state == s {
		spent += now.Sub(t.since)
	}
	return float64(spent) / float64(life)
}

// waits is how long the task has been waiting, 0 if it does not; waitedFor adds
// what it has waited before.
func (t *Task) waits(now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waitingSince.IsZero() {
		return 0
	}
	return now.Sub(t.waitingSince)
}

func (t *Task) waitedFor(now time.Time) time.Duration {
	current := t.waits(now)
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.waited + current
}
