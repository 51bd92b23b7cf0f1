package mongodb

import (
	"time"

	"culvert/connectors"
	"culvert/data"
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

// wrote counts an attempt of a bulk write. A record counts as refused when it is given
// up, not when an outage makes it wait; Java counts the whole bulk write each time.
func (w *work) wrote(models []model, took time.Duration, err error) {
	bad := int64(0)
	for i := range models {
		if models[i].state == failed {
			bad++
		}
	}
	if err == nil {
		w.Written += int64(len(models)) - bad
		w.Refused += bad
	}
	if err == nil && bad == 0 {
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
