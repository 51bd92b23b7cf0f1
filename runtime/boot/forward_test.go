package boot_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"

	"culvert/connectors/all"
	"culvert/runtime/boot"
)

// TestForwardBetweenWorkers: two workers whose listeners want certificates and users.
// Whatever a client asks of either is done, by the one that leads.
func TestForwardBetweenWorkers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTopics(1, "in"))
	authority, err := os.ReadFile(stores + "authority.pem")
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	pair, err := tls.LoadX509KeyPair(stores+"server.pem", stores+"server.pem")
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, Certificates: []tls.Certificate{pair}}}}
	t.Cleanup(client.CloseIdleConnections)
	jaas := jaasFile(t, "bob="+secret)
	var urls []string
	for range 2 {
		props := w.workerProps()
		delete(props, "rest.advertised.port")
		maps.Copy(props, map[string]string{
			"group.id": "secured", "config.storage.topic": "s-configs", "offset.storage.topic": "s-offsets", "status.storage.topic": "s-status",
			"rest.advertised.host.name": "localhost", "listeners": fmt.Sprintf("https://localhost:%d", freePort(t)), "culvert.data.dir": t.TempDir(),
			"listeners.https.ssl.keystore.location": stores + "server.p12", "listeners.https.ssl.keystore.password": "in-the-store",
			"listeners.https.ssl.truststore.location": stores + "truststore.jks", "listeners.https.ssl.truststore.password": "in-the-store",
			"listeners.https.ssl.client.auth": "required",
			"rest.extension.classes":          "BasicAuthSecurityRestExtension", "java.security.auth.login.config": jaas,
		})
		cfg, _, err := boot.ParseConfig(boot.Distributed, props)
		if err != nil {
			t.Fatal(err)
		}
		log, loggers, err := boot.NewLog(w.logs, "text", boot.Environment{})
		if err != nil {
			t.Fatal(err)
		}
		worker, err := boot.Start(t.Context(), boot.Options{Config: cfg, Mode: boot.Distributed, Plugins: all.Set(), Log: log, Loggers: loggers})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := worker.Close(); err != nil {
				t.Error(err)
			}
		})
		urls = append(urls, worker.URL())
	}
	do := func(method, url string, body any) (int, http.Header, string, error) {
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.SetBasicAuth("bob", secret)
		res, err := client.Do(req)
		if err != nil {
			return 0, nil, "", err
		}
		defer res.Body.Close()
		answer, err := io.ReadAll(res.Body)
		return res.StatusCode, res.Header, string(answer), err
	}
	await := func(method, url string, body any, want int) (http.Header, string) {
		t.Helper()
		var h http.Header
		var answer string
		w.await(fmt.Sprintf("%s %s to be answered %d", method, url, want), func() error {
			var code int
			var err error
			if code, h, answer, err = do(method, url, body); err == nil && code != want {
				err = fmt.Errorf("%d %s", code, answer)
			}
			return err
		})
		return h, answer
	}
	// Both have joined: each knows the other's connector.
	for i, url := range urls {
		name := fmt.Sprintf("sink-%d", i)
		h, _ := await(http.MethodPost, url+"/connectors", map[string]any{"name": name, "config": w.sink("in")}, http.StatusCreated)
		if h.Get("Location") != url+"/connectors/"+name {
			t.Errorf("Location %s, asked %s", h.Get("Location"), url)
		}
		await(http.MethodGet, urls[1-i]+"/connectors/"+name, nil, http.StatusOK)
	}
	for _, url := range urls {
		for i := range urls {
			await(http.MethodPost, fmt.Sprintf("%s/connectors/sink-%d/tasks/0/restart", url, i), nil, http.StatusNoContent)
			await(http.MethodPut, fmt.Sprintf("%s/connectors/sink-%d/stop", url, i), nil, http.StatusNoContent)
			await(http.MethodPut, fmt.Sprintf("%s/connectors/sink-%d/resume", url, i), nil, http.StatusAccepted)
		}
	}
	if code, _, answer, err := do(http.MethodPost, urls[0]+"/connectors/none/restart", nil); err != nil || code != http.StatusNotFound || !strings.Contains(answer, "Unknown connector: none") {
		t.Error(code, answer, err)
	}
	hides(t, "the log", w.logs.String())
}
