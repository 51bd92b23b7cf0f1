package task

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"culvert/data"
	"culvert/fault"
)

// Revoke waits for a Write that is under way, and commits what it wrote.
func TestSink_revoke_waits_for_write(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSinkTest(t)
		s.topic("in", 1)
		s.values(3, 0)
		writing := make(chan struct{}, 10)
		s.dst.set(func(ctx context.Context, _ *data.Batch) error {
			writing <- struct{}{}
			time.Sleep(2 * time.Second)
			return ctx.Err()
		})
		s.start(t)
		<-writing
		s.member.Rejoin()
		time.Sleep(3 * time.Second)
		if s.offset() != 3 {
			t.Errorf("offset %d committed at the revocation", s.offset())
		}
		if len(s.dst.revoked) != 1 {
			t.Errorf("revoked %v", s.dst.revoked)
		}
		if got := len(s.dst.got()); got != 3 {
			t.Errorf("%d records written, each once", got)
		}
		s.dst.set(nil)
		s.values(1, 3)
		synctest.Wait()
		if got := len(s.dst.got()); got != 4 {
			t.Errorf("%d records written after the rebalance", got)
		}
		s.end()
	})
}

func TestSink_revoke_cancels_after_grace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSinkTest(t)
		s.topic("in", 1)
		s.values(3, 0)
		s.dst.set(func(ctx context.Context, _ *data.Batch) error {
			<-ctx.Done()
			return ctx.Err()
		})
		s.start(t)
		begun := time.Now()
		if err := s.end(); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(begun); d < 5*time.Second || d > 6*time.Second {
			t.Errorf("stopped after %s, the grace is 5 s", d)
		}
		if s.offset() != -1 {
			t.Errorf("offset %d committed of a Write that was cancelled", s.offset())
		}
	})
}

// Another instance has taken over: no further Write, no commit, no failure.
func TestSink_fenced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSinkTest(t)
		s.topic("in", 1)
		s.values(3, 0)
		s.start(t)
		s.member.setStale(true)
		close(s.member.fenced)
		err := <-s.err
		if !fault.Is(err, fault.Fenced) {
			t.Errorf("the task ended with %v", err)
		}
		if s.offset() != -1 {
			t.Errorf("offset %d committed", s.offset())
		}
	})
}

// A process that was frozen wakes up with a batch in its hands, before any
// heartbeat has told it that it is out: it must not write.
func TestSink_wakes_up_stale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSinkTest(t)
		s.topic("in", 1)
		first := s.values(1, 0)
		block := make(chan struct{})
		s.dst.set(func(_ context.Context, b *data.Batch) error {
			if raw, _, _ := b.Records[0].Value.Wire(); string(raw) == "v1" {
				<-block // the freeze, with the next batch already fetched
				return fault.New(fault.Retry, "test.again", "again")
			}
			return nil
		})
		s.start(t)
		s.values(1, 1)
		synctest.Wait()
		s.values(1, 2)
		synctest.Wait()
		time.Sleep(time.Minute)
		s.member.setStale(true)
		s.dst.set(nil)
		close(block)
		time.Sleep(time.Minute)
		if got := s.dst.got(); !slices.Equal(got, first) {
			t.Errorf("written by a member that is out: %v", got)
		}
		close(s.member.fenced)
		if err := <-s.err; !fault.Is(err, fault.Fenced) {
			t.Errorf("the task ended with %v", err)
		}
	})
}
