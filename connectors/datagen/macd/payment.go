package macd

import "time"

// Window is how long after its order a payment is in time.
const Window = 24 * time.Hour

// Times of payments after their order, in milliseconds.
const (
	minDelay    = 2_000
	delaySpread = 30 * 60_000
	lateSpread  = 6 * hour
	againSpread = 10 * 60_000
)

// The payments of an index, by the number at the end of their id.
const (
	firstPayment  = 1
	secondPayment = 2
	orphanPayment = 3 // has an order that does not exist
	maxPayments   = 3
)

// payments are what an index comes to on the other side.
type payments struct {
	n      int
	list   [maxPayments]payment
	method string
	wrong  bool // the first and the second one
	late   bool // the first and the second one
}

type payment struct {
	nth   byte
	cents int64
	delay int64 // after ordered_at
}

func (p *payments) add(nth byte, cents, delay int64) {
	p.list[p.n] = payment{nth: nth, cents: cents, delay: delay}
	p.n++
}

func (c *Config) payments(i int64) (p payments) {
	missing, orphan := c.happens(i, missingStream, c.Missing), c.happens(i, orphanStream, c.Orphan)
	if missing && !orphan {
		return p
	}
	total := c.shape(i).cents
	p.method = methods.pick(c.random(i, methodStream))
	delay := minDelay + int64(c.random(i, delayStream)%delaySpread)
	if !missing {
		c.pay(&p, i, total, delay)
	}
	if orphan {
		p.add(orphanPayment, total, delay)
	}
	return p
}

// pay adds the payments that do belong to order i.
func (c *Config) pay(p *payments, i, cents, delay int64) {
	if c.happens(i, lateStream, c.Late) {
		p.late = true
		delay = Window.Milliseconds() + 1 + int64(c.random(i, lateDelayStream)%lateSpread)
	}
	if c.happens(i, wrongStream, c.Wrong) {
		p.wrong = true
		off := 1 + int64(c.random(i, errorStream)%500)
		if c.random(i, errorStream)>>63 == 1 && off < cents {
			off = -off
		}
		cents += off
	}
	p.add(firstPayment, cents, delay)
	if c.happens(i, duplicateStream, c.Duplicate) {
		p.add(secondPayment, cents, delay+1+int64(c.random(i, againStream)%againSpread))
	}
}
