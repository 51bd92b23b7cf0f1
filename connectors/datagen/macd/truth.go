package macd

import "time"

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

	Late, Duplicate, WrongAmount bool
}

// Pair is a row that a join must find.
type Pair struct{ OrderID, PaymentID string }

// Truth is what the two streams hold and what belongs together.
type Truth struct {
	Orders   []Order
	Payments []Payment
	// Pairs are the rows of an inner join by order_id within the asked window.
	Pairs []Pair
	// Unpaid are the orders without any payment, Late the payments after Window,
	// Duplicate the second payments, WrongAmount those that differ from the total.
	Unpaid, Late, Duplicate, WrongAmount []string
}

// Truth lists everything of a Config with an end, for a join within the window.
func (c *Config) Truth(within time.Duration) Truth {
	var t Truth
	for i := range max(c.Iterations, 0) {
		o := c.Order(i)
		t.Orders = append(t.Orders, o)
		payments := c.Payments(i)
		if len(payments) == 0 {
			t.Unpaid = append(t.Unpaid, o.ID)
		}
		for _, p := range payments {
			t.Payments = append(t.Payments, p)
			if apart := p.PaidAt - o.OrderedAt; max(apart, -apart) <= within.Milliseconds() {
				t.Pairs = append(t.Pairs, Pair{OrderID: o.ID, PaymentID: p.ID})
			}
			if p.Late {
				t.Late = append(t.Late, p.ID)
			}
			if p.Duplicate {
				t.Duplicate = append(t.Duplicate, p.ID)
			}
			if p.WrongAmount {
				t.WrongAmount = append(t.WrongAmount, p.ID)
			}
		}
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

// Payments returns the payments for order i: none, one or two.
func (c *Config) Payments(i int64) []Payment {
	p := c.payment(i)
	if p.missing {
		return nil
	}
	first := Payment{
		ID: string(c.appendPaymentID(nil, i, 1)), OrderID: c.OrderID(i), Method: p.method, Amount: euros(p.cents),
		Late: p.late, WrongAmount: p.wrong,
	}
	second := first
	second.ID, second.Duplicate = string(c.appendPaymentID(nil, i, 2)), true
	if c.EventTime {
		ordered := c.OrderedAt(i, 0)
		first.PaidAt, second.PaidAt = ordered+p.delay, ordered+p.again
	}
	if p.again == 0 {
		return []Payment{first}
	}
	return []Payment{first, second}
}
