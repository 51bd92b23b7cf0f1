//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"os/exec"
	"regexp"
	"testing"

	"culvert/test/servers"
)

var scenario = regexp.MustCompile(`^(ok|FAIL|skip) +([^ :]+)`)

// recordedAs are the properties of the worker that was recorded.
var recordedAs = map[string]string{
	"key.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter": "org.apache.kafka.connect.json.JsonConverter",
	"access.control.allow.origin": "http://ui.example", "access.control.allow.methods": "GET,POST,PUT,DELETE", "offset.flush.interval.ms": "1000",
}

// TestRecordedConversations replays what the Java worker answered.
func TestRecordedConversations(t *testing.T) {
	t.Parallel()
	w := startWorker(t, "replay", "a", recordedAs)
	replay(t, w.url)
}

// TestJavaStillAnswersAsRecorded replays them to the Java worker itself: what is
// compared must be rules that it follows, not accidents of one recording.
func TestJavaStillAnswersAsRecorded(t *testing.T) {
	t.Parallel()
	java, err := servers.NewConnect(t.Context(), t.TempDir(), shared.kafka.Addr, "replay-java", recordedAs)
	if err != nil {
		t.Fatal(err)
	}
	if err := java.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(java.Kill)
	replay(t, java.URL)
}

// replay fails for every scenario that the worker answers otherwise.
func replay(t *testing.T, url string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "python3", "../../internal/golden/testdata/rest_replay.py",
		"--url", url, "--mongo", shared.mongo.URI, "../../internal/golden/testdata/rest").CombinedOutput()
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
		default:
			t.Errorf("%s", lines.Text())
		}
	}
	t.Logf("recorded conversations: %s", bytes.TrimSpace(out[bytes.LastIndexByte(bytes.TrimSpace(out), '\n')+1:]))
	if passed == 0 {
		t.Errorf("no recording passed:\n%s", out)
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
}
