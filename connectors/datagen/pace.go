package datagen

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"strconv"
	"strings"
	"time"
)

// pace decides when a task makes its next records.
type pace interface {
	// wait returns when a record is due, with how many are, most at the utmost; or with
	// the error of ctx when that ends.
	wait(ctx context.Context, most int) (int, error)
	// made tells how many records were made since.
	made(n int)
}

// share is the part of the connector's rate that a task has.
type share struct{ part, all int }

// pace is what the configuration asks for.
func (c *Config) pace(s share) pace {
	curve := c.Curve
	if c.PerSecond > 0 {
		curve = curveOf(step{rate: c.PerSecond, length: time.Second})
	}
	if curve.records > 0 {
		return &schedule{curve: curve, share: s}
	}
	return &interval{max: time.Duration(c.MaxInterval) * time.Millisecond}
}

// interval pauses for a random time before each record, as the original does:
// between 0 and max.
type interval struct {
	max   time.Duration
	sleep sleeper
}

func (p *interval) wait(ctx context.Context, most int) (int, error) {
	if p.max <= 0 {
		return most, ctx.Err()
	}
	d := time.Duration(float64(p.max)*rand.Float64()) / time.Millisecond * time.Millisecond
	return 1, p.sleep.wait(ctx, d)
}

func (p *interval) made(int) {}

// schedule is a rate. Each record has a time at which it is due, counted from the
// first one, so that nothing adds up over time: what a slow batch delayed is made
// up for.
type schedule struct {
	curve curve
	share share
	sent  int64
	start time.Time
	sleep sleeper
}

const (
	// arrears is how much delay is made up for. After more than that, a connector that
	// was paused or a broker that was away, the schedule goes on where it stood.
	arrears = 10 * time.Second
	// breath is the shortest sleep: timers are hardly finer, and what falls due in it
	// makes a batch.
	breath = time.Millisecond
)

func (p *schedule) wait(ctx context.Context, most int) (int, error) {
	if p.start.IsZero() {
		p.start = time.Now()
	}
	for {
		elapsed := time.Since(p.start)
		next := p.due(p.sent)
		if late := elapsed - next; late > arrears {
			p.start = p.start.Add(late)
			elapsed = next
		}
		if n := sort.Search(most, func(n int) bool { return p.due(p.sent+int64(n)) > elapsed }); n > 0 {
			return n, ctx.Err()
		}
		if err := p.sleep.wait(ctx, max(next-elapsed, breath)); err != nil {
			return 0, err
		}
	}
}

func (p *schedule) made(n int) { p.sent += int64(n) }

// due is when record n of the task is due, the first one being 0.
func (p *schedule) due(n int64) time.Duration {
	return p.curve.due(float64(n) * float64(p.share.all) / float64(p.share.part))
}

// curve is a rate that changes in steps, which repeat for ever.
type curve struct {
	steps   []step
	records float64 // of all steps
	length  time.Duration
}

// step is a part of a curve; from and before are the sums of what precedes it.
type step struct {
	rate   float64 // records per second
	length time.Duration

	from   time.Duration
	before float64
}

func curveOf(steps ...step) curve {
	c := curve{steps: steps}
	for i := range steps {
		steps[i].from, steps[i].before = c.length, c.records
		c.length += steps[i].length
		c.records += steps[i].rate * steps[i].length.Seconds()
	}
	return c
}

// due is when n records have been made, without those to come at that time.
func (c *curve) due(n float64) time.Duration {
	rounds := math.Floor(n / c.records)
	n -= rounds * c.records
	// The last step that begins with no more than n; a silent one never, for the step
	// after it begins with the same number.
	i := sort.Search(len(c.steps), func(i int) bool { return c.steps[i].before > n }) - 1
	for ; c.steps[i].rate == 0; i-- {
	}
	s := &c.steps[i]
	within := time.Duration(math.Round((n - s.before) / s.rate * float64(time.Second)))
	return time.Duration(rounds)*c.length + s.from + within
}

const curveForm = "steps such as 100 for 30s, 1000 for 10s"

// parseCurve reads "100 for 30s, 1000 for 10s".
func parseCurve(text string) (curve, error) {
	var steps []step
	for part := range strings.SplitSeq(text, ",") {
		rate, length, ok := strings.Cut(strings.TrimSpace(part), " for ")
		if !ok {
			return curve{}, fmt.Errorf("Must be %s: %q is not a rate and a duration", curveForm, part)
		}
		r, err := strconv.ParseFloat(strings.TrimSpace(rate), 64)
		if err != nil || !(r >= 0 && r <= fastest) {
			return curve{}, fmt.Errorf("Must be %s: the rate %q is not a number from 0 to %d", curveForm, rate, int64(fastest))
		}
		ms, err := parseSpan(strings.TrimSpace(length))
		if err != nil {
			return curve{}, fmt.Errorf("Must be %s: %q %w", curveForm, length, err)
		}
		steps = append(steps, step{rate: r, length: time.Duration(ms) * time.Millisecond})
	}
	c := curveOf(steps...)
	if c.records == 0 {
		return curve{}, errors.New("Must have a step with a rate above 0: no record would ever be sent")
	}
	return c, nil
}

// sleeper is a timer that is used again.
type sleeper struct{ timer *time.Timer }

// wait sleeps, or returns the error of ctx when that ends first.
func (s *sleeper) wait(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	if s.timer == nil {
		s.timer = time.NewTimer(d)
	} else {
		s.timer.Reset(d)
	}
	select {
	case <-s.timer.C:
		return nil
	case <-ctx.Done():
		s.timer.Stop()
		return ctx.Err()
	}
}
