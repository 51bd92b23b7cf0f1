package metrics

import (
	"sync"
	"time"
)

// Worker is what a worker counts. All methods are safe for concurrent use and do
// nothing on nil.
type Worker struct {
	now func() time.Time

	mu                     sync.Mutex // guards what follows
	connectors, tasks      starts
	rebalances             float64
	rebalancing            bool
	rebalanceBegun, rested time.Time
	rebalanceTime          window
	requests               map[string]*request // by kind
}

// starts are attempts to start something and how they ended.
type starts struct {
	attempts, good, bad float64
	last                window
}

func (s *starts) ended(err error, now time.Time) {
	s.attempts++
	if err == nil {
		s.good++
		s.last.record(1, now)
		return
	}
	s.bad++
	s.last.record(0, now)
}

// NewWorker begins to count.
func NewWorker(s Sampling) *Worker {
	w := &Worker{now: time.Now, rebalanceTime: newWindow(s)}
	w.connectors.last, w.tasks.last = newWindow(s), newWindow(s)
	w.requests = map[string]*request{}
	for _, kind := range Requests {
		w.requests[kind] = &request{counter: counter{last: newWindow(s)}, took: newWindow(s)}
	}
	return w
}

func (w *Worker) do(f func(now time.Time)) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	f(w.now())
}

// ConnectorStarted tells how the start of a connector ended.
func (w *Worker) ConnectorStarted(err error) {
	w.do(func(now time.Time) { w.connectors.ended(err, now) })
}

// TaskStarted tells how the start of a task ended.
func (w *Worker) TaskStarted(err error) { w.do(func(now time.Time) { w.tasks.ended(err, now) }) }

// RebalanceBegun says that the worker gives up its work to join its group again.
func (w *Worker) RebalanceBegun() {
	w.do(func(now time.Time) {
		if !w.rebalancing {
			w.rebalancing, w.rebalanceBegun = true, now
		}
	})
}

// RebalanceEnded says that the worker has its work again.
func (w *Worker) RebalanceEnded() {
	w.do(func(now time.Time) {
		if w.rebalancing {
			w.rebalanceTime.record(millis(now.Sub(w.rebalanceBegun)), now)
		}
		w.rebalancing, w.rested = false, now
		w.rebalances++
	})
}
