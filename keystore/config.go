package keystore

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
)

// Config is what ssl.* means for one side of connections.
type Config struct {
	TLS *tls.Config
	// TrustKey and ProofKey are the properties that say whom we trust and who we are:
	// those in use, or to be used.
	TrustKey, ProofKey string
}

// Client reads the properties for connections that we make.
func Client(props map[string]string) (*Config, error) {
	c, trust, bad := read(props)
	if bad != nil {
		return nil, bad
	}
	c.TLS.RootCAs = trust
	algorithm, set := props["ssl.endpoint.identification.algorithm"]
	switch strings.ToLower(strings.TrimSpace(algorithm)) {
	case "https":
	case "":
		if set {
			withoutHostname(c.TLS)
		}
	default:
		return nil, &Error{"ssl.endpoint.identification.algorithm", algorithm, "https, or empty for no check of the host name", errors.New("it must be https, or empty")}
	}
	return c, nil
}

// Server reads the properties for connections that others make. It needs a key.
func Server(props map[string]string) (*Config, error) {
	c, trust, bad := read(props)
	if bad != nil {
		return nil, bad
	}
	if len(c.TLS.Certificates) == 0 {
		return nil, &Error{"ssl.keystore.location", "", "a key store with a private key and its certificates", errors.New("it is not set, and a listener for https needs one")}
	}
	c.TLS.ClientCAs = trust
	key := "ssl.client.auth"
	if _, ok := props[key]; !ok {
		key = "ssl.client.authentication" // as other servers of Kafka's neighbourhood call it
	}
	switch strings.ToLower(strings.TrimSpace(props[key])) {
	case "", "none":
	case "requested":
		c.TLS.ClientAuth = tls.VerifyClientCertIfGiven
	case "required":
		c.TLS.ClientAuth = tls.RequireAndVerifyClientCert
	default:
		return nil, &Error{key, props[key], "none, requested or required", errors.New("there is no such choice")}
	}
	return c, nil
}

func read(props map[string]string) (*Config, *x509.CertPool, *Error) {
	c := &Config{TLS: &tls.Config{MinVersion: tls.VersionTLS12}, TrustKey: "ssl.truststore.location", ProofKey: "ssl.keystore.location"}
	if bad := versions(c.TLS, props); bad != nil {
		return nil, nil, bad
	}
	if bad := suites(c.TLS, props); bad != nil {
		return nil, nil, bad
	}
	var pool *x509.CertPool
	trust, bad := open(props, "ssl.truststore", "ssl.truststore.certificates")
	if bad != nil {
		return nil, nil, bad
	}
	if trust != nil {
		c.TrustKey = trust.key
		certs, bad := trust.trusted()
		if bad != nil {
			return nil, nil, bad
		}
		pool = x509.NewCertPool()
		for _, cert := range certs {
			pool.AddCert(cert)
		}
	}
	proof, bad := open(props, "ssl.keystore", "ssl.keystore.certificate.chain")
	if bad != nil {
		return nil, nil, bad
	}
	if proof == nil && strings.TrimSpace(props["ssl.keystore.key"]) != "" {
		return nil, nil, &Error{"ssl.keystore.certificate.chain", "", "the certificates of ssl.keystore.key in PEM form", errors.New("it is not set, but ssl.keystore.key is")}
	}
	if proof != nil {
		c.ProofKey = proof.key
		pair, bad := proof.proof(props)
		if bad != nil {
			return nil, nil, bad
		}
		c.TLS.Certificates = []tls.Certificate{pair}
	}
	return c, pool, nil
}

func versions(c *tls.Config, props map[string]string) *Error {
	known := map[string]uint16{"TLSV1.2": tls.VersionTLS12, "TLSV1.3": tls.VersionTLS13}
	if p := strings.ToUpper(strings.TrimSpace(props["ssl.protocol"])); p != "" && p != "TLS" {
		if known[p] == 0 {
			return &Error{"ssl.protocol", props["ssl.protocol"], "TLSv1.2 or TLSv1.3", errors.New("it must be TLSv1.2 or TLSv1.3")}
		}
		c.MaxVersion = known[p]
	}
	list := strings.TrimSpace(props["ssl.enabled.protocols"])
	if list == "" {
		return nil
	}
	var low, high uint16
	for name := range strings.SplitSeq(list, ",") {
		v := known[strings.ToUpper(strings.TrimSpace(name))]
		if v == 0 {
			return &Error{"ssl.enabled.protocols", list, "a list of TLSv1.2 and TLSv1.3", errors.New("it must be a list of TLSv1.2 and TLSv1.3")}
		}
		if low == 0 || v < low {
			low = v
		}
		high = max(high, v)
	}
	c.MinVersion, c.MaxVersion = low, high
	return nil
}

// suites reads ssl.cipher.suites. Those of TLS 1.3 cannot be chosen among; naming
// them is no error.
func suites(c *tls.Config, props map[string]string) *Error {
	list := strings.TrimSpace(props["ssl.cipher.suites"])
	if list == "" {
		return nil
	}
	known := map[string]*tls.CipherSuite{}
	for _, s := range tls.CipherSuites() {
		known[s.Name] = s
	}
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		s, ok := known[name]
		if !ok {
			s, ok = known[name+"_SHA256"] // ChaCha20 has a longer name in Go
		}
		if !ok {
			return &Error{"ssl.cipher.suites", list, "a list of cipher suites that are safe today", fmt.Errorf("the cipher suite %s is not supported", name)}
		}
		c.CipherSuites = append(c.CipherSuites, s.ID)
	}
	return nil
}

// withoutHostname keeps the check of the certificate chain and leaves out the
// host name, as Java does with an empty ssl.endpoint.identification.algorithm.
func withoutHostname(c *tls.Config) {
	c.InsecureSkipVerify = true
	roots := c.RootCAs
	c.VerifyConnection = func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 {
			return errors.New("the server sent no certificate")
		}
		opts := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
		for _, cert := range s.PeerCertificates[1:] {
			opts.Intermediates.AddCert(cert)
		}
		_, err := s.PeerCertificates[0].Verify(opts)
		return err
	}
}
