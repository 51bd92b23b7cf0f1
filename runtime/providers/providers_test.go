package providers_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"culvert/fault"
	"culvert/runtime/providers"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func providersOf(t *testing.T, props map[string]string, environ ...string) *providers.Providers {
	t.Helper()
	p, err := providers.New(props, environ)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestBadProviders(t *testing.T) {
	for name, tt := range map[string]struct {
		props map[string]string
		key   string
		says  string
	}{
		"unknown class": {map[string]string{"config.providers": "vault", "config.providers.vault.class": "com.example.VaultConfigProvider"},
			"config.providers.vault.class", "Could not load config provider class"},
		"allowed paths": {map[string]string{"config.providers": "f", "config.providers.f.class": "FileConfigProvider", "config.providers.f.param.allowed.paths": "etc"},
			"config.providers.f.param.allowed.paths", "Path etc is not absolute"},
		"pattern": {map[string]string{"config.providers": "e", "config.providers.e.class": "EnvVarConfigProvider", "config.providers.e.param.allowlist.pattern": "("},
			"config.providers.e.param.allowlist.pattern", "Invalid value ("},
		"ttl": {map[string]string{"config.providers": "f", "config.providers.f.class": "FileConfigProvider", "config.providers.f.param.ttl.ms": "-1"},
			"config.providers.f.param.ttl.ms", "Invalid value -1"},
	} {
		_, err := providers.New(tt.props, nil)
		if f := fault.Of(err); f == nil || f.Class != fault.Config || f.Field != tt.key || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v (%+v)", name, err, f)
		}
	}
}

// TestProviderWithoutClass: Java ignores one, and its variables stay.
func TestProviderWithoutClass(t *testing.T) {
	var log bytes.Buffer
	p := providersOf(t, map[string]string{"config.providers": " a , "}, "X=1")
	p.LogTo(slog.New(slog.NewTextHandler(&log, nil)))
	if got := p.Value("${a:X}"); got != "${a:X}" || !strings.Contains(log.String(), "config.providers.a.class") {
		t.Errorf("%q, log %s", got, &log)
	}
}

// TestUnreadable: nothing of a file shows in the error, and neither a pipe nor a file
// without end holds anybody up.
func TestUnreadable(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	huge := write(t, "huge", "")
	if err := os.Truncate(huge, 64<<20); err != nil {
		t.Fatal(err)
	}
	p := providersOf(t, workerProps("", nil))
	for name, path := range map[string]string{
		"missing": "/nowhere/x.properties", "folder": t.TempDir(), "pipe": pipe, "endless": "/dev/zero", "huge": huge,
		"not UTF-8": write(t, "latin", "a=\xe9hush\n"), "bad escape": write(t, "escape", `a=\u00zzhush`),
	} {
		_, err := p.Resolve(map[string]string{"user": "x", "password": "${file:" + path + ":a}"})
		f := fault.Of(err)
		if f == nil || f.Class != fault.Config || f.Field != "password" || err.Error() != "Could not read properties from file "+path || strings.Contains(fault.Explain(err), "hush") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := p.Value("${directory:" + filepath.Dir(pipe) + ":pipe}"); !strings.HasPrefix(got, "${directory:") {
		t.Errorf("a pipe in a folder was read: %q", got)
	}
	dir := filepath.Dir(write(t, "one", "1"))
	if got := p.Value("${directory:" + dir + "/sub:../one}"); !strings.HasPrefix(got, "${directory:") {
		t.Errorf("a key went up: %q", got)
	}
}

// TestAllowedPathsStepUp: a path with .. in it is what it leads to.
func TestAllowedPathsStepUp(t *testing.T) {
	path := write(t, "x.properties", "a=1")
	dir := filepath.Dir(path)
	if err := os.Mkdir(filepath.Join(dir, "in"), 0o755); err != nil {
		t.Fatal(err)
	}
	p := providersOf(t, workerProps("file", map[string]string{"allowed.paths": filepath.Join(dir, "in")}))
	for _, sneaky := range []string{path, dir + "/in/../x.properties", dir + "/inside"} {
		if got := p.Value("${file:" + sneaky + ":a}"); !strings.HasPrefix(got, "${file:") {
			t.Errorf("%s was read: %q", sneaky, got)
		}
	}
}

func TestSecrets(t *testing.T) {
	p := providersOf(t, workerProps("", nil), "PW=tr0ub/4 dor", "SHORT=s3cr", "N=xy", "LONG=tr0ub/4 dor and more")
	r, err := p.Resolve(map[string]string{"uri": "db://me:${env:PW}@host", "short": "${env:SHORT}", "tasks.max": "${env:N}", "long": "${env:LONG}", "plain": "s3"})
	if err != nil {
		t.Fatal(err)
	}
	s := r.Secrets
	for in, want := range map[string]string{
		"cannot open db://me:tr0ub/4 dor@host":                       "cannot open db://me:${env:PW}@host",
		"in a URL: tr0ub%2F4+dor, tr0ub%2F4%20dor":                   "in a URL: ${env:PW}, ${env:PW}",
		"all of tr0ub/4 dor and more":                                "all of ${env:LONG}",
		"user 's3cr' but not s3crets":                                "user '${env:SHORT}' but not s3crets",
		"Invalid value xy for configuration tasks.max: Not a number": "Invalid value ${env:N} for configuration tasks.max: Not a number",
		"galaxy": "galaxy",
	} {
		if got := s.Redact(in); got != want {
			t.Errorf("Redact(%q) = %q, want %q", in, got, want)
		}
	}
	if _, ok := s.Raw("plain"); ok {
		t.Error("plain has no variable")
	}
	tasks := s.Unresolve([]map[string]string{{"uri": r.Props["uri"], "own.uri": r.Props["uri"], "plain": "s3", "task": "0"}})
	if got := fmt.Sprint(tasks); got != "[map[own.uri:db://me:${env:PW}@host plain:s3 task:0 uri:db://me:${env:PW}@host]]" {
		t.Error("task configs", got)
	}
	var none *providers.Secrets
	if none.Redact("x") != "x" || none.Error(nil) != nil || none.With(s).Redact("tr0ub/4 dor") != "${env:PW}" || s.With(none) != s {
		t.Error("nil secrets")
	}
}

func TestSecretsInErrors(t *testing.T) {
	p := providersOf(t, workerProps("", nil), "PW=tr0ub4dor")
	r, err := p.Resolve(map[string]string{"pw": "${env:PW}"})
	if err != nil {
		t.Fatal(err)
	}
	inner := fault.New(fault.Retry, "x.y", "login of me failed").WithField("pw").WithFix("Do not use tr0ub4dor.").WithAfter(time.Second)
	inner.Err = fault.Because(errors.New("server said: tr0ub4dor is wrong"), "login with tr0ub4dor failed")
	for _, bad := range []error{inner, fmt.Errorf("task: %w", inner), errors.New("tr0ub4dor")} {
		got := r.Secrets.Error(bad)
		if text := fmt.Sprintf("%s %+v", fault.Explain(got), got); strings.Contains(text, "tr0ub4dor") || !strings.Contains(text, "${env:PW}") {
			t.Errorf("%v became %s", bad, text)
		}
	}
	got := fault.Of(r.Secrets.Error(fmt.Errorf("task: %w", inner)))
	if got.Class != fault.Retry || got.Code != "x.y" || got.Field != "pw" || got.After != time.Second || !strings.Contains(fault.Explain(got), "Caused by: server said: ${env:PW} is wrong") {
		t.Errorf("%+v: %s", got, fault.Explain(got))
	}
	harmless := errors.New("no secret")
	if r.Secrets.Error(harmless) != harmless {
		t.Error("an error without secrets was changed")
	}
}

func TestSecretsInPanics(t *testing.T) {
	p := providersOf(t, workerProps("", nil), "PW=tr0ub4dor")
	r, err := p.Resolve(map[string]string{"pw": "${env:PW}"})
	if err != nil {
		t.Fatal(err)
	}
	var none *providers.Secrets
	for want, s := range map[string]*providers.Secrets{"${env:PW} is odd": r.Secrets, "tr0ub4dor is odd": none} {
		func() {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("%v, want %s", got, want)
				}
			}()
			defer s.Panic()
			panic("tr0ub4dor is odd")
		}()
	}
}

func TestSecretsInTheLog(t *testing.T) {
	p := providersOf(t, workerProps("", nil), "PW=tr0ub4dor")
	r, err := p.Resolve(map[string]string{"pw": "${env:PW}"})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	log := slog.New(r.Secrets.Handler(slog.NewTextHandler(&out, nil)))
	log.With("pw", "tr0ub4dor").WithGroup("g").Error("login with tr0ub4dor", "err", errors.New("tr0ub4dor?"), "list", []string{"tr0ub4dor"},
		slog.Group("deep", "pw", "tr0ub4dor"), "n", 7)
	if text := out.String(); strings.Contains(text, "tr0ub4dor") || strings.Count(text, "${env:PW}") != 5 || !strings.Contains(text, "g.n=7") {
		t.Error(text)
	}
}

func TestTTL(t *testing.T) {
	path := write(t, "x", "a=1")
	p := providersOf(t, workerProps("file", map[string]string{"ttl.ms": "1500"}), "A=1")
	for text, want := range map[string]time.Duration{"${file:" + path + ":a}": 1500 * time.Millisecond, "${env:A}": 0, "plain": 0} {
		if r, err := p.Resolve(map[string]string{"k": text}); err != nil || r.TTL != want {
			t.Errorf("%s: %v %v", text, r.TTL, err)
		}
	}
}
