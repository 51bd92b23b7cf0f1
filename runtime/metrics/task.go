package metrics

import (
	"sync"
	"time"
)

// Task is what one task counts. Its methods are told once for each batch, never
// for each record; all are safe for concurrent use, and do nothing on nil.
type Task struct {
	now func() time.Time

	mu    sync.Mutex // guards what follows
	begun time.Time
	state taskState
	since time.Time // of state
	spent [3]time.Duration

	batch               window // records
	commitTime          window // ms
	commitGood          window // 1 or 0
	poll, put           window // ms
	read, sent          counter
	completed, skipped  counter // offset commits
	commits             float64
	active              float64
	activeSeen          window
	lag                 float64
	partitions          float64
	transaction         window // records
	errors              Errors
	lettersFailed       float64
	rows, passedBy      float64
	late                float64
	waitingSince        time.Time
	waited              time.Duration
	lastError           time.Time
	loggedErrors, tries float64
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

func (t *Task) do(f func(now time.Time)) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	f(t.now())
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Running, Paused and Ended say what the task does from now on.
func (t *Task) Running() { t.enter(running) }

// Paused is the target state PAUSED.
func (t *Task) Paused() { t.enter(paused) }

// Ended is any state in which nothing is done.
func (t *Task) Ended() { t.enter(idle) }

func (t *Task) enter(s taskState) {
	t.do(func(now time.Time) {
		t.spent[t.state] += now.Sub(t.since)
		t.state, t.since = s, now
	})
}

// Read tells of a batch that a source gave within a time, or that was fetched for
// a sink.
func (t *Task) Read(records int, took time.Duration) {
	t.do(func(now time.Time) {
		t.read.add(records, now)
		t.batch.record(float64(records), now)
		t.poll.record(millis(took), now)
		t.changeActive(records, now)
	})
}

// Sent tells of records that left the transformations for Kafka (source) or for
// the connector (sink).
func (t *Task) Sent(records int) { t.do(func(now time.Time) { t.sent.add(records, now) }) }

// Put tells how long a connector took for a batch.
func (t *Task) Put(took time.Duration) {
	t.do(func(now time.Time) { t.put.record(millis(took), now) })
}

// Done tells of records that are no longer under way: acknowledged or dropped by a
// source, durable or routed by a sink.
func (t *Task) Done(records int) { t.do(func(now time.Time) { t.changeActive(-records, now) }) }

func (t *Task) changeActive(by int, now time.Time) {
	t.active = max(t.active+float64(by), 0)
	t.activeSeen.record(t.active, now)
}

// Committed tells of an attempt to commit offsets.
func (t *Task) Committed(took time.Duration, err error) {
	t.do(func(now time.Time) {
		t.commitTime.record(millis(took), now)
		if err != nil {
			t.commitGood.record(0, now)
			return
		}
		t.commitGood.record(1, now)
		t.completed.add(1, now)
		t.commits++
	})
}

// CommitSkipped tells of a commit that came too late or was not needed any more.
func (t *Task) CommitSkipped() { t.do(func(now time.Time) { t.skipped.add(1, now) }) }

// Transaction tells of the records of a Kafka transaction.
func (t *Task) Transaction(records int) {
	t.do(func(now time.Time) { t.transaction.record(float64(records), now) })
}

// Partitions is how many partitions a sink has; Lag is by how many records it is
// behind what was fetched for it, in the partition where that is most.
func (t *Task) Partitions(n int) { t.do(func(time.Time) { t.partitions = float64(n) }) }

// Lag: see Partitions.
func (t *Task) Lag(records int64) { t.do(func(time.Time) { t.lag = float64(records) }) }

// Failed adds what became of failed records.
func (t *Task) Failed(e Errors) {
	t.do(func(now time.Time) {
		t.errors.Failures += e.Failures
		t.errors.Errors += e.Errors
		t.errors.Skipped += e.Skipped
		t.errors.Letters += e.Letters
		t.lastError = now
	})
}

// Logged counts a failed record that was logged.
func (t *Task) Logged() { t.do(func(time.Time) { t.loggedErrors++ }) }

// Retried counts an attempt after a failure that a wait can cure.
func (t *Task) Retried() { t.do(func(time.Time) { t.tries++ }) }

// LettersFailed counts dead letters that were not written.
func (t *Task) LettersFailed(n int) { t.do(func(time.Time) { t.lettersFailed += float64(n) }) }

// Waiting says whether the task waits for something outside: a broker, a registry,
// a database.
func (t *Task) Waiting(yes bool) {
	t.do(func(now time.Time) {
		switch {
		case yes && t.waitingSince.IsZero():
			t.waitingSince = now
		case !yes && !t.waitingSince.IsZero():
			t.waited += now.Sub(t.waitingSince)
			t.waitingSince = time.Time{}
		}
	})
}

// Joined adds what a stateful transformation did with a batch.
func (t *Task) Joined(rows, skipped, late uint64) {
	t.do(func(time.Time) {
		t.rows += float64(rows)
		t.passedBy += float64(skipped)
		t.late += float64(late)
	})
}
