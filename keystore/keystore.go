package keystore

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	jks "github.com/pavlo-v-chernykh/keystore-go/v4"
	"github.com/youmark/pkcs8"
	"software.sslmate.com/src/go-pkcs12"
)

// Keys are the properties that are read here.
var Keys = []string{
	"ssl.truststore.type", "ssl.truststore.certificates", "ssl.truststore.location", "ssl.truststore.password",
	"ssl.keystore.type", "ssl.keystore.certificate.chain", "ssl.keystore.key", "ssl.keystore.location", "ssl.keystore.password", "ssl.key.password",
	"ssl.endpoint.identification.algorithm", "ssl.protocol", "ssl.enabled.protocols", "ssl.cipher.suites", "ssl.client.auth", "ssl.client.authentication",
}

// Error is what is wrong with one property. It never holds a secret.
type Error struct {
	Key   string // without a prefix
	Shown string // the value, as it may be shown
	Want  string // what the value should be
	Err   error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Key, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// maxStore bounds what is read of a file.
const maxStore = 16 << 20

// source is a store and where it came from.
type source struct {
	raw    []byte
	inline bool
	pem    bool
	key    string // the property
	shown  string // fit for an error: inline text may be a key
	prefix string // ssl.truststore or ssl.keystore
	pass   string
}

func (s *source) bad(want, format string, args ...any) *Error {
	return &Error{s.key, s.shown, want, fmt.Errorf(format, args...)}
}

// badPassword blames the password.
func (s *source) badPassword() *Error {
	reason := fmt.Errorf("it does not open %s", s.shown)
	if s.pass == "" {
		reason = fmt.Errorf("%s has a password, and none is set", s.shown)
	}
	return &Error{s.prefix + ".password", hidden, "the password of " + s.shown, reason}
}

const hidden = "[hidden]"

// open reads a store given inline under inlineKey or as a file under prefix.location.
// Nil: not given.
func open(props map[string]string, prefix, inlineKey string) (*source, *Error) {
	inline, location := props[inlineKey], props[prefix+".location"]
	if strings.TrimSpace(inline) == "" && location == "" {
		return nil, nil
	}
	kind := strings.ToUpper(strings.TrimSpace(props[prefix+".type"]))
	switch kind {
	case "", "JKS", "PKCS12", "PEM":
		// Without a type the content decides. Java then takes JKS and PKCS12 alone.
	default:
		return nil, &Error{prefix + ".type", kind, "PEM, PKCS12 or JKS", errors.New("there is no key store of this type")}
	}
	if strings.TrimSpace(inline) != "" {
		if kind != "PEM" && kind != "" {
			return nil, &Error{prefix + ".type", kind, "PEM, since " + inlineKey + " is set", fmt.Errorf("%s holds text in PEM form", inlineKey)}
		}
		return &source{raw: withLines(inline), inline: true, pem: true, key: inlineKey, shown: "(inline)", prefix: prefix}, nil
	}
	s := &source{key: prefix + ".location", shown: location, prefix: prefix, pass: props[prefix+".password"], pem: kind == "PEM"}
	raw, err := readFile(location)
	if err != nil {
		return nil, s.bad("a readable file", "%w", err)
	}
	s.raw = raw
	switch isPEM := bytes.Contains(raw, []byte("-----BEGIN ")); {
	case kind == "":
		s.pem = isPEM
	case isPEM && !s.pem:
		return nil, &Error{prefix + ".type", kind, "PEM", fmt.Errorf("%s is in PEM form", location)}
	}
	return s, nil
}

// readFile reads a regular file: neither a pipe nor one without end holds anybody up.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxStore+1))
	if err == nil && len(raw) > maxStore {
		err = fmt.Errorf("%s is longer than %d bytes", path, maxStore)
	}
	return raw, err
}

var pemMarker = regexp.MustCompile(`-----(BEGIN|END) [A-Z0-9 ]+-----`)

// withLines gives the markers of PEM text their lines. Java does without (PemStore):
// in a properties file continued lines are one line.
func withLines(text string) []byte { return pemMarker.ReplaceAll([]byte(text), []byte("\n$0\n")) }

// isJKS: Java reads a store of one form under the other's name too
// (keystore.type.compat), so the content decides.
func (s *source) isJKS() bool { return bytes.HasPrefix(s.raw, []byte{0xfe, 0xed, 0xfe, 0xed}) }

// trusted reads the certificates that a truststore holds.
func (s *source) trusted() ([]*x509.Certificate, *Error) {
	switch {
	case s.pem:
		certs, err := certificates(s.raw)
		if err != nil || len(certs) == 0 {
			return nil, s.bad("certificates in PEM form", "it holds no certificate in PEM form")
		}
		return certs, nil
	case s.isJKS():
		return s.trustedJKS()
	}
	return s.trustedPKCS12()
}

func (s *source) loadJKS() (jks.KeyStore, *Error) {
	store := jks.New(jks.WithOrderedAliases())
	// Without a password Java takes a store unchecked; Load has read all of it by the
	// time that it compares.
	if err := store.Load(bytes.NewReader(s.raw), []byte(s.pass)); err != nil && (s.pass != "" || len(store.Aliases()) == 0) {
		if strings.Contains(err.Error(), "digest") {
			return store, s.badPassword()
		}
		return store, s.bad("a key store in JKS form", "it is damaged: %v", err)
	}
	return store, nil
}

func (s *source) trustedJKS() ([]*x509.Certificate, *Error) {
	store, bad := s.loadJKS()
	if bad != nil {
		return nil, bad
	}
	var certs []*x509.Certificate
	for _, alias := range store.Aliases() {
		var raw []byte
		if entry, err := store.GetTrustedCertificateEntry(alias); err == nil {
			raw = entry.Certificate.Content
		} else if chain, err := store.GetPrivateKeyEntryCertificateChain(alias); err == nil && len(chain) > 0 {
			raw = chain[0].Content // Java trusts the certificate of a key, too
		}
		cert, err := x509.ParseCertificate(raw)
		if err != nil {
			return nil, s.bad("a store with certificates", "the certificate %q cannot be read: %v", alias, err)
		}
		certs = append(certs, cert)
	}
	return s.some(certs)
}

func (s *source) trustedPKCS12() ([]*x509.Certificate, *Error) {
	certs, err := pkcs12.DecodeTrustStore(s.raw, s.pass)
	if err == nil {
		return s.some(certs)
	}
	if errors.Is(err, pkcs12.ErrIncorrectPassword) {
		return nil, s.badPassword()
	}
	if _, leaf, _, err := pkcs12.DecodeChain(s.raw, s.pass); err == nil {
		return []*x509.Certificate{leaf}, nil
	}
	// openssl does not mark certificates as trusted, and Java finds such a store empty.
	return nil, s.bad("a key store in PKCS12 form with trusted certificates (keytool -importcert)", "it cannot be read: %v", err)
}

func (s *source) some(certs []*x509.Certificate) ([]*x509.Certificate, *Error) {
	if len(certs) == 0 {
		return nil, s.bad("a store with trusted certificates", "it holds no trusted certificate")
	}
	return certs, nil
}

// proof reads the private key and the certificates of a keystore.
func (s *source) proof(props map[string]string) (tls.Certificate, *Error) {
	switch {
	case s.pem:
		return s.proofPEM(props)
	case s.isJKS():
		return s.proofJKS(props["ssl.key.password"])
	}
	key, leaf, others, err := pkcs12.DecodeChain(s.raw, s.pass)
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return tls.Certificate{}, s.badPassword()
	case err != nil:
		return tls.Certificate{}, s.bad("a key store in PKCS12 form with one private key and its certificates", "it cannot be read: %v", err)
	}
	return s.pair(key, append([]*x509.Certificate{leaf}, others...))
}

func (s *source) proofJKS(keyPassword string) (tls.Certificate, *Error) {
	store, bad := s.loadJKS()
	if bad != nil {
		return tls.Certificate{}, bad
	}
	for _, alias := range store.Aliases() {
		if !store.IsPrivateKeyEntry(alias) {
			continue
		}
		password := keyPassword
		if password == "" {
			password = s.pass
		}
		entry, err := store.GetPrivateKeyEntry(alias, []byte(password))
		if err != nil {
			return tls.Certificate{}, &Error{"ssl.key.password", hidden, "the password of the key in " + s.shown, fmt.Errorf("it does not open the key %q in %s", alias, s.shown)}
		}
		key, err := x509.ParsePKCS8PrivateKey(entry.PrivateKey)
		if err != nil {
			return tls.Certificate{}, s.bad("a key store with a private key", "the private key %q cannot be read: %v", alias, err)
		}
		var chain []*x509.Certificate
		for _, c := range entry.CertificateChain {
			cert, err := x509.ParseCertificate(c.Content)
			if err != nil {
				return tls.Certificate{}, s.bad("a key store with a private key and its certificates", "a certificate of the key %q cannot be read: %v", alias, err)
			}
			chain = append(chain, cert)
		}
		return s.pair(key, chain)
	}
	return tls.Certificate{}, s.bad("a key store with a private key and its certificates", "it holds no private key")
}

// proofPEM takes the certificates from the store and their key from ssl.keystore.key
// or, since a file holds both, from the store.
func (s *source) proofPEM(props map[string]string) (tls.Certificate, *Error) {
	from := s
	if text := props["ssl.keystore.key"]; strings.TrimSpace(text) != "" {
		from = &source{raw: withLines(text), key: "ssl.keystore.key", shown: "(inline)", prefix: s.prefix}
	}
	const want = "a private key and its certificate chain in PEM form"
	key, bad := from.privateKey(props["ssl.key.password"])
	if bad != nil {
		return tls.Certificate{}, bad
	}
	chain, err := certificates(s.raw)
	if err != nil || len(chain) == 0 {
		return tls.Certificate{}, s.bad(want, "it holds no certificate in PEM form")
	}
	return s.pair(key, chain)
}

func (s *source) privateKey(password string) (crypto.PrivateKey, *Error) {
	const want = "a private key in PKCS#8 PEM form"
	for rest := s.raw; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, s.bad(want, "it holds no private key in PEM form")
		}
		switch {
		case block.Headers["Proc-Type"] != "":
			return nil, s.bad(want, "private keys that are encrypted in the form before PKCS#8 are not read; convert it (openssl pkcs8 -topk8)")
		case block.Type == "ENCRYPTED PRIVATE KEY":
			if password == "" {
				return nil, &Error{"ssl.key.password", hidden, "the password of the private key", errors.New("the private key is encrypted, and no password is set")}
			}
			key, err := pkcs8.ParsePKCS8PrivateKey(block.Bytes, []byte(password))
			if err != nil {
				return nil, &Error{"ssl.key.password", hidden, "the password of the private key", errors.New("it does not open the private key")}
			}
			return key, nil
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			key, err := parseKey(block.Bytes)
			if err != nil {
				return nil, s.bad(want, "the private key cannot be read: %v", err)
			}
			return key, nil
		}
	}
}

// parseKey reads PKCS#8, and the two older forms that openssl writes.
func parseKey(der []byte) (crypto.PrivateKey, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key, nil
	}
	return nil, err
}

func certificates(text []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return certs, nil
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certs = append(certs, cert)
	}
}

// pair puts the key's own certificate first.
func (s *source) pair(key crypto.PrivateKey, chain []*x509.Certificate) (tls.Certificate, *Error) {
	const want = "a private key and its certificate chain"
	signer, ok := key.(crypto.Signer)
	if !ok {
		return tls.Certificate{}, s.bad(want, "private keys of type %T are not supported", key)
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok {
		return tls.Certificate{}, s.bad(want, "private keys of type %T are not supported", key)
	}
	pair := tls.Certificate{PrivateKey: key}
	for _, cert := range chain {
		if pair.Leaf == nil && public.Equal(cert.PublicKey) {
			pair.Leaf = cert
			pair.Certificate = append([][]byte{cert.Raw}, pair.Certificate...)
			continue
		}
		pair.Certificate = append(pair.Certificate, cert.Raw)
	}
	if pair.Leaf == nil {
		return tls.Certificate{}, s.bad(want, "none of its certificates belongs to the private key")
	}
	return pair, nil
}
