//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/test/servers"
)

// TestConnectorCommand uses `culvert connector` with Java's worker and with ours: it
// speaks to both.
func TestConnectorCommand(t *testing.T) {
	t.Parallel()
	t.Run("java", func(t *testing.T) {
		c, err := servers.NewConnect(t.Context(), shared.dir, shared.kafka.Addr, "command-java", nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Kill)
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		useCommands(t, c.URL)
		file := filepath.Join(t.TempDir(), "x.json")
		if err := os.WriteFile(file, []byte(`{"name":"never","config":{"connector.class":"FileStreamSource","topic":"t","file":"f"}}`), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := culvert(t, c.URL, "connector", "create", "--dry-run", file); err == nil || !strings.Contains(out, "nothing was sent") {
			t.Errorf("a dry run at Java: %v %s", err, out)
		}
		if out, err := culvert(t, c.URL, "connector", "status", "never"); exitOf(err) != 3 {
			t.Errorf("a dry run has created a connector: %v %s", err, out)
		}
	})
	t.Run("culvert", func(t *testing.T) { useCommands(t, startWorker(t, "command", "a", nil).url) })
}

func culvert(t *testing.T, url string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), shared.binary, append(args, "--url", url)...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func exitOf(err error) int {
	if exit, ok := err.(*exec.ExitError); ok {
		return exit.ExitCode()
	}
	return 0
}

func useCommands(t *testing.T, url string) {
	t.Helper()
	input := filepath.Join(t.TempDir(), "in.txt")
	if err := os.WriteFile(input, []byte("one\ntwo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "source.properties")
	if err := servers.WriteProperties(file, map[string]string{"name": "cmd", "connector.class": "FileStreamSource", "topic": "command_lines", "file": input, "tasks.max": "1"}); err != nil {
		t.Fatal(err)
	}
	must := func(args ...string) string {
		t.Helper()
		out, err := culvert(t, url, args...)
		if err != nil {
			t.Fatalf("culvert %s: %v %s", strings.Join(args, " "), err, out)
		}
		return out
	}
	shows := func(want string, args ...string) {
		t.Helper()
		await(t, time.Minute, want, func() error {
			out, err := culvert(t, url, args...)
			if err == nil && !strings.Contains(out, want) {
				err = fmt.Errorf("%s", out)
			}
			return err
		})
	}
	must("connector", "create", file)
	shows("RUNNING  1/1    FileStreamSource", "connector", "list")
	shows("command_lines", "connector", "topics", "cmd")
	shows(`"position"`, "connector", "offsets", "cmd")
	must("connector", "pause", "cmd")
	shows("cmd task 0  PAUSED", "connector", "status", "cmd")
	must("connector", "resume", "cmd")
	must("connector", "restart", "cmd", "--tasks")
	shows("cmd task 0  RUNNING", "connector", "status", "cmd")
	if out := must("connector", "config", "cmd", "batch.size=10"); !strings.Contains(out, "batch.size=10") {
		t.Errorf("%s", out)
	}
	must("connector", "stop", "cmd")
	shows("reset successfully", "connector", "offsets", "cmd", "--reset")
	must("connector", "delete", "cmd")
	// At once with Culvert; Java shows the last state for a moment.
	await(t, time.Minute, "the exit status of what is not there", func() error {
		if out, err := culvert(t, url, "connector", "status", "cmd"); exitOf(err) != 3 {
			return fmt.Errorf("%v %s", err, out)
		}
		return nil
	})
}
