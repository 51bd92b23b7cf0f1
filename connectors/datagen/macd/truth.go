package macd

import (
	"iter"
	"time"
)

// List names what is to be found in the two streams. The first ones are there;
// then come the rows of a join by order_id within the asked window and what a
// report of mismatches must name beside them; then the reasons.
type List uint8

// The lists of the truth.
const (
	Orders   List = iota
	Payments      // every record, also a second one

	Pairs             // the rows of the join
	AmountMismatches  // the rows whose amount is not the total of the order
	UnmatchedOrders   // orders that are in no row
	UnmatchedPayments // payments that are in no row

	Unpaid      // orders without any payment
	Late        // payments more than 24 hours after their order
	Duplicate   // second payments of an order
	Orphan      // payments for an order that does not exist
	WrongAmount // payments with another amount than the order has

	lists
)

// Finding is an entry of a list; one of the ids may be empty.
type Finding struct{ OrderID, PaymentID string }

// find tells what there is about index i, with the number of the payment that it
// is about; 0: about the order alone.
func (c *Config) find(i int64, within time.Duration, found func(l List, nth byte)) {
	found(Orders, 0)
	p := c.payments(i)
	paid, paired := false, false
	for k := range p.list[:p.n] {
		x := &p.list[k]
		found(Payments, x.nth)
		if x.nth == orphanPayment {
			found(Orphan, x.nth)
			found(UnmatchedPayments, x.nth)
			continue
		}
		paid = true
		inTime := !c.EventTime || x.delay <= within.Milliseconds()
		if inTime {
			paired = true
			found(Pairs, x.nth)
		} else {
			found(UnmatchedPayments, x.nth)
		}
		if p.wrong {
			found(WrongAmount, x.nth)
			if inTime {
				found(AmountMismatches, x.nth)
			}
		}
		if p.late {
			found(Late, x.nth)
		}
		if x.nth == secondPayment {
			found(Duplicate, x.nth)
		}
	}
	if !paid {
		found(Unpaid, 0)
	}
	if !paired {
		found(UnmatchedOrders, 0)
	}
}

// Counts are the lengths of all lists.
type Counts [lists]int64

// Count goes once through everything of a Config with an end and keeps nothing.
func (c *Config) Count(within time.Duration) (n Counts) {
	for i := range max(c.Iterations, 0) {
		c.find(i, within, func(l List, _ byte) { n[l]++ })
	}
	return n
}

// All goes through one list of a Config with an end, in the order of the orders.
// It makes each entry when it is asked for, so that memory does not depend on how
// many there are.
func (c *Config) All(list List, within time.Duration) iter.Seq[Finding] {
	return func(yield func(Finding) bool) {
		for i := range max(c.Iterations, 0) {
			more := true
			c.find(i, within, func(l List, nth byte) {
				if l == list && more {
					more = yield(c.finding(i, nth))
				}
			})
			if !more {
				return
			}
		}
	}
}

func (c *Config) finding(i int64, nth byte) Finding {
	switch nth {
	case 0:
		return Finding{OrderID: c.OrderID(i)}
	case orphanPayment:
		return Finding{PaymentID: c.paymentID(i, nth)}
	}
	return Finding{OrderID: c.OrderID(i), PaymentID: c.paymentID(i, nth)}
}

// Order is an order as plain data.
type Order struct {
	ID, CustomerID, Customer string
	StoreID, Store, City     string
	Channel                  string
	Items                    []Item
	Total                    float64
	OrderedAt                int64 // milliseconds; 0 without event time
}

// Item is a line of an order.
type Item struct {
	Name     string
	Quantity int32
	Price    float64
}

// Payment is a payment as plain data, with what is wrong about it.
type Payment struct {
	ID, OrderID string
	Method      string
	Amount      float64
	PaidAt      int64 // milliseconds; 0 without event time

	Late, Duplicate, Orphan, WrongAmount bool
}

// Pair is a row that a join must find.
type Pair = Finding

// Truth is what the two streams hold and what belongs together, all of it in
// memory: for tests and demos, whose streams are short.
type Truth struct {
	Orders   []Order
	Payments []Payment
	// Pairs are the rows of an inner join by order_id within the asked window.
	Pairs []Pair
	// Unpaid are the orders without any payment, Late the payments after Window,
	// Duplicate the second payments, Orphan those without order, WrongAmount those
	// that differ from the total.
	Unpaid, Late, Duplicate, Orphan, WrongAmount []string
}

// Truth lists everything of a Config with an end, for a join within the window.
func (c *Config) Truth(within time.Duration) Truth {
	var t Truth
	for i := range max(c.Iterations, 0) {
		t.Orders = append(t.Orders, c.Order(i))
		t.Payments = append(t.Payments, c.Payments(i)...)
		c.find(i, within, func(l List, nth byte) {
			f := c.finding(i, nth)
			switch l {
			case Pairs:
				t.Pairs = append(t.Pairs, f)
			case Unpaid:
				t.Unpaid = append(t.Unpaid, f.OrderID)
			case Late:
				t.Late = append(t.Late, f.PaymentID)
			case Duplicate:
				t.Duplicate = append(t.Duplicate, f.PaymentID)
			case Orphan:
				t.Orphan = append(t.Orphan, f.PaymentID)
			case WrongAmount:
				t.WrongAmount = append(t.WrongAmount, f.PaymentID)
			}
		})
	}
	return t
}

// Order returns order i.
func (c *Config) Order(i int64) Order {
	s := c.shape(i)
	p := &places[s.place]
	o := Order{
		ID: c.OrderID(i), CustomerID: string(appendCustomerID(nil, s.customer)), Customer: string(appendCustomer(nil, s.customer)),
		StoreID: p.id, Store: p.name, City: p.city, Channel: s.channel, Total: euros(s.cents), OrderedAt: c.OrderedAt(i, 0),
	}
	for _, l := range s.lines[:s.n] {
		o.Items = append(o.Items, Item{Name: menu[l.dish].name, Quantity: int32(l.quantity), Price: euros(menu[l.dish].cents)})
	}
	return o
}

// Payments returns the payments that are made when order i is: none, one, two, or
// three with one that belongs to no order.
func (c *Config) Payments(i int64) []Payment {
	p := c.payments(i)
	var all []Payment
	for _, x := range p.list[:p.n] {
		orphan := x.nth == orphanPayment
		paid := Payment{
			ID: c.paymentID(i, x.nth), OrderID: string(c.appendPaidID(nil, i, x.nth)), Method: p.method, Amount: euros(x.cents),
			Late: p.late && !orphan, WrongAmount: p.wrong && !orphan, Duplicate: x.nth == secondPayment, Orphan: orphan,
		}
		if c.EventTime {
			paid.PaidAt = c.OrderedAt(i, 0) + x.delay
		}
		all = append(all, paid)
	}
	return all
}
