package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	"github.com/IBM/sarama"

	"culvert/fault"
)

// CodeRefused is the fault code of a connection that a broker, or we, do not want
// because of who is on the other side. No waiting heals it. Field is the key to look
// at, as the user has written it.
const CodeRefused = "kafka.refused"

// refusal says which property is to blame when err is about credentials,
// certificates or the kind of listener, and what to do; nil when it is not.
func (c *cluster) refusal(err error) *fault.Error {
	key, fix := c.opts.security.blame(err)
	if key == "" {
		return nil
	}
	key = c.written(key)
	return &fault.Error{Class: fault.Config, Code: CodeRefused, Field: key, Err: err, Fix: fmt.Sprintf(fix, key)}
}

// blame finds the key behind err, "" for none, and a remedy with a place for the
// key.
func (o *securityOptions) blame(err error) (key, fix string) {
	switch {
	case errors.Is(err, sarama.ErrSASLAuthenticationFailed):
		return "sasl.jaas.config", "Check username and password in %s, and that the broker knows this user for sasl.mechanism=" + string(o.mechanism) + "."
	case errors.Is(err, sarama.ErrUnsupportedSASLMechanism):
		return "sasl.mechanism", "Set %s to a mechanism that the broker's listener has (sasl.enabled.mechanisms there)."
	case errors.Is(err, sarama.ErrIllegalSASLState):
		return "security.protocol", "Set %s to that of the broker's listener, which takes no user and password, or name another listener in bootstrap.servers."
	case o.tls == nil:
		return "", ""
	}
	return o.blameTLS(err)
}

func (o *securityOptions) blameTLS(err error) (key, fix string) {
	var verify *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &host):
		return "ssl.endpoint.identification.algorithm", "Let the broker advertise a name that its certificate has, or set %s to nothing, so that any name will do."
	case errors.As(err, &invalid):
		return o.trustKey, "Let the broker have a certificate that is valid now and for servers, signed by an authority in %s."
	case errors.As(err, &authority), errors.As(err, &verify):
		return o.trustKey, "Put the certificate of the authority that has signed the broker's into %s."
	case errors.As(err, &record):
		return "security.protocol", "Set %s to that of the broker's listener, which does not speak TLS, or name another listener in bootstrap.servers."
	case !alertOfCertificate(err):
		return "", ""
	case len(o.tls.Certificates) == 0:
		return o.proofKey, "The broker asks for a certificate: set %s to a key store with a private key and its certificate chain."
	}
	return o.proofKey, "Give %s a certificate that the broker's truststore accepts."
}

// alertOfCertificate reports that the broker has ended the connection because of our
// certificate, or because we have shown none.
func alertOfCertificate(err error) bool {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" {
		return false
	}
	// RFC 8446, section 6: bad, unsupported, revoked, expired and unknown certificate,
	// unknown authority, access denied, certificate required. The type of an alert is
	// not exported by crypto/tls, its text is the same.
	for _, alert := range []tls.AlertError{42, 43, 44, 45, 46, 48, 49, 116} {
		if op.Err.Error() == alert.Error() {
			return true
		}
	}
	return false
}
