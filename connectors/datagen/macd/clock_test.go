package macd

import (
	"math"
	"testing"
	"time"
)

func TestOrdersOfADayFollowTheClock(t *testing.T) {
	// A day of orders, one for each second of average business: of a thousand of
	// them, so many in each hour as the table says.
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	c := Config{EventTime: true, Start: start, Step: 1000}
	var perHour [24]int64
	last := start
	for i := range int64(86_400) {
		at := c.OrderedAt(i, 0)
		if at < last {
			t.Fatalf("order %d is placed %d ms before the one before it", i, last-at)
		}
		last = at
		perHour[(at-start)/hour]++
	}
	sum := int64(0)
	for h, n := range perHour {
		sum += hourly[h]
		if want := float64(hourly[h]) * 86.4; math.Abs(float64(n)-want) > 1 {
			t.Errorf("hour %d: %d orders, want about %v", h, n, want)
		}
	}
	if sum != 1000 {
		t.Errorf("the shares of the hours make %d, not 1000", sum)
	}
	for _, rush := range []int{12, 18} {
		if perHour[rush] < 2*86_400/24 {
			t.Errorf("hour %d has %d orders: no rush", rush, perHour[rush])
		}
	}
}

func TestEventTimeBeginsAtItsStart(t *testing.T) {
	for _, start := range []int64{0, 1, 1_750_000_000_000, 1_769_860_812_345, -1, -day, -day - 1, 23*hour + 3_599_999} {
		if at := onClock(start, 0); at != start {
			t.Errorf("start %d: the first order is placed at %d", start, at)
		}
		for _, days := range []int64{1, 30, 400} {
			if at := onClock(start, days*day); at != start+days*day {
				t.Errorf("start %d: %d days later it is %d ms too late", start, days, at-start-days*day)
			}
		}
		for last, e := start, int64(0); e < 2*day; e += 61_007 {
			at := onClock(start, e)
			if at < last || at > start+e+day {
				t.Fatalf("start %d: %d after %d comes %d", start, e, last, at)
			}
			last = at
		}
	}
}

func TestSpanHoldsAllOrders(t *testing.T) {
	start := time.Date(2026, 10, 27, 0, 0, 0, 0, time.UTC).UnixMilli()
	c := Config{EventTime: true, Start: start, Iterations: 100_003, Span: 30 * day}
	var perDay [30]int
	for i := range c.Iterations {
		perDay[(c.OrderedAt(i, 0)-start)/day]++
	}
	for d, n := range perDay {
		if n < 3333 || n > 3334 {
			t.Errorf("day %d has %d of %d orders", d, n, c.Iterations)
		}
	}
	const span = 100 * 366 * day
	if at := Evenly(math.MaxInt32-1, math.MaxInt32, span); at >= span || at < span-span/math.MaxInt32-1 {
		t.Errorf("the last of many lies at %d of %d", at, int64(span))
	}
}
