package datagen

import (
	"fmt"
	"math"
	"testing"
	"time"

	"culvert/connectors/datagen/macd"
	"culvert/data"
)

// drain reads a connector with so many tasks to its end.
func drain(t *testing.T, props map[string]string, n int, each func(e []data.Value, r *data.Record)) {
	t.Helper()
	all, err := tasks(props, n)
	if err != nil {
		t.Fatal(err)
	}
	b := data.NewBatch()
	for _, task := range all {
		src := start(t, nil, task)
		for {
			b.Release()
			if err := src.Read(t.Context(), b); err != nil {
				if !Finished(err) {
					t.Fatal(err)
				}
				break
			}
			for i := range b.Records {
				v, _, err := b.Records[i].Value.Value(b.Arena)
				if err != nil {
					t.Fatal(err)
				}
				each(v.Elems(), &b.Records[i])
			}
		}
	}
}

// naive is a join and a report of mismatches made from nothing but the records.
type naive struct {
	orders map[string]*naiveOrder
	counts macd.Counts
	ids    map[macd.List]map[macd.Finding]bool
}

type naiveOrder struct {
	total    float64
	at       int64
	payments int
	rows     int
}

func (n *naive) found(l macd.List, f macd.Finding) {
	n.counts[l]++
	if n.ids != nil {
		if n.ids[l] == nil {
			n.ids[l] = map[macd.Finding]bool{}
		}
		n.ids[l][f] = true
	}
}

// join reads both streams, the orders first.
func (n *naive) join(t *testing.T, props map[string]string, tasks int) {
	t.Helper()
	n.orders = map[string]*naiveOrder{}
	f := macd.OrderSchema.FieldIndex
	id, total := f("order_id"), f("total")
	props["quickstart"] = "MACD_ORDERS"
	drain(t, props, tasks, func(e []data.Value, r *data.Record) {
		o := e[id].Clone().Str()
		if n.orders[o] != nil {
			t.Fatalf("order %s came twice", o)
		}
		n.orders[o] = &naiveOrder{total: e[total].Float(), at: r.Timestamp}
		n.counts[macd.Orders]++
	})
	f = macd.PaymentSchema.FieldIndex
	pid, oid, amount := f("payment_id"), f("order_id"), f("amount")
	props["quickstart"] = "MACD_PAYMENTS"
	drain(t, props, tasks, func(e []data.Value, r *data.Record) {
		n.pay(e[oid].Clone().Str(), e[pid].Clone().Str(), e[amount].Float(), r.Timestamp)
	})
	for id, o := range n.orders {
		if o.payments == 0 {
			n.found(macd.Unpaid, macd.Finding{OrderID: id})
		}
		if o.rows == 0 {
			n.found(macd.UnmatchedOrders, macd.Finding{OrderID: id})
		}
	}
}

func (n *naive) pay(order, payment string, amount float64, at int64) {
	n.counts[macd.Payments]++
	o := n.orders[order]
	if o == nil {
		n.found(macd.Orphan, macd.Finding{PaymentID: payment})
		n.found(macd.UnmatchedPayments, macd.Finding{PaymentID: payment})
		return
	}
	f := macd.Finding{OrderID: order, PaymentID: payment}
	if o.payments++; o.payments == 2 {
		n.found(macd.Duplicate, f)
	}
	apart := at - o.at
	inTime := max(apart, -apart) <= macd.Window.Milliseconds()
	if inTime {
		o.rows++
		n.found(macd.Pairs, f)
	} else {
		n.found(macd.UnmatchedPayments, f)
		n.found(macd.Late, f)
	}
	if amount != o.total {
		n.found(macd.WrongAmount, f)
		if inTime {
			n.found(macd.AmountMismatches, f)
		}
	}
}

var spoilt = map[string]string{
	"kafka.topic": "t", "max.interval": "0", "random.seed": "99", "event.time.start": "2026-10-27",
	"payments.missing.rate": "0.03", "payments.late.rate": "0.02", "payments.duplicate.rate": "0.015", "payments.wrong.amount.rate": "0.04", "payments.orphan.rate": "0.01",
}

func spoiltProps(more ...string) map[string]string {
	props := map[string]string{}
	for k, v := range spoilt {
		props[k] = v
	}
	for i := 0; i < len(more); i += 2 {
		props[more[i]] = more[i+1]
	}
	return props
}

// A million orders and their payments: what is wrong with them is exactly what the
// truth says, and as often as the rates ask for.
func TestTruthOfAMillion(t *testing.T) {
	const orders = 1_000_000
	props := spoiltProps("iterations", fmt.Sprint(orders), "event.time.span", "30d")
	n := &naive{}
	n.join(t, props, 3)
	config, err := Matched(props, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	truth := config.Count(macd.Window)
	if truth != n.counts {
		t.Fatalf("the truth counts %v, a join of the records %v", truth, n.counts)
	}
	// Binomial: five sigmas are passed by one in two million.
	paid := float64(orders - truth[macd.Unpaid])
	firsts := paid / (paid + float64(truth[macd.Duplicate])) // of all that belong to an order
	for _, r := range []struct {
		name             string
		got, rate, among float64
	}{
		{"missing", float64(truth[macd.Unpaid]), 0.03, orders},
		{"late", float64(truth[macd.Late]) * firsts, 0.02, paid},
		{"duplicate", float64(truth[macd.Duplicate]), 0.015, paid},
		{"wrong amount", float64(truth[macd.WrongAmount]) * firsts, 0.04, paid},
		{"orphan", float64(truth[macd.Orphan]), 0.01, orders},
	} {
		sigma := math.Sqrt(r.among * r.rate * (1 - r.rate))
		if off := math.Abs(r.got-r.among*r.rate) / sigma; off > 5 {
			t.Errorf("%s: %.0f of %.0f are %.1f sigmas from the rate %v", r.name, r.got, r.among, off, r.rate)
		}
	}
}

// The ids, one by one.
func TestTruthNamesWhatAJoinFinds(t *testing.T) {
	props := spoiltProps("iterations", "20000", "event.time.step.ms", "61000")
	n := &naive{ids: map[macd.List]map[macd.Finding]bool{}}
	n.join(t, props, 1)
	config, err := Matched(props, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for l := macd.Pairs; l <= macd.WrongAmount; l++ {
		got := 0
		for f := range config.All(l, macd.Window) {
			if got++; !n.ids[l][f] {
				t.Fatalf("list %d has %v, which a join does not find", l, f)
			}
		}
		if got != len(n.ids[l]) || int64(got) != n.counts[l] || got == 0 {
			t.Errorf("list %d has %d entries, a join finds %d", l, got, n.counts[l])
		}
	}
}

// The plain orders and payments that tests compare with are what is sent.
func TestTruthIsWhatTheSourcesSend(t *testing.T) {
	props := spoiltProps("iterations", "3000", "quickstart", "MACD_PAYMENTS")
	truth, err := Truth(props, macd.Window)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]macd.Payment{}
	for _, p := range truth.Payments {
		want[p.ID] = p
	}
	f := macd.PaymentSchema.FieldIndex
	drain(t, props, 2, func(e []data.Value, r *data.Record) {
		p, ok := want[e[f("payment_id")].Str()]
		if !ok || e[f("order_id")].Str() != p.OrderID || e[f("amount")].Float() != p.Amount || e[f("paid_at")].Int() != p.PaidAt ||
			e[f("method")].Str() != p.Method || r.Timestamp != p.PaidAt {
			t.Fatalf("payment %v differs from the truth, %+v", e, p)
		}
		delete(want, p.ID)
	})
	if len(want) > 0 {
		t.Errorf("%d payments were not sent", len(want))
	}
	if len(truth.Orders) != 3000 || len(truth.Pairs) == 0 || len(truth.Unpaid) == 0 || len(truth.Late) == 0 || len(truth.Duplicate) == 0 ||
		len(truth.Orphan) == 0 || len(truth.WrongAmount) == 0 {
		t.Errorf("lists of the truth are empty")
	}
}
