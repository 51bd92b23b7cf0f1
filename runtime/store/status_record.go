package store

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"culvert/data"
)

// Keys of the status topic (org.apache.kafka.connect.storage.KafkaStatusBackingStore).
const (
	connectorStatusPrefix = "status-connector-"
	taskStatusPrefix      = "status-task-"
	topicStatusPrefix     = "status-topic-"
	topicStatusSeparator  = ":connector-"
)

func statusKey(connector string, task int) []byte {
	if task == ConnectorTask {
		return []byte(connectorStatusPrefix + connector)
	}
	return []byte(taskStatusPrefix + connector + "-" + strconv.Itoa(task))
}

func topicKey(connector, topic string) []byte {
	return []byte(topicStatusPrefix + topic + topicStatusSeparator + connector)
}

// parseTopicKey splits at the first colon: a topic's name cannot hold one.
func parseTopicKey(rest string) (topic, connector string, err error) {
	topic, connector, ok := strings.Cut(rest, topicStatusSeparator)
	if !ok || topic == "" || connector == "" || strings.ContainsRune(topic, ':') {
		return "", "", errors.New("no topic and connector in the key")
	}
	return topic, connector, nil
}

func statusRecord(s Status) []byte {
	dst := appendString(appendField([]byte{'{'}, "state"), s.State)
	dst = appendNullable(appendField(dst, "trace"), s.Trace)
	dst = appendString(appendField(dst, "worker_id"), s.WorkerID)
	dst = strconv.AppendInt(appendField(dst, "generation"), int64(s.Generation), 10)
	return append(appendNullable(appendField(dst, "version"), s.Version), '}')
}

func parseStatus(raw []byte) (Status, error) {
	v, err := object(raw)
	if err != nil {
		return Status{}, err
	}
	state, _ := v.Lookup("state")
	trace, _ := v.Lookup("trace")
	worker, _ := v.Lookup("worker_id")
	generation, _ := v.Lookup("generation")
	version, _ := v.Lookup("version")
	switch state.Str() {
	case StateRunning, StatePaused, StateStopped, StateFailed, StateUnassigned, StateRestarting:
	default:
		return Status{}, fmt.Errorf("state %q is unknown", state.Str())
	}
	if generation.Kind() != data.Int64 {
		return Status{}, fmt.Errorf("field %q is %s where a number should be", "generation", generation.Kind())
	}
	return Status{State: state.Str(), Trace: trace.Str(), WorkerID: worker.Str(),
		Generation: int32(generation.Int()), Version: version.Str()}, nil
}

func topicRecord(connector string, u TopicUse) []byte {
	dst := append(appendField([]byte{'{'}, "topic"), '{')
	dst = appendString(appendField(dst, "name"), u.Topic)
	dst = appendString(appendField(dst, "connector"), connector)
	dst = strconv.AppendInt(appendField(dst, "task"), int64(u.Task), 10)
	dst = strconv.AppendInt(appendField(dst, "discoverTimestamp"), u.Discovered.UnixMilli(), 10)
	return append(dst, '}', '}')
}

func parseTopicUse(raw []byte) (TopicUse, error) {
	v, err := object(raw)
	if err != nil {
		return TopicUse{}, err
	}
	t, _ := v.Lookup("topic")
	name, _ := t.Lookup("name")
	task, _ := t.Lookup("task")
	at, _ := t.Lookup("discoverTimestamp")
	if name.Kind() != data.String || task.Kind() != data.Int64 || at.Kind() != data.Int64 {
		return TopicUse{}, errors.New("the use of a topic needs a name, a task and a timestamp")
	}
	return TopicUse{Topic: name.Str(), Task: int(task.Int()), Discovered: time.UnixMilli(at.Int())}, nil
}
