package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/IBM/sarama"
	"github.com/xdg-go/scram"
)

// securityOptions is what security.protocol, sasl.* and ssl.* mean.
type securityOptions struct {
	tls       *tls.Config // nil: plain text
	mechanism sarama.SASLMechanism
	user      string
	password  string

	// The keys that say whom we trust and who we are: those in use, or to be used.
	trustKey, proofKey string
}

var securityKeys = map[string]bool{
	"security.protocol": true, "sasl.mechanism": true, "sasl.jaas.config": true,
	"ssl.truststore.type": true, "ssl.truststore.certificates": true, "ssl.truststore.location": true, "ssl.truststore.password": true,
	"ssl.keystore.type": true, "ssl.keystore.certificate.chain": true, "ssl.keystore.key": true, "ssl.keystore.location": true,
	"ssl.keystore.password": true, "ssl.key.password": true, "ssl.endpoint.identification.algorithm": true,
	"ssl.protocol": true, "ssl.enabled.protocols": true, "security.providers": true,
}

func isSecurityKey(key string) bool { return securityKeys[key] }

func isSecretKey(key string) bool {
	return strings.Contains(key, "password") || strings.Contains(key, "jaas") || key == "ssl.keystore.key"
}

func parseSecurity(props map[string]string) (securityOptions, error) {
	var o securityOptions
	protocol := strings.ToUpper(strings.TrimSpace(props["security.protocol"]))
	switch protocol {
	case "", "PLAINTEXT":
		return o, nil
	case "SSL", "SASL_PLAINTEXT", "SASL_SSL":
	default:
		return o, badValue("security.protocol", props["security.protocol"], "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL", nil)
	}
	var err error
	if strings.HasSuffix(protocol, "SSL") {
		if err = o.parseTLS(props); err != nil {
			return o, err
		}
	}
	if strings.HasPrefix(protocol, "SASL_") {
		err = o.parseSASL(props)
	}
	return o, err
}

const (
	plainModule = "org.apache.kafka.common.security.plain.PlainLoginModule"
	scramModule = "org.apache.kafka.common.security.scram.ScramLoginModule"
)

func (o *securityOptions) parseSASL(props map[string]string) error {
	const want = "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"
	mechanism := strings.TrimSpace(props["sasl.mechanism"])
	if mechanism == "" {
		mechanism = "GSSAPI" // Java's default
	}
	module := scramModule
	switch mechanism {
	case sarama.SASLTypePlaintext:
		module = plainModule
	case sarama.SASLTypeSCRAMSHA256, sarama.SASLTypeSCRAMSHA512:
	default:
		return badValue("sasl.mechanism", mechanism, want, fmt.Errorf("this mechanism is not supported; it must be %s", want))
	}
	text := props["sasl.jaas.config"]
	wantJaas := module + ` required username="…" password="…";`
	if strings.TrimSpace(text) == "" {
		return badValue("sasl.jaas.config", "", wantJaas, errors.New("it is not set, but security.protocol asks for SASL"))
	}
	entry, err := parseJaas(text)
	if err != nil {
		return badValue("sasl.jaas.config", text, wantJaas, err)
	}
	if entry.module != module {
		return badValue("sasl.jaas.config", text, wantJaas,
			fmt.Errorf("the login module %s is not supported for sasl.mechanism=%s", entry.module, mechanism))
	}
	for _, key := range []string{"username", "password"} {
		if _, ok := entry.options[key]; !ok {
			return badValue("sasl.jaas.config", text, wantJaas, fmt.Errorf("the option %s is missing", key))
		}
	}
	o.mechanism = sarama.SASLMechanism(mechanism)
	o.user, o.password = entry.options["username"], entry.options["password"]
	return nil
}

func (o *securityOptions) parseTLS(props map[string]string) error {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if err := tlsVersions(c, props); err != nil {
		return err
	}
	o.trustKey, o.proofKey = "ssl.truststore.location", "ssl.keystore.location"
	trust, err := pemStore(props, "ssl.truststore", "ssl.truststore.certificates")
	if err != nil {
		return err
	}
	if trust != nil {
		o.trustKey = trust.key
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(trust.bytes) {
			return badValue(trust.key, trust.shown, "certificates in PEM form", errors.New("it holds no certificate in PEM form"))
		}
	}
	proof, err := pemStore(props, "ssl.keystore", "ssl.keystore.certificate.chain")
	if err != nil {
		return err
	}
	if proof != nil {
		o.proofKey = proof.key
		if err := clientCertificate(c, props, proof); err != nil {
			return err
		}
	}
	algorithm, set := props["ssl.endpoint.identification.algorithm"]
	switch strings.ToLower(strings.TrimSpace(algorithm)) {
	case "https":
	case "":
		if set {
			withoutHostname(c)
		}
	default:
		return badValue("ssl.endpoint.identification.algorithm", algorithm, "https, or empty for no check of the host name", nil)
	}
	o.tls = c
	return nil
}

func tlsVersions(c *tls.Config, props map[string]string) error {
	versions := map[string]uint16{"TLSV1.2": tls.VersionTLS12, "TLSV1.3": tls.VersionTLS13}
	if p := strings.ToUpper(strings.TrimSpace(props["ssl.protocol"])); p != "" && p != "TLS" {
		if versions[p] == 0 {
			return badValue("ssl.protocol", props["ssl.protocol"], "TLSv1.2 or TLSv1.3", nil)
		}
		c.MaxVersion = versions[p]
	}
	list := strings.TrimSpace(props["ssl.enabled.protocols"])
	if list == "" {
		return nil
	}
	var low, high uint16
	for name := range strings.SplitSeq(list, ",") {
		v := versions[strings.ToUpper(strings.TrimSpace(name))]
		if v == 0 {
			return badValue("ssl.enabled.protocols", list, "a list of TLSv1.2 and TLSv1.3", nil)
		}
		if low == 0 || v < low {
			low = v
		}
		high = max(high, v)
	}
	c.MinVersion, c.MaxVersion = low, high
	return nil
}

// withoutHostname keeps the check of the certificate chain and leaves out the
// host name, as Java does with an empty ssl.endpoint.identification.algorithm.
func withoutHostname(c *tls.Config) {
	c.InsecureSkipVerify = true
	roots := c.RootCAs
	c.VerifyConnection = func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 {
			return errors.New("the broker sent no certificate")
		}
		opts := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
		for _, cert := range s.PeerCertificates[1:] {
			opts.Intermediates.AddCert(cert)
		}
		_, err := s.PeerCertificates[0].Verify(opts)
		return err
	}
}

// store is PEM text and where it came from.
type store struct {
	bytes []byte
	key   string
	shown string // fit for an error: the text itself may be a key
}

// pemStore reads a store given inline under inlineKey or as a file under
// prefix.location. Nil: not given.
func pemStore(props map[string]string, prefix, inlineKey string) (*store, error) {
	inline, location := props[inlineKey], props[prefix+".location"]
	if strings.TrimSpace(inline) == "" && location == "" {
		return nil, nil
	}
	kind := strings.ToUpper(strings.TrimSpace(props[prefix+".type"]))
	if kind == "" {
		kind = "JKS" // Java's default
	}
	if kind != "PEM" {
		fix := fmt.Errorf("key stores of type %s are not supported; convert it to PEM "+
			"(keytool -importkeystore … -deststoretype PKCS12, then openssl pkcs12 -in … -out store.pem -nodes), "+
			"set %s.type=PEM and %s.location=store.pem", kind, prefix, prefix)
		return nil, badValue(prefix+".type", kind, "PEM", fix)
	}
	if strings.TrimSpace(inline) != "" {
		return &store{withLines(inline), inlineKey, "(inline)"}, nil
	}
	b, err := os.ReadFile(location)
	if err != nil {
		return nil, badValue(prefix+".location", location, "a readable file in PEM form", err)
	}
	return &store{b, prefix + ".location", location}, nil
}

var pemMarker = regexp.MustCompile(`-----(BEGIN|END) [A-Z0-9 ]+-----`)

// withLines gives the markers of PEM text their lines. Java does without (PemStore):
// in a properties file continued lines are one line.
func withLines(text string) []byte { return pemMarker.ReplaceAll([]byte(text), []byte("\n$0\n")) }

// clientCertificate takes the certificate from chain and its key from
// ssl.keystore.key or, since a file holds both, from chain.
func clientCertificate(c *tls.Config, props map[string]string, chain *store) error {
	key := chain
	if inline := props["ssl.keystore.key"]; strings.TrimSpace(inline) != "" {
		key = &store{withLines(inline), "ssl.keystore.key", "(inline)"}
	}
	for rest := key.bytes; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if strings.Contains(block.Type, "ENCRYPTED") || block.Headers["Proc-Type"] != "" {
			return badValue(key.key, key.shown, "a private key that is not encrypted",
				errors.New("encrypted private keys are not supported; decrypt it (openssl pkey -in key.pem -out plain.pem)"))
		}
	}
	cert, err := tls.X509KeyPair(chain.bytes, key.bytes)
	if err != nil {
		return badValue(key.key, key.shown, "a private key and its certificate chain in PEM form", err)
	}
	c.Certificates = []tls.Certificate{cert}
	return nil
}

// apply writes the options into sarama's settings.
func (o *securityOptions) apply(c *sarama.Config) {
	if o.tls != nil {
		c.Net.TLS.Enable = true
		c.Net.TLS.Config = o.tls
	}
	if o.mechanism == "" {
		return
	}
	c.Net.SASL.Enable = true
	c.Net.SASL.Handshake = true
	c.Net.SASL.Version = sarama.SASLHandshakeV1
	c.Net.SASL.Mechanism = o.mechanism
	c.Net.SASL.User, c.Net.SASL.Password = o.user, o.password
	hash := scram.SHA256
	if o.mechanism == sarama.SASLTypeSCRAMSHA512 {
		hash = scram.SHA512
	}
	c.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scramClient{hash: hash} }
}

// scramClient is the bridge between sarama and xdg-go/scram.
type scramClient struct {
	hash scram.HashGeneratorFcn
	*scram.ClientConversation
}

func (s *scramClient) Begin(user, password, authzID string) error {
	client, err := s.hash.NewClientUnprepped(user, password, authzID) // Java does not normalise either
	if err != nil {
		return err
	}
	s.ClientConversation = client.NewConversation()
	return nil
}

var _ sarama.SCRAMClient = (*scramClient)(nil)
