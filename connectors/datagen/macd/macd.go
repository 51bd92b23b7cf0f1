package macd

import (
	"strconv"
	"time"
)

// Config says which orders and payments there are. The two streams agree when
// their Configs are equal.
type Config struct {
	Seed int64
	// Iterations is the number of orders, and of the indices that payments are
	// made for; below 1 there is no end.
	Iterations int64

	// Each rate is the share of indices, 0 to 1, for which the payment …
	Missing   float64 // … is never made
	Late      float64 // … is made after more than 24 hours
	Duplicate float64 // … is made twice
	Wrong     float64 // … has another amount than the order

	// Event time: order i is placed at Start + i·Step. Without it the clock of the
	// wall gives the times, and nothing can be late.
	EventTime   bool
	Start, Step int64 // milliseconds
}

// Currency of all amounts.
const Currency = "EUR"

// Window is how long after its order a payment is in time.
const Window = 24 * time.Hour

// Times of payments after their order, in milliseconds.
const (
	minDelay    = 2_000
	delaySpread = 30 * 60_000
	lateSpread  = 6 * 3600_000
	againSpread = 10 * 60_000
)

const maxLines = 5

// shape is what an index comes to, before it is spelled out. It is small and on
// the stack: payments need it only for the total.
type shape struct {
	customer uint32
	place    uint8
	channel  string
	lines    [maxLines]line
	n        int
	cents    int64
}

type line struct {
	dish     uint8
	quantity uint8
}

// stream names give every decision about an index its own random number.
const (
	orderStream = iota + 1
	missingStream
	lateStream
	duplicateStream
	wrongStream
	delayStream
	lateDelayStream
	againStream
	methodStream
	errorStream
)

// mix is the finalizer of splitmix64: neighbouring inputs give unrelated outputs.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (c *Config) random(i int64, stream uint64) uint64 {
	return mix(mix(mix(uint64(c.Seed))^uint64(i)) ^ stream<<56)
}

// happens decides an event of the given rate for index i.
func (c *Config) happens(i int64, stream uint64, rate float64) bool {
	return rate > 0 && float64(c.random(i, stream)>>11)*0x1p-53 < rate
}

func (c *Config) shape(i int64) shape {
	r := c.random(i, orderStream)
	next := func() uint64 { r = mix(r); return r }
	s := shape{
		customer: uint32(next() % 5000),
		place:    uint8(next() % uint64(len(places))),
		channel:  channels.pick(next()),
		n:        1 + int(next()%maxLines+next()%maxLines)/2,
	}
	for k := range s.lines[:s.n] {
		d := popular(next())
		q := uint8(1)
		if x := next() % 10; x >= 7 {
			q = uint8(2 + (x-7)/2)
		}
		s.lines[k] = line{dish: d, quantity: q}
		s.cents += int64(q) * menu[d].cents
	}
	return s
}

// popular draws a dish; the square of a uniform number favours the first ones.
func popular(r uint64) uint8 {
	u := float64(r>>11) * 0x1p-53
	return uint8(u * u * float64(len(menu)))
}

// payment is what an index comes to on the other side.
type payment struct {
	wrong   bool
	late    bool
	cents   int64
	delay   int64 // after ordered_at, of the first payment
	again   int64 // of the second one; 0: there is none
	missing bool
	method  string
}

func (c *Config) payment(i int64) payment {
	if c.happens(i, missingStream, c.Missing) {
		return payment{missing: true}
	}
	s := c.shape(i)
	p := payment{
		cents:  s.cents,
		method: methods.pick(c.random(i, methodStream)),
		delay:  minDelay + int64(c.random(i, delayStream)%delaySpread),
	}
	if c.happens(i, lateStream, c.Late) {
		p.late = true
		p.delay = Window.Milliseconds() + 1 + int64(c.random(i, lateDelayStream)%lateSpread)
	}
	if c.happens(i, duplicateStream, c.Duplicate) {
		p.again = p.delay + 1 + int64(c.random(i, againStream)%againSpread)
	}
	if c.happens(i, wrongStream, c.Wrong) {
		p.wrong = true
		off := 1 + int64(c.random(i, errorStream)%500)
		if c.random(i, errorStream)>>63 == 1 && off < p.cents {
			off = -off
		}
		p.cents += off
	}
	return p
}

// OrderedAt is the time of order i; now where there is no event time.
func (c *Config) OrderedAt(i, now int64) int64 {
	if c.EventTime {
		return c.Start + i*c.Step
	}
	return now
}

// OrderID returns the id of order i. Seeds have different ids, so that two runs
// in one topic can be told apart.
func (c *Config) OrderID(i int64) string { return string(c.appendOrderID(nil, i)) }

// idLength is enough for an id with an index of eight digits.
const idLength = 4 + 4 + 1 + 8 + 2

func (c *Config) appendOrderID(b []byte, i int64) []byte { return c.appendID(append(b, "ord-"...), i) }

func (c *Config) appendID(b []byte, i int64) []byte {
	const hex = "0123456789abcdef"
	h := mix(uint64(c.Seed))
	b = append(b, hex[h>>12&15], hex[h>>8&15], hex[h>>4&15], hex[h&15], '-')
	const digits = 8
	for limit, n := int64(10), 1; n < digits; limit, n = limit*10, n+1 {
		if i < limit {
			for range digits - n {
				b = append(b, '0')
			}
			break
		}
	}
	return strconv.AppendInt(b, i, 10)
}

func (c *Config) appendPaymentID(b []byte, i int64, nth byte) []byte {
	return append(c.appendID(append(b, "pay-"...), i), '-', '0'+nth)
}

func euros(cents int64) float64 { return float64(cents) / 100 }
