package boot

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"culvert/configdef"
	"culvert/fault"
	"culvert/jaas"
	"culvert/keystore"
	"culvert/runtime/rest"
)

// interfaceKeys are the keys of RestServerConfig.
func interfaceKeys() []key {
	return []key{
		list("listeners", "http://:8083", "Addresses of the REST API, http or https.", configdef.Strs(func(c *Config) *[]string { return &c.Listeners })),
		def(configdef.Spec{Name: "admin.listeners", Type: configdef.List, Importance: configdef.Low,
			Doc: "Addresses of /admin/loggers; unset: those of listeners; empty: nowhere."},
			func(c *Config, v configdef.Parsed) { c.AdminElsewhere, c.AdminListeners = true, v.List }),
		list("metrics.listener", "", "Addresses of /metrics; unset: those of listeners.", configdef.Strs(func(c *Config) *[]string { return &c.MetricsListeners })),
		text("rest.advertised.host.name", "", "Host that other workers reach this one at.", configdef.Str(func(c *Config) *string { return &c.AdvertisedHost })),
		number("rest.advertised.port", "0", "Port that other workers reach this one at; 0: that of the listener.", 0, configdef.Num(func(c *Config) *int { return &c.AdvertisedPort })),
		text("rest.advertised.listener", "", "Protocol of the listener that other workers use: http or https; unset: http where there is one.", configdef.Str(func(c *Config) *string { return &c.AdvertisedListener })),
		checked("access.control.allow.origin", "Origins whose pages may use the API, separated by commas: http://ui.example, http://*.example, *, or a regular expression.",
			rest.CheckOrigins, configdef.Str(func(c *Config) *string { return &c.AllowOrigin })),
		text("access.control.allow.methods", "", "Methods that cross-origin requests may use.", configdef.Str(func(c *Config) *string { return &c.AllowMethods })),
		checked("response.http.headers.config", "Headers for every answer: [set|add|setDate|addDate] name:value, separated by commas.",
			func(text string) error { _, err := rest.ParseHeaders(text); return err }, configdef.Str(func(c *Config) *string { return &c.ResponseHeaders })),
		list("rest.extension.classes", "", "Extensions of the REST API: "+basicAuthExtension+".", configdef.Strs(func(c *Config) *[]string { return &c.Extensions })),
		text(jaasProperty, "", "The JAAS file of that extension, with an entry KafkaConnect; unset: what the same system property in KAFKA_OPTS says.",
			configdef.Str(func(c *Config) *string { return &c.JaasFile })),
	}
}

// checked is a text that check knows to be right.
func checked(name, doc string, check func(text string) error, into func(*Config, configdef.Parsed)) key {
	k := text(name, "", doc, into)
	k.Check = func(_ string, v configdef.Parsed) error { return check(v.Text) }
	return k
}

// checkListeners looks at the form of addresses and at what refers to them.
func checkListeners(c *Config, r *configdef.Report) {
	var protocols []string
	for key, all := range map[string][]string{"listeners": c.Listeners, "admin.listeners": c.AdminListeners, "metrics.listener": c.MetricsListeners} {
		for _, l := range all {
			a, err := rest.ParseAddress(l)
			if err != nil {
				r.FailValue(key, l, err.Error()+" An address is protocol://host:port, and the host may be missing: http://:8083")
			}
			if key == "listeners" {
				protocols = append(protocols, a.Protocol())
			}
		}
	}
	if len(c.Listeners) == 0 && len(r.Get("listeners").Errors) == 0 {
		r.FailValue("listeners", "", "at least one address is needed, such as http://:8083")
	}
	if c.AdvertisedPort > 65535 {
		r.FailValue("rest.advertised.port", fmt.Sprint(c.AdvertisedPort), "a port is at most 65535")
	}
	if l := strings.ToLower(c.AdvertisedListener); l != "" && !slices.Contains(protocols, l) {
		r.FailValue("rest.advertised.listener", c.AdvertisedListener, fmt.Sprintf("no such listener; listeners has %s", strings.Join(protocols, ", ")))
	}
}

const (
	basicAuthExtension = "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension"
	propertyFileModule = "org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule"
	jaasProperty       = "java.security.auth.login.config"
	jaasEntry          = "KafkaConnect"
)

// restInterface is the REST interface as the worker's properties describe it, with
// the files that they name read.
type restInterface struct {
	main, admin, metrics               []rest.Address
	secure, secureAdmin, secureMetrics *tls.Config // nil: no listener needs it
	advertised                         int         // index in main
	headers                            rest.Headers
	users                              *rest.Users
	forward                            *http.Client
}

// readInterface reads keystores and users. All errors are told at once.
func readInterface(c *Config) (*restInterface, error) {
	i := &restInterface{}
	bad := &ConfigErrors{}
	fail := func(err error) {
		if err != nil {
			bad.Keys = append(bad.Keys, fieldOf(err))
			bad.Sentences = append(bad.Sentences, fault.Explain(err))
		}
	}
	var err error
	i.main, err = addresses("listeners", c.Listeners)
	fail(err)
	i.admin, err = addresses("admin.listeners", c.AdminListeners)
	fail(err)
	i.metrics, err = addresses("metrics.listener", c.MetricsListeners)
	fail(err)
	i.secure, err = secureFor(i.main, c.Props, "listeners.https.")
	fail(err)
	i.secureAdmin, err = secureFor(i.admin, c.Props, "admin.listeners.https.")
	fail(err)
	i.secureMetrics, err = secureFor(i.metrics, c.Props, "listeners.https.")
	fail(err)
	i.advertised = advertisedListener(i.main, c.AdvertisedListener)
	i.headers, err = rest.ParseHeaders(c.ResponseHeaders)
	fail(err)
	i.users, err = readUsers(c)
	fail(err)
	i.forward, err = forwardClient(i.main, c.Props)
	fail(err)
	if len(bad.Keys) > 0 {
		return nil, bad.without(c.Secrets)
	}
	return i, nil
}

func addresses(key string, texts []string) (all []rest.Address, err error) {
	for _, t := range texts {
		a, err := rest.ParseAddress(t)
		if err != nil {
			return nil, fault.New(fault.Config, "rest.listener", "Invalid value %s for configuration %s: %w", t, key, err).WithField(key)
		}
		all = append(all, a)
	}
	return all, nil
}

// underOrAll is AbstractConfig.valuesWithPrefixAllOrNothing: what stands under the
// prefix if anything does, else everything. prefix is empty then.
func underOrAll(props map[string]string, prefix string) (under map[string]string, used string) {
	under = map[string]string{}
	for k, v := range props {
		if name, ok := strings.CutPrefix(k, prefix); ok && name != "" {
			under[name] = v
		}
	}
	if len(under) == 0 {
		return props, ""
	}
	return under, prefix
}

func secureFor(listeners []rest.Address, props map[string]string, prefix string) (*tls.Config, error) {
	if !slices.ContainsFunc(listeners, func(a rest.Address) bool { return a.HTTPS }) {
		return nil, nil
	}
	under, used := underOrAll(props, prefix)
	c, err := keystore.Server(under)
	if err != nil {
		return nil, named(err, used)
	}
	return c.TLS, nil
}

// forwardClient sends requests on to other workers: with the certificate of our own
// listener, to whom its truststore trusts (SSLUtils.createClientSideSslContextFactory).
func forwardClient(listeners []rest.Address, props map[string]string) (*http.Client, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second, TLSHandshakeTimeout: 10 * time.Second}
	if slices.ContainsFunc(listeners, func(a rest.Address) bool { return a.HTTPS }) {
		under, used := underOrAll(props, "listeners.https.")
		c, err := keystore.Client(under)
		if err != nil {
			return nil, named(err, used)
		}
		transport.TLSClientConfig = c.TLS
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}

// named is an error about a keystore under the key that the user has written.
func named(err error, prefix string) error {
	var bad *keystore.Error
	if !errors.As(err, &bad) {
		return err
	}
	key := prefix + bad.Key
	if prefix == "" && bad.Key == "ssl.keystore.location" && bad.Shown == "" {
		key = "listeners.https." + bad.Key
	}
	return fault.New(fault.Config, "rest.tls", "Invalid value %s for configuration %s: %w", cmp.Or(bad.Shown, "null"), key, bad.Err).
		WithField(key).WithFix("Set %s to %s.", key, bad.Want)
}

// advertisedListener is RestServer.determineAdvertisedProtocol.
func advertisedListener(listeners []rest.Address, protocol string) int {
	for _, want := range []string{strings.ToLower(protocol), "http", "https"} {
		if n := slices.IndexFunc(listeners, func(a rest.Address) bool { return a.Protocol() == want }); n >= 0 {
			return n
		}
	}
	return 0
}

// advertise is protocol, host and port as other workers reach this one.
func (i *restInterface) advertise(c *Config, open []net.Listener) (protocol, hostPort string) {
	a := i.main[i.advertised]
	host := a.Host
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = ownAddress()
	}
	port := open[i.advertised].Addr().(*net.TCPAddr).Port
	if c.AdvertisedPort > 0 {
		port = c.AdvertisedPort
	}
	return a.Protocol(), net.JoinHostPort(cmp.Or(c.AdvertisedHost, host), strconv.Itoa(port))
}

// warnings are told once the worker starts.
func (i *restInterface) warn(log *slog.Logger) {
	if i.users != nil && i.users.Open() {
		log.Warn("a file of users is empty: every request is let in, as in Java", "extension", basicAuthExtension)
	}
	for key, c := range map[string]*tls.Config{"listeners": i.secure, "admin.listeners": i.secureAdmin} {
		if c == nil {
			continue
		}
		if leaf := c.Certificates[0].Leaf; time.Now().After(leaf.NotAfter) || time.Now().Before(leaf.NotBefore) {
			log.Warn("the certificate of https is not valid now; clients will refuse it", "key", key, "subject", leaf.Subject.String(), "from", leaf.NotBefore, "to", leaf.NotAfter)
		}
	}
}

// readUsers reads the users of the basic authentication; nil without that
// extension. What Java finds wrong with the first request, it finds at the start.
func readUsers(c *Config) (*rest.Users, error) {
	wanted := false
	for _, class := range c.Extensions {
		if class != basicAuthExtension && class != basicAuthExtension[strings.LastIndexByte(basicAuthExtension, '.')+1:] {
			return nil, fault.New(fault.Config, "rest.extension", "Invalid value %s for configuration rest.extension.classes: there is no such extension", class).
				WithField("rest.extension.classes").WithFix("Use %s, or remove it: Java classes cannot be loaded.", basicAuthExtension)
		}
		wanted = true
	}
	if !wanted {
		return nil, nil
	}
	invalid := func(format string, args ...any) *fault.Error {
		key := cmp.Or(c.jaasKey, jaasProperty)
		why := fmt.Errorf(format, args...)
		return fault.New(fault.Config, "rest.users", "Invalid value %s for configuration %s: %w", cmp.Or(c.JaasFile, "null"), key, why).WithField(key).
			WithFix(`Name a file with: %s { %s required file="/path/to/users.properties"; };`, jaasEntry, propertyFileModule)
	}
	if c.JaasFile == "" {
		return nil, invalid("rest.extension.classes asks for basic authentication, and neither the property %[1]s nor -D%[1]s in KAFKA_OPTS names a JAAS file", jaasProperty)
	}
	text, err := os.ReadFile(c.JaasFile)
	if err != nil {
		return nil, invalid("it cannot be read: %w", err)
	}
	entries, err := jaas.ParseFile(string(text))
	if err != nil {
		return nil, invalid("it is no JAAS file: %w", err)
	}
	modules := entries[jaasEntry]
	if len(modules) == 0 {
		return nil, invalid("it has no entry %s; it has %s", jaasEntry, strings.Join(slices.Sorted(maps.Keys(entries)), ", "))
	}
	var files []map[string]string
	for _, m := range modules {
		if m.Class != propertyFileModule {
			return nil, invalid("it names the login module %s, which is not supported", m.Class)
		}
		if strings.TrimSpace(m.Options["file"]) == "" {
			return nil, invalid("Property Credentials file must be specified")
		}
		users, err := ReadProperties(m.Options["file"])
		if err != nil {
			return nil, invalid("Error loading Property Credentials file: %w", err)
		}
		files = append(files, users)
	}
	return rest.NewUsers(files...), nil
}

// systemProperty finds -Dname=value among the options that the scripts of Kafka and
// the JVM itself take from the environment, and the variable that it stands in.
func systemProperty(environ []string, name string) (value, variable string) {
	for _, want := range []string{"KAFKA_OPTS", "EXTRA_ARGS", "JDK_JAVA_OPTIONS", "JAVA_TOOL_OPTIONS"} {
		for _, kv := range environ {
			options, ok := strings.CutPrefix(kv, want+"=")
			if !ok {
				continue
			}
			for _, o := range strings.Fields(options) {
				if v, ok := strings.CutPrefix(strings.Trim(o, `"'`), "-D"+name+"="); ok {
					return strings.Trim(v, `"'`), want
				}
			}
		}
	}
	return "", ""
}
