package metrics

import (
	"math"
	"time"
)

// request is what the worker's member asks of the coordinator.
type request struct {
	counter
	took window // ms
	at   time.Time
}

// Requests are the kinds of requests of a member, as kafka.GroupConfig.Observe
// names them.
var Requests = []string{"heartbeat", "join", "sync"}

// Coordinated tells of an answered request of the worker's membership; kind is one
// of Requests, others are not counted.
func (w *Worker) Coordinated(kind string, took time.Duration) {
	w.do(func(now time.Time) {
		if r := w.requests[kind]; r != nil {
			r.add(1, now)
			r.took.record(millis(took), now)
			r.at = now
		}
	})
}

// coordinator are the rows of WorkerCoordinatorMetrics and of the group metrics
// below it (AbstractCoordinator.GroupCoordinatorMetrics).
func coordinator() []Metric {
	of := func(kind string, f func(r *request, now time.Time) float64) func(x *subject) float64 {
		return func(x *subject) float64 { return f(x.worker.requests[kind], x.now) }
	}
	rate := func(r *request, now time.Time) float64 { return r.last.rate(now) }
	sum := func(r *request, _ time.Time) float64 { return r.total() }
	most := func(r *request, now time.Time) float64 { return r.took.largest(now) }
	mean := func(r *request, now time.Time) float64 { return r.took.avg(now) }
	return []Metric{
		figure("assigned-connectors", "Connectors that the group has given to this worker.", func(x *subject) float64 { return float64(x.scrape.Group.Connectors) }),
		figure("assigned-tasks", "Tasks that the group has given to this worker.", func(x *subject) float64 { return float64(x.scrape.Group.Tasks) }),
		figure("heartbeat-rate", "Heartbeats a second lately.", of("heartbeat", rate)),
		total("heartbeat-total", "Heartbeats since the worker began.", of("heartbeat", sum)),
		figure("heartbeat-response-time-max", "The longest that the coordinator took to answer a heartbeat lately, in milliseconds.", of("heartbeat", most)),
		figure("last-heartbeat-seconds-ago", "Seconds since the coordinator answered a heartbeat; -1 before the first.", of("heartbeat", func(r *request, now time.Time) float64 {
			if r.at.IsZero() {
				return -1
			}
			return now.Sub(r.at).Seconds()
		})),
		figure("join-rate", "Joins of the group a second lately.", of("join", rate)),
		total("join-total", "Joins of the group since the worker began.", of("join", sum)),
		figure("join-time-avg", "The average time that joins took lately, in milliseconds.", of("join", mean)),
		figure("join-time-max", "The longest that a join took lately, in milliseconds.", of("join", most)),
		figure("sync-rate", "Assignments a second that were waited for lately.", of("sync", rate)),
		total("sync-total", "Assignments that were waited for since the worker began.", of("sync", sum)),
		figure("sync-time-avg", "The average time that assignments took lately, in milliseconds.", of("sync", mean)),
		figure("sync-time-max", "The longest that an assignment took lately, in milliseconds.", of("sync", most)),
	}
}

func since(t, now time.Time) float64 {
	if t.IsZero() {
		return math.Inf(1)
	}
	return millis(now.Sub(t))
}
