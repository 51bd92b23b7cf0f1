//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// rest sends a request to a worker, either runtime's, and returns the answer.
func rest(t *testing.T, method, url string, body any) (int, []byte) {
	t.Helper()
	var in io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		in = strings.NewReader(string(raw))
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, in)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, []byte(err.Error())
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, []byte(err.Error())
	}
	return resp.StatusCode, out
}

// create posts a connector; a 409 of a rebalance is tried again, as clients do.
func create(t *testing.T, url, name string, config map[string]string) {
	t.Helper()
	await(t, time.Minute, "creation of "+name, func() error {
		status, body := rest(t, http.MethodPost, url+"/connectors", map[string]any{"name": name, "config": config})
		switch {
		case status == http.StatusCreated:
			return nil
		case status == http.StatusConflict && strings.Contains(string(body), "rebalance"), status == 0:
			return fmt.Errorf("%d %s", status, body)
		}
		t.Fatalf("POST %s: %d %s", name, status, body)
		return nil
	})
}

// fileConfig reads a connector file of configs/, with changes.
func fileConfig(t *testing.T, name string, changes map[string]string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile("../../configs/connectors/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var c struct{ Config map[string]string }
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	for k, v := range changes {
		c.Config[k] = v
	}
	return c.Config
}

type status struct {
	Connector struct {
		State    string
		Trace    string
		WorkerID string `json:"worker_id"`
	}
	Tasks []struct {
		ID       int
		State    string
		Trace    string
		WorkerID string `json:"worker_id"`
	}
}

func statusOf(t *testing.T, url, name string) (status, error) {
	t.Helper()
	code, body := rest(t, http.MethodGet, url+"/connectors/"+name+"/status", nil)
	if code != http.StatusOK {
		return status{}, fmt.Errorf("status of %s: %d %s", name, code, body)
	}
	var s status
	err := json.Unmarshal(body, &s)
	return s, err
}

// running waits until the connector and that many tasks are RUNNING.
func running(t *testing.T, url, name string, tasks int) {
	t.Helper()
	await(t, time.Minute, name+" to run", func() error {
		s, err := statusOf(t, url, name)
		if err != nil {
			return err
		}
		n := 0
		for _, task := range s.Tasks {
			if task.State == "RUNNING" {
				n++
			}
		}
		if s.Connector.State != "RUNNING" || n != tasks || len(s.Tasks) != tasks {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
}

// await asks again until check returns nil, and fails the test with its last
// error when that takes longer than limit. The limit is a bound on hanging, not a
// measurement.
func await(t *testing.T, limit time.Duration, what string, check func() error) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited %v for %s: %v", limit, what, err)
		case <-t.Context().Done():
			t.Fatalf("waiting for %s: %v", what, t.Context().Err())
		}
	}
}
