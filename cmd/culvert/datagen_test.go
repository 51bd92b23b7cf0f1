package main

import (
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
	} {
		if _, err := run(t, "datagen", "preview", file(t, "bad.json", c.config)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestDatagenPreviewEndsWithTheIterations(t *testing.T) {
	for name, c := range map[string]struct {
		config string
		lines  int
	}{
		"random":  {`{"name":"p","kafka.topic":"t","quickstart":"users","iterations":"2"}`, 3},
		"matched": {`{"name":"p","kafka.topic":"t","quickstart":"MACD_ORDERS","iterations":"3","rate.curve":"0 for 900h, 1 for 1s","tasks.max":"7"}`, 4},
		"slow":    {`{"name":"p","kafka.topic":"t","quickstart":"ORDERS","iterations":"3","records.per.second":"0.001"}`, 4},
		"none":    {`{"name":"p","kafka.topic":"t","quickstart":"MACD_PAYMENTS","iterations":"3","payments.missing.rate":"1"}`, 0},
	} {
		out, err := run(t, "datagen", "preview", file(t, "p.json", c.config), "-n", "10")
		if got := strings.Count(out, "\n"); err != nil || got != c.lines {
			t.Errorf("%s: %d lines, want %d (%v)\n%s", name, got, c.lines, err, out)
		}
	}
}
