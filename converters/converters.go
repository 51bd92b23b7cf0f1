// Package converters turns bytes into data and data into bytes. Each format has
// a folder; a Converter is made for one topic and one side (key or value), so
// that configuration and subject are resolved once.
package converters

import (
	"context"
	"log/slog"
	"slices"

	"culvert/configdef"
	"culvert/data"
)

// Converter is one format, configured for one topic and one side. It is used by
// one task; its methods may be called from one goroutine at a time.
//
// Errors: malformed input has class Record, a registry that does not answer
// has class Retry.
type Converter interface {
	data.Decoder
	// Encode appends the wire form of v to dst. A nil schema is schemaless data.
	// A nil result with a nil error is a tombstone.
	Encode(dst []byte, v data.Value, s *data.Schema) ([]byte, error)
}

// Side is the half of a record that a converter is for.
type Side uint8

// The sides.
const (
	Key Side = iota
	Value
	Header
)

// Plugin describes one converter class.
type Plugin struct {
	Class   string   // org.apache.kafka.connect.json.JsonConverter
	Aliases []string // JsonConverter, Json
	// Version as REST shows it; empty: that of the worker, as for Kafka's own.
	Version string
	// Sides are what the class can convert; nil: all of them.
	Sides []Side
	Spec  func() []configdef.Spec
	// Check validates the keys (without their prefix).
	Check func(props map[string]string, side Side) *configdef.Report
	// Dial asks what the converter needs, such as a registry, whether it answers, and
	// names it without secrets. Nil: it needs nothing.
	Dial func(ctx context.Context, props map[string]string, side Side) (target string, err error)
	// New makes a factory for one side; its result makes a converter for each topic.
	New func(props map[string]string, side Side, env Env) (Factory, error)
}

// Env is what a converter is given by the worker.
type Env struct {
	Log *slog.Logger // may be nil
	// DataDir is culvert.data.dir; empty: nothing may be kept on disk.
	DataDir string
}

// Serves reports whether the class can convert a side.
func (p *Plugin) Serves(side Side) bool { return p.Sides == nil || slices.Contains(p.Sides, side) }

// Factory makes the converter for a topic. Factories are shared by the tasks of
// a connector and safe for concurrent use; what they make is not.
type Factory interface {
	For(topic string) Converter
	// Class is the Java class name, for dead-letter headers.
	Class() string
}
