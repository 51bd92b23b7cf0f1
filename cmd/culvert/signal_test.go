package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// drainForever makes the test binary a process that never ends its drain.
const drainForever = "CULVERT_TEST_DRAIN_FOREVER"

func TestMain(m *testing.M) {
	if os.Getenv(drainForever) == "" {
		os.Exit(m.Run())
	}
	ctx, stop := stopOnSignal(context.Background())
	defer stop()
	fmt.Println("ready")
	<-ctx.Done()
	fmt.Println("draining")
	select {}
}

// TestSecondSignalEndsAtOnce: the first signal lets the worker drain, the second does
// not wait for that.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	for _, second := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(second.String(), func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), drainForever+"=1")
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			for _, step := range []struct {
				says string
				then syscall.Signal
			}{{"ready", syscall.SIGTERM}, {"draining", second}} {
				if !lines.Scan() || lines.Text() != step.says {
					t.Fatalf("it says %q, want %q", lines.Text(), step.says)
				}
				if err := cmd.Process.Signal(step.then); err != nil {
					t.Fatal(err)
				}
			}
			var exit *exec.ExitError
			if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 128+int(second) {
				t.Errorf("it ended with %v, want status %d", err, 128+int(second))
			}
		})
	}
}
