package conntest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"culvert/connectors"
	"culvert/data"
)

// counter is a source of numbers, as simple as one can be.
type counter struct {
	next, end int64
}

func (c *counter) Read(ctx context.Context, b *data.Batch) error {
	if c.next >= c.end {
		<-ctx.Done()
		return ctx.Err()
	}
	for range 3 {
		r := b.Append()
		r.Topic = "numbers"
		r.Value = data.ValueCell(data.OfInt64(c.next), nil)
		c.next++
	}
	b.Mark(data.OfMap([]data.Value{data.OfString("p"), data.OfInt64(0)}), data.OfMap([]data.Value{data.OfString("next"), data.OfInt64(c.next)}))
	return nil
}

func (c *counter) Close(context.Context) error { return nil }

func TestSourceSuite(t *testing.T) {
	Source(t, SourceCase{
		Batches: 3,
		Open: func(_ *testing.T, from []data.Mark) connectors.Source {
			c := &counter{end: 1000}
			for _, m := range from {
				v, _ := m.Next.Lookup("next")
				c.next = v.Int()
			}
			return c
		},
		Quiet: func(*testing.T) connectors.Source { return &counter{} },
	})
}

// list is a sink that keeps texts.
type list struct {
	texts   map[string]bool
	order   []string
	stalled bool
}

func (l *list) Write(ctx context.Context, b *data.Batch) error {
	if l.stalled {
		<-ctx.Done()
		return ctx.Err()
	}
	for i := range b.Records {
		v, _, err := b.Records[i].Value.Value(b.Arena)
		if err != nil {
			b.Fail(i, data.StagePut, err)
			continue
		}
		text := Show(v)
		if !l.texts[text] {
			l.texts[text] = true
			l.order = append(l.order, text)
		}
	}
	return nil
}

func (l *list) Close(context.Context) error {
	if l.texts == nil {
		return errors.New("never opened")
	}
	return nil
}

func TestSinkSuite(t *testing.T) {
	var last *list
	Sink(t, SinkCase{
		Open: func(*testing.T) connectors.Sink {
			last = &list{texts: map[string]bool{}}
			return last
		},
		Batch: func(b *data.Batch, n int) {
			for i := range 10 {
				r := b.Append()
				r.Topic = "numbers"
				r.Value = data.ValueCell(data.OfString(fmt.Sprintf("number %d", 10*n+i)), nil)
			}
		},
		Written:   func(*testing.T) []string { return append([]string(nil), last.order...) },
		Converges: true,
		Stall:     func(*testing.T) { last.stalled = true },
	})
}
