package servers

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"culvert/internal/ports"
)

// Kafka is one broker in KRaft mode.
type Kafka struct {
	*Process
	Addr string
}

// NewKafka installs Kafka and formats a broker in dir; Start starts it. Settings
// are further server properties.
func NewKafka(ctx context.Context, dir string, settings map[string]string) (*Kafka, error) {
	return newKafka(ctx, dir, settings, nil)
}

// newKafka is NewKafka with further arguments for the tool that formats the
// broker's storage. Listeners in settings come beside its own.
func newKafka(ctx context.Context, dir string, settings map[string]string, format []string) (*Kafka, error) {
	jars, err := KafkaJars(ctx)
	if err != nil {
		return nil, err
	}
	port, err := ports.Free()
	if err != nil {
		return nil, err
	}
	controller, err := ports.Free()
	if err != nil {
		return nil, err
	}
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	props := map[string]string{
		"process.roles": "broker,controller", "node.id": "1",
		"controller.quorum.voters":     fmt.Sprintf("1@127.0.0.1:%d", controller),
		"listeners":                    fmt.Sprintf("PLAINTEXT://%s,CONTROLLER://127.0.0.1:%d", addr, controller),
		"advertised.listeners":         "PLAINTEXT://" + addr,
		"controller.listener.names":    "CONTROLLER",
		"inter.broker.listener.name":   "PLAINTEXT",
		"log.dirs":                     filepath.Join(dir, "data"),
		"num.partitions":               "2",
		"offsets.topic.num.partitions": "8", "offsets.topic.replication.factor": "1",
		"transaction.state.log.num.partitions": "8", "transaction.state.log.replication.factor": "1", "transaction.state.log.min.isr": "1",
		"group.initial.rebalance.delay.ms": "0", "log.retention.hours": "-1",
	}
	for k, v := range settings {
		if k == "listeners" || k == "advertised.listeners" {
			v = props[k] + "," + v
		}
		props[k] = v
	}
	file := filepath.Join(dir, "server.properties")
	if err := WriteProperties(file, props); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, "data")); os.IsNotExist(err) {
		id := make([]byte, 16)
		_, _ = rand.Read(id) // never fails (crypto/rand)
		id[0] &= 0x7f        // the form may not begin with a dash, which would look like an option
		args := []string{"-cp", jars + "/*", "kafka.tools.StorageTool", "format", "-t", base64.RawURLEncoding.EncodeToString(id), "-c", file}
		if err := command(ctx, "java", append(args, format...)...); err != nil {
			return nil, err
		}
	}
	p := New("kafka", filepath.Join(dir, "kafka.log"), nil, Dialable(addr),
		"java", "-Xmx1g", "-Dlog4j2.level=WARN", "-cp", jars+"/*", "kafka.Kafka", file)
	return &Kafka{Process: p, Addr: addr}, nil
}

// Registry is Apicurio with its Confluent-compatible API.
type Registry struct {
	*Process
	URL string // what schema.registry.url takes
}

// NewRegistry installs the registry; Start starts it. Its schemas are in memory.
func NewRegistry(ctx context.Context, dir string) (*Registry, error) {
	app, err := apicurio(ctx)
	if err != nil {
		return nil, err
	}
	port, err := ports.Free()
	if err != nil {
		return nil, err
	}
	url := fmt.Sprintf("http://127.0.0.1:%d/apis/ccompat/v7", port)
	p := New("apicurio", filepath.Join(dir, "apicurio.log"), nil, Answers(url+"/subjects"),
		"java", "-Xmx384m", "-Dquarkus.http.host=127.0.0.1", fmt.Sprintf("-Dquarkus.http.port=%d", port),
		"-jar", filepath.Join(app, "apicurio-registry-app-"+apicurioVersion+"-runner.jar"))
	return &Registry{Process: p, URL: url}, nil
}

// Mongo is a MongoDB-compatible server that keeps its data over restarts.
type Mongo struct {
	*Process
	URI string
}

// NewMongo installs the server; Start starts it. Its data is in dir; flags are further
// arguments of its command line.
func NewMongo(ctx context.Context, dir string, flags ...string) (*Mongo, error) {
	venv, err := Python(ctx, "secantusdb-"+secantusVersion, "secantusdb=="+secantusVersion, "pymongo")
	if err != nil {
		return nil, err
	}
	port, err := ports.Free()
	if err != nil {
		return nil, err
	}
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	main := "import sys; sys.argv[0]='secantusd-py'; from importlib.metadata import entry_points; " +
		"[e] = [e for e in entry_points(group='console_scripts') if e.name=='secantusd-py']; sys.exit(e.load()())"
	args := []string{"-c", main, "--port", fmt.Sprint(port), "--storage-path", filepath.Join(dir, "mongo"), "--log-level", "ERROR"}
	p := New("secantusdb", filepath.Join(dir, "secantusdb.log"), nil, Dialable(addr), filepath.Join(venv, "bin", "python"), append(args, flags...)...)
	return &Mongo{Process: p, URI: "mongodb://" + addr}, nil
}

// Connect is the Java worker, in distributed mode.
type Connect struct {
	*Process
	URL string
}

// NewConnect installs the Java worker with MongoDB's connector; Start starts it.
// Props are worker properties beside bootstrap, listener and internal topics.
func NewConnect(ctx context.Context, dir, bootstrap, group string, props map[string]string) (*Connect, error) {
	jars, err := KafkaJars(ctx)
	if err != nil {
		return nil, err
	}
	plugins, err := pluginPath(ctx, filepath.Join(dir, group+"-plugins"))
	if err != nil {
		return nil, err
	}
	port, err := ports.Free()
	if err != nil {
		return nil, err
	}
	all := WorkerProps(bootstrap, group, port)
	all["plugin.path"] = plugins
	for k, v := range props {
		all[k] = v
	}
	file := filepath.Join(dir, group+".properties")
	if err := WriteProperties(file, all); err != nil {
		return nil, err
	}
	logging := filepath.Join(dir, group+".log4j2.properties")
	if err := WriteProperties(logging, map[string]string{
		"status": "error", "appender.out.type": "Console", "appender.out.name": "out", "appender.out.layout.type": "PatternLayout",
		"appender.out.layout.pattern": "%d %p %c: %m%n", "rootLogger.level": "INFO", "rootLogger.appenderRef.out.ref": "out",
	}); err != nil {
		return nil, err
	}
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	p := New("java connect", filepath.Join(dir, group+".log"), nil, Answers(url+"/connectors"),
		"java", "-Xmx768m", "-Dlog4j2.configurationFile="+logging, "-cp", jars+"/*", "org.apache.kafka.connect.cli.ConnectDistributed", file)
	return &Connect{Process: p, URL: url}, nil
}

// pluginPath makes a folder with one folder for each plugin, as Java wants it.
func pluginPath(ctx context.Context, dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	for name, jars := range map[string]func(context.Context) (string, error){"mongo": MongoConnectorJars, "apicurio": ApicurioConverterJars} {
		from, err := jars(ctx)
		if err != nil {
			return "", err
		}
		if err := os.Symlink(from, filepath.Join(dir, name)); err != nil && !os.IsExist(err) {
			return "", err
		}
	}
	return dir, nil
}

// WorkerProps are the properties of a distributed worker, for either runtime.
func WorkerProps(bootstrap, group string, port int) map[string]string {
	return map[string]string{
		"bootstrap.servers": bootstrap, "group.id": group, "listeners": fmt.Sprintf("http://127.0.0.1:%d", port),
		"rest.advertised.host.name": "127.0.0.1",
		"config.storage.topic":      group + "-configs", "config.storage.replication.factor": "1",
		"offset.storage.topic": group + "-offsets", "offset.storage.replication.factor": "1",
		"status.storage.topic": group + "-status", "status.storage.replication.factor": "1",
		"key.converter":                  "org.apache.kafka.connect.storage.StringConverter",
		"value.converter":                "org.apache.kafka.connect.json.JsonConverter",
		"value.converter.schemas.enable": "false",
		"offset.flush.interval.ms":       "1000",
	}
}

// escape makes a value one line of a properties file.
var escape = strings.NewReplacer(`\`, `\\`, "\n", `\n`)

// WriteProperties writes a Java properties file.
func WriteProperties(path string, props map[string]string) error {
	keys := make([]string, 0, len(props))
	for k := range props {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	var b strings.Builder
	for _, k := range keys {
		fmt.Fprintf(&b, "%s=%s\n", k, escape.Replace(props[k]))
	}
	return os.WriteFile(path, []byte(b.String()), 0o600)
}
