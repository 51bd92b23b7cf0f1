package metrics

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"culvert/connectors"
)

// mongoClass is the connector whose metrics mongoSink are.
const mongoClass = "com.mongodb.kafka.connect.MongoSinkConnector"

// work is the sum of what a sink has told of its batches.
type work struct {
	records, good, bad                           atomic.Int64
	late                                         atomic.Int64 // ms
	told                                         atomic.Bool  // late is known
	put, framework, processing, written, refused timing
}

// timing is the sum of connectors.Timing.
type timing struct {
	count, spent atomic.Int64 // spent in ns
	over         [len(connectors.Thresholds)]atomic.Int64
}

func (t *timing) add(more *connectors.Timing) {
	if more.Count == 0 {
		return
	}
	t.count.Add(more.Count)
	t.spent.Add(int64(more.Spent))
	for i, n := range more.Over {
		t.over[i].Add(n)
	}
}

// Worked adds what a sink did for a batch.
func (t *Task) Worked(w *connectors.SinkWork) {
	if t == nil {
		return
	}
	t.work.records.Add(w.Records)
	t.work.good.Add(w.Written)
	t.work.bad.Add(w.Refused)
	if w.HasAge {
		t.work.late.Store(w.AgeMillis)
		t.work.told.Store(true)
	}
	t.work.put.add(&w.Put)
	t.work.framework.add(&w.Framework)
	t.work.processing.add(&w.Processing)
	t.work.written.add(&w.GoodWrites)
	t.work.refused.add(&w.BadWrites)
}

// mongoSink are the rows of SinkTaskStatistics of MongoDB's connector. Its counts do not
// end in -total, so that they are gauges for Prometheus, as Java's are.
func mongoSink() []Metric {
	count := func(of func(w *work) *atomic.Int64) func(x *subject) float64 {
		return func(x *subject) float64 { return float64(of(&x.task.work).Load()) }
	}
	rows := []Metric{
		figure("records", "Records that the task has received.", count(func(w *work) *atomic.Int64 { return &w.records })),
		figure("records-successful", "Records that were written to MongoDB.", count(func(w *work) *atomic.Int64 { return &w.good })),
		figure("records-failed", "Records that MongoDB did not take and that were given up: dead letters, skipped ones, and those with which the task failed.", count(func(w *work) *atomic.Int64 { return &w.bad })),
		figure("latest-kafka-time-difference-ms", "How old the newest record of the last batch was when the task received it, in milliseconds; NaN before the first.", func(x *subject) float64 {
			if !x.task.work.told.Load() {
				return math.NaN()
			}
			return float64(x.task.work.late.Load())
		}),
	}
	for _, p := range []struct {
		name, what string
		of         func(w *work) *timing
	}{
		{"in-task-put", "batches that the connector was given", func(w *work) *timing { return &w.put }},
		{"in-connect-framework", "times between two batches, spent outside of the connector", func(w *work) *timing { return &w.framework }},
		{"processing-phases", "batches that were made into writes", func(w *work) *timing { return &w.processing }},
		{"batch-writes-successful", "bulk writes that MongoDB took whole", func(w *work) *timing { return &w.written }},
		{"batch-writes-failed", "bulk writes that MongoDB did not take, or not whole", func(w *work) *timing { return &w.refused }},
	} {
		rows = append(rows,
			figure(p.name, "The number of "+p.what+".", count(func(w *work) *atomic.Int64 { return &p.of(w).count })),
			figure(p.name+"-duration-ms", "The time of all "+p.what+", in milliseconds.", func(x *subject) float64 {
				return float64(time.Duration(p.of(&x.task.work).spent.Load()).Milliseconds())
			}))
		for i, d := range connectors.Thresholds {
			rows = append(rows, figure(fmt.Sprintf("%s-duration-over-%d-ms", p.name, d), fmt.Sprintf("The number of %s, longer than %d ms.", p.what, d),
				count(func(w *work) *atomic.Int64 { return &p.of(w).over[i] })))
		}
	}
	return rows
}
