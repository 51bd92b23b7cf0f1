package datagen

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/data"
)

// paced is how many records a pace lets through in a time that passes only while
// it sleeps: those due before the end.
func paced(t *testing.T, p pace, d time.Duration) (n int) {
	t.Helper()
	begun := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	for {
		k, err := p.wait(ctx, batchRecords)
		if err != nil {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			return n
		}
		if time.Since(begun) >= d {
			return n
		}
		if k < 1 || k > batchRecords {
			t.Fatalf("%d records are due, of %d at most", k, batchRecords)
		}
		n += k
		p.made(k)
	}
}

func pacing(t *testing.T, text string) curve {
	t.Helper()
	c, err := parseCurve(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRate(t *testing.T) {
	for _, c := range []struct {
		rate float64
		want int // in a minute
	}{{0.1, 6}, {1, 60}, {7, 420}, {100, 6000}, {1000, 60_000}, {33_333, 1_999_980}, {100_000, 6_000_000}} {
		synctest.Test(t, func(t *testing.T) {
			p := (&Config{PerSecond: c.rate}).pace(share{1, 1})
			got := paced(t, p, time.Minute)
			// A sleep is a millisecond at least: what falls due in the last one may come after the end.
			if late := int(c.rate/1000) + 1; got > c.want || got < c.want-late {
				t.Errorf("%v a second: %d records in a minute, want %d", c.rate, got, c.want)
			}
		})
	}
}

// What the tasks have together is the rate, however the shards are divided.
func TestRateIsDividedAmongTasks(t *testing.T) {
	for _, tasks := range []int{1, 2, 3, 5, 7, 16} {
		synctest.Test(t, func(t *testing.T) {
			total := 0
			for i := range tasks {
				c := &Config{PerSecond: 100, Quickstart: macdOrders, TaskID: i, Tasks: tasks}
				total += paced(t, c.pace(c.share(len(c.lanes()))), time.Minute)
			}
			if total < 6000 || total > 6000+tasks {
				t.Errorf("%d tasks send %d records in a minute, want 6000", tasks, total)
			}
		})
	}
}

func TestCurveRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &schedule{curve: pacing(t, "0 for 5s, 100 for 30s, 1000 for 10s, 0 for 15s"), share: share{1, 1}}
		for round := range 3 {
			for _, part := range []struct {
				seconds int
				want    int
			}{{5, 0}, {30, 3000}, {10, 10_000}, {15, 0}} {
				if got := paced(t, p, time.Duration(part.seconds)*time.Second); got < part.want-1 || got > part.want+1 {
					t.Errorf("round %d: %d records in %d s, want %d", round, got, part.seconds, part.want)
				}
			}
		}
	})
}

func TestDelaysAreMadeUpForWithinLimits(t *testing.T) {
	for _, c := range []struct {
		delay time.Duration
		want  int
	}{{3 * time.Second, 6000}, {9 * time.Second, 6000}, {time.Hour, 3000}} {
		synctest.Test(t, func(t *testing.T) {
			p := (&Config{PerSecond: 100}).pace(share{1, 1})
			got := paced(t, p, 20*time.Second)
			time.Sleep(c.delay)
			left := 40*time.Second - c.delay
			if c.delay > arrears {
				left = 10 * time.Second
			}
			if got += paced(t, p, left); got < c.want-1 || got > c.want+1 {
				t.Errorf("a delay of %v: %d records, want %d", c.delay, got, c.want)
			}
		})
	}
}

// The rate is that of records, whatever an index comes to, with a clock that does
// not stand still while records are made.
func TestSourceKeepsItsRate(t *testing.T) {
	for _, quickstart := range []string{"MACD_ORDERS", "MACD_PAYMENTS", "ORDERS"} {
		synctest.Test(t, func(t *testing.T) {
			s := start(t, nil, map[string]string{
				"kafka.topic": "t", "quickstart": quickstart, "records.per.second": "200", "max.interval": "900000000", "random.seed": "4",
			})
			if quickstart == macdPayments {
				s.stream.(*matched).cfg.Missing, s.stream.(*matched).cfg.Duplicate, s.stream.(*matched).cfg.Orphan = 0.3, 0.1, 0.1
			}
			begun, n := time.Now(), 0
			for {
				b := data.NewBatch()
				if err := s.Read(t.Context(), b); err != nil {
					t.Fatal(err)
				}
				if time.Since(begun) >= time.Minute {
					break
				}
				n += len(b.Records)
				time.Sleep(1500 * time.Microsecond) // what Kafka takes
			}
			// An index with three payments may run ahead of the schedule by two.
			if n < 12_000-2 || n > 12_000+2 {
				t.Errorf("%s: %d records in a minute, want 12000", quickstart, n)
			}
		})
	}
}

func TestPaceEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &schedule{curve: pacing(t, "0 for 900h, 1 for 1s"), share: share{1, 1}}
		if n := paced(t, p, time.Minute); n != 0 {
			t.Errorf("%d records in a silence", n)
		}
	})
}

func TestBadCurves(t *testing.T) {
	for text, want := range map[string]string{
		"100":                         `Must be steps such as 100 for 30s, 1000 for 10s: "100" is not a rate and a duration`,
		"100 for 10s,":                `: "" is not a rate and a duration`,
		"x for 10s":                   `the rate "x" is not a number from 0 to 1000000000`,
		"-1 for 10s":                  `the rate "-1" is not`,
		"NaN for 10s":                 `the rate "NaN" is not`,
		"1e10 for 10s":                `the rate "1e10" is not`,
		"1 for 0s":                    `"0s" is not a time span`,
		"1 for soon":                  `"soon" is not a time span`,
		"1 for 99999d":                `"99999d" is not a time span`,
		"1 for 9999999999999999999h":  `is not a time span`,
		"0 for 10s":                   "no record would ever be sent",
		"1 for 10s; 100 for 10s":      `is not a time span`,
		"1 for 10s, for 100 for 10 s": "is not",
	} {
		if _, err := parseCurve(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
