package boot_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culvert/connectors/all"
	"culvert/fault"
	"culvert/runtime/boot"
)

const stores = "../../keystore/testdata/"

// jaasFile writes a JAAS file and the users that it names.
func jaasFile(t *testing.T, users string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "users.properties")
	jaas := filepath.Join(dir, "jaas.conf")
	for path, text := range map[string]string{
		file: users,
		jaas: "KafkaConnect {\n  org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule required\n  file=\"" + file + "\";\n};\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return jaas
}

// TestInterface: a worker with a listener for https that wants certificates, one for
// plain http, one for the loggers, users, and headers of its own.
func TestInterface(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	plain, secure, admin := freePort(t), freePort(t), freePort(t)
	props := w.standalone(filepath.Join(t.TempDir(), "offsets"))
	delete(props, "rest.advertised.host.name")
	for k, v := range map[string]string{
		"listeners":                 fmt.Sprintf("http://127.0.0.1:%d, HTTPS://localhost:%d", plain, secure),
		"rest.advertised.listener":  "https",
		"rest.advertised.host.name": "localhost",
		"admin.listeners":           fmt.Sprintf("https://localhost:%d", admin),
		// All of listeners.https., or else all without a prefix: the admin listener's are those.
		"listeners.https.ssl.keystore.location":     stores + "server.jks",
		"listeners.https.ssl.keystore.password":     "in-the-store",
		"listeners.https.ssl.key.password":          "of-the-key",
		"listeners.https.ssl.truststore.location":   stores + "truststore.p12",
		"listeners.https.ssl.truststore.type":       "PKCS12",
		"listeners.https.ssl.truststore.password":   "in-the-store",
		"listeners.https.ssl.client.authentication": "required",
		"ssl.keystore.location":                     stores + "server.p12",
		"ssl.keystore.password":                     "in-the-store",
		"rest.extension.classes":                    "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension",
		"java.security.auth.login.config":           jaasFile(t, "bob="+secret),
		"response.http.headers.config":              "set X-Frame-Options:DENY",
		"access.control.allow.origin":               "http://ui.example",
	} {
		props[k] = v
	}
	cfg, unknown, err := boot.ParseConfig(boot.Standalone, props)
	if err != nil || len(unknown) > 0 {
		t.Fatal(err, unknown)
	}
	log, loggers, err := boot.NewLog(w.logs, "text", boot.Environment{})
	if err != nil {
		t.Fatal(err)
	}
	worker, err := boot.Start(t.Context(), boot.Options{Config: cfg, Mode: boot.Standalone, Plugins: all.Set(), Log: log, Loggers: loggers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := worker.Close(); err != nil {
			t.Error(err)
		}
	})
	if want := fmt.Sprintf("https://localhost:%d", secure); worker.URL() != want {
		t.Errorf("advertised %s, want %s", worker.URL(), want)
	}

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
	known := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, Certificates: []tls.Certificate{pair}}}}
	anonymous := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}}}
	t.Cleanup(known.CloseIdleConnections)
	t.Cleanup(anonymous.CloseIdleConnections)
	ask := func(client *http.Client, url, user string) (*http.Response, string, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if user != "" {
			req.SetBasicAuth(user, secret)
		}
		res, err := client.Do(req)
		if err != nil {
			return nil, "", err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		return res, string(body), err
	}
	w.await("the worker to answer", func() error {
		res, body, err := ask(known, worker.URL()+"/connectors", "bob")
		if err != nil || res.StatusCode != http.StatusOK {
			return fmt.Errorf("%v %s", err, body)
		}
		if res.Header.Get("X-Frame-Options") != "DENY" {
			t.Errorf("headers %v", res.Header)
		}
		return nil
	})
	if _, _, err := ask(anonymous, worker.URL()+"/connectors", "bob"); err == nil {
		t.Error("a client without a certificate came in")
	}
	if res, _, err := ask(anonymous, fmt.Sprintf("http://127.0.0.1:%d/connectors", plain), "bob"); err != nil || res.StatusCode != http.StatusOK {
		t.Error("plain http:", err)
	}
	if res, body, err := ask(known, worker.URL()+"/connectors", "eve"); err != nil || res.StatusCode != http.StatusUnauthorized || !strings.Contains(body, `"error_code":401`) {
		t.Error("eve:", err, body)
	}
	if res, body, err := ask(known, worker.URL()+"/admin/loggers", "bob"); err != nil || res.StatusCode != http.StatusNotFound {
		t.Error("loggers of the main listener:", err, body)
	}
	if res, body, err := ask(anonymous, fmt.Sprintf("https://localhost:%d/admin/loggers", admin), ""); err != nil || res.StatusCode != http.StatusOK || !strings.Contains(body, `"root"`) {
		t.Error("loggers:", err, body)
	}
	hides(t, "the log", w.logs.String())
}

// TestBadInterface: each mistake is found at the start, with its key.
func TestBadInterface(t *testing.T) {
	t.Parallel()
	https := map[string]string{"listeners": "https://localhost:0", "listeners.https.ssl.keystore.location": stores + "server.jks", "listeners.https.ssl.keystore.password": "in-the-store",
		"listeners.https.ssl.key.password": "of-the-key"}
	users := map[string]string{"rest.extension.classes": "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension"}
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "jaas.conf")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const module = "org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule"
	for name, tt := range map[string]struct {
		base, change map[string]string
		key          string
		says         string
	}{
		"no keystore":     {nil, map[string]string{"listeners": "https://:8443"}, "listeners.https.ssl.keystore.location", "a listener for https needs one"},
		"wrong password":  {https, map[string]string{"listeners.https.ssl.keystore.password": secret}, "listeners.https.ssl.keystore.password", "does not open"},
		"wrong key":       {https, map[string]string{"listeners.https.ssl.key.password": secret}, "listeners.https.ssl.key.password", "does not open"},
		"no file":         {https, map[string]string{"listeners.https.ssl.truststore.location": "/nowhere"}, "listeners.https.ssl.truststore.location", "no such file"},
		"client auth":     {https, map[string]string{"listeners.https.ssl.client.auth": "sometimes"}, "listeners.https.ssl.client.auth", "none, requested or required"},
		"without prefix":  {nil, map[string]string{"listeners": "https://:8443", "ssl.keystore.location": "/nowhere"}, "ssl.keystore.location", "no such file"},
		"admin":           {nil, map[string]string{"admin.listeners": "https://:8443", "admin.listeners.https.ssl.keystore.location": "/nowhere"}, "admin.listeners.https.ssl.keystore.location", "no such file"},
		"admin's address": {nil, map[string]string{"admin.listeners": "8443"}, "admin.listeners", "right format"},
		"extension":       {nil, map[string]string{"rest.extension.classes": "com.example.Security"}, "rest.extension.classes", "no such extension"},
		"no JAAS file":    {users, nil, "java.security.auth.login.config", "KAFKA_OPTS"},
		"unreadable JAAS": {users, map[string]string{"java.security.auth.login.config": "/nowhere"}, "java.security.auth.login.config", "no such file"},
		"not a JAAS file": {users, map[string]string{"java.security.auth.login.config": file("KafkaConnect { password=" + secret)}, "java.security.auth.login.config", "no JAAS file"},
		"another entry":   {users, map[string]string{"java.security.auth.login.config": file("KafkaClient { x.Y required; };")}, "java.security.auth.login.config", "no entry KafkaConnect; it has KafkaClient"},
		"another module":  {users, map[string]string{"java.security.auth.login.config": file("KafkaConnect { x.Ldap required; };")}, "java.security.auth.login.config", "x.Ldap"},
		"no file option":  {users, map[string]string{"java.security.auth.login.config": file("KafkaConnect { " + module + " required; };")}, "java.security.auth.login.config", "must be specified"},
		"no users":        {users, map[string]string{"java.security.auth.login.config": file("KafkaConnect { " + module + " required file=\"/nowhere\"; };")}, "java.security.auth.login.config", "/nowhere"},
	} {
		props := map[string]string{
			"bootstrap.servers": "localhost:9092", "group.id": "g", "key.converter": "StringConverter", "value.converter": "JsonConverter",
			"config.storage.topic": "c", "offset.storage.topic": "o", "status.storage.topic": "s",
		}
		for _, m := range []map[string]string{tt.base, tt.change} {
			for k, v := range m {
				props[k] = v
			}
		}
		cfg, _, err := boot.ParseConfig(boot.Distributed, props)
		if err == nil {
			err = boot.Check(t.Context(), boot.Options{Config: cfg, Mode: boot.Distributed, Plugins: all.Set()})
		}
		bad, ok := err.(*boot.ConfigErrors)
		if !ok || len(bad.Keys) == 0 || bad.Keys[0] != tt.key {
			t.Errorf("%s: %v (%v), want one about %s", name, err, fault.Of(err), tt.key)
			continue
		}
		hides(t, name, err.Error())
		mustSay(t, err.Error(), tt.key, tt.says)
	}
}

// TestJaasOfTheEnvironment: where users of the Java worker have the option.
func TestJaasOfTheEnvironment(t *testing.T) {
	jaas := jaasFile(t, "")
	t.Setenv("KAFKA_OPTS", `-Xmx1g "-Djava.security.auth.login.config=`+jaas+`" -Dx=y`)
	cfg, _, err := boot.ParseConfig(boot.Distributed, map[string]string{
		"bootstrap.servers": "localhost:9092", "group.id": "g", "key.converter": "StringConverter", "value.converter": "JsonConverter",
		"config.storage.topic": "c", "offset.storage.topic": "o", "status.storage.topic": "s", "listeners": "http://127.0.0.1:0",
		"rest.extension.classes": "BasicAuthSecurityRestExtension",
	})
	if err != nil || cfg.JaasFile != jaas {
		t.Fatal(err, cfg.JaasFile)
	}
	var log bytes.Buffer
	worker, err := boot.Start(t.Context(), boot.Options{Config: cfg, Mode: boot.Distributed, Plugins: all.Set(), Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Close(); err != nil {
		t.Error(err)
	}
	mustSay(t, log.String(), "a file of users is empty")
	if env := boot.ReadEnvironment([]string{"KAFKA_OPTS=-Djava.security.auth.login.config=/x", "EXTRA_ARGS=-Xmx1g"}); len(env.Ignored) != 1 || env.Ignored[0] != "EXTRA_ARGS" {
		t.Errorf("ignored: %v", env.Ignored)
	}
}
