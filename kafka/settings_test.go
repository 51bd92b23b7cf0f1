package kafka

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"

	"culvert/fault"
)

func TestCheckProps(t *testing.T) {
	const secret = "hunter2"
	jaas := func(module, rest string) string { return module + " required username=\"u\" " + rest + ";" }
	plain := jaas(plainModule, `password="`+secret+`"`)
	for _, c := range []struct {
		name  string
		role  Role
		props map[string]string
		wrong string // the key that the error names; empty: no error
		says  string // and what it says
	}{
		{"nothing but bootstrap", AdminRole, nil, "", ""},
		{"no bootstrap", AdminRole, map[string]string{"bootstrap.servers": ""}, "bootstrap.servers", "host:port"},
		{"bootstrap without port", AdminRole, map[string]string{"bootstrap.servers": "a:1,b"}, "bootstrap.servers", `"b" is not host:port`},
		{"bootstrap with a bad port", AdminRole, map[string]string{"bootstrap.servers": "a:99999"}, "bootstrap.servers", "port from 1 to 65535"},
		{"IPv6 and protocol", AdminRole, map[string]string{"bootstrap.servers": "SASL_SSL://[::1]:9092, h:1 ,"}, "", ""},
		{"acks", ProducerRole, map[string]string{"acks": "2"}, "acks", `"2"`},
		{"acks 1", ProducerRole, map[string]string{"acks": "1"}, "", ""},
		{"acks 1 with idempotence", ProducerRole, map[string]string{"acks": "1", "enable.idempotence": "true"}, "acks", "enable.idempotence"},
		{"acks is no consumer's business", ConsumerRole, map[string]string{"acks": "2"}, "", ""},
		{"compression", ProducerRole, map[string]string{"compression.type": "brotli"}, "compression.type", "none, gzip, snappy, lz4 or zstd"},
		{"linger", ProducerRole, map[string]string{"linger.ms": "-1"}, "linger.ms", "from 0 up"},
		{"linger is no number", ProducerRole, map[string]string{"linger.ms": "5ms"}, "linger.ms", `"5ms"`},
		{"in flight", ProducerRole, map[string]string{"max.in.flight.requests.per.connection": "6"}, "max.in.flight.requests.per.connection", "1 to 5"},
		{"partitioner", ProducerRole, map[string]string{"partitioner.class": "org.apache.kafka.clients.producer.RoundRobinPartitioner"},
			"partitioner.class", "RoundRobinPartitioner"},
		{"reset", ConsumerRole, map[string]string{"auto.offset.reset": "begin"}, "auto.offset.reset", "earliest, latest or none"},
		{"isolation", ConsumerRole, map[string]string{"isolation.level": "serializable"}, "isolation.level", "read_committed"},
		{"heartbeat and session", ConsumerRole, map[string]string{"heartbeat.interval.ms": "9000", "session.timeout.ms": "6000"},
			"heartbeat.interval.ms", "less than session.timeout.ms (6000)"},
		{"protocol", AdminRole, map[string]string{"security.protocol": "TLS"}, "security.protocol", "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"},
		{"protocol in small letters", AdminRole, map[string]string{"security.protocol": "plaintext"}, "", ""},
		{"SASL without mechanism is Kerberos", AdminRole, map[string]string{"security.protocol": "SASL_PLAINTEXT"}, "sasl.mechanism", "GSSAPI"},
		{"OAuth", AdminRole, map[string]string{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER"}, "sasl.mechanism", "OAUTHBEARER"},
		{"no JAAS", AdminRole, map[string]string{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"}, "sasl.jaas.config", "not set"},
		{"PLAIN", AdminRole, map[string]string{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.jaas.config": plain}, "", ""},
		{"another module", AdminRole, map[string]string{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-256", "sasl.jaas.config": plain},
			"sasl.jaas.config", plainModule},
		{"an unknown module", AdminRole, map[string]string{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN",
			"sasl.jaas.config": jaas("com.example.Login", `password="`+secret+`"`)}, "sasl.jaas.config", "com.example.Login"},
		{"no password", AdminRole, map[string]string{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.jaas.config": jaas(plainModule, "")},
			"sasl.jaas.config", "password is missing"},
		{"no semicolon", AdminRole, map[string]string{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN",
			"sasl.jaas.config": strings.TrimSuffix(plain, ";")}, "sasl.jaas.config", "semicolon"},
		{"JKS by default", AdminRole, map[string]string{"security.protocol": "SSL", "ssl.truststore.location": "../keystore/testdata/truststore.jks", "ssl.truststore.password": "in-the-store"}, "", ""},
		{"a wrong password", AdminRole, map[string]string{"security.protocol": "SSL", "ssl.truststore.location": "../keystore/testdata/truststore.jks", "ssl.truststore.password": secret},
			"ssl.truststore.password", "does not open"},
		{"PKCS12", AdminRole, map[string]string{"security.protocol": "SSL", "ssl.keystore.location": "../keystore/testdata/server.p12", "ssl.keystore.type": "PKCS12",
			"ssl.keystore.password": "in-the-store"}, "", ""},
		{"another type", AdminRole, map[string]string{"security.protocol": "SSL", "ssl.keystore.location": "/x.bks", "ssl.keystore.type": "BKS"},
			"ssl.keystore.type", "no key store of this type"},
		{"no such file", AdminRole, map[string]string{"security.protocol": "SSL", "ssl.truststore.location": "/no/such.pem", "ssl.truststore.type": "PEM"},
			"ssl.truststore.location", "/no/such.pem"},
		{"no certificate", AdminRole, map[string]string{"security.protocol": "SSL", "ssl.truststore.certificates": secret, "ssl.truststore.type": "PEM"},
			"ssl.truststore.certificates", "no certificate"},
		{"endpoint identification", AdminRole, map[string]string{"security.protocol": "SSL", "ssl.endpoint.identification.algorithm": "ldap"},
			"ssl.endpoint.identification.algorithm", "https"},
		{"TLS versions", AdminRole, map[string]string{"security.protocol": "SSL", "ssl.enabled.protocols": "TLSv1.1"}, "ssl.enabled.protocols", "TLSv1.2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			props := map[string]string{"bootstrap.servers": "localhost:9092"}
			for k, v := range c.props {
				props[k] = v
			}
			_, err := CheckProps(props, c.role)
			if c.wrong == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			f := fault.Of(err)
			if f == nil || f.Class != fault.Config || f.Field != c.wrong || !strings.Contains(err.Error(), c.says) ||
				!strings.Contains(err.Error(), c.wrong) || f.Fix == "" {
				t.Errorf("error = %v (%+v), want one about %s that says %q", err, f, c.wrong, c.says)
			}
			if strings.Contains(fault.Explain(err), secret) {
				t.Errorf("the error tells a secret: %s", fault.Explain(err))
			}
		})
	}
}

func TestCheckPropsUnknown(t *testing.T) {
	unknown, err := CheckProps(map[string]string{"bootstrap.servers": "h:1", "linger.mss": "5", "acks": "all", "key.serializer": "x",
		"fetch.min.bytes": "1", "ssl.truststore.type": "PEM", "interceptor.classes": "x"}, ProducerRole)
	if diff := cmp.Diff([]string{"interceptor.classes", "linger.mss"}, unknown); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestPropsMeaning(t *testing.T) {
	o, _, err := parseProps(map[string]string{"bootstrap.servers": "h:1", "linger.ms": "7", "batch.size": "100", "compression.type": "zstd",
		"compression.zstd.level": "9", "compression.gzip.level": "3", "delivery.timeout.ms": "2147483647", "retry.backoff.ms": "50",
		"retry.backoff.max.ms": "20", "max.request.size": "5000", "buffer.memory": "6000", "client.id": "me", "request.timeout.ms": "1234"}, ProducerRole)
	if err != nil {
		t.Fatal(err)
	}
	if o.linger != 7*time.Millisecond || o.batchSize != 100 || o.codec != sarama.CompressionZSTD || o.level() != 9 || o.deliveryTimeout != 0 ||
		o.backoffMax != 50*time.Millisecond || o.maxRequest != 5000 || o.bufferMemory != 6000 || o.clientID != "me" || o.requestTimeout != 1234*time.Millisecond {
		t.Errorf("%+v", o)
	}
	o, _, err = parseProps(map[string]string{"bootstrap.servers": "h:1", "isolation.level": "read_committed", "auto.offset.reset": "earliest",
		"fetch.max.bytes": "10", "max.partition.fetch.bytes": "11", "max.poll.records": "12", "session.timeout.ms": "13000"}, ConsumerRole)
	if err != nil || o.isolation != sarama.ReadCommitted || o.reset != Earliest || o.fetchMax != 10 || o.partitionFetch != 11 ||
		o.maxPollRecords != 12 || o.session != 13*time.Second {
		t.Errorf("%v %+v", err, o)
	}
}

func TestSASL(t *testing.T) {
	cluster := fakeCluster(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "p", "secret"),
		kfake.Superuser("SCRAM-SHA-256", "s2", "secret"), kfake.Superuser("SCRAM-SHA-512", "s5", "secret"))
	for mechanism, c := range map[string]struct{ module, user string }{
		"PLAIN": {plainModule, "p"}, "SCRAM-SHA-256": {scramModule, "s2"}, "SCRAM-SHA-512": {scramModule, "s5"},
	} {
		t.Run(mechanism, func(t *testing.T) {
			with := func(password string) Settings {
				return settings(cluster, "request.timeout.ms", "1000", "security.protocol", "SASL_PLAINTEXT", "sasl.mechanism", mechanism,
					"sasl.jaas.config", c.module+` required username="`+c.user+`" password="`+password+`";`)
			}
			ctx := within(t)
			a, err := OpenAdmin(ctx, with("secret"))
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			if found, err := a.Topics(ctx, "t"); err != nil || found["t"].Partitions != 3 {
				t.Errorf("Topics = %v, %v", found, err)
			}
			// kfake hangs up where a broker says that the password is wrong.
			if _, err := OpenAdmin(ctx, with("wrong")); err == nil {
				t.Error("a wrong password was accepted")
			}
		})
	}
}

// certificate makes a self-signed certificate for a name.
func certificate(t *testing.T, name string) (chain, key string, pair tls.Certificate) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	chain = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	key = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	if pair, err = tls.X509KeyPair([]byte(chain), []byte(key)); err != nil {
		t.Fatal(err)
	}
	return chain, key, pair
}

// TestStoresOfJava: connections with the stores that users of the Java clients have.
func TestStoresOfJava(t *testing.T) {
	const dir = "../keystore/testdata/"
	pair, err := tls.LoadX509KeyPair(dir+"server.pem", dir+"server.pem")
	if err != nil {
		t.Fatal(err)
	}
	authority, err := os.ReadFile(dir + "authority.pem")
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(authority)
	cluster := fakeCluster(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert}))
	trust := []string{"security.protocol", "SSL", "ssl.truststore.password", "in-the-store", "ssl.keystore.password", "in-the-store"}
	for name, c := range map[string]struct {
		props []string
		ok    bool
	}{
		"JKS": {[]string{"ssl.truststore.location", dir + "truststore.jks", "ssl.keystore.location", dir + "server.jks", "ssl.key.password", "of-the-key"}, true},
		"PKCS12": {[]string{"ssl.truststore.location", dir + "truststore.p12", "ssl.truststore.type", "PKCS12",
			"ssl.keystore.location", dir + "server.p12", "ssl.keystore.type", "PKCS12"}, true},
		"without a key":        {[]string{"ssl.truststore.location", dir + "truststore.p12"}, false},
		"without an authority": {[]string{"ssl.keystore.location", dir + "server.p12"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := within(t)
			a, err := OpenAdmin(ctx, settings(cluster, append(slices.Clone(trust), c.props...)...))
			if err == nil {
				_, err = a.ClusterID(ctx)
				a.Close()
			}
			if (err == nil) != c.ok || !c.ok && !fault.Is(err, fault.Config) {
				t.Error(err)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	server, _, serverPair := certificate(t, "kafka.example")
	client, clientKey, _ := certificate(t, "client")
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM([]byte(client))
	cluster := fakeCluster(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{serverPair}, ClientCAs: clients,
		ClientAuth: tls.RequireAndVerifyClientCert}))
	trustFile := filepath.Join(t.TempDir(), "trust.pem")
	keyFile := filepath.Join(t.TempDir(), "key.pem")
	strangeFile := filepath.Join(t.TempDir(), "strange.pem")
	strange, strangeKey, _ := certificate(t, "client")
	for name, text := range map[string]string{trustFile: server, keyFile: client + clientKey, strangeFile: strange + strangeKey} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	inline := []string{"security.protocol", "SSL", "ssl.truststore.type", "PEM", "ssl.truststore.certificates", server,
		"ssl.keystore.type", "PEM", "ssl.keystore.certificate.chain", client, "ssl.keystore.key", clientKey}
	files := []string{"security.protocol", "SSL", "ssl.truststore.type", "PEM", "ssl.truststore.location", trustFile,
		"ssl.keystore.type", "PEM", "ssl.keystore.location", keyFile}
	noName := []string{"ssl.endpoint.identification.algorithm", ""}
	other, _, _ := certificate(t, "kafka.example")
	oneLine := func(pem string) string { return strings.ReplaceAll(strings.TrimSpace(pem), "\n", " ") }
	for _, c := range []struct {
		name  string
		props []string
		key   string // that an error blames
	}{
		{"inline, without the host name", append(noName, inline...), ""},
		{"inline, each in one line", append(append(noName, inline...), "ssl.truststore.certificates", oneLine(server),
			"ssl.keystore.certificate.chain", oneLine(client), "ssl.keystore.key", oneLine(clientKey)), ""},
		{"files, without the host name", append(noName, files...), ""},
		{"the host name is checked by default", inline, "ssl.endpoint.identification.algorithm"},
		{"another authority inline", append(append(noName, inline...), "ssl.truststore.certificates", other), "ssl.truststore.certificates"},
		{"the system's authorities", append(append(noName, files...), "ssl.truststore.location", ""), "ssl.truststore.location"},
		{"no certificate", append(append(noName, files...), "ssl.keystore.location", ""), "ssl.keystore.location"},
		{"another certificate", append(append(noName, files...), "ssl.keystore.location", strangeFile), "ssl.keystore.location"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, s := within(t), settings(cluster, c.props...)
			s.Written = func(key string) string { return "admin." + key }
			a, err := OpenAdmin(ctx, s)
			if err == nil {
				_, err = a.ClusterID(ctx)
				a.Close()
			}
			switch f := fault.Of(err); {
			case c.key == "" && err != nil:
				t.Errorf("error = %v", err)
			case c.key != "" && (f == nil || f.Class != fault.Config || f.Field != "admin."+c.key || !strings.Contains(f.Fix, f.Field)):
				t.Errorf("error = %#v, want one of class config about admin.%s", err, c.key)
			}
		})
	}
	encrypted := string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}))
	_, err := CheckProps(settings(cluster, append(inline, "ssl.keystore.key", encrypted)...).Props, AdminRole)
	if !fault.Is(err, fault.Config) || !strings.Contains(err.Error(), "no password is set") {
		t.Errorf("an encrypted key gave %v", err)
	}
}
