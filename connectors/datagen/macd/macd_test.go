package macd

import (
	"math"
	"testing"

	"culvert/data"
)

func TestStreamsAgree(t *testing.T) {
	c := Config{Seed: 5, Iterations: 2000}
	ids := map[string]bool{}
	for i := range c.Iterations {
		o, p := c.Order(i), c.Payments(i)
		if len(p) != 1 || p[0].OrderID != o.ID || p[0].Amount != o.Total {
			t.Fatalf("order %d: %+v, payments %+v", i, o, p)
		}
		var cents int64
		for _, it := range o.Items {
			cents += int64(it.Quantity) * int64(math.Round(it.Price*100))
		}
		if len(o.Items) == 0 || float64(cents)/100 != o.Total {
			t.Fatalf("order %d: items %v do not make %v", i, o.Items, o.Total)
		}
		if ids[o.ID] || ids[p[0].ID] {
			t.Fatalf("id of order %d is used twice", i)
		}
		ids[o.ID], ids[p[0].ID] = true, true
	}
}

func TestSeedsDiffer(t *testing.T) {
	a, b := Config{Seed: 1}, Config{Seed: 2}
	same := 0
	for i := range int64(100) {
		if a.Order(i).Total == b.Order(i).Total {
			same++
		}
		if a.OrderID(i) == b.OrderID(i) {
			t.Fatalf("order %d has the same id with two seeds", i)
		}
	}
	if same > 30 {
		t.Errorf("%d of 100 totals are the same with another seed", same)
	}
}

func TestRates(t *testing.T) {
	const n = 200_000
	c := Config{Seed: 11, EventTime: true, Step: 1000, Missing: 0.02, Late: 0.03, Duplicate: 0.04, Wrong: 0.05}
	var missing, late, duplicate, wrong, paid float64
	for i := range int64(n) {
		ps := c.Payments(i)
		if len(ps) == 0 {
			missing++
			continue
		}
		paid++
		p := ps[0]
		apart := p.PaidAt - c.OrderedAt(i, 0)
		if p.Late != (apart > Window.Milliseconds()) || apart <= 0 {
			t.Fatalf("payment %s: late %v, %d ms after its order", p.ID, p.Late, apart)
		}
		if p.Late {
			late++
		}
		if len(ps) == 2 {
			duplicate++
			if ps[1].ID == p.ID || ps[1].PaidAt <= p.PaidAt || ps[1].Amount != p.Amount {
				t.Fatalf("second payment %+v of %+v", ps[1], p)
			}
		}
		if p.WrongAmount {
			wrong++
		}
		if p.WrongAmount != (p.Amount != c.Order(i).Total) || p.Amount <= 0 {
			t.Fatalf("payment %s: amount %v, order %v, wrong %v", p.ID, p.Amount, c.Order(i).Total, p.WrongAmount)
		}
	}
	for _, r := range []struct {
		name       string
		got, rate  float64
		population float64
	}{{"missing", missing, c.Missing, n}, {"late", late, c.Late, paid}, {"duplicate", duplicate, c.Duplicate, paid}, {"wrong", wrong, c.Wrong, paid}} {
		sigma := math.Sqrt(r.population * r.rate * (1 - r.rate))
		if math.Abs(r.got-r.population*r.rate) > 5*sigma {
			t.Errorf("%s: %v of %v, rate %v", r.name, r.got, r.population, r.rate)
		}
	}
}

func TestValuesAreThePlainOrders(t *testing.T) {
	c := Config{Seed: 3, EventTime: true, Start: 1000, Step: 7, Duplicate: 0.5}
	f := OrderSchema.FieldIndex
	for i := range int64(500) {
		v, at := c.OrderValue(i, 0, &data.Arena{})
		o, e := c.Order(i), v.Elems()
		if at != o.OrderedAt || e[f("order_id")].Str() != o.ID || e[f("customer")].Str() != o.Customer || e[f("customer_id")].Str() != o.CustomerID ||
			e[f("store")].Str() != o.Store || e[f("city")].Str() != o.City || e[f("channel")].Str() != o.Channel ||
			e[f("total")].Float() != o.Total || e[f("items")].Len() != len(o.Items) || e[f("ordered_at")].Int() != at {
			t.Fatalf("order %d: %+v", i, o)
		}
		for k, it := range e[f("items")].Elems() {
			x := it.Elems()
			if x[0].Str() != o.Items[k].Name || int32(x[1].Int()) != o.Items[k].Quantity || x[2].Float() != o.Items[k].Price {
				t.Fatalf("order %d item %d", i, k)
			}
		}
		n, vs, ats := c.PaymentValues(i, 0, &data.Arena{})
		ps := c.Payments(i)
		if n != len(ps) {
			t.Fatalf("order %d: %d payment values, %d payments", i, n, len(ps))
		}
		for k, p := range ps {
			g := PaymentSchema.FieldIndex
			e := vs[k].Elems()
			if e[g("payment_id")].Str() != p.ID || e[g("order_id")].Str() != p.OrderID || e[g("amount")].Float() != p.Amount || ats[k] != p.PaidAt {
				t.Fatalf("payment %s", p.ID)
			}
		}
	}
}

// The values must not change from one version to the next: a stored offset goes
// on with them, and users have written down what they saw.
func TestOrdersStayTheSame(t *testing.T) {
	c := Config{Seed: 42}
	o, p := c.Order(0), c.Payments(0)[0]
	got := []any{o.ID, o.Customer, o.City, o.Channel, len(o.Items), o.Total, p.ID, p.Method}
	want := []any{"ord-6e95-00000000", "Tilda Thiel", "Hamburg", "kiosk", 3, 38.22, "pay-6e95-00000000-1", "cash"}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %#v", got)
			break
		}
	}
}
