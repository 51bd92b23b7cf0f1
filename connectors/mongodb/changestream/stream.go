package changestream

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/connectors"
	"culvert/connectors/mongodb"
	"culvert/fault"
)

const connectException = "org.apache.kafka.connect.errors.ConnectException"

// openStream opens the change stream where the source goes on. It returns nil, without an
// error, where there is nothing to watch yet.
func (s *Source) openStream(ctx context.Context) (*cursor, error) {
	for {
		db, cmd, err := s.watch()
		if err != nil {
			return nil, err
		}
		c, err := open(ctx, s.client, db, cmd)
		if err == nil {
			s.work.answered(c)
			return c, nil
		}
		if s.token == nil || !s.anew(err) {
			return nil, s.refused(err)
		}
	}
}

// anew decides whether a position that the server does not take any more is given up:
// after an invalidation always, else by errors.tolerance (tryCreateCursor).
func (s *Source) anew(err error) bool {
	if codeOf(err) != codeInvalidToken && (!s.cfg.tolerant() || !positionLost(err)) {
		return false
	}
	s.log.Error("the position is lost, the change stream begins anew: changes since then may be missing", "code", codeOf(err), "error", messageOf(err))
	s.token = nil
	return true
}

// refused says what it means that no change stream could be opened.
func (s *Source) refused(err error) error {
	switch code := codeOf(err); {
	case code == codeNamespaceNotFound:
		return nil
	case code == codeIllegalOperation:
		return fault.New(fault.Fatal, "mongo.change_stream", "Illegal $changeStream operation: %s", messageOf(err)).WithJava(connectException).
			WithFix("Not every stage may stand in the pipeline of a change stream; correct the key pipeline.")
	case code == codeUnknownField:
		return fault.New(fault.Fatal, "mongo.change_stream", "Invalid operation: %s %d. It is likely that you are trying to use functionality unsupported by your version of MongoDB.",
			messageOf(err), code).WithJava(connectException)
	case s.token != nil && positionLost(err):
		return s.lost(fault.Because(err, "ResumeToken not found. Cannot create a change stream cursor: %s", messageOf(err)))
	}
	return s.class(err)
}

// lost is the end of a task that cannot go on where it was.
func (s *Source) lost(err error) error {
	return &fault.Error{Class: fault.Fatal, Code: "mongo.position_lost", Java: connectException, Err: err,
		Fix: "Changes since the stored position are gone from the server's log. To go on from now, set errors.tolerance=all or a new offset.partition.name, or stop the " +
			"connector and delete its offsets; with startup.mode=copy_existing all documents are written again."}
}

// class says what a failed command means here.
func (s *Source) class(err error) error {
	if resumable(err) {
		return &fault.Error{Class: fault.Retry, Code: "mongo.unavailable", Err: err}
	}
	f := s.client.Fault(err)
	if f.Class == fault.Fatal && f.Fix == "" && codeOf(err) != 0 {
		return f.WithFix("Change streams need a replica set or a sharded cluster, and a user who may find and changeStream.")
	}
	return f
}

// next reads the next batch of the stream. A cursor that fails is given up: what the
// server answered, and nobody got, would be missing; the next one begins behind the
// last event that was taken.
func (s *Source) next(ctx context.Context) error {
	c := s.stream
	if c.id == 0 {
		s.log.Info("the server has closed the change stream; it is opened again")
		s.stream = nil
		return nil
	}
	err := c.fetch(ctx, s.cfg.await(), s.cfg.BatchSize)
	if err == nil {
		s.work.answered(c)
		s.drained()
		return nil
	}
	s.stream = nil
	c.close(ctx)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case positionLost(err) && s.anew(err):
		return nil
	case positionLost(err):
		return s.lost(fault.Because(err, "An exception occurred when trying to get the next item from the Change Stream: %s", messageOf(err)))
	}
	return s.class(err)
}

// drained notes the position of a stream whose events have all been taken.
func (s *Source) drained() {
	if c := s.stream; len(c.batch) == 0 {
		if c.token != nil {
			s.token = c.token
		} else if s.token == nil && c.time.T != 0 {
			s.since = c.time
		}
	}
}

// watch makes the command that opens the stream.
func (s *Source) watch() (db string, cmd bson.D, err error) {
	var stage bson.D
	add := func(name string, value any) { stage = append(stage, bson.E{Key: name, Value: value}) }
	if f := s.cfg.fullDocument(); f != "" {
		add("fullDocument", f)
	}
	if f := s.cfg.BeforeChange; f != "" {
		add("fullDocumentBeforeChange", f)
	}
	if s.cfg.ExpandedEvents {
		add("showExpandedEvents", true)
	}
	switch {
	case s.token != nil:
		add("startAfter", s.token)
	case s.since.T != 0 || s.since.I != 0 || s.fromStart:
		add("startAtOperationTime", s.since)
	}
	db = s.cfg.Database
	var target any = 1
	switch {
	case db == "":
		db = "admin"
		add("allChangesForCluster", true)
	case s.cfg.Collection != "":
		target = s.cfg.Collection
	}
	own, err := stages(s.cfg.Pipeline)
	if err != nil {
		return "", nil, err
	}
	if stage == nil {
		stage = bson.D{}
	}
	cursorOptions := bson.D{}
	if s.cfg.BatchSize > 0 {
		cursorOptions = bson.D{{Key: "batchSize", Value: s.cfg.BatchSize}}
	}
	cmd = bson.D{{Key: "aggregate", Value: target}, {Key: "pipeline", Value: append(bson.A{bson.D{{Key: "$changeStream", Value: stage}}}, own...)},
		{Key: "cursor", Value: cursorOptions}}
	if s.cfg.Collation != "" {
		doc, err := mongodb.Document(s.cfg.Collation)
		if err != nil {
			return "", nil, err
		}
		cmd = append(cmd, bson.E{Key: "collation", Value: doc})
	}
	return db, cmd, nil
}

// Back-off while the server is away.
const (
	firstWait = 50 * time.Millisecond
	lastWait  = 10 * time.Second
)

// waitOut waits before the next attempt; the status says since when and why.
func (s *Source) waitOut(ctx context.Context, err error) error {
	if s.attempts == 0 {
		s.log.Warn("waiting for MongoDB", "error", err)
	}
	if s.env.Waiting != nil {
		s.env.Waiting(fault.Explain(err))
	}
	d := min(firstWait<<min(s.attempts, 10), lastWait)
	s.attempts++
	return connectors.Wait(ctx, d)
}

// answered ends a time of waiting.
func (s *Source) answered() {
	if s.attempts == 0 {
		return
	}
	s.attempts = 0
	s.log.Info("MongoDB answers again")
	if s.env.Waiting != nil {
		s.env.Waiting("")
	}
}

var errNoID = errors.New("Document does not contain key _id")
