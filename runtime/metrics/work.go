package metrics

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"culvert/connectors"
)

// The connectors whose metrics mongoSink and mongoSource are.
const (
	mongoClass       = "com.mongodb.kafka.connect.MongoSinkConnector"
	mongoSourceClass = "com.mongodb.kafka.connect.MongoSourceConnector"
)

// work is the sum of what a sink has told of its batches.
type work struct {
	records, good, bad                           atomic.Int64
	late                                         atomic.Int64 // ms
	told                                         atomic.Bool  // late is known
	put, framework, processing, written, refused timing
}

// polled is the sum of what a source has told of its reads.
type polled struct {
	bytes, lag                                                  atomic.Int64
	told                                                        atomic.Bool // lag is known
	poll, framework, goodInitial, badInitial, goodMore, badMore timing
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

// Polled adds what a source did.
func (t *Task) Polled(w *connectors.SourceWork) {
	if t == nil {
		return
	}
	p := &t.polled
	p.bytes.Add(w.Bytes)
	if w.HasLag {
		p.lag.Store(w.LagSeconds)
		p.told.Store(true)
	}
	p.poll.add(&w.Poll)
	p.framework.add(&w.Framework)
	p.goodInitial.add(&w.GoodInitial)
	p.badInitial.add(&w.BadInitial)
	p.goodMore.add(&w.GoodMore)
	p.badMore.add(&w.BadMore)
}

// mongoSink are the rows of SinkTaskStatistics of MongoDB's connector. Its counts do not
// end in -total, so that they are gauges for Prometheus, as Java's are.
func mongoSink() []Metric {
	return append([]Metric{
		sum("records", "Records that the task has received.", func(t *Task) *atomic.Int64 { return &t.work.records }),
		sum("records-successful", "Records that were written to MongoDB.", func(t *Task) *atomic.Int64 { return &t.work.good }),
		sum("records-failed", "Records that MongoDB did not take and that were given up: dead letters, skipped ones, and those with which the task failed.", func(t *Task) *atomic.Int64 { return &t.work.bad }),
		latest("latest-kafka-time-difference-ms", "How old the newest record of the last batch was when the task received it, in milliseconds; NaN before the first.",
			func(t *Task) (*atomic.Bool, *atomic.Int64) { return &t.work.told, &t.work.late }),
	}, timed([]timedRow{
		{"in-task-put", "batches that the connector was given", func(t *Task) *timing { return &t.work.put }},
		{"in-connect-framework", "times between two batches, spent outside of the connector", func(t *Task) *timing { return &t.work.framework }},
		{"processing-phases", "batches that were made into writes", func(t *Task) *timing { return &t.work.processing }},
		{"batch-writes-successful", "bulk writes that MongoDB took whole", func(t *Task) *timing { return &t.work.written }},
		{"batch-writes-failed", "bulk writes that MongoDB did not take, or not whole", func(t *Task) *timing { return &t.work.refused }},
	})...)
}

// mongoSource are the rows of SourceTaskStatistics, of the bean that counts copying and
// streaming together.
func mongoSource() []Metric {
	return append([]Metric{
		figure("records", "Records that the task has given.", func(x *subject) float64 { return x.task.read.total() }),
		sum("records-filtered", "Records of the task that were left out of Kafka.", func(t *Task) *atomic.Int64 { return &t.filtered }),
		sum("records-acknowledged", "Records of the task that are in Kafka.", func(t *Task) *atomic.Int64 { return &t.acked }),
		sum("mongodb-bytes-read", "Bytes of the documents that became records.", func(t *Task) *atomic.Int64 { return &t.polled.bytes }),
		latest("latest-mongodb-time-difference-secs", "How far the position of the change stream was behind the server's time at its last answer, in seconds; NaN before the first.",
			func(t *Task) (*atomic.Bool, *atomic.Int64) { return &t.polled.told, &t.polled.lag }),
	}, timed([]timedRow{
		{"in-task-poll", "times that the connector was asked for records", func(t *Task) *timing { return &t.polled.poll }},
		{"in-connect-framework", "times between two batches, spent outside of the connector", func(t *Task) *timing { return &t.polled.framework }},
		{"initial-commands-successful", "commands that opened a cursor", func(t *Task) *timing { return &t.polled.goodInitial }},
		{"getmore-commands-successful", "commands that read on", func(t *Task) *timing { return &t.polled.goodMore }},
		{"initial-commands-failed", "commands that should have opened a cursor and failed", func(t *Task) *timing { return &t.polled.badInitial }},
		{"getmore-commands-failed", "commands that should have read on and failed", func(t *Task) *timing { return &t.polled.badMore }},
	})...)
}

// sum is a row for a count of a task.
func sum(name, help string, of func(t *Task) *atomic.Int64) Metric {
	return figure(name, help, func(x *subject) float64 { return float64(of(x.task).Load()) })
}

// latest is a row for a number that is not known from the beginning.
func latest(name, help string, of func(t *Task) (known *atomic.Bool, value *atomic.Int64)) Metric {
	return figure(name, help, func(x *subject) float64 {
		known, value := of(x.task)
		if !known.Load() {
			return math.NaN()
		}
		return float64(value.Load())
	})
}

// timedRow is what AdditiveMetric of MongoDB's connector counts and times.
type timedRow struct {
	name, what string
	of         func(t *Task) *timing
}

func timed(list []timedRow) (rows []Metric) {
	for _, p := range list {
		rows = append(rows,
			sum(p.name, "The number of "+p.what+".", func(t *Task) *atomic.Int64 { return &p.of(t).count }),
			figure(p.name+"-duration-ms", "The time of all "+p.what+", in milliseconds.", func(x *subject) float64 {
				return float64(time.Duration(p.of(x.task).spent.Load()).Milliseconds())
			}))
		for i, d := range connectors.Thresholds {
			rows = append(rows, sum(fmt.Sprintf("%s-duration-over-%d-ms", p.name, d), fmt.Sprintf("The number of %s, longer than %d ms.", p.what, d),
				func(t *Task) *atomic.Int64 { return &p.of(t).over[i] }))
		}
	}
	return rows
}
