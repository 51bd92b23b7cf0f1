package boot_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"culvert/connectors/all"
	"culvert/runtime/boot"
)

// secondWorker starts another worker of the world's group and returns its address.
func (w *world) secondWorker() string {
	w.t.Helper()
	props := w.workerProps()
	port := strconv.Itoa(freePort(w.t))
	props["listeners"], props["rest.advertised.port"], props["culvert.data.dir"] = "http://127.0.0.1:"+port, port, w.t.TempDir()
	cfg, _, err := boot.ParseConfig(boot.Distributed, props)
	if err != nil {
		w.t.Fatal(err)
	}
	log, loggers, err := boot.NewLog(w.logs, "text", boot.Environment{})
	if err != nil {
		w.t.Fatal(err)
	}
	b, err := boot.Start(w.t.Context(), boot.Options{Config: cfg, Mode: boot.Distributed, Plugins: all.Set(), Log: log, Loggers: loggers})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := b.Close(); err != nil {
			w.t.Error(err)
		}
	})
	url := "http://127.0.0.1:" + port
	w.await("the second worker to answer", func() error {
		res, err := http.Get(url + "/health")
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("%s", res.Status)
		}
		return nil
	})
	return url
}

// TestClientsSideBySide has 50 clients create, change, read and delete connectors at
// two workers at once. Whatever a client was told holds in every later answer: what
// it created is there and is as it sent it, what it deleted is gone.
// CULVERT_CLIENTS=60s lets them go on for that long.
func TestClientsSideBySide(t *testing.T) {
	duration := 3 * time.Second
	if text := os.Getenv("CULVERT_CLIENTS"); text != "" {
		var err error
		if duration, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorld(t, func(w *world) { w.answers = true })
	workers := []string{w.url, w.secondWorker()}
	var lives atomic.Int64
	end := time.Now().Add(duration)
	var clients sync.WaitGroup
	for n := range 50 {
		clients.Go(func() {
			c := &restClient{t: t, url: workers[n%len(workers)], name: fmt.Sprintf("client-%d", n)}
			for life := 0; time.Now().Before(end) && !t.Failed(); life++ {
				c.life(life)
				lives.Add(1)
			}
		})
	}
	clients.Wait()
	t.Logf("%d connectors created, changed, read and deleted in %v", lives.Load(), duration)
	if lives.Load() == 0 {
		t.Error("nobody got through a life")
	}
}

// restClient is one client that stays with one worker.
type restClient struct {
	t         *testing.T
	url, name string
}

// do makes a request, again while the workers rebalance.
func (c *restClient) do(method, path string, body any) (int, []byte) {
	raw := ""
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			c.t.Error(err)
			return 0, nil
		}
		raw = string(text)
	}
	for {
		req, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(raw))
		if err != nil {
			c.t.Error(err)
			return 0, nil
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			c.t.Error(err)
			return 0, nil
		}
		answer, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil {
			c.t.Error(err)
			return 0, nil
		}
		if res.StatusCode == http.StatusConflict && (strings.Contains(string(answer), "rebalance") || strings.Contains(string(answer), "stale configuration")) {
			continue
		}
		return res.StatusCode, answer
	}
}

func (c *restClient) want(what string, status int, answer []byte, want ...int) {
	if !slices.Contains(want, status) {
		c.t.Errorf("%s %s: %d %s, want %v", c.name, what, status, answer, want)
	}
}

func (c *restClient) life(n int) {
	path := "/connectors/" + c.name
	config := map[string]string{"connector.class": "FileStreamSource", "file": "/nonexistent", "topic": "t", "life": strconv.Itoa(n)}
	status, answer := c.do(http.MethodPost, "/connectors", map[string]any{"name": c.name, "config": config, "initial_state": "STOPPED"})
	c.want("create", status, answer, http.StatusCreated)
	c.reads(config)
	status, answer = c.do(http.MethodPost, "/connectors", map[string]any{"name": c.name, "config": config})
	c.want("create again", status, answer, http.StatusConflict)

	config["changed"] = "yes"
	status, answer = c.do(http.MethodPut, path+"/config", config)
	c.want("change", status, answer, http.StatusOK)
	c.reads(config)
	config["patched"] = "yes"
	status, answer = c.do(http.MethodPatch, path+"/config", map[string]string{"patched": "yes"})
	c.want("patch", status, answer, http.StatusOK)
	c.reads(config)

	status, answer = c.do(http.MethodDelete, path, nil)
	c.want("delete", status, answer, http.StatusNoContent)
	for _, gone := range []string{path, path + "/config", path + "/status", path + "/tasks"} {
		status, answer = c.do(http.MethodGet, gone, nil)
		c.want("after the delete, "+gone, status, answer, http.StatusNotFound)
	}
	if slices.Contains(c.list(), c.name) {
		c.t.Errorf("%s is listed after it was deleted", c.name)
	}
	status, answer = c.do(http.MethodDelete, path, nil)
	c.want("delete again", status, answer, http.StatusNotFound)
}

// reads expects the config in every answer that has it.
func (c *restClient) reads(config map[string]string) {
	want := maps.Clone(config)
	want["name"] = c.name
	status, answer := c.do(http.MethodGet, "/connectors/"+c.name+"/config", nil)
	var got map[string]string
	if err := json.Unmarshal(answer, &got); status != http.StatusOK || err != nil || !maps.Equal(got, want) {
		c.t.Errorf("%s reads its config: %d %s, want %v", c.name, status, answer, want)
	}
	status, answer = c.do(http.MethodGet, "/connectors/"+c.name, nil)
	var info struct{ Config map[string]string }
	if err := json.Unmarshal(answer, &info); status != http.StatusOK || err != nil || !maps.Equal(info.Config, want) {
		c.t.Errorf("%s reads itself: %d %s, want %v", c.name, status, answer, want)
	}
	if !slices.Contains(c.list(), c.name) {
		c.t.Errorf("%s is not listed", c.name)
	}
}

func (c *restClient) list() (names []string) {
	status, answer := c.do(http.MethodGet, "/connectors", nil)
	if err := json.Unmarshal(answer, &names); status != http.StatusOK || err != nil {
		c.t.Errorf("list: %d %s", status, answer)
	}
	return names
}
