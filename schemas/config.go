package schemas

import (
	"crypto/tls"
	"errors"
	"net/url"
	"strings"
	"time"

	"culvert/configdef"
	"culvert/jaas"
	"culvert/keystore"
)

// Config is how to reach a registry and how schemas are written to it.
type Config struct {
	URLs         []string
	authSource   string
	userInfo     string
	oldUserInfo  string
	saslJAAS     string
	bearerSource string
	token        string
	connect      int // milliseconds
	read         int // milliseconds
	cache        int

	trust, trustText, trustType, trustPassword          string
	keyStore, keyText, chain, keyType, keyStorePassword string
	keyPassword                                         string
	identification                                      string

	AutoRegister  bool
	UseLatest     bool
	LatestStrict  bool
	Normalize     bool
	KeyStrategy   string
	ValueStrategy string

	bases []base
	tls   *tls.Config
}

// base is one registry with what authorizes us there.
type base struct {
	url  *url.URL // without user and password
	auth string   // the header's value; empty: none
}

const group = "Schema Registry"

// Keys declares the keys of a converter that talks to a registry. at finds the
// Config inside of the converter's own configuration.
func Keys[C any](at func(*C) *Config) []configdef.Key[C] {
	type spec = configdef.Spec
	def := configdef.Default
	str := func(field func(*Config) *string) func(*C, configdef.Parsed) {
		return func(c *C, v configdef.Parsed) { *field(at(c)) = v.Text }
	}
	num := func(field func(*Config) *int) func(*C, configdef.Parsed) {
		return func(c *C, v configdef.Parsed) { *field(at(c)) = int(v.Int) }
	}
	flag := func(field func(*Config) *bool) func(*C, configdef.Parsed) {
		return func(c *C, v configdef.Parsed) { *field(at(c)) = v.Bool }
	}
	keys := []configdef.Key[C]{
		{Spec: spec{Name: "schema.registry.url", Type: configdef.List, Importance: configdef.High, Required: true,
			Doc: "Addresses of the Schema Registry, separated by commas; the next one is tried when one does not answer."},
			Into: func(c *C, v configdef.Parsed) { at(c).URLs = v.List }},
		{Spec: spec{Name: "auto.register.schemas", Type: configdef.Boolean, Importance: configdef.Medium, Default: def("true"),
			Doc: "Register the schema of what is written."}, Into: flag(func(c *Config) *bool { return &c.AutoRegister })},
		{Spec: spec{Name: "use.latest.version", Type: configdef.Boolean, Importance: configdef.Low, Default: def("false"),
			Doc: "Write with the latest version of the subject. Used when auto.register.schemas is false."}, Into: flag(func(c *Config) *bool { return &c.UseLatest })},
		{Spec: spec{Name: "latest.compatibility.strict", Type: configdef.Boolean, Importance: configdef.Low, Default: def("true"),
			Doc: "With use.latest.version: refuse data whose schema the latest version cannot take."}, Into: flag(func(c *Config) *bool { return &c.LatestStrict })},
		{Spec: spec{Name: "normalize.schemas", Type: configdef.Boolean, Importance: configdef.Medium, Default: def("false"),
			Doc: "Ask the registry to bring schemas into their normal form before they are compared."}, Into: flag(func(c *Config) *bool { return &c.Normalize })},
		{Spec: spec{Name: "key.subject.name.strategy", Type: configdef.Class, Importance: configdef.Medium, Default: def(topicNameStrategy), Check: strategyCheck,
			Doc: "How the subject of keys is named: TopicNameStrategy, RecordNameStrategy or TopicRecordNameStrategy."}, Into: str(func(c *Config) *string { return &c.KeyStrategy })},
		{Spec: spec{Name: "value.subject.name.strategy", Type: configdef.Class, Importance: configdef.Medium, Default: def(topicNameStrategy), Check: strategyCheck,
			Doc: "How the subject of values is named: TopicNameStrategy, RecordNameStrategy or TopicRecordNameStrategy."}, Into: str(func(c *Config) *string { return &c.ValueStrategy })},
		{Spec: spec{Name: "max.schemas.per.subject", Type: configdef.Int, Importance: configdef.Low, Default: def("1000"),
			Doc: "How many schemas of a subject are kept in memory."}, Into: num(func(c *Config) *int { return &c.cache })},
		{Spec: spec{Name: "http.connect.timeout.ms", Type: configdef.Int, Importance: configdef.Low, Default: def("5000"), Check: configdef.AtLeast(1),
			Doc: "How long to wait for a connection."}, Into: num(func(c *Config) *int { return &c.connect })},
		{Spec: spec{Name: "http.read.timeout.ms", Type: configdef.Int, Importance: configdef.Low, Default: def("10000"), Check: configdef.AtLeast(1),
			Doc: "How long to wait for an answer."}, Into: num(func(c *Config) *int { return &c.read })},
		{Spec: spec{Name: "basic.auth.credentials.source", Type: configdef.String, Importance: configdef.Medium, Default: def("URL"),
			Doc: "Where user and password come from: URL, USER_INFO or SASL_INHERIT."}, Into: str(func(c *Config) *string { return &c.authSource })},
		{Spec: spec{Name: "basic.auth.user.info", Type: configdef.Password, Importance: configdef.Medium, Default: def(""),
			Doc: "user:password, with basic.auth.credentials.source=USER_INFO."}, Into: str(func(c *Config) *string { return &c.userInfo })},
		{Spec: spec{Name: "schema.registry.basic.auth.user.info", Type: configdef.Password, Importance: configdef.Medium, Default: def(""),
			Doc: "The former name of basic.auth.user.info."}, Into: str(func(c *Config) *string { return &c.oldUserInfo })},
		{Spec: spec{Name: "sasl.jaas.config", Type: configdef.Password, Importance: configdef.Low, Default: def(""),
			Doc: "The login module whose username and password are used, with basic.auth.credentials.source=SASL_INHERIT."}, Into: str(func(c *Config) *string { return &c.saslJAAS })},
		{Spec: spec{Name: "bearer.auth.credentials.source", Type: configdef.String, Importance: configdef.Medium, Default: def("STATIC_TOKEN"),
			Doc: "Where the bearer token comes from: STATIC_TOKEN."}, Into: str(func(c *Config) *string { return &c.bearerSource })},
		{Spec: spec{Name: "bearer.auth.token", Type: configdef.Password, Importance: configdef.Medium, Default: def(""),
			Doc: "The bearer token."}, Into: str(func(c *Config) *string { return &c.token })},
	}
	for i := range keys {
		keys[i].Group, keys[i].DisplayName, keys[i].Order = group, keys[i].Name, i
	}
	return append(keys, tlsKeys(at)...)
}

func tlsKeys[C any](at func(*C) *Config) []configdef.Key[C] {
	text := func(name, doc, def string, typ configdef.Type, field func(*Config) *string) configdef.Key[C] {
		return configdef.Key[C]{
			Spec: configdef.Spec{Name: "schema.registry.ssl." + name, Type: typ, Importance: configdef.Low, Default: configdef.Default(def), Doc: doc,
				Group: group, DisplayName: "schema.registry.ssl." + name},
			Into: func(c *C, v configdef.Parsed) { *field(at(c)) = v.Text },
		}
	}
	return []configdef.Key[C]{
		text("truststore.type", "The form of the trusted certificates: PEM, PKCS12 or JKS; empty: what the file is.", "", configdef.String, func(c *Config) *string { return &c.trustType }),
		text("truststore.location", "A file with the certificates to trust.", "", configdef.String, func(c *Config) *string { return &c.trust }),
		text("truststore.certificates", "The certificates to trust, as PEM text.", "", configdef.Password, func(c *Config) *string { return &c.trustText }),
		text("truststore.password", "The password of that file, in PKCS12 and JKS form.", "", configdef.Password, func(c *Config) *string { return &c.trustPassword }),
		text("keystore.type", "The form of our own certificate: PEM, PKCS12 or JKS; empty: what the file is.", "", configdef.String, func(c *Config) *string { return &c.keyType }),
		text("keystore.location", "A file with our private key and certificates.", "", configdef.String, func(c *Config) *string { return &c.keyStore }),
		text("keystore.key", "Our private key, as PEM text.", "", configdef.Password, func(c *Config) *string { return &c.keyText }),
		text("keystore.certificate.chain", "Our certificates, as PEM text.", "", configdef.Password, func(c *Config) *string { return &c.chain }),
		text("keystore.password", "The password of that file, in PKCS12 and JKS form.", "", configdef.Password, func(c *Config) *string { return &c.keyStorePassword }),
		text("key.password", "The password of the private key, where it has one of its own.", "", configdef.Password, func(c *Config) *string { return &c.keyPassword }),
		text("endpoint.identification.algorithm", "https checks that the certificate names the host; empty does not.", "https", configdef.String,
			func(c *Config) *string { return &c.identification }),
	}
}

// Complete checks what single keys cannot and works out the rest. It adds errors
// to r; without errors the Config is ready for Open.
func (c *Config) Complete(r *configdef.Report) {
	c.bases, c.tls = nil, nil
	if len(c.URLs) == 0 && r.Get("schema.registry.url") != nil && len(r.Get("schema.registry.url").Errors) == 0 {
		r.FailValue("schema.registry.url", "", "must name at least one registry, for instance http://localhost:8081")
	}
	for _, text := range c.URLs {
		c.addBase(r, text)
	}
	if !strings.EqualFold(c.bearerSource, "STATIC_TOKEN") && c.token == "" && c.bearerSource != "" {
		r.FailValue("bearer.auth.credentials.source", c.bearerSource, "only STATIC_TOKEN is supported; set bearer.auth.token")
	}
	var bad *keystore.Error
	if err := c.loadTLS(); errors.As(err, &bad) {
		r.FailValue("schema.registry."+bad.Key, bad.Shown, bad.Err.Error()+"; it should be "+bad.Want)
	}
}

func (c *Config) addBase(r *configdef.Report, text string) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		shown := "[the address]"
		if !strings.Contains(text, "@") { // else it may hold a password
			shown = text
		}
		r.FailValue("schema.registry.url", shown, "must be like http://host:8081 or https://host")
		return
	}
	b := base{url: &url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimRight(u.Path, "/")}}
	switch strings.ToUpper(c.authSource) {
	case "URL", "":
		if u.User != nil {
			password, _ := u.User.Password()
			b.auth = basic(u.User.Username(), password)
		}
	case "USER_INFO":
		info := c.userInfo
		if info == "" {
			info = c.oldUserInfo
		}
		user, password, ok := strings.Cut(info, ":")
		if !ok {
			r.Fail("basic.auth.user.info", "Invalid value [hidden] for configuration basic.auth.user.info: must be user:password, because basic.auth.credentials.source is USER_INFO")
			return
		}
		b.auth = basic(user, password)
	case "SASL_INHERIT":
		m, err := jaas.Parse(c.saslJAAS)
		if err == nil && (m.Options["username"] == "" || m.Options["password"] == "") {
			err = errors.New("it has no username and password")
		}
		if err != nil {
			r.Fail("sasl.jaas.config", "Invalid value [hidden] for configuration sasl.jaas.config: %v; it must name a login module with username and password, "+
				"because basic.auth.credentials.source is SASL_INHERIT", err)
			return
		}
		b.auth = basic(m.Options["username"], m.Options["password"])
	default:
		r.FailValue("basic.auth.credentials.source", c.authSource, "must be URL, USER_INFO or SASL_INHERIT")
		return
	}
	if c.token != "" {
		b.auth = "Bearer " + c.token
	}
	c.bases = append(c.bases, b)
}

// loadTLS reads the stores. Its error names the key.
func (c *Config) loadTLS() error {
	props := map[string]string{"ssl.endpoint.identification.algorithm": c.identification}
	for name, value := range map[string]string{
		"truststore.type": c.trustType, "truststore.location": c.trust, "truststore.certificates": c.trustText, "truststore.password": c.trustPassword,
		"keystore.type": c.keyType, "keystore.location": c.keyStore, "keystore.key": c.keyText, "keystore.certificate.chain": c.chain,
		"keystore.password": c.keyStorePassword, "key.password": c.keyPassword,
	} {
		if value != "" {
			props["ssl."+name] = value
		}
	}
	read, err := keystore.Client(props)
	if err != nil {
		return err
	}
	c.tls = read.TLS
	return nil
}

func (c *Config) timeout() time.Duration {
	per := time.Duration(c.connect+c.read) * time.Millisecond
	return per * time.Duration(max(len(c.bases), 1))
}
