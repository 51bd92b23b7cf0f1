package mongodb

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"culvert/fault"
	"culvert/keystore"
)

const stores = "../../keystore/testdata/"

// behindTLS lets a server answer TLS that asks for a client's certificate.
func behindTLS(t *testing.T, addr string) (uri string) {
	t.Helper()
	server, err := keystore.Server(map[string]string{"ssl.keystore.location": stores + "server.pem",
		"ssl.truststore.location": stores + "authority.pem", "ssl.client.auth": "required"})
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", server.TLS)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", addr)
			if err != nil {
				in.Close()
				return
			}
			wg.Go(func() { _, _ = io.Copy(out, in); out.Close() })
			wg.Go(func() { _, _ = io.Copy(in, out); in.Close() })
		}
	})
	_, port, _ := strings.Cut(l.Addr().String(), ":")
	return "mongodb://localhost:" + port + "/?tls=true&serverSelectionTimeoutMS=5000"
}

// Each form of store, on both sides of a handshake with the driver.
func TestTLSForms(t *testing.T) {
	stub := startStub(t)
	uri := behindTLS(t, stub.Addr())
	n := 0
	for _, trust := range [][2]string{{"authority.pem", ""}, {"truststore.jks", "in-the-store"}, {"truststore.p12", "in-the-store"}} {
		for _, own := range [][2]string{{"server.pem", ""}, {"server.p12", "in-the-store"}, {"encrypted.pem", "of-the-key"}} {
			s := openSink(t, uri, "connection.ssl.truststore", stores+trust[0], "connection.ssl.truststorePassword", trust[1],
				"connection.ssl.keystore", stores+own[0], "connection.ssl.keystorePassword", own[1])
			if err := s.Write(t.Context(), numbers(n, 1)); err != nil {
				t.Errorf("%s and %s: %v", trust[0], own[0], err)
			}
			n++
		}
	}
	if got := len(stub.Docs(ns)); got != n {
		t.Errorf("%d documents, want %d", got, n)
	}
}

func TestTLSStoreErrors(t *testing.T) {
	for _, c := range [][3]string{
		{"connection.ssl.truststore", "/no/such/store.jks", "connection.ssl.truststore"},
		{"connection.ssl.truststore", stores + "truststore.p12", "connection.ssl.truststorePassword"},
		{"connection.ssl.keystore", stores + "server.p12", "connection.ssl.keystorePassword"},
		{"connection.ssl.keystore", stores + "authority.pem", "connection.ssl.keystore"},
	} {
		props := base("mongodb://localhost/?tls=true")
		props[c[0]] = c[1]
		props[c[0]+"Password"] = "secret-and-wrong"
		cfg, err := newConfig(props)
		if err != nil {
			t.Fatal(err)
		}
		_, err = clientOptions(&cfg.settings, selectionTimeout)
		if fault.ClassOf(err) != fault.Config || fault.Of(err).Field != c[2] || strings.Contains(err.Error(), "secret-and-wrong") {
			t.Errorf("%v: %v", c, err)
		}
	}
}
