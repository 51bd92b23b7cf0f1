// Package changestream is the MongoDB source:
// com.mongodb.kafka.connect.MongoSourceConnector, records from a change stream.
//
// The way of an event: a cursor (cursor.go) reads batches of the stream, or of the
// collections that are copied first (copy.go, copier.go); the topic comes from its namespace
// (mapper.go), key and value are made by the output format (output.go, convert.go,
// infer.go, avro.go); the offset of a batch is the resume token of its last event
// (offset.go).
//
// Nothing is lost: the token is marked with the batch, so that it is stored after the
// records are acknowledged; a cursor that breaks is opened again behind the last event
// that was read; a copy begins only when the token to go on from is known, and is
// stored as done with its last document. What comes twice after a crash is what had
// been read and not yet acknowledged.
//
// Beyond Java's connector, an outage of MongoDB is waited out, and after an invalidate
// event the stream goes on behind that event instead of at the present.
package changestream

import (
	"context"
	"maps"

	"culvert/configdef"
	"culvert/connectors"
)

// Class is the Java class that users configure.
const Class = "com.mongodb.kafka.connect.MongoSourceConnector"

// version is the connector's whose behaviour this is.
const version = "2.0.1"

// Plugin describes the connector.
func Plugin() connectors.Plugin {
	return connectors.Plugin{
		Class:     Class,
		Aliases:   []string{"MongoSourceConnector", "MongoSource", managedClass},
		Version:   version,
		TaskClass: "com.mongodb.kafka.connect.source.MongoSourceTask",
		Kind:      connectors.SourceKind,
		Spec:      func() []configdef.Spec { return definition.Specs() },
		Managed:   &managed,
		Check:     check,
		Dial:      dial,
		Tasks:     tasks,
		// AllOffsets is false, as the class has no alterOffsets.
		CheckOffsets: checkOffsets,
		Source: func(ctx context.Context, env connectors.Env, task map[string]string) (connectors.Source, error) {
			return Open(ctx, env, task)
		},
	}
}

// tasks is one task, as in Java: a change stream has one reader.
func tasks(props map[string]string, _ int) ([]map[string]string, error) {
	return []map[string]string{maps.Clone(props)}, nil
}

func check(_ context.Context, props map[string]string) *configdef.Report {
	_, r := definition.Parse(props)
	return r
}

func dial(ctx context.Context, props map[string]string, r *configdef.Report) string {
	s, _ := definition.Parse(props)
	return s.Check(ctx, []string{"changeStream", "find"}, s.Database, s.Collection, "read", r)
}
