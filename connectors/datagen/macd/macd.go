package macd

import "strconv"

// Config says which orders and payments there are. The two streams agree when
// their Configs are equal.
type Config struct {
	Seed int64
	// Iterations is the number of orders, and of the indices that payments are
	// made for; below 1 there is no end.
	Iterations int64

	// Missing is the share of orders, 0 to 1, that are never paid. Of those that are
	// paid, each further rate is the share whose payment …
	Missing   float64
	Late      float64 // … is made after more than 24 hours
	Duplicate float64 // … is made twice
	Wrong     float64 // … has another amount than the order
	// Orphan is the number of payments for orders that do not exist, as a share of
	// the orders.
	Orphan float64

	// Event time: order 0 is placed at Start, and each order Step after the one
	// before on average, as the business of the day goes. With Span, all Iterations
	// are spread over it, and Step does not count. Without event time the clock of the
	// wall gives the times, and nothing can be late.
	EventTime         bool
	Start, Step, Span int64 // milliseconds
}

// Currency of all amounts.
const Currency = "EUR"

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
	orphanStream
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

// OrderedAt is the time of order i; now where there is no event time.
func (c *Config) OrderedAt(i, now int64) int64 {
	switch {
	case !c.EventTime:
		return now
	case c.Span > 0 && c.Iterations > 0:
		return onClock(c.Start, Evenly(i, c.Iterations, c.Span))
	}
	return onClock(c.Start, i*c.Step)
}

// OrderID returns the id of order i. Seeds have different ids, so that two runs
// in one topic can be told apart.
func (c *Config) OrderID(i int64) string { return string(c.appendOrderID(nil, i)) }

func (c *Config) paymentID(i int64, nth byte) string { return string(c.appendPaymentID(nil, i, nth)) }

// idLength is enough for an id with an index of eight digits.
const idLength = 4 + 4 + 1 + 8 + 2

func (c *Config) appendOrderID(b []byte, i int64) []byte { return c.appendID(append(b, "ord-"...), i) }

// appendPaidID is the order_id of a payment: for an orphan one that no order has.
func (c *Config) appendPaidID(b []byte, i int64, nth byte) []byte {
	b = c.appendOrderID(b, i)
	if nth == orphanPayment {
		b = append(b, "-x"...)
	}
	return b
}

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
