package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestDatagenPreview(t *testing.T) {
	purchases := file(t, "p.json", `{"name":"p","config":{"connector.class":"DatagenConnector","kafka.topic":"t","quickstart":"purchases","random.seed":"1","max.interval":"900000000"}}`)
	out, err := run(t, "datagen", "preview", purchases, "-n", "3")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[0], `{"schema":{"type":"struct","fields":[{"type":"int64","optional":false,"field":"id"}`) {
		t.Fatalf("want a schema and 3 records, got\n%s", out)
	}
	if !strings.HasPrefix(lines[3], `{"topic":"t","key":2,"value":{"id":2,"item_type":"`) {
		t.Errorf("the third record is %s", lines[3])
	}
	again, err := run(t, "datagen", "preview", purchases, "-n", "3")
	if err != nil || again != out {
		t.Errorf("the same seed gives\n%s\nthen (%v)\n%s", out, err, again)
	}
	for name, c := range map[string]struct{ config, want string }{
		"quickstart": {`{"name":"p","kafka.topic":"t","quickstart":"nothing"}`, "quickstart must be one out of"},
		"end":        {`{"name":"p","kafka.topic":"t","quickstart":"users","iterations":"2"}`, "generated the configured 2 number of messages"},
	} {
		if _, err := run(t, "datagen", "preview", file(t, "bad.json", c.config)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestDatagenTruth(t *testing.T) {
	config := func(quickstart, seed string) string {
		return file(t, quickstart+seed+".json", `{"name":"m","kafka.topic":"t","quickstart":"`+quickstart+`","random.seed":"`+seed+`","iterations":"500",
			"event.time.start":"2026-01-01","payments.missing.rate":"0.1","payments.duplicate.rate":"0.1","payments.late.rate":"0.1","payments.wrong.amount.rate":"0.1"}`)
	}
	out, err := run(t, "datagen", "truth", config("MACD_ORDERS", "3"), config("MACD_PAYMENTS", "3"))
	if err != nil {
		t.Fatal(err)
	}
	var r truthReport
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if r.Counts["orders"] != 500 || r.Counts["pairs"] != len(r.Pairs) || len(r.Unpaid) == 0 || len(r.Late) == 0 || len(r.WrongAmount) == 0 {
		t.Errorf("%v", r.Counts)
	}
	// Every order is paid once, not at all, or twice.
	if got := r.Counts["orders"] - len(r.Unpaid) + len(r.Duplicate); got != r.Counts["payments"] {
		t.Errorf("%d payments, want %d", r.Counts["payments"], got)
	}
	if _, err := run(t, "datagen", "truth", config("MACD_ORDERS", "3"), config("MACD_PAYMENTS", "4")); err == nil || !strings.Contains(err.Error(), "do not belong together") {
		t.Errorf("two seeds: %v", err)
	}
	if _, err := run(t, "datagen", "truth", config("orders", "3")); err == nil {
		t.Error("orders have no truth")
	}
}
