package main

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"culvert/connectors/datagen/macd"
)

type truthDocument struct {
	Counts            map[string]int
	Pairs             [][2]string
	AmountMismatches  [][2]string `json:"amount_mismatches"`
	UnmatchedOrders   []string    `json:"unmatched_orders"`
	UnmatchedPayments []string    `json:"unmatched_payments"`
	Unpaid            []string
	Late              []string
	Duplicate         []string
	Orphan            []string
	WrongAmount       []string `json:"wrong_amount"`
}

func TestDatagenTruth(t *testing.T) {
	config := func(quickstart, seed, rate string) string {
		return file(t, quickstart+seed+".json", `{"name":"m","kafka.topic":"t","quickstart":"`+quickstart+`","random.seed":"`+seed+`","iterations":"500",
			"event.time.start":"now-30d","event.time.span":"30d","payments.missing.rate":"`+rate+`","payments.duplicate.rate":"`+rate+`","payments.late.rate":"`+rate+`",
			"payments.wrong.amount.rate":"`+rate+`","payments.orphan.rate":"`+rate+`"}`)
	}
	out, err := run(t, "datagen", "truth", config("MACD_ORDERS", "3", "0.1"), config("MACD_PAYMENTS", "3", "0.1"))
	if err != nil {
		t.Fatal(err)
	}
	var r truthDocument
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	for name, have := range map[string]int{
		"pairs": len(r.Pairs), "amount_mismatches": len(r.AmountMismatches), "unmatched_orders": len(r.UnmatchedOrders), "unmatched_payments": len(r.UnmatchedPayments),
		"unpaid": len(r.Unpaid), "late": len(r.Late), "duplicate": len(r.Duplicate), "orphan": len(r.Orphan), "wrong_amount": len(r.WrongAmount),
	} {
		if have == 0 || r.Counts[name] != have {
			t.Errorf("%s: %d are counted, %d are listed", name, r.Counts[name], have)
		}
	}
	// Every order is paid once, not at all, or twice; orphans come on top.
	if got := 500 - len(r.Unpaid) + len(r.Duplicate) + len(r.Orphan); r.Counts["orders"] != 500 || got != r.Counts["payments"] {
		t.Errorf("%v: %d payments, want %d", r.Counts, r.Counts["payments"], got)
	}
	if len(r.Pairs)+len(r.UnmatchedPayments) != r.Counts["payments"] {
		t.Errorf("%v: a payment is in a row or unmatched", r.Counts)
	}

	out, err = run(t, "datagen", "truth", "--counts", config("MACD_ORDERS", "3", "0"))
	if err != nil || strings.Contains(out, "ord-") || !strings.Contains(out, `"pairs": 500`) || !json.Valid([]byte(out)) {
		t.Errorf("%v, %s", err, out)
	}
	out, err = run(t, "datagen", "truth", config("MACD_ORDERS", "3", "0"))
	if err != nil || !strings.Contains(out, `"late": []`) || !json.Valid([]byte(out)) {
		t.Errorf("%v, %.200s", err, out)
	}
	if _, err := run(t, "datagen", "truth", config("MACD_ORDERS", "3", "0.1"), config("MACD_PAYMENTS", "4", "0.1")); err == nil || !strings.Contains(err.Error(), "do not belong together") {
		t.Errorf("two seeds: %v", err)
	}
	// The orders' own file need not say how they are paid; the examples' does not.
	orders, payments := "../../configs/connectors/datagen-orders.json", "../../configs/connectors/datagen-payments.json"
	want, err := run(t, "datagen", "truth", "--counts", payments)
	if err != nil || strings.Contains(want, `"wrong_amount": 0`) {
		t.Fatalf("%v, %s", err, want)
	}
	for _, files := range [][2]string{{orders, payments}, {payments, orders}} {
		if out, err := run(t, "datagen", "truth", "--counts", files[0], files[1]); err != nil || out != want {
			t.Errorf("%v, %s, want %s", err, out, want)
		}
	}
	if _, err := run(t, "datagen", "truth", config("orders", "3", "0")); err == nil {
		t.Error("orders have no truth")
	}
}

// sizes is a writer that looks at the heap now and then.
type sizes struct {
	written int
	most    uint64
}

func (s *sizes) Write(p []byte) (int, error) {
	if (s.written+len(p))/(4<<20) != s.written/(4<<20) {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		s.most = max(s.most, m.HeapAlloc)
	}
	s.written += len(p)
	return len(p), nil
}

func TestTruthKeepsNothing(t *testing.T) {
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var w sizes
	if err := printTruth(&w, macd.Config{Iterations: 300_000, Missing: 0.1, Duplicate: 0.1}, macd.Window, false); err != nil {
		t.Fatal(err)
	}
	if w.written < 10<<20 {
		t.Fatalf("%d bytes are not enough to tell", w.written)
	}
	if w.most > before.HeapAlloc+1<<20 {
		t.Errorf("with %d bytes written, %d bytes are live, %d before", w.written, w.most, before.HeapAlloc)
	}
}
