package metrics

import (
	"math"
	"sync"
	"testing"
	"time"
)

// TestConcurrentWritersLoseNothing: values that are recorded while a sample is being
// replaced count, in it or in the next.
func TestConcurrentWritersLoseNothing(t *testing.T) {
	const writers, each = 8, 2000
	w := newWindow(Sampling{Window: time.Millisecond, Samples: each})
	begun := time.Unix(1_750_000_000, 0)
	var done sync.WaitGroup
	for range writers {
		done.Go(func() {
			for i := range each { // all writers enter each sample at about the same time
				w.record(float64(i), begun.Add(time.Duration(i)*time.Millisecond))
			}
		})
	}
	done.Wait()
	all := w.total(begun.Add((each - 1) * time.Millisecond))
	if all.count != writers*each || all.sum != writers*each*(each-1)/2 || all.max != each-1 || all.min != 0 {
		t.Errorf("%+v of %d values", all, writers*each)
	}
}

// TestClockSetBack: what is recorded after the clock was set back is seen at once.
func TestClockSetBack(t *testing.T) {
	w := newWindow(Sampling{Window: time.Second, Samples: 2})
	at := time.Unix(1_750_000_000, 0)
	for i := range 10 {
		w.record(100, at.Add(time.Duration(i)*time.Second))
	}
	before := at.Add(-time.Hour)
	w.record(1, before)
	if got := w.largest(before); got != 1 {
		t.Errorf("largest = %v", got)
	}
	if got := w.total(before).count; got != 1 {
		t.Errorf("%d values", got)
	}
}

// TestIdleForgetsWhatIsUnderWay: records that are given back are no longer under way.
func TestIdleForgetsWhatIsUnderWay(t *testing.T) {
	c := newClock()
	task := NewTask(Sampling{})
	task.now = c.now
	task.Read(500, 0)
	task.Lag(400)
	task.Done(100)
	task.Idle()
	task.Read(10, 0)
	if task.active.Load() != 10 || task.lag.Load() != 0 || task.activeSeen.largest(c.now()) != 500 || math.IsNaN(task.activeSeen.avg(c.now())) {
		t.Errorf("active %d, lag %d", task.active.Load(), task.lag.Load())
	}
}
