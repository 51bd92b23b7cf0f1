package task

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"culvert/fault"
	"culvert/runtime/metrics"
)

// ID names a task.
type ID struct {
	Connector string
	Task      int
}

// String is Java's ConnectorTaskId: "name-0".
func (id ID) String() string { return fmt.Sprintf("%s-%d", id.Connector, id.Task) }

// State is what a task reports of itself while it runs.
type State uint8

// The states.
const (
	Running State = iota
	Paused
)

// Common is what all kinds of tasks need.
type Common struct {
	ID      ID
	Log     *slog.Logger
	Waiting *Waiting
	Stats   *metrics.Task // nil: nobody counts
	// OnState is told when the task has taken up work or has paused.
	OnState func(State)
	// OnTopic is told of each topic that the task reads or writes, once.
	OnTopic func(topic string)
	Errors  Errors

	FlushInterval time.Duration // offset.flush.interval.ms
	FlushTimeout  time.Duration // offset.flush.timeout.ms
	Graceful      time.Duration // task.shutdown.graceful.timeout.ms
	// StartPaused begins in the target state PAUSED.
	StartPaused bool
}

// Runner is a task of any kind. Run returns nil after ctx ended and the task
// has drained, an error of class Fenced when another owns the work now, and any
// other error when the task failed. Pause and Resume may be called at any time.
type Runner interface {
	Run(ctx context.Context) error
	Pause()
	Resume()
}

// Guards: the three kinds.
var (
	_ Runner = (*Source)(nil)
	_ Runner = (*Sink)(nil)
	_ Runner = (*Stream)(nil)
)

// Panicked is the error of a task whose plugin panicked.
const Panicked = "task.panic"

// rescue turns a panic of the goroutine that defers it into the error of a
// failed task, so that the worker and its other tasks go on.
func rescue(err *error) {
	if p := recover(); p != nil {
		*err = fault.New(fault.Fatal, Panicked, "panic: %v\n%s", p, debug.Stack()).
			WithFix("This is a defect of the plugin or of Culvert; please report it with this trace.")
	}
}

// guarded runs f in this goroutine and turns a panic into an error.
func guarded(f func() error) (err error) {
	defer rescue(&err)
	return f()
}

// linger returns a context that outlives ctx by d: what a graceful stop may
// still use after it was asked for. cancel releases it.
func linger(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	hard, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-hard.Done():
		}
	})
	return hard, func() { stop(); cancel() }
}

// pause waits for d or for the end of ctx.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
