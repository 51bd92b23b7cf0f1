//go:build e2e

package e2e

import (
	"context"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"culvert/test/servers"
)

// TestOpenAPI has schemathesis make requests from the OpenAPI document, good ones and
// broken ones, and hold every answer against it: no 5xx, and no status, media type,
// header or body that the document does not have.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	venv, err := servers.Python(t.Context(), "schemathesis-4.32.5", "schemathesis==4.32.5")
	if err != nil {
		t.Fatal(err)
	}
	w := startWorker(t, "openapi", "a", nil)
	// Something that has tasks, topics and offsets.
	create(t, w.url, "example", map[string]string{"connector.class": "DatagenSource", "kafka.topic": "openapi_example", "quickstart": "ORDERS", "tasks.max": "1",
		"max.interval": "100"})
	running(t, w.url, "example", 1)

	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(venv, "bin", "python"), "-m", "schemathesis.cli", "run", w.url+"/openapi.json",
		// A valid body may well be refused: what a config means no schema says.
		"--checks", "all", "--exclude-checks", "positive_data_acceptance",
		"--max-examples", "40", "--continue-on-failure", "--seed", "1", "--request-timeout", "60")
	cmd.Dir = t.TempDir() // it leaves its examples there
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("schemathesis: %v\n%s", err, out)
	}
	sum := regexp.MustCompile(`(\d+) generated, (\d+) passed`).FindSubmatch(out)
	if sum == nil || len(sum[1]) < 4 { // some thousand
		t.Errorf("too few requests were made:\n%s", out)
	} else {
		t.Logf("schemathesis: %s", sum[0])
	}
	if status, body := rest(t, http.MethodGet, w.url+"/health", nil); status != http.StatusOK {
		t.Errorf("after it: %d %s", status, body)
	}
	if strings.Contains(w.Tail(), "panicked") {
		t.Error("a request panicked")
	}
}
