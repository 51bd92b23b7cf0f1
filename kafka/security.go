package kafka

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/IBM/sarama"
	"github.com/xdg-go/scram"

	"culvert/jaas"
	"culvert/keystore"
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
	"ssl.provider": true, "ssl.keymanager.algorithm": true, "ssl.trustmanager.algorithm": true, "ssl.secure.random.implementation": true, "security.providers": true,
}

func isSecurityKey(key string) bool { return securityKeys[key] || slices.Contains(keystore.Keys, key) }

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
	entry, err := jaas.Parse(text)
	if err != nil {
		return badValue("sasl.jaas.config", text, wantJaas, err)
	}
	if entry.Class != module {
		return badValue("sasl.jaas.config", text, wantJaas,
			fmt.Errorf("the login module %s is not supported for sasl.mechanism=%s", entry.Class, mechanism))
	}
	for _, key := range []string{"username", "password"} {
		if _, ok := entry.Options[key]; !ok {
			return badValue("sasl.jaas.config", text, wantJaas, fmt.Errorf("the option %s is missing", key))
		}
	}
	o.mechanism = sarama.SASLMechanism(mechanism)
	o.user, o.password = entry.Options["username"], entry.Options["password"]
	return nil
}

func (o *securityOptions) parseTLS(props map[string]string) error {
	c, err := keystore.Client(props)
	var bad *keystore.Error
	if errors.As(err, &bad) {
		return badValue(bad.Key, bad.Shown, bad.Want, bad.Err)
	}
	if err != nil {
		return err
	}
	o.tls, o.trustKey, o.proofKey = c.TLS, c.TrustKey, c.ProofKey
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
