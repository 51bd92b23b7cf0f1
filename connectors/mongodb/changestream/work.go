package changestream

import (
	"encoding/binary"
	"encoding/hex"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/connectors"
)

// work measures as Java's MongoSourceTask and StartedMongoSourceTask do. A step stands for
// a call of poll: both wait no longer than poll.await.time.ms.
type work struct {
	tell  func(*connectors.SourceWork)
	ended time.Time // of the Read before

	mu  sync.Mutex // guards sum, which a copy's goroutines add to
	sum connectors.SourceWork
}

// ran counts a command: mongoCommandSucceeded and mongoCommandFailed.
func (w *work) ran(command string, took time.Duration, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	good, bad := &w.sum.GoodInitial, &w.sum.BadInitial
	switch command {
	case "getMore":
		good, bad = &w.sum.GoodMore, &w.sum.BadMore
	case "aggregate", "find":
	default:
		return
	}
	if err != nil {
		good = bad
	}
	good.Add(took)
}

// read counts the bytes of what becomes a record.
func (w *work) read(doc bson.Raw) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sum.Bytes += int64(len(doc))
}

// answered takes how far the position of an answer is behind the server's time.
func (w *work) answered(c *cursor) {
	at, ok := timeOf(c.token)
	if !ok || c.time.T == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sum.LagSeconds, w.sum.HasLag = int64(c.time.T)-int64(at), true
}

// timeOf is the second that a resume token stands for: its text is in hexadecimal digits,
// and begins with the type of a timestamp (ResumeTokenUtils).
func timeOf(token bson.Raw) (uint32, bool) {
	text, ok := field(token, "_data").StringValueOK()
	if !ok || len(text) < 10 || text[:2] != "82" {
		return 0, false
	}
	raw, err := hex.DecodeString(text[2:10])
	if err != nil {
		return 0, false
	}
	return binary.BigEndian.Uint32(raw), true
}

// begin counts what was between two calls of Read.
func (w *work) begin() {
	if w.ended.IsZero() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sum.Framework.Add(time.Since(w.ended))
}

// stepped counts a step and tells of what was done.
func (w *work) stepped(begun time.Time) {
	w.ended = time.Now()
	w.mu.Lock()
	w.sum.Poll.Add(w.ended.Sub(begun))
	done := w.sum
	w.sum = connectors.SourceWork{}
	w.mu.Unlock()
	if w.tell != nil {
		w.tell(&done)
	}
}
