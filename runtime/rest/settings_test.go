package rest_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"culvert/runtime/rest"
)

func TestBasicAuthentication(t *testing.T) {
	m := newMemory(t)
	s := serve(t, m, func(c *rest.Config) {
		c.Users = rest.NewUsers(map[string]string{"bob": "s3cr3t:x", "unnamed": ""}, map[string]string{"ann": "é"})
	})
	for _, c := range []struct {
		name, method, path, credentials string
		want                            int
	}{
		{"nobody", "GET", "/connectors", "", 401},
		{"root", "GET", "/", "", 401},
		{"health", "GET", "/health", "", 401},
		{"loggers", "GET", "/admin/loggers/", "", 401},
		{"known", "GET", "/connectors", "Basic Ym9iOnMzY3IzdDp4", 200},
		{"known, any case", "GET", "/connectors", "bAsIc Ym9iOnMzY3IzdDp4", 200},
		{"of the second file", "GET", "/connectors", "Basic YW5uOsOp", 200},
		{"wrong password", "GET", "/connectors", "Basic Ym9iOnMzY3IzdA==", 401},
		{"unknown user, empty password", "GET", "/connectors", "Basic ZXZlOg==", 401},
		{"no user", "GET", "/connectors", "Basic OnMzY3IzdDp4", 401},
		{"no colon", "GET", "/connectors", "Basic Ym9i", 401},
		{"not base64", "GET", "/connectors", "Basic ?", 401},
		{"another method", "GET", "/connectors", "Bearer Ym9iOnMzY3IzdDp4", 401},
		{"writes", "DELETE", "/connectors/a", "", 401},
		// As in Java, what no resource answers is refused before anybody is asked.
		{"unknown path", "GET", "/nope", "", 404},
		{"wrong method", "PUT", "/connectors", "", 405},
		{"options", "OPTIONS", "/connectors", "", 401},
		// Requests between workers are signed instead.
		{"tasks", "POST", "/connectors/a/tasks", "", 400},
		{"tasks with a slash", "POST", "/connectors/a/tasks/", "", 400},
		{"tasks are not for all to read", "GET", "/connectors/a/tasks", "", 401},
		{"fence", "PUT", "/connectors/a/fence", "", 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			var header []string
			if c.credentials != "" {
				header = []string{"Authorization", c.credentials}
			}
			body := ""
			if c.path == "/connectors/a/tasks" && c.method == "POST" || c.path == "/connectors/a/tasks/" {
				body = "[]"
			}
			code, h, answer := call(t, s.URL, c.method, c.path, body, header...)
			challenge := h.Get("WWW-Authenticate")
			if code != c.want || (code == 401) != strings.HasPrefix(challenge, "Basic realm=") {
				t.Errorf("%d %q %s, want %d", code, challenge, answer, c.want)
			}
			if code == 401 {
				if e := decode[errorBody](t, answer); e != (errorBody{401, "User cannot access the resource."}) {
					t.Errorf("%+v", e)
				}
			}
		})
	}
	preflight := []string{"Origin", "http://ui.example", "Access-Control-Request-Method", "DELETE"}
	if code, h, _ := call(t, s.URL, "OPTIONS", "/connectors/a", "", preflight...); code != 200 || h.Get("Access-Control-Allow-Methods") == "" {
		t.Errorf("preflight of an allowed origin: %d %v", code, h)
	}
	preflight[1] = "http://evil.example"
	if code, _, _ := call(t, s.URL, "OPTIONS", "/connectors/a", "", preflight...); code != 401 {
		t.Errorf("preflight of another origin: %d", code)
	}
	open := serve(t, m, func(c *rest.Config) { c.Users = rest.NewUsers(map[string]string{}) })
	if code, _, _ := call(t, open.URL, "GET", "/connectors", ""); code != 200 {
		t.Errorf("an empty file of users lets everybody in, as in Java: %d", code)
	}
}

func TestAdminElsewhere(t *testing.T) {
	m := newMemory(t)
	var server *rest.Server
	s := serve(t, m, func(c *rest.Config) {
		c.AdminElsewhere, c.Users = true, rest.NewUsers(map[string]string{"a": "b"})
		server = rest.New(*c)
	})
	admin := listen(t, server.Admin(), nil)
	if code, _, _ := call(t, s.URL, "GET", "/admin/loggers", "", "Authorization", "Basic YTpi"); code != 404 {
		t.Errorf("the API still answers for loggers: %d", code)
	}
	for path, want := range map[string]int{"/admin/loggers": 200, "/admin/loggers/root/": 200, "/connectors": 404, "/": 404, "/health": 404} {
		code, h, body := call(t, admin, "GET", path, "")
		if code != want || h.Get("Content-Type") != "application/json" || want == 404 && decode[errorBody](t, body).Code != 404 {
			t.Errorf("admin listener %s: %d %s, want %d", path, code, body, want)
		}
	}
	if code, _, body := call(t, admin, "PUT", "/admin/loggers/a.b", `{"level":"debug"}`); code != 200 || string(body) != "[\"a.b\"]\n" {
		t.Errorf("%d %s", code, body)
	}
}

func TestResponseHeaders(t *testing.T) {
	headers, err := rest.ParseHeaders(`set X-Frame-Options:DENY, "add Cache-Control: no-cache, no-store", add cache-control:private,SETDATE Expires:31540000000,addDate X-Before: -1000`)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, newMemory(t), func(c *rest.Config) { c.Headers = headers })
	for _, path := range []string{"/connectors", "/nope", "/connectors//a"} {
		code, h, _ := call(t, s.URL, "GET", path, "")
		if h.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: %d %v", path, code, h)
		}
		if diff := cmp.Diff([]string{"no-cache, no-store", "private"}, h.Values("Cache-Control")); diff != "" {
			t.Error(diff)
		}
		expires, err := http.ParseTime(h.Get("Expires"))
		before, err2 := http.ParseTime(h.Get("X-Before"))
		if err != nil || err2 != nil || time.Until(expires) < 364*24*time.Hour || !before.Before(time.Now()) {
			t.Errorf("%s %s", h.Get("Expires"), h.Get("X-Before"))
		}
	}
	for text, want := range map[string]string{
		"X-A:b":              "Invalid format of header config 'X-A:b'. Expected: '[action] [header name]:[header value]'",
		"set X-A":            "Invalid format of header name and header value pair 'X-A'. Expected: '[header name]:[header value]'",
		"set X-A:":           "Invalid format of header name and header value pair 'X-A:'. Expected: '[header name]:[header value]'",
		"set X-A:b:c":        "Invalid format of header name and header value pair 'X-A:b:c'. Expected: '[header name]:[header value]'",
		"del X-A:b":          "Invalid header config action: 'del'. Expected one of [set, add, setDate, addDate]",
		"set X A:b":          "Invalid header name 'X A'. The '[header name]' cannot contain whitespace",
		"set X-A:b,":         "Invalid format of header config ''. Expected: '[action] [header name]:[header value]'",
		"setDate X-A:monday": "Invalid header value 'monday': that of a date is a number of milliseconds from now",
	} {
		if _, err := rest.ParseHeaders(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if h, err := rest.ParseHeaders("  "); h != nil || err != nil {
		t.Error(h, err)
	}
}

func TestParseAddress(t *testing.T) {
	for text, want := range map[string]rest.Address{
		"http://:8083":            {Port: 8083},
		"HTTPS://my_host-1:0":     {HTTPS: true, Host: "my_host-1"},
		"http://[::1]:80":         {Host: "::1", Port: 80},
		"http://fe80::1%eth0:443": {Host: "fe80::1%eth0", Port: 443},
	} {
		if got, err := rest.ParseAddress(text); err != nil || got != want {
			t.Errorf("%s: %+v %v", text, got, err)
		}
	}
	for _, text := range []string{"", "localhost:8083", "http://localhost", "ftp://h:1", "http://h:99999", "http://h:-1", "http://h:x", "http://h/x:1"} {
		if a, err := rest.ParseAddress(text); err == nil {
			t.Errorf("%q was read as %+v", text, a)
		}
	}
}

// certificate is one for this machine, valid from and to those times from now.
func certificate(t *testing.T, from, to time.Duration) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "worker"}, NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(to),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}, pool
}

// listen serves h until the test ends, over TLS if secure says how.
func listen(t *testing.T, h http.Handler, secure *tls.Config) (url string) {
	t.Helper()
	a := rest.Address{HTTPS: secure != nil, Host: "127.0.0.1"}
	open, err := rest.Listen(t.Context(), "listeners", []rest.Address{a}, secure)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() {
		served <- rest.Serve(ctx, slog.New(slog.DiscardHandler), time.Second, rest.Port{Handler: h, Listeners: open})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return a.Protocol() + "://" + open[0].Addr().String()
}

// TestForwardOverTLS: a follower sends requests on to a leader that wants
// certificates, with the user of the request, and the client is shown the follower.
func TestForwardOverTLS(t *testing.T) {
	own, pool := certificate(t, -time.Hour, time.Hour)
	users := rest.NewUsers(map[string]string{"a": "b"})
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{own}, RootCAs: pool, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
	leader := newMemory(t)
	leaderURL := listen(t, rest.New(rest.Config{Herder: leader, Validator: validatorOf(leader), Version: version, Users: users}), config)

	follow := func(client *http.Client) string {
		follower := newMemory(t)
		follower.forward = elsewhere{leaderURL + "/"}
		return listen(t, rest.New(rest.Config{Herder: follower, Validator: validatorOf(follower), Version: version, Users: users, Forward: client}), config)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
	t.Cleanup(client.CloseIdleConnections)
	post := func(url string) (int, http.Header, []byte) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/connectors", strings.NewReader(source("x")))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.SetBasicAuth("a", "b")
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, res.Header, body
	}
	front := follow(client)
	if code, h, body := post(front); code != http.StatusCreated || h.Get("Location") != front+"/connectors/x" {
		t.Errorf("%d %v %s", code, h, body)
	}
	// One that does not trust the leader says so.
	front = follow(&http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool()}}})
	code, _, body := post(front)
	if e := decode[errorBody](t, body); code != 500 || !strings.HasPrefix(e.Message, "IO Error trying to forward REST request: ") || !strings.Contains(e.Message, "unknown authority") {
		t.Errorf("%d %s", code, body)
	}
}

// TestExpiredCertificate: clients refuse one, and so does a listener.
func TestExpiredCertificate(t *testing.T) {
	good, goodPool := certificate(t, -time.Hour, time.Hour)
	old, oldPool := certificate(t, -2*time.Hour, -time.Hour)
	api := rest.New(rest.Config{Herder: newMemory(t), Version: version})
	for name, c := range map[string]struct {
		server, client *tls.Config
		says           string
	}{
		"the server's": {&tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{old}}, &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: oldPool}, "expired"},
		"the client's": {&tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{good}, ClientCAs: oldPool, ClientAuth: tls.RequireAndVerifyClientCert},
			&tls.Config{MinVersion: tls.VersionTLS12, RootCAs: goodPool, Certificates: []tls.Certificate{old}}, "certificate"},
	} {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: c.client}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, listen(t, api, c.server)+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err == nil {
			res.Body.Close()
			t.Errorf("%s was taken", name)
		} else if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		client.CloseIdleConnections()
	}
}

func TestAllowedOrigins(t *testing.T) {
	s := serve(t, newMemory(t), func(c *rest.Config) {
		c.AllowOrigin = `http://ui.example, http://*.wild.example,https://.*\.regex\.example`
	})
	for origin, want := range map[string]bool{
		"http://ui.example": true, "HTTP://UI.EXAMPLE": true, "http://a.wild.example": true, "https://a.b.regex.example": true,
		"http://ui.example.evil": false, "http://uixexample": false, "https://ui.example": false, "https://aregexxexample": false, "null": false,
	} {
		_, h, _ := call(t, s.URL, "GET", "/connectors", "", "Origin", origin)
		if got := h.Get("Access-Control-Allow-Origin"); (got == origin) != want || got != "" && got != origin {
			t.Errorf("%s: %q, want allowed %v", origin, got, want)
		}
	}
	if rest.CheckOrigins("*,http://a") != nil || rest.CheckOrigins("http://(") == nil {
		t.Error("CheckOrigins")
	}
	all := serve(t, newMemory(t), func(c *rest.Config) { c.AllowOrigin = "*" })
	if _, h, _ := call(t, all.URL, "GET", "/connectors", "", "Origin", "https://any.example"); h.Get("Access-Control-Allow-Origin") != "https://any.example" {
		t.Error("*", h)
	}
}
