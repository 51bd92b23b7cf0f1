package servers

import (
	"context"
	"fmt"
	"path/filepath"
	"sort"
	"strings"

	"culvert/internal/ports"
)

// SecureKafka is a broker with further listeners, one for each way in which
// clients may prove who they are. Inside the broker everything stays plain.
type SecureKafka struct {
	*Kafka
	SSL           string // TLS; the broker asks for the client's certificate
	SASLPlaintext string // user and password over a plain connection
	SASLSSL       string // user and password over TLS

	// The certificates that clients of this broker need.
	Certificates *Certificates
}

// NewSecureKafka is NewKafka with users and their passwords, known to PLAIN and to
// SCRAM of both strengths.
func NewSecureKafka(ctx context.Context, dir string, settings, users map[string]string) (*SecureKafka, error) {
	certificates, err := NewCertificates(dir)
	if err != nil {
		return nil, err
	}
	k := &SecureKafka{Certificates: certificates}
	props := map[string]string{
		// The default map has no CONTROLLER once any listener is not plain.
		"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL",

		"ssl.keystore.type": "PEM", "ssl.keystore.location": certificates.Broker,
		"ssl.truststore.type": "PEM", "ssl.truststore.location": certificates.Authority,
		"listener.name.ssl.ssl.client.auth": "required",
		"sasl.enabled.mechanisms":           "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
	}
	var listeners []string
	for _, l := range []struct {
		name string
		addr *string
	}{{"SSL", &k.SSL}, {"SASL_PLAINTEXT", &k.SASLPlaintext}, {"SASL_SSL", &k.SASLSSL}} {
		port, err := ports.Free()
		if err != nil {
			return nil, err
		}
		*l.addr = fmt.Sprintf("127.0.0.1:%d", port)
		listeners = append(listeners, l.name+"://"+*l.addr)
	}
	props["listeners"] = strings.Join(listeners, ",")
	props["advertised.listeners"] = props["listeners"]

	var plain strings.Builder
	var format []string
	for _, user := range sorted(users) {
		fmt.Fprintf(&plain, ` user_%s="%s"`, user, users[user])
		for _, strength := range []string{"256", "512"} {
			format = append(format, "--add-scram", fmt.Sprintf("SCRAM-SHA-%s=[name=%s,password=%s]", strength, user, users[user]))
		}
	}
	const modules = "org.apache.kafka.common.security."
	for _, listener := range []string{"sasl_plaintext", "sasl_ssl"} {
		prefix := "listener.name." + listener + "."
		props[prefix+"plain.sasl.jaas.config"] = modules + "plain.PlainLoginModule required" + plain.String() + ";"
		for _, strength := range []string{"256", "512"} {
			props[prefix+"scram-sha-"+strength+".sasl.jaas.config"] = modules + "scram.ScramLoginModule required;"
		}
	}
	for key, value := range settings {
		props[key] = value
	}
	k.Kafka, err = newKafka(ctx, dir, props, format)
	return k, err
}

func sorted(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// Certificates are files in PEM form, made for one run.
type Certificates struct {
	Authority string // certificate of the authority that has signed the others
	Broker    string // private key and certificate of the broker, for 127.0.0.1 and localhost
	Client    string // private key and certificate of a client

	// StrangeAuthority has signed nothing but StrangeClient, and nobody trusts it.
	StrangeAuthority string
	StrangeClient    string
}

// NewCertificates makes certificates in dir.
func NewCertificates(dir string) (*Certificates, error) {
	file := func(name string) string { return filepath.Join(dir, name+".pem") }
	c := &Certificates{Authority: file("authority"), Broker: file("broker"), Client: file("client"),
		StrangeAuthority: file("strange-authority"), StrangeClient: file("strange-client")}
	ours, err := newAuthority("Test authority", c.Authority)
	if err != nil {
		return nil, err
	}
	strange, err := newAuthority("Strange authority", c.StrangeAuthority)
	if err != nil {
		return nil, err
	}
	for _, leaf := range []struct {
		by         *authority
		name, file string
	}{{ours, "broker", c.Broker}, {ours, "client", c.Client}, {strange, "client", c.StrangeClient}} {
		if err := leaf.by.sign(leaf.name, leaf.file); err != nil {
			return nil, err
		}
	}
	return c, nil
}
