package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"culvert/fault"
	"culvert/runtime/metrics"
	"culvert/runtime/providers"
	"culvert/runtime/store"
	"culvert/runtime/task"
)

const (
	// fencedPause is how long a fenced task waits before it begins again. It is
	// reached only when the herder has not taken the task away by then: somebody
	// fenced us who does not own the task, or we did it ourselves.
	fencedPause = 10 * time.Second
	// stopMargin is what a task may take beyond the graceful timeout to close its
	// clients after its work was cancelled.
	stopMargin = 2 * time.Second
)

// run is one task of this worker from start to end.
type run struct {
	w          *Worker
	id         task.ID
	conn, task map[string]string
	log        *slog.Logger
	stats      *metrics.Task

	ctx    context.Context
	cancel context.CancelFunc
	ended  chan struct{} // the goroutine has ended

	stopping sync.Once
	gone     chan struct{} // ended, or abandoned

	telling sync.Mutex // keeps reports in the order of what they tell; taken before mu

	mu     sync.Mutex
	paused bool
	runner task.Runner
	said   string // last state
	reason string // for which a running task waits
	// secrets are not to be shown in reasons.
	secrets *providers.Secrets
	silent  bool // stopped: nothing more is reported
	started bool // the task took up work, or paused, since it was built
}

func newRun(w *Worker, id task.ID, conn, props map[string]string, paused bool) *run {
	r := &run{
		w: w, id: id, conn: conn, task: props, paused: paused, ended: make(chan struct{}), gone: make(chan struct{}), stats: metrics.NewTask(w.cfg.Sampling),
		log: w.cfg.Log.With("connector.context", fmt.Sprintf("[%s|task-%d]", id.Connector, id.Task), "logger", "org.apache.kafka.connect.runtime.WorkerTask"),
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// main runs the task. before is the end of an older task of the same id.
func (r *run) main(before <-chan struct{}) {
	defer close(r.ended)
	defer r.cancel()
	if before != nil {
		select {
		case <-before:
		case <-r.ctx.Done():
			return
		}
	}
	for {
		err := r.once()
		switch {
		case r.ctx.Err() != nil:
			if err != nil {
				r.log.Warn("task stopped with an error", "error", fault.Explain(err))
			}
			return
		case errors.Is(err, errChanged):
			r.log.Info("the task begins anew: its config providers give other values now")
		case errors.Is(err, task.ErrAnew):
			r.log.Info("the task begins anew", "reason", err.Error())
		case fault.Is(err, fault.Fenced):
			r.log.Info("fenced: another owner has the task", "error", err.Error())
			timer := time.NewTimer(fencedPause)
			select {
			case <-timer.C:
			case <-r.ctx.Done():
				timer.Stop()
				return
			}
		default:
			if err == nil {
				err = fault.New(fault.Fatal, "worker.task_ended", "the task ended without a reason")
			}
			r.log.Error("task failed", "code", codeOf(err), "error", fault.Explain(err))
			r.report(store.StateFailed, fault.Explain(err))
			return
		}
	}
}

// once resolves the task's configuration, builds the task and runs it to its end. A
// panic while it is being built is its failure; one while it runs is caught closer
// to where it happens. No error holds what a config provider gave.
func (r *run) once() (err error) {
	r.mu.Lock()
	r.started = false
	r.mu.Unlock()
	var now resolved
	defer func() {
		r.stats.Ended()
		r.startedWith(err)
	}()
	defer func() {
		if p := recover(); p != nil {
			err = fault.New(fault.Fatal, task.Panicked, "panic: %v\n%s", p, debug.Stack())
		}
		err = now.secrets.Error(err)
	}()
	if now, err = r.resolve(); err != nil {
		return err
	}
	waiting := task.NewWaiting(r.setReason)
	defer waiting.Close()
	b := &builder{w: r.w, id: r.id, conn: r.w.adapt(now.conn), task: r.w.adapt(now.task), log: slog.New(now.secrets.Handler(r.log.Handler())), secrets: now.secrets, waiting: waiting, run: r}
	defer b.close()
	r.mu.Lock()
	b.paused = r.paused
	r.mu.Unlock()
	runner, err := b.build()
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.runner, r.reason = runner, ""
	paused := r.paused
	r.mu.Unlock()
	if paused != b.paused { // changed while it was being built
		r.setPaused(paused)
	}
	defer func() {
		r.mu.Lock()
		r.runner = nil
		r.mu.Unlock()
	}()
	return r.untilChanged(&now, runner.Run)
}

func codeOf(err error) string {
	if e := fault.Of(err); e != nil {
		return e.Code
	}
	return fault.Unclassified
}

// setPaused passes the target state on.
func (r *run) setPaused(paused bool) {
	r.mu.Lock()
	r.paused = paused
	runner := r.runner
	r.mu.Unlock()
	switch {
	case runner == nil:
	case paused:
		runner.Pause()
	default:
		runner.Resume()
	}
}

// onState is told by the task that it runs or is paused.
func (r *run) onState(s task.State) {
	r.telling.Lock()
	defer r.telling.Unlock()
	r.mu.Lock()
	state, reason := store.StateRunning, r.reason
	if s == task.Paused {
		state, reason = store.StatePaused, ""
	}
	r.said = state
	r.mu.Unlock()
	if s == task.Paused {
		r.stats.Paused()
	} else {
		r.stats.Running()
	}
	r.startedWith(nil)
	r.report(state, reason)
}

// startedWith counts a start of the task, once: err is nil when it took up work.
func (r *run) startedWith(err error) {
	r.mu.Lock()
	news := !r.started && r.ctx.Err() == nil
	r.started = true
	r.mu.Unlock()
	if news {
		r.w.cfg.Stats.TaskStarted(err)
	}
}

// setReason shows why a running task waits, in the trace of its status: RUNNING
// with a trace, since user interfaces break on states that Java does not have.
func (r *run) setReason(reason string) {
	r.telling.Lock()
	defer r.telling.Unlock()
	r.mu.Lock()
	reason = r.secrets.Redact(reason)
	r.reason = reason
	r.stats.Waiting(reason != "")
	running := r.said == store.StateRunning
	r.mu.Unlock()
	if running {
		r.report(store.StateRunning, reason)
	}
}

// report tells the herder, unless the task was stopped.
func (r *run) report(state, trace string) {
	r.mu.Lock()
	silent := r.silent
	r.mu.Unlock()
	if !silent && r.w.cfg.OnStatus != nil {
		r.w.cfg.OnStatus(r.id.Connector, r.id.Task, state, trace)
	}
}

func (r *run) onTopic(topic string) {
	if r.w.cfg.OnTopic != nil {
		r.w.cfg.OnTopic(r.id.Connector, r.id.Task, topic)
	}
}

// stop asks the task to drain; gone is closed when it has, or when it has not
// within the deadline and is abandoned: its contexts have ended, so that it can
// neither produce nor commit, but its goroutine may hang in the plugin.
func (r *run) stop(graceful time.Duration) <-chan struct{} {
	r.stopping.Do(func() {
		r.mu.Lock()
		r.silent = true
		r.mu.Unlock()
		r.cancel()
		go func() {
			timer := time.NewTimer(graceful + stopMargin)
			defer timer.Stop()
			select {
			case <-r.ended:
			case <-timer.C:
				r.w.abandoned.Add(1)
				r.log.Error("task did not stop in time and is abandoned", "after", (graceful + stopMargin).String())
			}
			close(r.gone)
		}()
	})
	return r.gone
}
