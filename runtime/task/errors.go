package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"culvert/data"
	"culvert/fault"
	"culvert/runtime/metrics"
)

// Errors is errors.* of a connector (KIP-298).
//
// Deviation from Java: what only a wait can cure (class Retry: a registry or a
// target that does not answer) is waited out however long it lasts, where Java
// fails the task after errors.retry.timeout, 0 by default. A positive timeout is
// kept for conversions and transformations: after it the record counts as bad.
type Errors struct {
	Tolerate      bool          // errors.tolerance=all
	RetryTimeout  time.Duration // errors.retry.timeout; 0 and below: no end
	RetryDelayMax time.Duration // errors.retry.delay.max.ms
	Log           bool          // errors.log.enable
	LogMessages   bool          // errors.log.include.messages
	// Letters is errors.deadletterqueue.topic.name, empty: none. Only for sinks.
	Letters            string
	LettersReplication int16 // errors.deadletterqueue.topic.replication.factor
	LettersContext     bool  // errors.deadletterqueue.context.headers.enable
	// Redact takes secrets out of what dead letters say; nil: there are none.
	Redact func(text string) string
}

// Codes of the errors that this package makes itself.
const (
	codeTolerance = "task.tolerance_exceeded"
	codeLetter    = "task.dead_letter"
)

// Java names of what failed when it was not a converter or a transformation.
const (
	javaSinkTask   = "org.apache.kafka.connect.sink.SinkTask"
	javaSourceTask = "org.apache.kafka.connect.runtime.WorkerSourceTask"
)

// policy decides what becomes of failed records. It is shared by the goroutines
// of a task.
type policy struct {
	Errors
	id    ID
	log   *slog.Logger
	chain *Chain
	by    string // Java class of the connector's side, for failures that name nobody
	stats *metrics.Task
}

func newPolicy(c *Common, chain *Chain, by string) *policy {
	return &policy{Errors: c.Errors, id: c.ID, log: c.Log, chain: chain, by: by, stats: c.Stats}
}

// overdue reports whether errors.retry.timeout is over for what began at begun.
func (p *policy) overdue(begun time.Time) bool {
	return p.RetryTimeout > 0 && time.Since(begun) >= p.RetryTimeout
}

// settle takes the failed records out of b: each is logged and, for a sink with a
// dead letter topic, appended to letters. Without tolerance the first one is the
// error that stops the task; its letter is made nevertheless, as in Java.
func (p *policy) settle(b *data.Batch, letters []data.Message) ([]data.Message, error) {
	failed := b.Failed()
	if len(failed) == 0 {
		return letters, nil
	}
	slices.SortFunc(failed, func(a, b data.Failure) int { return a.Index - b.Index }) // letters in the order of the records
	var stop error
	gone := make(map[int]bool, len(failed))
	var count metrics.Errors
	for i := range failed {
		f := &failed[i]
		input := inputOf(b, f.Index)
		if input != nil {
			unreadable(f, &b.Records[f.Index], b.Arena)
		}
		p.blame(f, &b.Records[f.Index])
		gone[f.Index] = true
		count.Failures++
		count.Errors++
		p.report(f, &b.Records[f.Index], input)
		if lasting(f) {
			stop = p.failed(f, &b.Records[f.Index], input)
			break
		}
		if p.Letters != "" && input != nil {
			letters = append(letters, p.letter(f, input))
			count.Letters++
		}
		if !p.Tolerate {
			stop = p.exceeded(f, &b.Records[f.Index], input)
			break
		}
		count.Skipped++
	}
	b.ClearFailed()
	p.stats.Failed(count)
	b.Remove(func(i int) bool { return !gone[i] })
	return letters, stop
}

// lasting reports whether a converter has failed for a reason that is not in the
// record, such as a registry that refuses the user: every record would fail, and
// none deserves to be dropped for it. What nobody has classified counts as the
// record's fault, as in Java.
func lasting(f *data.Failure) bool {
	switch f.Stage {
	case data.StageKeyConverter, data.StageValueConverter, data.StageHeaderConverter:
		e := fault.Of(f.Err)
		return e != nil && e.Class != fault.Record && e.Class != fault.Retry
	}
	return false
}

// failed is the error of a task that stops at a record for a lasting reason.
func (p *policy) failed(f *data.Failure, r *data.Record, input *data.Message) error {
	e := *fault.Of(f.Err)
	e.Err = fmt.Errorf("%s with %s failed for %s: %w", f.Stage, f.By, where(r, input), f.Err)
	return &e
}

// inputOf is the message that record i was made from, nil in a source.
func inputOf(b *data.Batch, i int) *data.Message {
	if in := b.Records[i].Input; in >= 0 && int(in) < len(b.Inputs) {
		return &b.Inputs[in]
	}
	return nil
}

// unreadable makes the first part of a failed record that its converter cannot read
// the reason of the failure. Java converts key, value and headers, in this order, before
// anything else sees the record; here somebody may have failed at a later part first.
func unreadable(f *data.Failure, r *data.Record, a *data.Arena) {
	bad := func(c *data.Cell, stage data.Stage) bool {
		_, _, err := c.Value(a)
		if err == nil || !fault.Is(err, fault.Record) {
			return false
		}
		if !errors.Is(f.Err, err) {
			f.Err = err
		}
		f.Stage, f.By = stage, ""
		return true
	}
	if bad(&r.Key, data.StageKeyConverter) || bad(&r.Value, data.StageValueConverter) {
		return
	}
	for i := range r.Headers {
		if bad(&r.Headers[i].Value, data.StageHeaderConverter) {
			return
		}
	}
}

// blame gives a failure the stage of the converter when the record's key, value
// or header could not be decoded: cells are lazy, so the transformation or the
// sink that looked at them reports an error that is not its own.
func (p *policy) blame(f *data.Failure, r *data.Record) {
	if f.Stage == data.StagePut || f.Stage == data.StageTransformation {
		same := func(c *data.Cell) bool { return c.Err() != nil && errors.Is(f.Err, c.Err()) }
		stage := f.Stage
		for i := range r.Headers {
			if same(&r.Headers[i].Value) {
				stage = data.StageHeaderConverter
			}
		}
		if same(&r.Value) {
			stage = data.StageValueConverter
		}
		if same(&r.Key) {
			stage = data.StageKeyConverter
		}
		if stage != f.Stage {
			f.Stage, f.By = stage, ""
		}
	}
	if f.By == "" {
		f.By = p.chain.class(f.Stage)
	}
	if f.By == "" {
		f.By = p.by
	}
}

func (p *policy) exceeded(f *data.Failure, r *data.Record, input *data.Message) error {
	e := fault.New(fault.Fatal, codeTolerance, "Tolerance exceeded in error handler: %s with %s failed for %s: %w",
		f.Stage, f.By, where(r, input), f.Err).WithJava("org.apache.kafka.connect.errors.ConnectException")
	fix := "Correct the record or the configuration, or"
	if cause := fault.Of(f.Err); cause != nil && cause.Fix != "" {
		fix = cause.Fix + " Or"
	}
	fix += " set errors.tolerance=all to go on without such records"
	if input != nil {
		fix += " (errors.deadletterqueue.topic.name keeps them)"
	}
	return e.WithFix("%s.", fix)
}

// where names a record for a human.
func where(r *data.Record, input *data.Message) string {
	if input == nil {
		return fmt.Sprintf("a record for topic '%s'", r.Topic)
	}
	return fmt.Sprintf("the record of topic '%s', partition %d, offset %d", input.Topic, input.Partition, input.Offset)
}

// report writes the line of Java's LogReporter. The record's place is data about
// data; its content never goes to the log.
func (p *policy) report(f *data.Failure, r *data.Record, input *data.Message) {
	if !p.Log {
		return
	}
	var s strings.Builder
	fmt.Fprintf(&s, "Error encountered in task %s. Executing stage '%s' with class '%s'", p.id, f.Stage, f.By)
	if p.LogMessages {
		if input != nil {
			fmt.Fprintf(&s, ", where consumed record is {topic='%s', partition=%d, offset=%d", input.Topic, input.Partition, input.Offset)
			if input.Timestamp != data.NoTimestamp {
				s.WriteString(", timestamp=" + strconv.FormatInt(input.Timestamp, 10))
			}
			s.WriteByte('}')
		} else {
			fmt.Fprintf(&s, ", where source record is {topic='%s', timestamp=%d}", r.Topic, r.Timestamp)
		}
	}
	s.WriteByte('.')
	p.log.Error(s.String(), "error", fault.Explain(f.Err))
	p.stats.Logged()
}

// waits reports whether one of the failures of b is of class Retry, and returns
// that error.
func waits(b *data.Batch) error {
	for _, f := range b.Failed() {
		if fault.Is(f.Err, fault.Retry) {
			return f.Err
		}
	}
	return nil
}

// settleWritten routes what a sink's Write has marked as failed. Records that only
// a wait can help stay in the batch, alone, and wait is their error; all others
// were written. A batch without failures stays as it is. Begun is when the batch
// was first written: errors.retry.timeout later, waiting is over.
func settleWritten(p *policy, b *data.Batch, letters []data.Message, begun time.Time) (_ []data.Message, wait, err error) {
	if len(b.Failed()) == 0 {
		return letters, nil, nil
	}
	patient := !p.overdue(begun)
	if patient {
		wait = waits(b)
	}
	all := append([]data.Failure(nil), b.Failed()...)
	b.ClearFailed()
	again, bad := map[int]bool{}, map[int]bool{}
	for _, f := range all {
		if patient && fault.Is(f.Err, fault.Retry) {
			again[f.Index] = true
		} else {
			bad[f.Index] = true
			b.FailBy(f.Index, f.Stage, f.By, f.Err)
		}
	}
	var keep []bool // of the records that settle leaves
	for i := range b.Records {
		if !bad[i] {
			keep = append(keep, again[i])
		}
	}
	if letters, err = p.settle(b, letters); err != nil {
		return letters, wait, err
	}
	b.Remove(func(i int) bool { return keep[i] })
	return letters, wait, nil
}

// stopped is the error that ends a task after a Write that failed for good. A
// connector that stops because of a record has marked it too; the mark tells where
// it lies and at which stage it failed.
func stopped(p *policy, b *data.Batch, letters []data.Message, err error) ([]data.Message, error) {
	if len(b.Failed()) == 0 || fault.Is(err, fault.Retry) {
		return letters, err
	}
	letters, stop := p.settle(b, letters)
	if stop != nil {
		err = stop
	}
	return letters, err
}

// forget drops failed decodings, so that the next attempt decodes again.
func forget(r *data.Record) {
	cell := func(c *data.Cell) {
		if fault.Is(c.Err(), fault.Retry) {
			c.Forget()
		}
	}
	cell(&r.Key)
	cell(&r.Value)
	for i := range r.Headers {
		cell(&r.Headers[i].Value)
	}
}

// produceAll sends messages and waits until all are acknowledged.
func produceAll(ctx context.Context, p Producer, msgs []data.Message) error {
	acks := make(chan error, len(msgs))
	if err := p.Send(ctx, msgs, func(_ int, _ int32, _ int64, err error) { acks <- err }); err != nil {
		return err
	}
	for range msgs {
		select {
		case err := <-acks:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
