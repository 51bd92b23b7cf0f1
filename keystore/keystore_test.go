package keystore_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culvert/keystore"
)

const (
	storePassword = "in-the-store"
	keyPassword   = "of-the-key"
)

type props map[string]string

func (p props) with(more ...string) props {
	out := props{}
	for k, v := range p {
		out[k] = v
	}
	for i := 0; i < len(more); i += 2 {
		out[more[i]] = more[i+1]
	}
	return out
}

func trust(file, kind string) props {
	return props{"ssl.truststore.location": filepath.Join("testdata", file), "ssl.truststore.type": kind, "ssl.truststore.password": storePassword}
}

func proof(file, kind string) props {
	return props{"ssl.keystore.location": filepath.Join("testdata", file), "ssl.keystore.type": kind, "ssl.keystore.password": storePassword}
}

func text(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestHandshake: each form of a keystore on one side, each form of a truststore on
// the other.
func TestHandshake(t *testing.T) {
	servers := map[string]props{
		"JKS": proof("server.jks", "JKS").with("ssl.key.password", keyPassword), "PKCS12": proof("server.p12", "PKCS12"), "openssl's PKCS12": proof("server-openssl.p12", "pkcs12"),
		"PKCS12 called JKS": proof("server.p12", "JKS"), "without a type": proof("server.p12", ""), "PEM": proof("server.pem", "PEM"), "PEM without a type": proof("server.pem", ""),
		"PEM, encrypted": proof("encrypted.pem", "PEM").with("ssl.key.password", keyPassword),
		"inline":         {"ssl.keystore.type": "PEM", "ssl.keystore.certificate.chain": text(t, "server.pem"), "ssl.keystore.key": strings.ReplaceAll(text(t, "server.pem"), "\n", " ")},
	}
	clients := map[string]props{
		"JKS": trust("truststore.jks", "JKS"), "JKS without a password": trust("truststore.jks", "").with("ssl.truststore.password", ""), "PKCS12": trust("truststore.p12", "PKCS12"),
		"PEM": trust("authority.pem", "PEM"), "inline": {"ssl.truststore.certificates": text(t, "authority.pem")},
		"the server's own": trust("server.p12", "PKCS12"),
	}
	for s, sp := range servers {
		for c, cp := range clients {
			server, err := keystore.Server(sp)
			if err != nil {
				t.Fatalf("server %s: %v", s, err)
			}
			client, err := keystore.Client(cp)
			if err != nil {
				t.Fatalf("client %s: %v", c, err)
			}
			if err := handshake(server.TLS, client.TLS, "localhost"); err != nil {
				t.Errorf("server %s, client %s: %v", s, c, err)
			}
		}
	}
}

func handshake(server, client *tls.Config, name string) error {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	client = client.Clone()
	client.ServerName = name
	done := make(chan error, 1)
	go func() {
		conn := tls.Server(a, server)
		err := conn.Handshake()
		if err == nil {
			_, err = conn.Write([]byte("x"))
		}
		a.Close()
		done <- err
	}()
	conn := tls.Client(b, client)
	err := conn.Handshake()
	if err == nil {
		_, err = conn.Read(make([]byte, 1)) // TLS 1.3 refuses a client's certificate after its handshake
	}
	b.Close()
	return errors.Join(err, <-done)
}

func TestClientAuthentication(t *testing.T) {
	base := proof("server.pem", "PEM").with("ssl.truststore.location", "testdata/authority.pem")
	anonymous, err := keystore.Client(trust("authority.pem", "PEM"))
	if err != nil {
		t.Fatal(err)
	}
	known, err := keystore.Client(trust("authority.pem", "PEM").with("ssl.keystore.location", "testdata/server.jks", "ssl.keystore.password", storePassword, "ssl.key.password", keyPassword))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"ssl.client.auth", "ssl.client.authentication"} {
		for choice, want := range map[string][2]bool{"": {true, true}, "none": {true, true}, "REQUESTED": {true, true}, "required": {false, true}} {
			server, err := keystore.Server(base.with(key, choice))
			if err != nil {
				t.Fatal(err)
			}
			if got := [2]bool{handshake(server.TLS, anonymous.TLS, "localhost") == nil, handshake(server.TLS, known.TLS, "localhost") == nil}; got != want {
				t.Errorf("%s=%s: anonymous and known clients come in: %v, want %v", key, choice, got, want)
			}
		}
	}
}

func TestHostname(t *testing.T) {
	server, err := keystore.Server(proof("server.p12", ""))
	if err != nil {
		t.Fatal(err)
	}
	for algorithm, ok := range map[string]bool{"https": false, "": true} {
		client, err := keystore.Client(trust("truststore.p12", "").with("ssl.endpoint.identification.algorithm", algorithm))
		if err != nil {
			t.Fatal(err)
		}
		if err := handshake(server.TLS, client.TLS, "elsewhere"); (err == nil) != ok {
			t.Errorf("%q: %v", algorithm, err)
		}
	}
	client, err := keystore.Client(props{"ssl.truststore.location": "testdata/server.pem", "ssl.endpoint.identification.algorithm": ""})
	if err != nil {
		t.Fatal(err)
	}
	strange := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	if handshake(server.TLS, strange, "localhost") == nil || handshake(server.TLS, client.TLS, "elsewhere") != nil {
		t.Error("without a host name the chain is still checked")
	}
}

func TestBadStores(t *testing.T) {
	dir := t.TempDir()
	unreadable, damaged, empty := filepath.Join(dir, "unreadable"), filepath.Join(dir, "damaged.jks"), filepath.Join(dir, "empty")
	for path, content := range map[string]string{unreadable: "x", damaged: text(t, "server.jks")[:300], empty: ""} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(unreadable, 0); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		props props
		key   string
		says  string
	}{
		"missing":                {trust("nope.jks", "JKS"), "ssl.truststore.location", "no such file"},
		"a folder":               {trust("", "JKS"), "ssl.truststore.location", "no regular file"},
		"damaged":                {props{"ssl.keystore.location": damaged}, "ssl.keystore.location", "it is damaged"},
		"empty":                  {props{"ssl.keystore.location": empty}, "ssl.keystore.location", "cannot be read"},
		"wrong JKS password":     {proof("server.jks", "JKS").with("ssl.keystore.password", "hush"), "ssl.keystore.password", "does not open testdata/server.jks"},
		"wrong PKCS12 password":  {trust("truststore.p12", "PKCS12").with("ssl.truststore.password", "hush"), "ssl.truststore.password", "does not open"},
		"no PKCS12 password":     {proof("server.p12", "").with("ssl.keystore.password", ""), "ssl.keystore.password", "none is set"},
		"wrong key password":     {proof("server.jks", "JKS").with("ssl.key.password", "hush"), "ssl.key.password", "does not open the key"},
		"wrong PEM key password": {proof("encrypted.pem", "PEM").with("ssl.key.password", "hush"), "ssl.key.password", "does not open"},
		"no PEM key password":    {proof("encrypted.pem", "PEM"), "ssl.key.password", "no password is set"},
		"openssl's truststore":   {trust("openssl.p12", "PKCS12"), "ssl.truststore.location", "not marked as trusted"},
		"type":                   {trust("truststore.p12", "BKS"), "ssl.truststore.type", "no key store of this type"},
		"PEM called JKS":         {trust("authority.pem", "JKS"), "ssl.truststore.type", "is in PEM form"},
		"JKS called PEM":         {trust("truststore.jks", "PEM"), "ssl.truststore.location", "no certificate in PEM form"},
		"no key in PEM":          {proof("authority.pem", "PEM"), "ssl.keystore.location", "no private key in PEM form"},
		"no key in JKS":          {proof("truststore.jks", "JKS"), "ssl.keystore.location", "no private key"},
		"no key in PKCS12":       {proof("truststore.p12", "PKCS12"), "ssl.keystore.location", "private key missing"},
		"another's certificate":  {proof("authority.pem", "PEM").with("ssl.keystore.key", text(t, "server.pem")), "ssl.keystore.location", "belongs to the private key"},
		"inline junk":            {props{"ssl.keystore.certificate.chain": "hush", "ssl.keystore.key": "hush", "ssl.keystore.type": "PEM"}, "ssl.keystore.key", "no private key in PEM form"},
		"a key alone":            {props{"ssl.keystore.key": "hush"}, "ssl.keystore.certificate.chain", "it is not set"},
		"suites":                 {trust("authority.pem", "").with("ssl.cipher.suites", "TLS_RSA_WITH_RC4_128_SHA"), "ssl.cipher.suites", "TLS_RSA_WITH_RC4_128_SHA is not supported"},
		"protocols":              {trust("authority.pem", "").with("ssl.enabled.protocols", "TLSv1"), "ssl.enabled.protocols", "TLSv1.2"},
	} {
		_, err := keystore.Client(tt.props)
		var bad *keystore.Error
		if !errors.As(err, &bad) || bad.Key != tt.key || !strings.Contains(bad.Err.Error(), tt.says) || bad.Want == "" || strings.Contains(err.Error()+bad.Shown, "hush") {
			t.Errorf("%s: %v (%+v), want one about %s that says %q", name, err, bad, tt.key, tt.says)
		}
	}
	if os.Geteuid() != 0 { // root reads everything
		if _, err := keystore.Client(props{"ssl.truststore.location": unreadable}); err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("unreadable: %v", err)
		}
	}
	for key, p := range map[string]props{"ssl.keystore.location": trust("authority.pem", "PEM"), "ssl.client.auth": proof("server.pem", "PEM").with("ssl.client.auth", "maybe")} {
		var bad *keystore.Error
		if _, err := keystore.Server(p); !errors.As(err, &bad) || bad.Key != key {
			t.Errorf("server: %v, want one about %s", err, key)
		}
	}
}
