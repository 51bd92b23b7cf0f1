//go:build e2e

package e2e

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"

	"culvert/test/servers"
)

// Clients that others wrote for Java's worker take a connector through its whole
// life, unmodified.

func TestJavaClient(t *testing.T) {
	t.Parallel()
	jars, err := servers.ConnectClientJars(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := startWorker(t, "java-client", "a", nil)
	life(t, exec.CommandContext(t.Context(), "java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", jars+"/*", "java/ConnectLife.java", w.url))
}

func TestPythonClients(t *testing.T) {
	t.Parallel()
	venv, err := servers.Python(t.Context(), "python-connect-clients", "kafka-connect-py==1.0.0", "kafka-connect-api==0.5.10")
	if err != nil {
		t.Fatal(err)
	}
	w := startWorker(t, "python-client", "a", nil)
	life(t, exec.CommandContext(t.Context(), filepath.Join(venv, "bin", "python"), "python/connect_life.py", w.url))
}

// life runs a client, which says at its end that it has done everything.
func life(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.HasSuffix(bytes.TrimSpace(out), []byte("life completed")) {
		t.Errorf("%v\n%s", err, out)
	}
}
