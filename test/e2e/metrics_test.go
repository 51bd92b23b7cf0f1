//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// javasNames are complaints about names that Java gave: its units.
var javasNames = regexp.MustCompile(`^(kafka_connect_\S+ metric names should not contain abbreviated units)?$`)

// TestAlerts has Prometheus' own tool check the alert rules that users copy, and see
// each of them fire.
func TestAlerts(t *testing.T) {
	for _, args := range [][]string{{"check", "rules", "../../configs/prometheus/alerts.yml"}, {"test", "rules", "testdata/alerts_test.yml"}} {
		if out, err := exec.CommandContext(t.Context(), "promtool", args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
	rules, err := os.ReadFile("../../configs/prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	fired, err := os.ReadFile("testdata/alerts_test.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(string(rules), -1) {
		if !strings.Contains(string(fired), "alertname: "+m[1]+"\n        exp_alerts:") {
			t.Errorf("no test has %s fire", m[1])
		}
	}
}

// TestMetricsAreGood has Prometheus' own tool read what a busy worker shows.
func TestMetricsAreGood(t *testing.T) {
	t.Parallel()
	w := startWorker(t, "metrics", "a", nil)
	create(t, w.url, "measured", map[string]string{"connector.class": "DatagenSource", "kafka.topic": "measured", "quickstart": "ORDERS", "tasks.max": "2", "max.interval": "10"})
	running(t, w.url, "measured", 2)
	status, text := rest(t, http.MethodGet, w.url+"/metrics", nil)
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	if !strings.Contains(fmt.Sprint(string(text)), `kafka_connect_source_task_metrics_source_record_poll_total{connector="measured",task="1"}`) {
		t.Errorf("a task is missing:\n%s", text)
	}
	check := exec.CommandContext(t.Context(), "promtool", "check", "metrics")
	check.Stdin = strings.NewReader(string(text))
	out, err := check.CombinedOutput()
	if code := check.ProcessState; code == nil || code.ExitCode() != 0 && code.ExitCode() != 3 { // 3: names that it does not like
		t.Fatalf("promtool: %v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if !javasNames.MatchString(strings.TrimSpace(line)) {
			t.Errorf("promtool: %s", line)
		}
	}
}
