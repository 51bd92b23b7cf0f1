package task

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"culvert/fault"
	"culvert/runtime/metrics"
)

// Back-off between attempts. The cap is what lets work resume within two seconds
// of the end of an outage, however long it was.
const (
	retryFirst = 20 * time.Millisecond
	retryCap   = time.Second
)

// delay is the wait before attempt n+1 (n from 0): exponential up to the cap,
// less up to a quarter of it by chance, so that tasks do not come in step.
func delay(n int, after, limit time.Duration) time.Duration {
	d := retryCap
	if n < 10 {
		d = min(retryFirst<<n, retryCap)
	}
	d = min(max(d, after), limit)
	return d - time.Duration(rand.Int64N(int64(d)/4+1))
}

// retrier repeats what fails with class Retry, for as long as it takes, and says
// so in the status and once in the log.
type retrier struct {
	log     *slog.Logger
	waiting func(reason string)
	limit   time.Duration // longest delay; 0: retryCap
	stats   *metrics.Task
}

func newRetrier(c *Common, who string) *retrier {
	limit := retryCap
	if d := c.Errors.RetryDelayMax; d > 0 {
		limit = min(limit, d)
	}
	return &retrier{log: c.Log, waiting: c.Waiting.For(who), limit: limit, stats: c.Stats}
}

// do calls f until it returns nil or an error of another class than Retry, or
// until ctx ends: then its error is ctx's.
func (r *retrier) do(ctx context.Context, what string, f func() error) error {
	err := f()
	if err == nil || !fault.Is(err, fault.Retry) {
		return err
	}
	return r.again(ctx, what, err, f)
}

func (r *retrier) again(ctx context.Context, what string, err error, f func() error) error {
	begun := time.Now()
	r.log.Warn("waiting", "for", what, "reason", err.Error())
	defer r.waiting("")
	for n := 0; ; n++ {
		r.waiting(what + ": " + fault.Explain(err))
		if stop := r.wait(ctx, n, err); stop != nil {
			return stop
		}
		if err = f(); err == nil || !fault.Is(err, fault.Retry) {
			if err == nil {
				r.log.Info("resumed", "after", time.Since(begun).Round(time.Millisecond).String(), "for", what)
			}
			return err
		}
	}
}

// wait is the back-off after attempt n failed with err.
func (r *retrier) wait(ctx context.Context, n int, err error) error {
	var after time.Duration
	if e := fault.Of(err); e != nil {
		after = e.After
	}
	limit := r.limit
	if limit == 0 {
		limit = retryCap
	}
	err = pause(ctx, delay(n, after, limit))
	if err == nil {
		r.stats.Retried()
	}
	return err
}

// ended reports whether err is the end of ctx and nothing else.
func ended(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Cause(ctx)))
}
