package datagen

import (
	"math/rand/v2"
	"strings"

	"culvert/connectors/datagen/gen"
	"culvert/connectors/datagen/macd"
	"culvert/data"
)

// stream is what a task generates: a value and a time for each iteration.
type stream interface {
	// start takes up the state before iteration count.
	start(seed, count int64)
	// next calls emit for every record of the iteration, none, one or more. Now is
	// the clock's time; the memory of the values is of a.
	next(count, now int64, a *data.Arena, emit func(v data.Value, at int64)) error
	// taken is about how many bytes the records of the last iteration take.
	taken() int
	// seed is the state after the last iteration, for the offset.
	seed() int64
	schema() *data.Schema
	hasField(name string) bool
	// keyField is the default key, empty for none.
	keyField() string
}

// stream makes the generator that the configuration asks for; start is
// event.time.start.
func (c *Config) stream(start int64) (stream, error) {
	if isMacd(c.Quickstart) {
		m := &matched{cfg: c.macd(start)}
		m.payments = strings.EqualFold(c.Quickstart, macdPayments)
		return m, nil
	}
	var (
		s   *gen.Schema
		err error
		key string
	)
	switch {
	case c.Quickstart != "":
		if err := checkQuickstart(c.Quickstart); err != nil {
			return nil, err
		}
		q := find(c.Quickstart)
		key = q.key
		s, err = q.schema()
	case c.SchemaText != "":
		s, err = gen.Parse(c.SchemaText)
	default:
		s, err = schemaFile(c.SchemaFile)
	}
	if err != nil {
		return nil, err
	}
	r := &random{s: s, key: key}
	if c.HasEventStart {
		r.at = func(i int64) int64 {
			if c.EventSpan > 0 {
				return start + macd.Evenly(i, c.Iterations, c.EventSpan)
			}
			return start + i*c.EventStep
		}
	}
	return r, nil
}

// matched is one of the two streams that belong together.
type matched struct {
	cfg      macd.Config
	payments bool
}

func (m *matched) start(int64, int64) {}
func (m *matched) seed() int64        { return m.cfg.Seed }
func (m *matched) taken() int         { return 0 } // a few hundred, always
func (m *matched) keyField() string   { return "order_id" }

func (m *matched) schema() *data.Schema {
	if m.payments {
		return macd.PaymentSchema
	}
	return macd.OrderSchema
}

func (m *matched) hasField(name string) bool { return m.schema().FieldIndex(name) >= 0 }

func (m *matched) next(count, now int64, a *data.Arena, emit func(data.Value, int64)) error {
	if !m.payments {
		emit(m.cfg.OrderValue(count, now, a))
		return nil
	}
	n, v, at := m.cfg.PaymentValues(count, now, a)
	for k := range n {
		emit(v[k], at[k])
	}
	return nil
}

// random is a stream of random values for a schema.
type random struct {
	s    *gen.Schema
	key  string
	g    *gen.Generator
	r    *gen.Random
	last int64
	at   func(i int64) int64 // the time of iteration i; nil: the producer's
}

func (r *random) start(seed, count int64) {
	r.r = gen.NewRandom(seed)
	r.last = seed
	r.g = gen.New(r.s, r.r, count)
}

func (r *random) seed() int64               { return r.last }
func (r *random) taken() int                { return r.g.Taken() }
func (r *random) keyField() string          { return r.key }
func (r *random) schema() *data.Schema      { return r.s.Connect() }
func (r *random) hasField(name string) bool { return r.s.HasField(name) }

func (r *random) next(count, now int64, a *data.Arena, emit func(data.Value, int64)) error {
	v, err := r.g.Next(a)
	if err != nil {
		return err
	}
	// The generator is seeded anew for every record, so that the seed alone is the
	// state that a restart needs.
	r.last = r.r.NextLong()
	r.r.SetSeed(r.last)
	at := data.NoTimestamp // the producer takes the clock's, as for the original
	if r.at != nil {
		at = r.at(count)
	}
	emit(v, at)
	return nil
}

// firstSeed is the seed of a task that has no offset yet: each task draws its
// own from the one of the connector.
func (c *Config) firstSeed() int64 {
	if isMacd(c.Quickstart) {
		return c.Seed
	}
	if !c.HasSeed {
		return rand.Int64()
	}
	seed := c.Seed
	for range c.TaskID {
		seed = gen.NewRandom(seed).NextLong()
	}
	return seed
}
