package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"
)

// TestOnce runs the demo as `go run ./demo --once` does, with fewer orders.
func TestOnce(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var out bytes.Buffer
	if err := run(ctx, settings{out: &out, once: true, orders: 150}); err != nil {
		t.Fatalf("%v\n%s", err, out.Bytes())
	}
	for _, want := range []string{
		"150 orders and 150 payments became 150 joined documents", "none missing, none doubled", `"payment_id"`,
		"Most ordered items", "Payment methods", "Revenue by hour",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output has no %q:\n%s", want, out.Bytes())
		}
	}
}

// The check must fail when a document is missing or doubled.
func TestCompare(t *testing.T) {
	want := map[string]int{"a": 1, "b": 1}
	for name, got := range map[string]map[string]int{
		"missing": {"a": 1}, "doubled": {"a": 1, "b": 2}, "invented": {"a": 1, "b": 1, "c": 1},
	} {
		if compareRows(want, got) == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
	if err := compareRows(want, map[string]int{"a": 1, "b": 1}); err != nil {
		t.Error(err)
	}
}
