//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// TestKafkaClients runs the tests of the Kafka clients that need a real broker.
// They freeze it, so it is not the one that the other tests share.
func TestKafkaClients(t *testing.T) {
	k := secured(t)
	cmd := exec.CommandContext(t.Context(), "go", "test", "-tags", "e2e", "-count=1", "-timeout", "4m", "-v", "-run", "^TestReal", "culvert/kafka")
	cmd.Env = append(os.Environ(), "CULVERT_KAFKA="+k.Addr, "CULVERT_KAFKA_SASL="+k.SASLPlaintext, fmt.Sprintf("CULVERT_KAFKA_PID=%d", k.PID()),
		"CULVERT_OUTAGE=10s")
	out, err := cmd.CombinedOutput()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s", out)
		}
	})
	if err != nil {
		t.Error(err)
	}
	passed := bytes.Count(out, []byte("\n--- PASS: TestReal"))
	t.Logf("%d tests of package kafka against a real broker passed", passed)
	if passed == 0 || bytes.Contains(out, []byte("--- SKIP")) {
		t.Error("nothing was tested, or something was skipped")
	}
}
