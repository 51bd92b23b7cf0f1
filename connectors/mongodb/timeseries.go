package mongodb

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/connectors/mongodb/datetime"
	"culvert/fault"
)

// isTimeSeries reports whether the topic is written to a time series collection.
func (t *topicConfig) isTimeSeries() bool { return strings.TrimSpace(t.TimeField) != "" }

// timeConverter is TimeseriesTimeFieldAutoConversion: numbers and texts in the time
// field become dates. What is no time stays as it is.
type timeConverter struct {
	field  string
	format *datetime.Format
}

func newTimeConverter(t *topicConfig) (processor, error) {
	f, err := datetime.New(t.TimeFormat, t.TimeLanguage)
	if err != nil {
		return nil, &classError{keyTimeFormat, t.TimeFormat, err.Error()}
	}
	return &timeConverter{t.TimeField, f}, nil
}

func (p *timeConverter) process(d *document) error {
	doc, ok, err := d.valueDoc()
	if err != nil || !ok {
		return err
	}
	f, ok := find(doc, p.field)
	if !ok {
		return nil
	}
	ms, ok := p.millis(value{f.kind, doc[f.value:f.end]})
	if !ok {
		return nil
	}
	v := value{typeDate, d.scratch(binary.LittleEndian.AppendUint64(nil, uint64(ms)))}
	d.changeValue(func(dst, doc []byte) []byte { return withField(dst, doc, p.field, v) })
	return nil
}

// millis is the time that a value stands for: BsonNumber.longValue, or what the
// pattern makes of a text. A decimal is no number for BsonValue.asNumber.
func (p *timeConverter) millis(v value) (int64, bool) {
	switch v.kind {
	case typeInt32:
		return int64(int32(binary.LittleEndian.Uint32(v.data))), true
	case typeInt64:
		return int64(binary.LittleEndian.Uint64(v.data)), true
	case typeDouble:
		return javaLong(math.Float64frombits(binary.LittleEndian.Uint64(v.data))), true
	case typeString:
		return p.format.Parse(v.text())
	}
	return 0, false
}

// javaLong is Java's cast of a double to long.
func javaLong(f float64) int64 {
	switch {
	case math.IsNaN(f):
		return 0
	case f >= math.MaxInt64:
		return math.MaxInt64
	case f <= math.MinInt64:
		return math.MinInt64
	}
	return int64(f)
}

// prepare makes sure that the namespace of a time series is one, once.
func (s *Sink) prepare(ctx context.Context, c *chunk) error {
	if !c.topic.isTimeSeries() || s.series[c.ns] {
		return nil
	}
	if err := ensureSeries(ctx, s.server, c.ns, &c.topic.settings); err != nil {
		if ctx.Err() != nil {
			return fault.New(fault.Retry, "mongo.interrupted", "creating %s was interrupted: %w", c.ns, context.Cause(ctx))
		}
		if f := fault.Of(err); f != nil { // no answer of the server
			return err
		}
		if f := classify(err, s.hosts); f.Class == fault.Retry {
			return f
		}
		return &fault.Error{Class: fault.Fatal, Code: codeSeries, Java: "org.apache.kafka.common.config.ConfigException", Field: keyTimeField,
			Err: errors.New(seriesText(err, c.ns))}
	}
	if s.series == nil {
		s.series = map[namespace]bool{}
	}
	s.series[c.ns] = true
	return nil
}

const codeSeries = "mongo.timeseries"

// Codes of the server: the collection is not there, or is there already, and the user
// may not.
const (
	codeNoNamespace  = 26
	codeHasNamespace = 48
	codeUnauthorized = 13
)

// commander runs a command: a sink's server, or the client of a validation.
type commander interface {
	command(ctx context.Context, db string, cmd bson.D) (bson.Raw, error)
}

// ensureSeries is TimeseriesValidation.validateCollection: it creates the time series
// collection where there is none. Two tasks may do so at once.
func ensureSeries(ctx context.Context, srv commander, ns namespace, t *settings) error {
	series, there, err := isSeries(ctx, srv, ns)
	switch {
	case err != nil || series:
		return err
	case there:
		return notSeries(ns)
	}
	_, err = srv.command(ctx, ns.db, createSeries(ns, t))
	if slices.Contains(errorCodes(err), codeHasNamespace) {
		if series, _, again := isSeries(ctx, srv, ns); again == nil && series {
			return nil
		}
		return notSeries(ns)
	}
	return err
}

// isSeries asks collStats: a time series says so, another collection has an index.
func isSeries(ctx context.Context, srv commander, ns namespace) (series, there bool, err error) {
	stats, err := srv.command(ctx, ns.db, bson.D{{Key: "collStats", Value: ns.coll}})
	if slices.Contains(errorCodes(err), codeNoNamespace) {
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	if _, err := stats.LookupErr("timeseries"); err == nil {
		return true, true, nil
	}
	n, _ := stats.Lookup("nindexes").AsInt64OK()
	return false, n > 0, nil
}

// createSeries is the command; the granularity is in lower case there.
func createSeries(ns namespace, t *settings) bson.D {
	series := bson.D{{Key: "timeField", Value: strings.TrimSpace(t.TimeField)}}
	if f := strings.TrimSpace(t.MetaField); f != "" {
		series = append(series, bson.E{Key: "metaField", Value: f})
	}
	if g := strings.TrimSpace(t.Granularity); g != "" {
		series = append(series, bson.E{Key: "granularity", Value: strings.ToLower(g)})
	}
	cmd := bson.D{{Key: "create", Value: ns.coll}, {Key: "timeseries", Value: series}}
	if t.ExpireAfter > 0 {
		cmd = append(cmd, bson.E{Key: "expireAfterSeconds", Value: t.ExpireAfter})
	}
	return cmd
}

func notSeries(ns namespace) error {
	return fault.New(fault.Fatal, codeSeries, "A collection already exists for: `%s` that is not a timeseries collection.", ns).
		WithJava("org.apache.kafka.common.config.ConfigException").WithField(keyTimeField)
}

// seriesText words what the server answered.
func seriesText(err error, ns namespace) string {
	if slices.Contains(errorCodes(err), codeUnauthorized) {
		return fmt.Sprintf("Failed to create collection for: `%s`. Unauthorized, user does not have the correct permissions to check for and create the collection. %s",
			ns, err)
	}
	return fmt.Sprintf("Failed to create collection for: `%s`. %s", ns, err)
}
