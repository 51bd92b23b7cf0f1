// Package mongodb is the MongoDB sink: com.mongodb.kafka.connect.MongoSinkConnector.
//
// The way of a batch: every record becomes a write model whose documents are
// finished BSON (record.go, processor.go, idstrategy.go, writemodel.go); the models
// of one topic and namespace form a bulk write (batch.go), which is sent as
// commands that the sink builds itself (bulk.go); the answers decide what is done,
// what failed and what comes again (answer.go, errors.go).
//
// Promises beyond Java's connector: an outage is waited out and the batch is taken
// up where it stopped; after an error in an ordered bulk write the rest is written,
// not given up; an error that says nothing about a record never costs a record.
package mongodb

import (
	"context"
	"errors"
	"maps"

	"culvert/configdef"
	"culvert/connectors"
)

// Class is the Java class that users configure.
const Class = "com.mongodb.kafka.connect.MongoSinkConnector"

// version is the connector's whose behaviour this is.
const version = "2.0.1"

// Plugin describes the connector.
func Plugin() connectors.Plugin {
	return connectors.Plugin{
		Class:       Class,
		Aliases:     []string{"MongoSinkConnector", "MongoSink", "MongoDbAtlasSink"},
		Version:     version,
		TaskClass:   "com.mongodb.kafka.connect.sink.MongoSinkTask",
		Kind:        connectors.SinkKind,
		Spec:        func() []configdef.Spec { return definition.Specs() },
		Managed:     &managed,
		Check:       check,
		Dial:        dial,
		Tasks:       tasks,
		KeptOffsets: keptOffsets,
		Sink: func(_ context.Context, env connectors.Env, task map[string]string) (connectors.Sink, error) {
			s, err := Open(env, task)
			if err != nil {
				return nil, err
			}
			if srv, ok := s.server.(*driverServer); ok && s.cfg.keepsOffsets() {
				k, err := newKeeper(s, srv, env.Group)
				if err != nil {
					return nil, errors.Join(err, s.Close(context.Background()))
				}
				return k, nil
			}
			return s, nil
		},
	}
}

// tasks gives every task the whole configuration.
func tasks(props map[string]string, max int) ([]map[string]string, error) {
	list := make([]map[string]string, max)
	for i := range list {
		list[i] = maps.Clone(props)
	}
	return list, nil
}

// Open makes the sink of a task. It does not wait for MongoDB: the first Write does.
func Open(env connectors.Env, task map[string]string) (*Sink, error) {
	cfg, err := newConfig(task)
	if err != nil {
		return nil, err
	}
	srv, err := connect(&cfg.settings)
	if err != nil {
		return nil, err
	}
	return newSink(cfg, env, srv), nil
}
