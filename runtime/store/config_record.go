package store

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"culvert/data"
)

// Keys of the config topic (org.apache.kafka.connect.storage.KafkaConfigBackingStore).
const (
	connectorPrefix   = "connector-"
	taskPrefix        = "task-"
	commitPrefix      = "commit-"
	targetPrefix      = "target-state-"
	restartPrefix     = "restart-connector-"
	fencingPrefix     = "tasks-fencing-"
	loggerPrefix      = "logger-cluster-"
	sessionKeyKey     = "session-key"
	stateField        = "state"
	stateV2Field      = "state.v2"
	propertiesField   = "properties"
	tasksField        = "tasks"
	taskCountField    = "task-count"
	includeTasksField = "include-tasks"
	onlyFailedField   = "only-failed"
	levelField        = "level"
	keyField          = "key"
	algorithmField    = "algorithm"
	createdField      = "creation-timestamp"
)

func taskKey(connector string, task int) []byte {
	return []byte(taskPrefix + connector + "-" + strconv.Itoa(task))
}

// parseTaskKey splits task-<connector>-<n>; the connector may hold dashes.
func parseTaskKey(rest string) (connector string, task int, err error) {
	i := strings.LastIndexByte(rest, '-')
	if i < 1 {
		return "", 0, fmt.Errorf("no task number in %q", rest)
	}
	n, err := strconv.ParseInt(rest[i+1:], 10, 32)
	if err != nil || n < 0 {
		return "", 0, fmt.Errorf("task number %q of %q", rest[i+1:], rest[:i])
	}
	return rest[:i], int(n), nil
}

func propertiesRecord(props map[string]string) []byte {
	dst := appendField([]byte{'{'}, propertiesField)
	return append(appendProperties(dst, props), '}')
}

func countRecord(field string, n int) []byte {
	dst := appendField([]byte{'{'}, field)
	return append(strconv.AppendInt(dst, int64(n), 10), '}')
}

// targetRecord writes STOPPED as PAUSED into the first field: workers that do not
// know the second pause then (KIP-875).
func targetRecord(t Target) []byte {
	old := t
	if t == Stopped {
		old = Paused
	}
	dst := appendString(appendField([]byte{'{'}, stateField), string(old))
	return append(appendString(appendField(dst, stateV2Field), string(t)), '}')
}

func restartRecord(r Restart) []byte {
	dst := strconv.AppendBool(appendField([]byte{'{'}, includeTasksField), r.IncludeTasks)
	return append(strconv.AppendBool(appendField(dst, onlyFailedField), r.OnlyFailed), '}')
}

func loggerRecord(level string) []byte {
	return append(appendString(appendField([]byte{'{'}, levelField), level), '}')
}

func sessionKeyRecord(k SessionKey) []byte {
	dst := appendString(appendField([]byte{'{'}, keyField), base64.StdEncoding.EncodeToString(k.Key))
	dst = appendString(appendField(dst, algorithmField), k.Algorithm)
	return append(strconv.AppendInt(appendField(dst, createdField), k.Created.UnixMilli(), 10), '}')
}

// object reads a record's value, which must be an object; a tombstone is null.
func object(raw []byte) (data.Value, error) {
	if raw == nil {
		return data.Value{}, nil
	}
	v, err := parseValue(raw)
	if err != nil {
		return data.Value{}, err
	}
	if v.Kind() != data.Map && !v.IsNull() {
		return data.Value{}, fmt.Errorf("%s where an object should be", v.Kind())
	}
	return v, nil
}

// parseProperties reads {"properties":{...}}. A property that is null is left out:
// for a config both mean the default.
func parseProperties(v data.Value) (map[string]string, error) {
	p, ok := v.Lookup(propertiesField)
	if !ok || p.Kind() != data.Map {
		return nil, fmt.Errorf("field %q is %s where an object should be", propertiesField, p.Kind())
	}
	props := make(map[string]string, p.Len())
	pairs := p.Elems()
	for i := 0; i+1 < len(pairs); i += 2 {
		switch value := pairs[i+1]; value.Kind() {
		case data.Null:
		case data.String:
			props[pairs[i].Str()] = value.Str()
		default:
			return nil, fmt.Errorf("property %q is %s where a string should be", pairs[i].Str(), value.Kind())
		}
	}
	return props, nil
}

func parseCount(v data.Value, field string) (int, error) {
	n, ok := v.Lookup(field)
	if !ok || n.Kind() != data.Int64 || n.Int() < 0 || n.Int() > 1<<31-1 {
		return 0, fmt.Errorf("field %q is no number of tasks", field)
	}
	return int(n.Int()), nil
}

// parseTarget prefers state.v2; old workers write only state.
func parseTarget(v data.Value) (Target, error) {
	s, _ := v.Lookup(stateV2Field)
	if s.Kind() != data.String {
		if s, _ = v.Lookup(stateField); s.Kind() != data.String {
			return "", fmt.Errorf("field %q is %s where a string should be", stateField, s.Kind())
		}
	}
	switch t := Target(s.Str()); t {
	case Started, Paused, Stopped:
		return t, nil
	}
	return "", fmt.Errorf("target state %q is none of STARTED, PAUSED, STOPPED", s.Str())
}

// parseRestart takes the defaults of Java for fields that are missing.
func parseRestart(connector string, v data.Value) Restart {
	include, _ := v.Lookup(includeTasksField)
	failed, _ := v.Lookup(onlyFailedField)
	return Restart{Connector: connector,
		IncludeTasks: include.Kind() == data.Bool && include.Bool(),
		OnlyFailed:   failed.Kind() == data.Bool && failed.Bool()}
}

func parseSessionKey(v data.Value) (*SessionKey, error) {
	key, _ := v.Lookup(keyField)
	algorithm, _ := v.Lookup(algorithmField)
	created, _ := v.Lookup(createdField)
	if key.Kind() != data.String || algorithm.Kind() != data.String || created.Kind() != data.Int64 {
		return nil, fmt.Errorf("fields %q, %q and %q must be two strings and a number", keyField, algorithmField, createdField)
	}
	raw, err := base64.StdEncoding.DecodeString(key.Str())
	if err != nil {
		// The text is a secret, so the error names only where it went wrong.
		return nil, fmt.Errorf("field %q is not base64", keyField)
	}
	return &SessionKey{Key: raw, Algorithm: algorithm.Str(), Created: time.UnixMilli(created.Int())}, nil
}
