package changestream

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/configdef"
	"culvert/connectors/mongodb"
	"culvert/connectors/mongodb/extjson"
	"culvert/fault"
)

// settings is the configuration of a connector.
type settings struct {
	mongodb.Connection
	Database, Collection string

	Pipeline             string
	BatchSize            int
	FullDocumentOnly     bool
	TombstoneOnDelete    bool
	DocumentKeyAsKey     bool
	BeforeChange         string
	FullDocument         string
	ExpandedEvents       bool
	Collation            string
	PollMaxBatch         int
	PollAwaitMS          int64
	TopicMapper          string
	TopicSeparator       string
	TopicPrefix          string
	TopicSuffix          string
	TopicMap             string
	KeyFormat            string
	ValueFormat          string
	InferValue           bool
	KeySchema            string
	ValueSchema          string
	Formatter            string
	StartupMode          string
	StartAt              string
	CopyExisting         bool
	CopyThreads          override
	CopyQueue            override
	CopyPipeline         override
	CopyRegex            override
	CopyDisk             override
	Tolerance, Log, Dead override
	HeartbeatMS          int64
	HeartbeatTopic       string
	OffsetPartition      string
	Authentication       bool
}

// override is the value of two keys, of which the one that is more particular counts if
// it is given (ConfigHelper.getOverrideOrFallback).
type override struct {
	text, fallback string
	given          bool
}

func (o *override) value() string {
	if o.given {
		return o.text
	}
	return o.fallback
}

// number is 1 where it is no number, which the check of the key does not let through.
func (o *override) number() int {
	if n, err := strconv.Atoi(o.value()); err == nil {
		return n
	}
	return 1
}

func (o *override) is() bool { return o.value() == "true" }

// particular and general store the two keys of an override.
func particular(field func(*settings) *override) func(*settings, configdef.Parsed) {
	return func(s *settings, v configdef.Parsed) { o := field(s); o.text, o.given = text(v), v.Given }
}

func general(field func(*settings) *override) func(*settings, configdef.Parsed) {
	return func(s *settings, v configdef.Parsed) { field(s).fallback = text(v) }
}

// text is a text or a boolean as a text.
func text(v configdef.Parsed) string {
	if v.Bool {
		return "true"
	}
	return strings.TrimSpace(v.Text)
}

// Startup modes.
const (
	modeLatest    = "latest"
	modeTimestamp = "timestamp"
	modeCopy      = "copy_existing"
)

// mode is MongoSourceConfig.getStartupConfig's choice.
func (s *settings) mode() string {
	switch m := strings.ToLower(s.StartupMode); {
	case m != "":
		return m
	case s.CopyExisting:
		return modeCopy
	}
	return modeLatest
}

func (s *settings) tolerant() bool { return strings.EqualFold(s.Tolerance.value(), "all") }

// logs reports whether failures are logged: always when they end the task.
func (s *settings) logs() bool { return !s.tolerant() || s.Log.is() }

func (s *settings) await() time.Duration { return time.Duration(s.PollAwaitMS) * time.Millisecond }

// formatter is output.json.formatter.
func (s *settings) formatter() (extjson.Mode, error) {
	switch strings.TrimPrefix(s.Formatter, formatters) {
	case "DefaultJson":
		return extjson.Strict, nil
	case "ExtendedJson":
		return extjson.Extended, nil
	case "SimplifiedJson":
		return extjson.Simplified, nil
	}
	return 0, fmt.Errorf("Invalid value %s for configuration %s: Class not found: a formatter of your own is Java code, which this worker cannot load; "+
		"it has %[3]sDefaultJson, %[3]sExtendedJson and %[3]sSimplifiedJson", s.Formatter, keyFormatter, formatters)
}

// fullDocument is what change events of updates carry.
func (s *settings) fullDocument() string {
	if s.FullDocumentOnly {
		return "updateLookup"
	}
	return s.FullDocument
}

// rules are MongoSourceConfig's INITIALIZERS, and what only a start finds there.
var rules = []func(*settings, *configdef.Report){
	func(s *settings, r *configdef.Report) {
		if len(r.Errors()) > 0 {
			return // as in Java: first the keys by themselves
		}
		if s.Collection != "" && s.Database == "" {
			r.FailValue(keyCollection, s.Collection, "Missing database configuration `"+keyDatabase+"`")
		}
		if s.TopicMapper != defaultMapper {
			r.Fail(keyTopicMapper, "Invalid value %s for configuration %s: Class not found: a mapper of your own is Java code, which this worker cannot load; it has %s",
				s.TopicMapper, keyTopicMapper, defaultMapper)
		} else if _, err := newMapper(s); err != nil {
			r.FailValue(keyTopicMap, s.TopicMap, err.Error())
		}
		if _, err := s.formatter(); err != nil {
			r.Fail(keyFormatter, "%s", err.Error())
		}
		if s.Authentication {
			r.Fail(keyAuthentication, "%s=true needs Java code of your own, which this worker cannot load; put credentials and authMechanism into connection.uri", keyAuthentication)
		}
	},
}

// parse reads the configuration of a task; the error is the first, in Java's words.
func parse(props map[string]string) (*settings, error) {
	s, r := definition.Parse(props)
	for i := range r.Results {
		if e := r.Results[i].Errors; len(e) > 0 {
			return nil, &fault.Error{Class: fault.Config, Code: "mongo.config", Field: r.Results[i].Spec.Name,
				Java: "org.apache.kafka.common.config.ConfigException", Err: errors.New(e[0])}
		}
	}
	return &s, nil
}

// timestampFormat is BsonTimestampParser.FORMAT_DESCRIPTION.
const timestampFormat = "Must be either an integer number of seconds since the Epoch in the decimal format (example: 30)," +
	" or an instant in the ISO-8601 format with one second precision (example: '1970-01-01T00:00:30Z')," +
	` or a BSON Timestamp in the canonical extended JSON (v2) format (example: '{"$timestamp": {"t": 30, "i": 0}}').`

// parseTimestamp is BsonTimestampParser.parse.
func parseTimestamp(text string) (bson.Timestamp, error) {
	if n, err := strconv.ParseInt(text, 10, 32); err == nil {
		return bson.Timestamp{T: uint32(n)}, nil
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil && strings.HasSuffix(text, "Z") && int64(int32(at.Unix())) == at.Unix() {
		return bson.Timestamp{T: uint32(at.Unix())}, nil
	}
	if doc, err := mongodb.Document("{v: " + text + "}"); err == nil {
		if t, i, ok := doc.Lookup("v").TimestampOK(); ok {
			return bson.Timestamp{T: t, I: i}, nil
		}
	}
	return bson.Timestamp{}, errors.New(timestampFormat)
}
