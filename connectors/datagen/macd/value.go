package macd

import "culvert/data"

// Names of the records, as a schema registry knows them.
const (
	OrderName   = "culvert.macd.Order"
	ItemName    = "culvert.macd.Item"
	PaymentName = "culvert.macd.Payment"
)

// The schemas of the two streams.
var (
	ItemSchema = data.NewStruct(ItemName,
		data.Field{Name: "name", Schema: data.Of(data.String)},
		data.Field{Name: "quantity", Schema: data.Of(data.Int32)},
		data.Field{Name: "price", Schema: data.Of(data.Float64)},
	)
	OrderSchema = data.NewStruct(OrderName,
		data.Field{Name: "order_id", Schema: data.Of(data.String)},
		data.Field{Name: "customer_id", Schema: data.Of(data.String)},
		data.Field{Name: "customer", Schema: data.Of(data.String)},
		data.Field{Name: "store_id", Schema: data.Of(data.String)},
		data.Field{Name: "store", Schema: data.Of(data.String)},
		data.Field{Name: "city", Schema: data.Of(data.String)},
		data.Field{Name: "channel", Schema: data.Of(data.String)},
		data.Field{Name: "items", Schema: data.ArrayOf(ItemSchema)},
		data.Field{Name: "total", Schema: data.Of(data.Float64)},
		data.Field{Name: "ordered_at", Schema: data.Of(data.Timestamp)},
	)
	PaymentSchema = data.NewStruct(PaymentName,
		data.Field{Name: "payment_id", Schema: data.Of(data.String)},
		data.Field{Name: "order_id", Schema: data.Of(data.String)},
		data.Field{Name: "method", Schema: data.Of(data.String)},
		data.Field{Name: "amount", Schema: data.Of(data.Float64)},
		data.Field{Name: "currency", Schema: data.Of(data.String)},
		data.Field{Name: "status", Schema: data.Of(data.String)},
		data.Field{Name: "paid_at", Schema: data.Of(data.Timestamp)},
	)
)

// OrderValue makes the record of order i, in the order of OrderSchema. Its
// memory is of a. The second result is ordered_at; now is taken for it where
// there is no event time.
func (c *Config) OrderValue(i, now int64, a *data.Arena) (data.Value, int64) {
	s := c.shape(i)
	at := c.OrderedAt(i, now)
	items := a.Values(s.n)
	for k, l := range s.lines[:s.n] {
		it := a.Values(3)
		it[0] = data.OfString(menu[l.dish].name)
		it[1] = data.OfInt32(int32(l.quantity))
		it[2] = data.OfFloat64(euros(menu[l.dish].cents))
		items[k] = data.OfStruct(it)
	}
	p := &places[s.place]
	v := a.Values(10)
	v[0] = data.OfText(c.appendOrderID(a.Bytes(idLength), i))
	v[1] = data.OfText(appendCustomerID(a.Bytes(6), s.customer))
	v[2] = data.OfText(appendCustomer(a.Bytes(24), s.customer))
	v[3] = data.OfString(p.id)
	v[4] = data.OfString(p.name)
	v[5] = data.OfString(p.city)
	v[6] = data.OfString(s.channel)
	v[7] = data.OfArray(items)
	v[8] = data.OfFloat64(euros(s.cents))
	v[9] = data.OfTimestamp(at)
	return data.OfStruct(v), at
}

func appendCustomerID(b []byte, n uint32) []byte {
	return append(b, 'C', byte('0'+n/1000%10), byte('0'+n/100%10), byte('0'+n/10%10), byte('0'+n%10))
}

func appendCustomer(b []byte, n uint32) []byte {
	b = append(b, firstNames[n%uint32(len(firstNames))]...)
	b = append(b, ' ')
	return append(b, lastNames[n/uint32(len(firstNames))%uint32(len(lastNames))]...)
}

// PaymentValues makes the records for index i, in the order of PaymentSchema: n of
// them, none to three, with their paid_at. Their memory is of a.
func (c *Config) PaymentValues(i, now int64, a *data.Arena) (n int, v [maxPayments]data.Value, at [maxPayments]int64) {
	p := c.payments(i)
	if p.n == 0 {
		return 0, v, at
	}
	ordered := c.OrderedAt(i, now)
	for k := range p.list[:p.n] {
		x := &p.list[k]
		at[k] = now
		if c.EventTime {
			at[k] = ordered + x.delay
		}
		f := a.Values(7)
		f[0] = data.OfText(c.appendPaymentID(a.Bytes(idLength), i, x.nth))
		f[1] = data.OfText(c.appendPaidID(a.Bytes(idLength), i, x.nth))
		f[2] = data.OfString(p.method)
		f[3] = data.OfFloat64(euros(x.cents))
		f[4] = data.OfString(Currency)
		f[5] = data.OfString("captured")
		f[6] = data.OfTimestamp(at[k])
		v[k] = data.OfStruct(f)
	}
	return p.n, v, at
}
