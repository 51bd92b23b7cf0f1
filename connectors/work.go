package connectors

import "time"

// Thresholds are the times, in milliseconds, beyond which a Timing counts what took
// longer: MongoMBean.MS_LIMITS of MongoDB's connector.
var Thresholds = [...]int64{1, 10, 100, 1000, 10000}

// Timing is how often something was done, and how long it took.
type Timing struct {
	Count int64
	Spent time.Duration
	Over  [len(Thresholds)]int64
}

// Add counts one time.
func (t *Timing) Add(took time.Duration) {
	ms := took.Milliseconds()
	t.Count++
	t.Spent += took
	for i, limit := range Thresholds {
		if ms > limit {
			t.Over[i]++
		}
	}
}

// SinkWork is what a sink did for one call of Write, for the metrics of its own.
type SinkWork struct {
	Records          int64 // that it was given
	Written, Refused int64
	// AgeMillis is how old the newest record was, where HasAge.
	AgeMillis int64
	HasAge    bool

	Put, Framework, Processing Timing // the call, what was between it and the one before, making writes of records
	GoodWrites, BadWrites      Timing // bulk writes that were taken whole, or not
}

// SourceWork is what a source did since it told of it last, for the metrics of its own.
type SourceWork struct {
	Bytes int64 // of the documents that became records
	// LagSeconds is how far the position was behind the server's time, where HasLag.
	LagSeconds int64
	HasLag     bool

	Poll, Framework         Timing // asking for records, what was between two calls of Read
	GoodInitial, BadInitial Timing // commands that open a cursor
	GoodMore, BadMore       Timing // commands that read on
}
