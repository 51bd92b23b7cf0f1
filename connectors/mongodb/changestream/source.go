package changestream

import (
	"context"
	"log/slog"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/connectors"
	"culvert/connectors/mongodb"
	"culvert/connectors/mongodb/extjson"
	"culvert/data"
	"culvert/fault"
)

// Source reads the change stream of one connector.
type Source struct {
	cfg       *settings
	env       connectors.Env
	log       *slog.Logger
	client    *mongodb.Client
	mapper    *mapper
	key       output
	value     output
	partition data.Value

	token     bson.Raw       // the stream goes on behind it; nil: it begins
	since     bson.Timestamp // where it begins; zero: now
	fromStart bool           // since was given, it may be zero
	stream    *cursor        // nil: to be opened

	toCopy   bool    // existing data comes first
	copy     *copier // nil: not begun
	cached   *cursor // an event that came when the copy's position was asked for
	attempts int     // failed ones in a row

	work     work
	beat     time.Time // of the last heartbeat
	lastBeat string    // its token
}

var _ connectors.Source = (*Source)(nil)

// Open makes the source of a task and reads its stored position. It does not wait for
// MongoDB: the first Read does.
func Open(ctx context.Context, env connectors.Env, task map[string]string) (*Source, error) {
	cfg, err := parse(task)
	if err != nil {
		return nil, err
	}
	s := &Source{cfg: cfg, env: env, log: env.Log}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.mapper, err = newMapper(cfg); err == nil {
		s.key, s.value, err = newOutputs(cfg)
	}
	if err != nil {
		return nil, fault.New(fault.Config, "mongo.config", "%w", err).WithJava("org.apache.kafka.common.config.ConfigException")
	}
	s.partition = partitionOf(cfg)
	at, err := load(ctx, env.Offsets, s.partition)
	if err != nil {
		return nil, err
	}
	s.token = at.token
	s.toCopy = cfg.mode() == modeCopy && (!at.any || at.copying)
	if cfg.mode() == modeTimestamp && cfg.StartAt != "" {
		if s.since, err = parseTimestamp(cfg.StartAt); err != nil {
			return nil, err
		}
		s.fromStart = true
	}
	s.work.tell = env.Polled
	if s.client, err = cfg.Open(); err != nil {
		return nil, err
	}
	s.client.Ran = s.work.ran
	return s, nil
}

// Read waits for events and makes records of a batch of them. An outage of MongoDB is
// waited out here: a stream may be silent for long, and the status must not call that
// waiting.
func (s *Source) Read(ctx context.Context, b *data.Batch) error {
	s.work.begin()
	for {
		begun := time.Now()
		err := s.step(ctx, b)
		s.work.stepped(begun)
		if err == nil || len(b.Records) > 0 {
			s.answered()
		}
		switch {
		case len(b.Records) > 0:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
		case fault.Is(err, fault.Retry):
			if err := s.waitOut(ctx, err); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

// step does one thing that brings the source on. It fails only with an empty batch.
func (s *Source) step(ctx context.Context, b *data.Batch) error {
	switch {
	case s.toCopy && s.copy == nil:
		return s.beginCopy(ctx)
	case s.toCopy:
		return s.copyBatch(ctx, b)
	case s.stream == nil:
		c, err := s.openStream(ctx)
		if err != nil {
			return err
		}
		if c == nil {
			return connectors.Wait(ctx, s.cfg.await()) // nothing to watch yet
		}
		s.stream = c
		s.drained()
	case len(s.stream.batch) == 0:
		if err := s.next(ctx); err != nil {
			return err
		}
	}
	if s.stream != nil {
		if err := s.streamBatch(b); err != nil {
			return err
		}
		if len(b.Records) == 0 && len(s.stream.batch) == 0 {
			s.heartbeat(b)
		}
	}
	return nil
}

// streamBatch makes records of the events at hand. An event that fails the task is
// reported when those before it have gone.
func (s *Source) streamBatch(b *data.Batch) error {
	now := time.Now().UnixMilli()
	for n := 0; len(s.stream.batch) > 0 && n < s.cfg.PollMaxBatch; n++ {
		id, err := s.record(b, s.stream.batch[0], now)
		if err != nil {
			if len(b.Records) > 0 {
				break
			}
			return err
		}
		s.stream.take()
		s.token = id
	}
	if len(b.Records) > 0 {
		b.Mark(s.partition, offset(tokenText(s.token), ""))
	}
	s.drained()
	return nil
}

// record appends what an event becomes, which may be nothing. It returns the event's id.
func (s *Source) record(b *data.Batch, event bson.Raw, now int64) (bson.Raw, error) {
	id, ok := field(event, "_id").DocumentOK()
	if !ok {
		return nil, fault.New(fault.Fatal, "mongo.source_data", "%w", errNoID).WithJava("org.bson.BsonInvalidOperationException").
			WithFix("The pipeline must leave the _id of an event as it is: it is the position.")
	}
	topic := s.mapper.topic(event)
	if topic == "" {
		s.log.Warn("an event has no namespace, and so no topic", "operation", field(event, "operationType").String())
		return id, nil
	}
	value, tombstone := event, false
	if s.cfg.FullDocumentOnly {
		full := field(event, "fullDocument")
		value, ok = full.DocumentOK()
		tombstone = s.cfg.TombstoneOnDelete && full.Type == 0
		if !ok && !tombstone {
			return id, nil
		}
	}
	if !tombstone {
		s.work.read(value)
	}
	key := event
	if s.cfg.KeyFormat != "schema" {
		key = s.keyOf(event, id)
	}
	return id, s.append(b, topic, key, value, tombstone, now)
}

// keyOf is the document that the key is made of.
func (s *Source) keyOf(event, id bson.Raw) bson.Raw {
	if s.cfg.DocumentKeyAsKey {
		if key, ok := field(event, "documentKey").DocumentOK(); ok {
			return key
		}
	}
	doc, err := bson.Marshal(bson.D{{Key: "_id", Value: id}})
	if err != nil {
		return id // a valid document always encodes
	}
	return doc
}

// append adds a record, or what errors.tolerance puts in its place.
func (s *Source) append(b *data.Batch, topic string, key, value bson.Raw, tombstone bool, now int64) error {
	k, err := s.key(key, b.Arena)
	v := data.ValueCell(data.Value{}, nil)
	if err == nil && !tombstone {
		v, err = s.value(value, b.Arena)
	}
	if err != nil {
		return s.failed(b, err, key, value, now)
	}
	add(b, topic, k, v, now)
	return nil
}

func add(b *data.Batch, topic string, key, value data.Cell, now int64) {
	r := b.Append()
	r.Topic, r.Key, r.Value, r.Timestamp = topic, key, value, now
}

// shown bounds a document in an error.
const shown = 4096

// failed is an event that cannot become a record.
func (s *Source) failed(b *data.Batch, err error, key, value bson.Raw, now int64) error {
	short := func(doc bson.Raw) string {
		if text := string(extjson.AppendDocument(nil, doc, extjson.Relaxed)); len(text) <= shown {
			return text
		} else {
			return text[:shown] + "…"
		}
	}
	f := fault.New(fault.Fatal, "mongo.source_data", "%w", fault.Because(err, "%s : Exception creating Source record for: Key=%s Value=%s", err, short(key), short(value))).
		WithJava("org.apache.kafka.connect.errors.DataException").
		WithFix("Correct output.schema.key or output.schema.value, or set errors.tolerance=all to leave such events out (errors.deadletterqueue.topic.name keeps them).")
	if s.cfg.logs() {
		s.log.Error("an event cannot become a record", "error", f.Err)
	}
	if !s.cfg.tolerant() {
		return f
	}
	if topic := s.cfg.Dead.value(); topic != "" {
		add(b, topic, jsonCell(key, extjson.Relaxed, b.Arena), jsonCell(value, extjson.Relaxed, b.Arena), now)
	}
	return nil
}

// heartbeat appends a record that carries the position of a silent stream
// (HeartbeatManager).
func (s *Source) heartbeat(b *data.Batch) {
	now := time.Now()
	if s.cfg.HeartbeatMS <= 0 || now.Sub(s.beat) <= time.Duration(s.cfg.HeartbeatMS)*time.Millisecond {
		return
	}
	s.beat = now
	if s.stream.token == nil {
		return
	}
	token := tokenText(s.stream.token)
	if token == s.lastBeat {
		return
	}
	s.lastBeat = token
	add(b, s.cfg.HeartbeatTopic, data.ValueCell(data.OfString(token), stringSchema), data.ValueCell(data.Value{}, heartbeatValue), now.UnixMilli())
	b.Mark(s.partition, offset(token, offsetHeartbeat))
}

// Close gives the cursors back and ends the client. It may be called twice.
func (s *Source) Close(ctx context.Context) error {
	if s.copy != nil {
		s.copy.stop()
	}
	if s.stream != nil {
		s.stream.close(ctx)
		s.stream = nil
	}
	return s.client.Close(ctx)
}
