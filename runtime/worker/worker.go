package worker

import (
	"context"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"culvert/runtime/metrics"
	"culvert/runtime/plugins"
	"culvert/runtime/providers"
	"culvert/runtime/store"
	"culvert/runtime/task"
	"culvert/state"
)

// Config is what a Worker is made of.
type Config struct {
	ID      string // advertised host:port, for the log
	Plugins *plugins.Registry
	Props   map[string]string // the worker's properties, as the user wrote them
	// ClusterGroup is group.id; empty for a standalone worker.
	ClusterGroup string
	DataDir      string // culvert.data.dir
	// Providers resolve the variables of connectors' configurations, which come here
	// as they are stored. Secrets are those of the worker's own properties.
	Providers *providers.Providers
	Secrets   *providers.Secrets
	Offsets   store.Offsets
	// Dial makes connections to brokers; nil: a net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	Log  *slog.Logger
	// Stats counts starts of tasks; nil: nobody does. Sampling is for what tasks count.
	Stats    *metrics.Worker
	Sampling metrics.Sampling
	// OnStatus is told what tasks say of themselves: RUNNING (with a trace while the
	// task waits for something outside), PAUSED, FAILED. It must not block.
	OnStatus func(connector string, task int, state, trace string)
	// OnTopic is told of topics that tasks use. It must not block.
	OnTopic func(connector string, task int, topic string)
}

// Worker runs tasks. Its methods may be called from any goroutine; only
// TaskConfigs, CheckInputs and Close may take time.
type Worker struct {
	cfg   Config
	keys  workerKeys
	bad   error // about the worker's properties; every task fails with it
	state *state.Store

	mu        sync.Mutex
	runs      map[task.ID]*run
	abandoned atomic.Int64
}

// New makes a Worker. Its properties have been checked before.
func New(cfg Config) *Worker {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	w := &Worker{cfg: cfg, runs: map[task.ID]*run{}}
	w.keys, w.bad = parseWorker(cfg.Props)
	w.state = state.Open(state.Options{Dir: cfg.DataDir, MemoryBytes: w.keys.StateMemory, Log: cfg.Log})
	return w
}

// StartTask starts a task and returns at once; what becomes of it is told by
// OnStatus. A task of the same id that is still stopping is waited for first.
func (w *Worker) StartTask(connector string, n int, connectorProps, taskProps map[string]string, paused bool) {
	id := task.ID{Connector: connector, Task: n}
	r := newRun(w, id, connectorProps, taskProps, paused)
	w.mu.Lock()
	before := w.runs[id]
	w.runs[id] = r
	w.mu.Unlock()
	var gone <-chan struct{}
	if before != nil {
		gone = before.stop(w.keys.Graceful)
	}
	go r.main(gone)
}

// StopTask asks a task to drain. The channel is closed when it has stopped, or
// was given up because it did not within task.shutdown.graceful.timeout.ms; at
// once for a task that has failed or is not known.
func (w *Worker) StopTask(connector string, n int) <-chan struct{} {
	id := task.ID{Connector: connector, Task: n}
	w.mu.Lock()
	r := w.runs[id]
	delete(w.runs, id)
	w.mu.Unlock()
	if r == nil {
		gone := make(chan struct{})
		close(gone)
		return gone
	}
	return r.stop(w.keys.Graceful)
}

// PauseTask holds a task back from further work; what it has begun it ends.
func (w *Worker) PauseTask(connector string, n int) {
	if r := w.run(connector, n); r != nil {
		r.setPaused(true)
	}
}

// ResumeTask lets it go on.
func (w *Worker) ResumeTask(connector string, n int) {
	if r := w.run(connector, n); r != nil {
		r.setPaused(false)
	}
}

func (w *Worker) run(connector string, n int) *run {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.runs[task.ID{Connector: connector, Task: n}]
}

// Running lists the tasks that were started and not stopped, failed ones
// included.
func (w *Worker) Running() []task.ID {
	w.mu.Lock()
	defer w.mu.Unlock()
	ids := make([]task.ID, 0, len(w.runs))
	for id := range w.runs {
		ids = append(ids, id)
	}
	return ids
}

// TaskStats is what a task counts; nil for one that is not known.
func (w *Worker) TaskStats(connector string, n int) *metrics.Task {
	if r := w.run(connector, n); r != nil {
		return r.stats
	}
	return nil
}

// StateBytes is the memory for the windows of all joins.
func (w *Worker) StateBytes() int64 { return w.state.MemoryBytes() }

// Abandoned counts the tasks that did not stop within their deadline since the
// worker was made. Their goroutines may still be there.
func (w *Worker) Abandoned() int { return int(w.abandoned.Load()) }

// Close drains all tasks and waits for them until ctx ends.
func (w *Worker) Close(ctx context.Context) error {
	var gone []<-chan struct{}
	for _, id := range w.Running() {
		gone = append(gone, w.StopTask(id.Connector, id.Task))
	}
	for _, g := range gone {
		select {
		case <-g:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return w.state.Close()
}

// Forget removes what is kept on disk for a connector that was deleted.
func (w *Worker) Forget(connector string) error { return w.state.Drop(connector) }

// millis reads a number of milliseconds that was checked before.
func millis(text string, dflt time.Duration) time.Duration {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return dflt
	}
	const most = int64(1<<63-1) / int64(time.Millisecond)
	return time.Duration(min(n, most)) * time.Millisecond
}
