//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/test/servers"
)

const (
	plainModule = "org.apache.kafka.common.security.plain.PlainLoginModule"
	scramModule = "org.apache.kafka.common.security.scram.ScramLoginModule"
)

// sasl are the properties of a client that proves itself by user and password.
func sasl(addr, protocol, mechanism, secret string) map[string]string {
	module := scramModule
	if mechanism == "PLAIN" {
		module = plainModule
	}
	return map[string]string{"bootstrap.servers": addr, "security.protocol": protocol, "sasl.mechanism": mechanism,
		"sasl.jaas.config": fmt.Sprintf(`%s required username="%s" password="%s";`, module, user, secret)}
}

// trusting are the properties of a client that knows the broker by an authority.
func trusting(authority string) map[string]string {
	return map[string]string{"ssl.truststore.type": "PEM", "ssl.truststore.location": authority}
}

// proving are the properties of a client that proves itself by a certificate.
func proving(client string) map[string]string {
	return map[string]string{"ssl.keystore.type": "PEM", "ssl.keystore.location": client}
}

func ssl(addr string) map[string]string {
	return map[string]string{"bootstrap.servers": addr, "security.protocol": "SSL"}
}

// inline are the properties of a client with all of its certificates in place. As
// many files have it, the lines of each are joined by blanks.
func inline(t *testing.T, authority, client string) map[string]string {
	t.Helper()
	oneLine := func(text string) string { return strings.Join(strings.Split(strings.TrimSpace(text), "\n"), " ") }
	key, chain, ok := strings.Cut(contents(t, client), "-----BEGIN CERTIFICATE")
	if !ok {
		t.Fatalf("%s holds no certificate", client)
	}
	return map[string]string{
		"ssl.truststore.type": "PEM", "ssl.truststore.certificates": contents(t, authority), "ssl.keystore.type": "PEM",
		"ssl.keystore.key": oneLine(key), "ssl.keystore.certificate.chain": oneLine("-----BEGIN CERTIFICATE" + chain),
	}
}

func contents(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// joined puts properties together, later ones over earlier ones.
func joined(parts ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, p := range parts {
		maps.Copy(all, p)
	}
	return all
}

func prefixed(prefix string, props map[string]string) map[string]string {
	all := map[string]string{}
	for k, v := range props {
		all[prefix+k] = v
	}
	return all
}

// secrets are texts that no log may hold.
func secrets(t *testing.T, c *servers.Certificates) []string {
	t.Helper()
	list := []string{password, wrongPassword}
	for _, file := range []string{c.Client, c.StrangeClient} {
		list = append(list, strings.Split(contents(t, file), "\n")[1]) // the first line of the key itself
	}
	return list
}

func discreet(t *testing.T, log string, secrets []string) {
	t.Helper()
	for _, s := range secrets {
		if strings.Contains(log, s) {
			t.Errorf("%q is in the log:\n%s", s, log)
		}
	}
}

// files are a source and a sink by way of a topic, from file to file.
type files struct{ name, in, out string }

func startFiles(t *testing.T, url, name string, overrides map[string]string) files {
	t.Helper()
	f := files{name, filepath.Join(t.TempDir(), "in.txt"), filepath.Join(t.TempDir(), "out.txt")}
	f.write(t, "first")
	text := "org.apache.kafka.connect.storage.StringConverter"
	create(t, url, name+"-source", joined(map[string]string{
		"connector.class": "FileStreamSource", "tasks.max": "1", "file": f.in, "topic": name, "value.converter": text,
		"topic.creation.default.partitions": "1", "topic.creation.default.replication.factor": "1",
	}, overrides))
	create(t, url, name+"-sink", map[string]string{
		"connector.class": "FileStreamSink", "tasks.max": "1", "file": f.out, "topics": name, "value.converter": text,
		// The sink may look before the source has made the topic.
		"consumer.override.metadata.max.age.ms": "500",
	})
	return f
}

func (f files) write(t *testing.T, line string) {
	t.Helper()
	file, err := os.OpenFile(f.in, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := fmt.Fprintln(file, line); err != nil {
		t.Fatal(err)
	}
}

func (f files) reads(t *testing.T, want string) {
	t.Helper()
	await(t, 30*time.Second, f.name+" to be copied", func() error {
		if raw, _ := os.ReadFile(f.out); string(raw) != want {
			return fmt.Errorf("%s holds %q, want %q", f.out, raw, want)
		}
		return nil
	})
}

// TestSecurity lets records flow with each way in which a client may prove itself.
func TestSecurity(t *testing.T) {
	k := secured(t)
	c := k.Certificates
	t.Setenv("CONNECT_LOG4J_ROOT_LOGLEVEL", "TRACE")
	for name, props := range map[string]map[string]string{
		"ssl-files":     joined(ssl(k.SSL), trusting(c.Authority), proving(c.Client)),
		"ssl-inline":    joined(ssl(k.SSL), inline(t, c.Authority, c.Client)),
		"plain":         sasl(k.SASLPlaintext, "SASL_PLAINTEXT", "PLAIN", password),
		"scram-sha-256": joined(sasl(k.SASLSSL, "SASL_SSL", "SCRAM-SHA-256", password), trusting(c.Authority)),
		"scram-sha-512": joined(sasl(k.SASLSSL, "SASL_SSL", "SCRAM-SHA-512", password), trusting(c.Authority)),
		// Each role in its own way, none of which would do for another's listener.
		"prefixes": joined(sasl(k.SASLPlaintext, "SASL_PLAINTEXT", "PLAIN", password),
			prefixed("producer.", joined(ssl(k.SSL), trusting(c.Authority), proving(c.Client))),
			prefixed("consumer.", joined(sasl(k.SASLSSL, "SASL_SSL", "SCRAM-SHA-512", password), trusting(c.Authority))),
			prefixed("admin.", map[string]string{"bootstrap.servers": k.Addr, "security.protocol": "PLAINTEXT"})),
	} {
		t.Run(name, func(t *testing.T) {
			w := startWorker(t, "secured-"+name, "a", props)
			f := startFiles(t, w.url, "secured-"+name, nil)
			f.reads(t, "first\n")
			if err := w.Stop(20 * time.Second); err != nil {
				t.Error(err)
			}
			discreet(t, contents(t, w.Log), secrets(t, c))
		})
	}
}

// TestSecurityOfOneConnector gives one connector a wrong password of its own: it
// fails and says why, and the others run.
func TestSecurityOfOneConnector(t *testing.T) {
	k := secured(t)
	t.Setenv("CONNECT_LOG4J_ROOT_LOGLEVEL", "TRACE")
	w := startWorker(t, "secured-one", "a", sasl(k.SASLPlaintext, "SASL_PLAINTEXT", "PLAIN", password))
	wrong := sasl("", "", "PLAIN", wrongPassword)["sasl.jaas.config"]
	good := startFiles(t, w.url, "secured-good", nil)
	good.reads(t, "first\n")
	startFiles(t, w.url, "secured-bad", map[string]string{"producer.override.sasl.jaas.config": wrong})
	await(t, 30*time.Second, "the connector with the wrong password to fail", func() error {
		s, err := statusOf(t, w.url, "secured-bad-source")
		if err != nil {
			return err
		}
		if len(s.Tasks) != 1 || s.Tasks[0].State != "FAILED" {
			return fmt.Errorf("%+v", s)
		}
		trace := s.Tasks[0].Trace
		discreet(t, trace, secrets(t, k.Certificates))
		if !strings.Contains(trace, "producer.override.sasl.jaas.config") || !strings.Contains(trace, "Invalid username or password") {
			t.Errorf("the trace does not say what is wrong:\n%s", trace)
		}
		t.Logf("trace: %s", trace)
		return nil
	})
	good.write(t, "second")
	good.reads(t, "first\nsecond\n")
	// With the right password it runs.
	right := sasl("", "", "PLAIN", password)["sasl.jaas.config"]
	status, body := rest(t, http.MethodPut, w.url+"/connectors/secured-bad-source/config", map[string]string{
		"connector.class": "FileStreamSource", "file": good.in, "topic": "secured-good", "producer.override.sasl.jaas.config": right,
	})
	if status != http.StatusOK {
		t.Fatalf("PUT: %d %s", status, body)
	}
	running(t, w.url, "secured-bad-source", 1)
	discreet(t, contents(t, w.Log), secrets(t, k.Certificates))
}

// TestSecurityThatIsWrong starts workers that no broker will have. Each says what is
// wrong, which key it is, and what to do. What only a broker can find ends a worker
// with exit status 1, unless it might be an outage.
func TestSecurityThatIsWrong(t *testing.T) {
	k := secured(t)
	c := k.Certificates
	t.Setenv("CONNECT_LOG4J_ROOT_LOGLEVEL", "TRACE")
	const (
		check = iota // --check finds it, without a broker
		ends         // the worker ends
		waits        // the worker waits for another broker, and says so
	)
	for name, each := range map[string]struct {
		how   int
		props map[string]string
		says  []string
	}{
		"password-plain":    {ends, sasl(k.SASLPlaintext, "SASL_PLAINTEXT", "PLAIN", wrongPassword), []string{"sasl.jaas.config", "Invalid username or password"}},
		"password-scram":    {ends, sasl(k.SASLPlaintext, "SASL_PLAINTEXT", "SCRAM-SHA-512", wrongPassword), []string{"sasl.jaas.config", "invalid credentials"}},
		"unknown-authority": {ends, joined(ssl(k.SSL), trusting(c.StrangeAuthority), proving(c.Client)), []string{"ssl.truststore.location", "unknown authority"}},
		"no-authority":      {ends, joined(ssl(k.SSL), proving(c.Client)), []string{"ssl.truststore.location", "unknown authority"}},
		"strange-client":    {ends, joined(ssl(k.SSL), trusting(c.Authority), proving(c.StrangeClient)), []string{"ssl.keystore.location", "certificate"}},
		"no-certificate":    {ends, joined(ssl(k.SSL), trusting(c.Authority)), []string{"ssl.keystore.location", "certificate"}},
		"sasl-to-plain":     {ends, sasl(k.Addr, "SASL_PLAINTEXT", "PLAIN", password), []string{"security.protocol", "SASL"}},
		"tls-to-plain":      {waits, joined(ssl(k.Addr), trusting(c.Authority)), []string{"security.protocol"}},
		"plain-to-tls":      {waits, map[string]string{"bootstrap.servers": k.SSL}, []string{"security.protocol"}},
		"plain-to-sasl":     {waits, map[string]string{"bootstrap.servers": k.SASLPlaintext}, []string{"security.protocol"}},

		"gssapi": {check, map[string]string{"bootstrap.servers": k.SASLPlaintext, "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "GSSAPI"},
			[]string{"sasl.mechanism", "GSSAPI", "SCRAM-SHA-256"}},
		"protocol": {check, map[string]string{"security.protocol": "SASL"}, []string{"security.protocol", "SASL_SSL"}},
		"jks": {check, joined(ssl(k.SSL), map[string]string{"ssl.truststore.location": "truststore.jks", "ssl.truststore.password": wrongPassword}),
			[]string{"ssl.truststore.location", "truststore.jks"}},
		"no-file": {check, joined(ssl(k.SSL), trusting("/nowhere/ca.pem")), []string{"ssl.truststore.location", "/nowhere/ca.pem"}},
		"no-key":  {check, joined(ssl(k.SSL), trusting(c.Authority), proving(c.Authority)), []string{"ssl.keystore.location", "private key"}},
		"consumer": {check, prefixed("consumer.", sasl(k.SASLPlaintext, "SASL_PLAINTEXT", "SCRAM-SHA-1", wrongPassword)),
			[]string{"consumer.sasl.mechanism", "SCRAM-SHA-1"}},
		"quote": {check, sasl(k.SASLPlaintext, "SASL_PLAINTEXT", "PLAIN", `a"`+wrongPassword), []string{"sasl.jaas.config", "username"}},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "worker.properties")
			all := joined(servers.WorkerProps(k.Addr, "wrong-"+name, 0), each.props)
			if err := servers.WriteProperties(file, all); err != nil {
				t.Fatal(err)
			}
			var out string
			if each.how == waits {
				out = untilSaid(t, file, each.says[0])
			} else {
				out = untilEnded(t, file, each.how == check)
			}
			for _, want := range each.says {
				if !strings.Contains(out, want) {
					t.Errorf("it does not say %q:\n%s", want, out)
				}
			}
			discreet(t, out, secrets(t, c))
		})
	}
}

// untilEnded runs a worker, or only its check, which ends with exit status 1 and a
// remedy.
func untilEnded(t *testing.T, file string, check bool) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	args := []string{"worker", file}
	if check {
		args = append(args, "--check")
	}
	cmd := exec.CommandContext(ctx, shared.binary, args...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 1 || !bytes.Contains(out, []byte("To fix it: ")) {
		t.Errorf("%v, want exit status 1 and a remedy:\n%s", err, out)
	}
	return string(out)
}

// untilSaid runs a worker that waits until its log has the word.
func untilSaid(t *testing.T, file, word string) string {
	t.Helper()
	log := filepath.Join(t.TempDir(), "worker.log")
	p := servers.New("worker that waits", log, nil, func(context.Context) error {
		if raw, err := os.ReadFile(log); err != nil || !bytes.Contains(raw, []byte(word)) {
			return fmt.Errorf("it has not said %s (%w)", word, err)
		}
		return nil
	}, shared.binary, "worker", file)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	defer p.Kill()
	if err := p.Start(ctx); err != nil {
		t.Error(err)
	}
	return contents(t, log)
}
