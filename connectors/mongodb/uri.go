package mongodb

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"culvert/configdef"
)

const (
	plainScheme = "mongodb://"
	srvScheme   = "mongodb+srv://"
)

// uriParts is a connection string taken apart as far as errors and messages need it.
type uriParts struct {
	scheme, user, hosts, options string
}

func splitURI(uri string) (p uriParts, ok bool) {
	switch {
	case strings.HasPrefix(uri, srvScheme):
		p.scheme = srvScheme
	case strings.HasPrefix(uri, plainScheme):
		p.scheme = plainScheme
	default:
		return p, false
	}
	rest := uri[len(p.scheme):]
	rest, p.options, _ = strings.Cut(rest, "?")
	p.hosts = rest
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		p.user, p.hosts = rest[:i], rest[i+1:]
	}
	p.hosts, _, _ = strings.Cut(p.hosts, "/")
	return p, true
}

// maskURI is the connection string without user and password.
func maskURI(uri string) string {
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok {
		scheme, rest = "", uri
	} else {
		scheme += "://"
	}
	// A password may hold what ought to be escaped, a question mark for instance: all
	// that stands before the last @ is hidden.
	user := ""
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		user, rest = "****@", rest[i+1:]
	}
	head, query, has := strings.Cut(rest, "?")
	head = user + head
	if !has {
		return scheme + head
	}
	// Credentials may also stand in options, such as authMechanismProperties or
	// tlsCertificateKeyFilePassword.
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		k, _, _ := strings.Cut(pair, "=")
		if l := strings.ToLower(k); strings.Contains(l, "password") || strings.Contains(l, "properties") {
			pairs[i] = k + "=****"
		}
	}
	return scheme + head + "?" + strings.Join(pairs, "&")
}

// hostsOf names the servers of a connection string in messages.
func hostsOf(uri string) string {
	p, ok := splitURI(uri)
	if !ok {
		return "?"
	}
	if p.scheme == srvScheme {
		return p.hosts
	}
	hosts := strings.Split(p.hosts, ",")
	for i, h := range hosts {
		if _, _, err := net.SplitHostPort(h); err != nil && !strings.HasSuffix(h, ".sock") {
			hosts[i] = h + ":27017"
		}
	}
	return strings.Join(hosts, ",")
}

// checkURI is com.mongodb.ConnectionString's constructor: its texts, without
// credentials. What it accepts and the Go driver does not is an error too.
func checkURI(v configdef.Parsed) error {
	if err := uriError(v.Text); err != nil {
		return &configdef.ValueError{Value: maskURI(v.Text), Reason: err.Error()}
	}
	return nil
}

func uriError(uri string) error {
	p, ok := splitURI(uri)
	if !ok {
		return errors.New("The connection string is invalid. Connection strings must start with either 'mongodb://' or 'mongodb+srv://")
	}
	// An @ before any option: the password holds a question mark, and what looks like
	// the hosts is its beginning, which no error may show.
	if head, _, _ := strings.Cut(p.options, "="); p.user == "" && strings.Contains(head, "@") {
		return errors.New("The connection string contains invalid user information. If the username or password contains a colon (:), " +
			"a question mark (?) or an at-sign (@) then it must be urlencoded")
	}
	hosts := strings.Split(p.hosts, ",")
	for _, h := range hosts {
		if h == "" {
			return fmt.Errorf("The connection string contains an empty host '%s'. ", "["+strings.Join(hosts, ", ")+"]")
		}
		if err := hostError(h, p.scheme); err != nil {
			return err
		}
	}
	if p.scheme == srvScheme && len(hosts) != 1 {
		return errors.New("Only one host allowed when using mongodb+srv protocol")
	}
	for _, pair := range strings.FieldsFunc(p.options, func(r rune) bool { return r == '&' || r == ';' }) {
		key, value, _ := strings.Cut(pair, "=")
		if v, err := url.QueryUnescape(value); err == nil {
			value = v
		}
		switch strings.ToLower(key) {
		case "readpreference":
			if !slices.Contains([]string{"primary", "primarypreferred", "secondary", "secondarypreferred", "nearest"}, strings.ToLower(value)) {
				return fmt.Errorf("No match for read preference of %s", value)
			}
		case "authmechanism":
			if !slices.Contains([]string{"GSSAPI", "PLAIN", "MONGODB-X509", "MONGODB-CR", "SCRAM-SHA-1", "SCRAM-SHA-256", "MONGODB-AWS", "MONGODB-OIDC"}, value) {
				return fmt.Errorf("Unsupported authMechanism: %s", value)
			}
		}
	}
	if p.scheme == srvScheme {
		return nil // the driver would ask the DNS; that is done when connecting
	}
	if err := options.Client().ApplyURI(uri).Validate(); err != nil {
		return errors.New(strings.ReplaceAll(err.Error(), uri, maskURI(uri)))
	}
	return nil
}

func hostError(h, scheme string) error {
	name, port, has := h, "", false
	if strings.HasPrefix(h, "[") {
		if i := strings.IndexByte(h, ']'); i > 0 && i+1 < len(h) && h[i+1] == ':' {
			name, port, has = h[:i+1], h[i+2:], true
		}
	} else {
		name, port, has = strings.Cut(h, ":")
	}
	if !has {
		return nil
	}
	if scheme == srvScheme {
		return errors.New("Host for when using mongodb+srv protocol can not contain a port")
	}
	if n, err := strconv.Atoi(port); err != nil || n <= 0 || n > 65535 || name == "" {
		return fmt.Errorf("The connection string contains an invalid host '%s'. The port '%s' is not a valid, it must be an integer between 0 and 65535", h, port)
	}
	return nil
}
