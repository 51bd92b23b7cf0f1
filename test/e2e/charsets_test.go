//go:build e2e

package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// TestCharsets has Java read and write in all of its charsets, and holds StringConverter's against
// that: every sequence of one and two bytes, every character, and random ones of both,
// malformed ones among them. CULVERT_SEED begins another series.
func TestCharsets(t *testing.T) {
	t.Parallel()
	seed := strconv.Itoa(number(t, "CULVERT_SEED", 2))
	java := exec.CommandContext(t.Context(), "java", "../../converters/text/charset/gen/Answers.java", seed)
	java.Stderr = os.Stderr
	text, err := java.Output()
	if err != nil {
		t.Fatal(err)
	}
	answers := filepath.Join(t.ArtifactDir(), "answers.txt")
	if err := os.WriteFile(answers, text, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-v", "-run", "^TestAnswers$", "culvert/converters/text/charset")
	cmd.Env = append(os.Environ(), "CULVERT_CHARSET_ANSWERS="+answers+":"+seed)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("seed %s: %v\n%s", seed, err, out)
	}
	if held := bytes.Count(out, []byte("\n    --- PASS: TestAnswers/")); held < 150 {
		t.Errorf("%d charsets were held against Java", held)
	}
}
