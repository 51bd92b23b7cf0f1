package boot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"

	"culvert/fault"
	"culvert/runtime/providers"
)

// ReadProperties reads a Java properties file. ${…} stays as it is: it belongs
// to Connect's config providers, not to the file.
func ReadProperties(path string) (map[string]string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.Config, "config.file", "cannot read %s: %w", path, err)
	}
	return parseProperties(path, raw)
}

func parseProperties(path string, raw []byte) (map[string]string, error) {
	text := make([]rune, len(raw)) // of ISO 8859-1
	for i, c := range raw {
		text[i] = rune(c)
	}
	props, err := providers.ParseProperties(string(text))
	if err != nil {
		return nil, fault.New(fault.Config, "config.file", "%s: %w", path, err)
	}
	return props, nil
}

// Connector is a connector file of a standalone worker.
type Connector struct {
	Name   string
	Config map[string]string
	Target string // initial_state in capitals; "" is RUNNING
	File   string // where it stands, for errors; "" when nowhere
}

// ReadConnector reads a connector file: properties; or JSON, as POST takes it
// ({"name":…,"config":{…}}) or the config alone (ConnectStandalone, KIP-980). What
// begins with a brace is JSON, whatever the file is called.
func ReadConnector(path string) (Connector, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Connector{}, fault.New(fault.Config, "config.file", "cannot read %s: %w", path, err)
	}
	var c Connector
	if strings.HasSuffix(path, ".json") || bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("{")) {
		c, err = connectorJSON(raw)
	} else {
		c.Config, err = parseProperties(path, raw)
	}
	if err != nil {
		return c, fault.New(fault.Config, "config.file", "%s: %w", path, err)
	}
	c.File = path
	if c.Name == "" {
		c.Name = c.Config["name"]
	}
	if c.Name == "" {
		return c, fault.New(fault.Config, "config.file", "%s: the connector has no name; add the key \"name\"", path)
	}
	c.Config["name"] = c.Name
	return c, nil
}

func connectorJSON(raw []byte) (Connector, error) {
	var outer struct {
		Name         string         `json:"name"`
		InitialState string         `json:"initial_state"`
		Config       map[string]any `json:"config"`
	}
	if err := decodeJSON(raw, &outer); err != nil {
		return Connector{}, err
	}
	if outer.Config == nil {
		outer.InitialState = "" // a key of the connector's, if it is there at all
		if err := decodeJSON(raw, &outer.Config); err != nil {
			return Connector{}, err
		}
	}
	c := Connector{Name: outer.Name, Target: strings.ToUpper(outer.InitialState), Config: make(map[string]string, len(outer.Config))}
	if _, ok := targets[c.Target]; !ok {
		return c, fmt.Errorf("initial_state is %q; it is RUNNING, PAUSED or STOPPED", outer.InitialState)
	}
	for k, v := range outer.Config {
		switch v := v.(type) {
		case string:
			c.Config[k] = v
		case json.Number, bool:
			c.Config[k] = fmt.Sprint(v)
		case nil:
		default:
			return c, fmt.Errorf("the value of %q is neither text, number nor boolean", k)
		}
	}
	return c, nil
}

// decodeJSON reads a file that is one JSON value, with its numbers as they are written.
func decodeJSON(raw []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("more follows after the end of the JSON object, at byte %d", dec.InputOffset())
	}
	return nil
}

// environment variables of the Java images that mean nothing without a JVM.
var jvmVariables = []string{
	"KAFKA_HEAP_OPTS", "KAFKA_OPTS", "KAFKA_JVM_PERFORMANCE_OPTS", "KAFKA_GC_LOG_OPTS", "KAFKA_JMX_OPTS", "KAFKA_JMX_PORT",
	"KAFKA_JMX_HOSTNAME", "KAFKA_LOG4J_OPTS", "JMX_PORT", "EXTRA_ARGS", "CLASSPATH",
}

// Environment is what the process environment says about a worker.
type Environment struct {
	Props     map[string]string
	LogLevel  string            // of the root logger, "" when not set
	LogLevels map[string]string // logger -> level
	Ignored   []string          // variables without effect, sorted
}

// ReadEnvironment takes the worker's properties from CONNECT_… variables, as the
// images of the Java worker do: CONNECT_ is dropped, the rest in lower case with
// ___ as -, __ as _ and _ as a dot.
func ReadEnvironment(environ []string) Environment {
	env := Environment{Props: map[string]string{}, LogLevels: map[string]string{}}
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		switch {
		case name == "CONNECT_LOG4J_ROOT_LOGLEVEL":
			env.LogLevel = value
		case name == "CONNECT_LOG4J_LOGGERS":
			for _, l := range strings.Split(value, ",") {
				if logger, level, ok := strings.Cut(strings.TrimSpace(l), "="); ok {
					env.LogLevels[strings.TrimPrefix(logger, "log4j.logger.")] = level
				}
			}
		case strings.Contains(value, "-D"+jaasProperty+"=") && jvmVariable(name): // the one option that we read
		case strings.HasPrefix(name, "CONNECT_LOG4J_"), jvmVariable(name):
			env.Ignored = append(env.Ignored, name)
		case strings.HasPrefix(name, "CONNECT_"):
			env.Props[propertyName(strings.TrimPrefix(name, "CONNECT_"))] = value
		}
	}
	sort.Strings(env.Ignored)
	return env
}

func jvmVariable(name string) bool {
	for _, v := range jvmVariables {
		if name == v {
			return true
		}
	}
	return false
}

func propertyName(variable string) string {
	name := strings.ToLower(variable)
	name = strings.ReplaceAll(name, "___", "-")
	name = strings.ReplaceAll(name, "__", "\x00")
	name = strings.ReplaceAll(name, "_", ".")
	return strings.ReplaceAll(name, "\x00", "_")
}

// KeyLines finds the line that each key of a properties file begins at, for
// error texts; what cannot be read or found is left out.
func KeyLines(path string) map[string]int {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	lines := map[string]int{}
	for i, line := range strings.Split(string(raw), "\n") {
		line = strings.TrimLeft(line, " \t\f")
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		if end := strings.IndexAny(line, "=: \t\r"); end > 0 {
			lines[line[:end]] = i + 1
		}
	}
	return lines
}
