package metrics

import (
	"math"
	"sync/atomic"
	"time"
)

// Sampling is metrics.sample.window.ms and metrics.num.samples.
type Sampling struct {
	Window  time.Duration // 0: 30 s
	Samples int           // 0: 2
}

func (s Sampling) orDefault() Sampling {
	if s.Window <= 0 {
		s.Window = 30 * time.Second
	}
	if s.Samples <= 0 {
		s.Samples = 2
	}
	return s
}

// window is a statistic over the last samples of a value, of which all but the
// newest are complete (org.apache.kafka.common.metrics.stats.SampledStat). Samples
// lie on a fixed grid of time, where Kafka's begin with the first value.
//
// Any number of goroutines may record: there is no lock, and an allocation once for
// each sample. A sample is never emptied but replaced by that of another time, so
// that a writer who comes late loses nothing.
type window struct {
	Sampling
	ring []atomic.Pointer[sample]
}

type sample struct {
	number        int64 // of the grid
	begun         int64 // with its first value, ns since 1970
	count         atomic.Int64
	sum, max, min number
}

func newWindow(s Sampling) window {
	s = s.orDefault()
	// One more than counts: the newest never takes the place of one that is read.
	return window{Sampling: s, ring: make([]atomic.Pointer[sample], s.Samples+1)}
}

// record adds a value.
func (w *window) record(v float64, now time.Time) {
	s := w.at(now)
	s.max.raise(v)
	s.min.lower(v)
	s.sum.add(v)
	s.count.Add(1)
}

// at is the sample that now falls into. Another one in its place is past, or of a
// clock that was set back since.
func (w *window) at(now time.Time) *sample {
	n := now.UnixNano() / int64(w.Window)
	slot := &w.ring[n%int64(len(w.ring))]
	for {
		old := slot.Load()
		if old != nil && old.number == n {
			return old
		}
		s := &sample{number: n, begun: now.UnixNano()}
		s.max.store(math.Inf(-1))
		s.min.store(math.Inf(1))
		if slot.CompareAndSwap(old, s) {
			return s
		}
	}
}

// totals of the samples that count.
type totals struct {
	count         int64
	sum, max, min float64
	begun         int64 // of the oldest
}

func (w *window) total(now time.Time) totals {
	t := totals{max: math.Inf(-1), min: math.Inf(1)}
	newest := now.UnixNano() / int64(w.Window)
	for i := range w.ring {
		s := w.ring[i].Load()
		if s == nil || s.number > newest || s.number <= newest-int64(w.Samples) {
			continue
		}
		if t.begun == 0 || s.begun < t.begun {
			t.begun = s.begun
		}
		t.count += s.count.Load()
		t.sum += s.sum.load()
		t.max = max(t.max, s.max.load())
		t.min = min(t.min, s.min.load())
	}
	return t
}

// avg, largest and smallest are NaN without a value, as in Java.
func (w *window) avg(now time.Time) float64 {
	all := w.total(now)
	return all.sum / float64(all.count)
}

func (w *window) largest(now time.Time) float64  { return finite(w.total(now).max) }
func (w *window) smallest(now time.Time) float64 { return finite(w.total(now).min) }

func finite(v float64) float64 {
	if math.IsInf(v, 0) {
		return math.NaN()
	}
	return v
}

// share is the average of what is 0 or 1 (stats.Frequencies), rest that of the
// others; both are 0 without a value.
func (w *window) share(now time.Time) float64 { s, _ := w.shares(now); return s }
func (w *window) rest(now time.Time) float64  { _, r := w.shares(now); return r }

func (w *window) shares(now time.Time) (share, rest float64) {
	all := w.total(now)
	if all.count == 0 {
		return 0, 0
	}
	share = all.sum / float64(all.count)
	return share, 1 - share
}

// rate is values a second. The time that it is taken over is never shorter than
// all samples but the newest, so that a first value does not look like a burst
// (stats.Rate.windowSize).
func (w *window) rate(now time.Time) float64 {
	all := w.total(now)
	elapsed := time.Duration(now.UnixNano() - all.begun)
	full := int(elapsed / w.Window)
	if least := w.Samples - 1; full < least {
		elapsed += time.Duration(least-full) * w.Window
	}
	if all.count == 0 || elapsed <= 0 {
		return 0
	}
	return all.sum / elapsed.Seconds()
}

// counter is a total and its rate.
type counter struct {
	n    atomic.Int64
	last window
}

func (c *counter) add(n int, now time.Time) {
	if n > 0 {
		c.n.Add(int64(n))
		c.last.record(float64(n), now)
	}
}

func (c *counter) total() float64 { return float64(c.n.Load()) }

// number is an atomic float64.
type number struct{ bits atomic.Uint64 }

func (n *number) load() float64   { return math.Float64frombits(n.bits.Load()) }
func (n *number) store(v float64) { n.bits.Store(math.Float64bits(v)) }

func (n *number) add(v float64) {
	for {
		old := n.bits.Load()
		if n.bits.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+v)) {
			return
		}
	}
}

func (n *number) raise(v float64) {
	for {
		old := n.bits.Load()
		if math.Float64frombits(old) >= v || n.bits.CompareAndSwap(old, math.Float64bits(v)) {
			return
		}
	}
}

func (n *number) lower(v float64) {
	for {
		old := n.bits.Load()
		if math.Float64frombits(old) <= v || n.bits.CompareAndSwap(old, math.Float64bits(v)) {
			return
		}
	}
}
