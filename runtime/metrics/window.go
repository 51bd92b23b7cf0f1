package metrics

import (
	"math"
	"time"
)

// Sampling is metrics.sample.window.ms and metrics.num.samples.
type Sampling struct {
	Window  time.Duration // 0: 30 s
	Samples int           // 0: 2
}

func (s Sampling) window() time.Duration {
	if s.Window <= 0 {
		return 30 * time.Second
	}
	return s.Window
}

func (s Sampling) samples() int {
	if s.Samples <= 0 {
		return 2
	}
	return s.Samples
}

// window is a statistic over the last samples of a value, of which all but the
// newest are complete (org.apache.kafka.common.metrics.stats.SampledStat). Whoever
// owns it locks.
type window struct {
	sampling Sampling
	samples  []sample // ring; newest at current
	current  int
}

type sample struct {
	begun         time.Time
	sum, max, min float64
	count         int64
}

func newWindow(s Sampling) window { return window{sampling: s} }

// record adds a value.
func (w *window) record(v float64, now time.Time) { w.recordMany(v, v, v, 1, now) }

// recordMany adds n values by their sum, their largest and their smallest.
func (w *window) recordMany(sum, largest, smallest float64, n int64, now time.Time) {
	s := w.at(now)
	if s.count == 0 || largest > s.max {
		s.max = largest
	}
	if s.count == 0 || smallest < s.min {
		s.min = smallest
	}
	s.sum += sum
	s.count += n
}

// at is the sample that now falls into.
func (w *window) at(now time.Time) *sample {
	if len(w.samples) == 0 {
		w.samples = append(make([]sample, 0, w.sampling.samples()), sample{begun: now})
		return &w.samples[0]
	}
	s := &w.samples[w.current]
	if now.Sub(s.begun) < w.sampling.window() {
		return s
	}
	if len(w.samples) < w.sampling.samples() {
		w.samples = append(w.samples, sample{})
	}
	w.current = (w.current + 1) % len(w.samples)
	w.samples[w.current] = sample{begun: now}
	return &w.samples[w.current]
}

// total is the sum of the samples that are not too old.
func (w *window) total(now time.Time) (all sample, any bool) {
	age := time.Duration(w.sampling.samples()) * w.sampling.window()
	for i := range w.samples {
		s := &w.samples[i]
		if now.Sub(s.begun) >= age {
			continue
		}
		if !any || s.begun.Before(all.begun) {
			all.begun = s.begun
		}
		any = true
		if s.count == 0 {
			continue
		}
		if all.count == 0 || s.max > all.max {
			all.max = s.max
		}
		if all.count == 0 || s.min < all.min {
			all.min = s.min
		}
		all.sum += s.sum
		all.count += s.count
	}
	return all, any
}

// avg, largest and smallest are NaN without a value, as in Java.
func (w *window) avg(now time.Time) float64 {
	if all, _ := w.total(now); all.count > 0 {
		return all.sum / float64(all.count)
	}
	return math.NaN()
}

func (w *window) largest(now time.Time) float64 {
	if all, _ := w.total(now); all.count > 0 {
		return all.max
	}
	return math.NaN()
}

func (w *window) smallest(now time.Time) float64 {
	if all, _ := w.total(now); all.count > 0 {
		return all.min
	}
	return math.NaN()
}

// share is the average of what is 0 or 1 (stats.Frequencies); 0 without a value.
func (w *window) share(now time.Time) float64 {
	if all, _ := w.total(now); all.count > 0 {
		return all.sum / float64(all.count)
	}
	return 0
}

// rate is values a second. The time that it is taken over is never shorter than
// all samples but the newest, so that a first value does not look like a burst
// (stats.Rate.windowSize).
func (w *window) rate(now time.Time) float64 {
	all, any := w.total(now)
	if !any {
		return 0
	}
	elapsed := now.Sub(all.begun)
	full := int(elapsed / w.sampling.window())
	if least := w.sampling.samples() - 1; full < least {
		elapsed += time.Duration(least-full) * w.sampling.window()
	}
	if elapsed <= 0 {
		return 0
	}
	return all.sum / elapsed.Seconds()
}

// counter is a total and its rate.
type counter struct {
	total float64
	last  window
}

func (c *counter) add(n int, now time.Time) {
	if n > 0 {
		c.total += float64(n)
		c.last.recordMany(float64(n), float64(n), float64(n), int64(n), now)
	}
}
