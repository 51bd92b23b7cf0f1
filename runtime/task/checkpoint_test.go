package task

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/connectors"
	"culvert/data"
	"culvert/fault"
	"culvert/kafka"
)

// keeping is a sink that keeps offsets: it writes the whole batch or marks some of it.
type keeping struct {
	broker *broker
	mu     sync.Mutex
	at     data.Offsets
	down   bool // Restore has to wait
	calls  []string
}

func (k *keeping) written() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.calls)
}

func (k *keeping) set(at data.Offsets, down bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.at, k.down = at, down
}

func (k *keeping) Restore(context.Context, []data.TopicPartition) (data.Offsets, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.down {
		return nil, fault.New(fault.Retry, "mongo.unavailable", "away")
	}
	return k.at, nil
}

func (k *keeping) Write(_ context.Context, b *data.Batch) error {
	var values []string
	for i := range b.Records {
		v, _, err := b.Records[i].Value.Value(b.Arena)
		if err != nil {
			return err
		}
		values = append(values, strings.Clone(v.Str()))
		if strings.HasPrefix(v.Str(), "refused") {
			b.Fail(i, data.StagePut, errors.New("no"))
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.calls = append(k.calls, fmt.Sprintf("%s of %d, %d letters", strings.Join(values, "+"), len(b.Inputs), len(k.broker.messages("dead"))))
	return nil
}

func (k *keeping) Close(context.Context) error { return nil }

func newKeepingTest(t *testing.T) (*sinkTest, *keeping) {
	s := newSinkTest(t)
	k := &keeping{broker: s.broker}
	s.cfg.Open = func(context.Context) (connectors.Sink, error) { return k, nil }
	s.cfg.Errors.Tolerate, s.cfg.Errors.Letters, s.cfg.Errors.LettersReplication = true, "dead", 1
	s.topic("in", 1)
	return s, k
}

// TestSink_keeps: a batch comes to a sink that keeps offsets until it has marked
// nothing, each time with the letters of what is gone written before; also when nothing
// is left of it.
func TestSink_keeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, k := newKeepingTest(t)
		for _, v := range []string{"a", "refused1", "b", "refused2"} {
			s.put("in", "k", v, 1000)
		}
		s.start(t)
		s.put("in", "k", "refused3", 1000)
		synctest.Wait()
		want := []string{"a+refused1+b+refused2 of 4, 0 letters", "a+b of 4, 2 letters", "refused3 of 1, 2 letters", " of 1, 3 letters"}
		if !slices.Equal(k.written(), want) {
			t.Errorf("written %q, want %q", k.written(), want)
		}
		if err := s.end(); err != nil {
			t.Fatal(err)
		}
		if s.offset() != 5 {
			t.Errorf("offset %d committed at the stop", s.offset())
		}
	})
}

// TestSink_restores: where the sink stands counts, not the group; and it is waited for.
func TestSink_restores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, k := newKeepingTest(t)
		s.values(5, 0)
		s.set(func() {
			s.groups["connect-c"] = map[data.TopicPartition]kafka.OffsetMeta{{Topic: "in"}: {Offset: 4}}
		})
		k.set(data.Offsets{{Topic: "in"}: 2}, true)
		s.start(t)
		time.Sleep(time.Hour)
		if w := s.said.waits(); len(k.written()) != 0 || len(w) == 0 || !strings.Contains(w[len(w)-1], "away") {
			t.Errorf("written %q, reasons told %q", k.written(), w)
		}
		k.set(data.Offsets{{Topic: "in"}: 2}, false)
		time.Sleep(2 * time.Second)
		if want := []string{"v2+v3+v4 of 3, 0 letters"}; !slices.Equal(k.written(), want) {
			t.Errorf("written %q, want %q", k.written(), want)
		}
		if err := s.end(); err != nil {
			t.Fatal(err)
		}
	})
}
