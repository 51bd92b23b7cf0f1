package mongodb

import (
	"context"
	"time"

	"culvert/connectors"
	"culvert/fault"
)

// retries counts the attempts of one batch that MongoDB could not take. max.num.retries
// and retries.defer.timeout had this meaning until release 1.7 of the connector, and none since.
type retries struct {
	failed int
	next   time.Time // when the next attempt may begin
}

// maxDeferMS is a day.
const maxDeferMS = 24 * 60 * 60 * 1000

// after notes a failed attempt. Beyond max.num.retries the error ends the task.
func (r *retries) after(err error, t *topicConfig) error {
	f := fault.Of(err)
	if f == nil || f.Class != fault.Retry || f.Code != codeDown {
		return err
	}
	r.failed++
	r.next = time.Now().Add(time.Duration(min(t.RetryDeferMS.n, maxDeferMS)) * time.Millisecond)
	if !t.MaxRetries.given || r.failed <= t.MaxRetries.n {
		return err
	}
	stop := *f
	stop.Class, stop.Java = fault.Fatal, dataException
	stop.Err = fault.Because(f.Err, "Failed to write mongodb documents despite retrying: %s", f.Err)
	stop.Fix = "Nothing is lost: the batch is written when the task runs again. Without max.num.retries it waits for MongoDB instead of failing."
	return &stop
}

// wait lets retries.defer.timeout pass.
func (r *retries) wait(ctx context.Context) error {
	d := time.Until(r.next)
	if d <= 0 {
		return nil
	}
	return pause(ctx, d)
}

// pause is a wait that ends with ctx.
func pause(ctx context.Context, d time.Duration) error {
	if connectors.Wait(ctx, d) != nil {
		return fault.New(fault.Retry, "mongo.interrupted", "a wait was interrupted: %w", context.Cause(ctx))
	}
	return nil
}
