// Package file holds Kafka's file connectors: a source that reads the lines of a
// file as they are added, and a sink that appends one line for each record.
package file

import (
	"context"
	"maps"

	"culvert/configdef"
	"culvert/connectors"
	"culvert/data"
	"culvert/fault"
)

// Classes that users configure.
const (
	SourceClass = "org.apache.kafka.connect.file.FileStreamSourceConnector"
	SinkClass   = "org.apache.kafka.connect.file.FileStreamSinkConnector"
)

const (
	keyFile  = "file"
	keyTopic = "topic"
	keyBatch = "batch.size"
)

type sourceConfig struct {
	File, Topic string
	Batch       int
}

type sinkConfig struct{ File string }

var sourceDef = &configdef.Def[sourceConfig]{Keys: []configdef.Key[sourceConfig]{
	{Spec: configdef.Spec{Name: keyFile, Type: configdef.String, Importance: configdef.High, Ungrouped: true,
		Doc: "The file to read. Without it the standard input is read."},
		Into: configdef.Str(func(c *sourceConfig) *string { return &c.File })},
	{Spec: configdef.Spec{Name: keyTopic, Type: configdef.String, Importance: configdef.High, Required: true, Ungrouped: true,
		Check: configdef.NonEmpty, Doc: "The topic to write the lines to."},
		Into: configdef.Str(func(c *sourceConfig) *string { return &c.Topic })},
	{Spec: configdef.Spec{Name: keyBatch, Type: configdef.Int, Importance: configdef.Low, Default: configdef.Default("2000"), Ungrouped: true,
		Doc: "The most lines that are read at once."},
		Into: configdef.Num(func(c *sourceConfig) *int { return &c.Batch })},
}}

var sinkDef = &configdef.Def[sinkConfig]{Keys: []configdef.Key[sinkConfig]{
	{Spec: configdef.Spec{Name: keyFile, Type: configdef.String, Importance: configdef.High, Ungrouped: true,
		Doc: "The file to append to. Without it the records go to the standard output."},
		Into: configdef.Str(func(c *sinkConfig) *string { return &c.File })},
}}

// SourcePlugin describes the source.
func SourcePlugin() connectors.Plugin {
	return connectors.Plugin{
		Class:     SourceClass,
		Aliases:   []string{"FileStreamSource", "FileStreamSourceConnector"},
		TaskClass: "org.apache.kafka.connect.file.FileStreamSourceTask",
		Kind:      connectors.SourceKind,
		Spec:      sourceDef.Specs,
		Check: func(_ context.Context, props map[string]string) *configdef.Report {
			_, r := sourceDef.Parse(props)
			return r
		},
		// A position in the standard input cannot be found again.
		ExactlyOnce: func(props map[string]string) bool { return props[keyFile] != "" },
		Tasks: func(props map[string]string, _ int) ([]map[string]string, error) {
			return []map[string]string{maps.Clone(props)}, nil
		},
		CheckOffsets: checkOffsets, AllOffsets: true,
		Source: func(ctx context.Context, env connectors.Env, task map[string]string) (connectors.Source, error) {
			cfg, r := sourceDef.Parse(task)
			if err := configError(r); err != nil {
				return nil, err
			}
			return openSource(ctx, env, cfg)
		},
	}
}

// SinkPlugin describes the sink.
func SinkPlugin() connectors.Plugin {
	return connectors.Plugin{
		Class:     SinkClass,
		Aliases:   []string{"FileStreamSink", "FileStreamSinkConnector"},
		TaskClass: "org.apache.kafka.connect.file.FileStreamSinkTask",
		Kind:      connectors.SinkKind,
		Spec:      sinkDef.Specs,
		Check: func(_ context.Context, props map[string]string) *configdef.Report {
			_, r := sinkDef.Parse(props)
			return r
		},
		AllOffsets: true,
		Tasks: func(props map[string]string, max int) ([]map[string]string, error) {
			all := make([]map[string]string, max)
			for i := range all {
				all[i] = maps.Clone(props)
			}
			return all, nil
		},
		Sink: func(_ context.Context, _ connectors.Env, task map[string]string) (connectors.Sink, error) {
			cfg, r := sinkDef.Parse(task)
			if err := configError(r); err != nil {
				return nil, err
			}
			return openSink(cfg.File)
		},
	}
}

func configError(r *configdef.Report) error {
	if errs := r.Errors(); len(errs) > 0 {
		return fault.New(fault.Config, "file.config", "%s", errs[0]).WithJava("org.apache.kafka.common.config.ConfigException")
	}
	return nil
}

// Fields of source partition and offset.
const (
	fieldFile     = "filename"
	fieldPosition = "position"
)

// checkOffsets is FileStreamSourceConnector.alterOffsets.
func checkOffsets(_ context.Context, props map[string]string, offsets []data.Mark) error {
	bad := func(format string, args ...any) error {
		return fault.New(fault.Config, "file.offsets", format, args...).WithJava("org.apache.kafka.connect.errors.ConnectException")
	}
	if props[keyFile] == "" {
		return bad("Offsets cannot be modified if the 'file' configuration is unspecified. " +
			"This is because stdin is used for input and offsets are not tracked.")
	}
	for _, m := range offsets {
		if !m.Next.IsNull() {
			pos, ok := m.Next.Lookup(fieldPosition)
			switch {
			case !ok:
				return bad("Offset objects should either be null or contain the key '%s'", fieldPosition)
			case !isInteger(pos):
				return bad("The value for the '%s' key in the offset is expected to be a Long value", fieldPosition)
			case pos.Int() < 0:
				return bad("The value for the '%s' key in the offset should be a non-negative value", fieldPosition)
			}
		}
		if m.Partition.IsNull() {
			return bad("Partition objects cannot be null")
		}
		if _, ok := m.Partition.Lookup(fieldFile); !ok {
			return bad("Partition objects should contain the key '%s'", fieldFile)
		}
	}
	return nil
}

func isInteger(v data.Value) bool {
	switch v.Kind() {
	case data.Int8, data.Int16, data.Int32, data.Int64:
		return true
	}
	return false
}
