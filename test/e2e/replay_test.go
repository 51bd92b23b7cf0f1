//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"os/exec"
	"regexp"
	"testing"
)

// needsTransformation are the recordings that name Kafka's own transformations and
// predicates, which are not built yet.
var needsTransformation = regexp.MustCompile(`^(plugin-config-(smt|predicate)-.*|plugin-config-alias|validate-(smt|predicate)-.*|validate-recommended)$`)

var scenario = regexp.MustCompile(`^(ok|FAIL|skip) +([^ :]+)`)

// TestRecordedConversations replays what the Java worker answered. The worker runs
// as the recordings say.
func TestRecordedConversations(t *testing.T) {
	w := startWorker(t, "replay", "a", map[string]string{
		"key.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "true",
		"access.control.allow.origin": "http://ui.example", "access.control.allow.methods": "GET,POST,PUT,DELETE",
	})
	out, err := exec.CommandContext(t.Context(), "python3", "../../internal/golden/testdata/rest_replay.py",
		"--url", w.url, "--mongo", shared.mongo.URI, "../../internal/golden/testdata/rest").CombinedOutput()
	if len(out) == 0 {
		t.Fatal(err)
	}
	passed := 0
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		m := scenario.FindStringSubmatch(lines.Text())
		switch {
		case m == nil:
		case m[1] == "ok":
			passed++
		case !needsTransformation.MatchString(m[2]):
			t.Errorf("%s", lines.Text())
		}
	}
	t.Logf("golden rest, real worker: %s", bytes.TrimSpace(out[bytes.LastIndexByte(bytes.TrimSpace(out), '\n')+1:]))
	if passed == 0 {
		t.Errorf("no recording passed:\n%s", out)
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
}
