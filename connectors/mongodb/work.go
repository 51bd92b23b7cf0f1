package mongodb

import (
	"time"

	"culvert/connectors"
	"culvert/data"
	"culvert/fault"
)

// work measures a call of Write as Java's StartedMongoSinkTask measures put.
type work struct {
	connectors.SinkWork
	begun, ended time.Time // of this call, of the one before
}

func (w *work) begin(b *data.Batch) {
	w.begun = time.Now()
	w.SinkWork = connectors.SinkWork{Records: int64(len(b.Records))}
	if !w.ended.IsZero() {
		w.Framework.Add(w.begun.Sub(w.ended))
	}
	newest := int64(data.NoTimestamp)
	for i := range b.Records {
		newest = max(newest, b.Records[i].Timestamp)
	}
	if newest != data.NoTimestamp {
		w.AgeMillis, w.HasAge = w.begun.UnixMilli()-newest, true
	}
}

// wrote counts an attempt of a bulk write. A record is refused when it is given up, by
// itself or with the task, not while an outage makes it wait. Java's records-failed
// takes all records of a bulk write of which one failed, those that were written too.
func (w *work) wrote(models []model, took time.Duration, err error) {
	waits := fault.Is(err, fault.Retry)
	whole := err == nil
	for i := range models {
		switch state := models[i].state; {
		case waits: // the records come again
		case state == done, state == skipped:
			w.Written++
		default:
			w.Refused++
			whole = false
		}
	}
	if whole {
		w.GoodWrites.Add(took)
	} else {
		w.BadWrites.Add(took)
	}
}

func (w *work) end() *connectors.SinkWork {
	w.ended = time.Now()
	w.Put.Add(w.ended.Sub(w.begun))
	return &w.SinkWork
}
