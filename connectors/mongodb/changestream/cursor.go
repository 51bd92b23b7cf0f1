package changestream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"culvert/connectors/mongodb"
)

// The server's codes that mean something to a change stream (StartedMongoSourceTask).
const (
	codeIllegalOperation  = 20
	codeNamespaceNotFound = 26
	codeCursorNotFound    = 43
	codeCursorKilled      = 237
	codeInvalidToken      = 260
	codeStreamFatal       = 280
	codeHistoryLost       = 286
	codeTooLarge          = 10334
	codeUnknownField      = 40415
)

// networkLimit is how much longer than it was asked to wait an answer may take.
const networkLimit = 30 * time.Second

// cursor reads the answer to a command batch by batch. It holds one batch.
type cursor struct {
	client   *mongodb.Client
	db, coll string // where the server keeps it
	id       int64  // 0: it has no more
	pin      mongodb.Pin
	batch    []bson.Raw // read, not yet taken
	// token is the position behind the batch (postBatchResumeToken), and time that of
	// the answer; nil and zero where the server does not say.
	token bson.Raw
	time  bson.Timestamp
}

// open runs a command that answers with a cursor.
func open(ctx context.Context, client *mongodb.Client, db string, cmd bson.D) (*cursor, error) {
	c := &cursor{client: client, db: db}
	reply, err := client.Run(ctx, db, cmd, &c.pin)
	if err != nil {
		return nil, err
	}
	return c, c.read(reply, "firstBatch")
}

// fetch reads the next batch; it may be empty. Await bounds how long the server waits
// for something; 0: it does not wait.
func (c *cursor) fetch(ctx context.Context, await time.Duration, size int) error {
	cmd := bson.D{{Key: "getMore", Value: c.id}, {Key: "collection", Value: c.coll}}
	if size > 0 {
		cmd = append(cmd, bson.E{Key: "batchSize", Value: size})
	}
	if await > 0 {
		cmd = append(cmd, bson.E{Key: "maxTimeMS", Value: await.Milliseconds()})
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, await+networkLimit)
		defer cancel()
	}
	reply, err := c.client.Run(ctx, c.db, cmd, &c.pin)
	if err != nil {
		return err
	}
	return c.read(reply, "nextBatch")
}

func (c *cursor) read(reply bson.Raw, batch string) error {
	if err := reply.Validate(); err != nil {
		return fmt.Errorf("the answer of MongoDB is no BSON: %w", err)
	}
	doc, ok := field(reply, "cursor").DocumentOK()
	if !ok {
		return errors.New("the answer of MongoDB has no cursor")
	}
	c.id, _ = field(doc, "id").AsInt64OK()
	if ns, ok := field(doc, "ns").StringValueOK(); ok && c.coll == "" {
		if db, coll, ok := strings.Cut(ns, "."); ok {
			c.db, c.coll = db, coll
		}
	}
	c.batch = c.batch[:0]
	for _, v := range fields(field(doc, batch).Value) {
		if d, ok := v.DocumentOK(); ok {
			c.batch = append(c.batch, d)
		}
	}
	if t, ok := field(doc, "postBatchResumeToken").DocumentOK(); ok {
		c.token = t
	}
	if t, i, ok := field(reply, "operationTime").TimestampOK(); ok {
		c.time = bson.Timestamp{T: t, I: i}
	}
	return nil
}

// take gives the next document of the batch; the batch forgets it.
func (c *cursor) take() bson.Raw {
	doc := c.batch[0]
	c.batch[0] = nil
	c.batch = c.batch[1:]
	return doc
}

// close gives the cursor back to the server.
func (c *cursor) close(ctx context.Context) {
	if c.id == 0 {
		return
	}
	c.client.Quit(ctx, c.db, bson.D{{Key: "killCursors", Value: c.coll}, {Key: "cursors", Value: bson.A{c.id}}}, &c.pin)
	c.id = 0
}

// codeOf is the server's code of an error, 0 if the server did not say it.
func codeOf(err error) int {
	var ce mongo.CommandError
	if errors.As(err, &ce) {
		return int(ce.Code)
	}
	return 0
}

// messageOf is the server's message.
func messageOf(err error) string {
	var ce mongo.CommandError
	if errors.As(err, &ce) {
		return ce.Message
	}
	return err.Error()
}

// positionLost reports whether the server cannot go on at the position that it was
// given, now or ever (changeStreamNotValid).
func positionLost(err error) bool {
	code := codeOf(err)
	if code == 0 {
		return false
	}
	if slices.Contains([]int{codeInvalidToken, codeStreamFatal, codeHistoryLost, codeTooLarge}, code) {
		return true
	}
	text := strings.ToLower(messageOf(err))
	has := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(text, p) })
	}
	return has("resume token", "resume point") && has("not found", "does not exist", "invalid resume token", "no longer be in the oplog")
}

// resumable reports whether the cursor is gone and a new one takes its place.
func resumable(err error) bool {
	code := codeOf(err)
	var l mongo.LabeledError
	return code == codeCursorNotFound || code == codeCursorKilled || errors.As(err, &l) && l.HasErrorLabel("ResumableChangeStreamError")
}
