package task

import (
	"context"
	"time"

	"culvert/converters"
	"culvert/data"
	"culvert/fault"
)

// encoder turns records into messages. What it makes shares one buffer, which
// lives as long as the messages.
type encoder struct {
	codecs *codecs
	retry  *retrier
	policy *policy
}

// encode appends one message for each record of b to msgs, and their bytes to
// buf. A record that cannot be encoded is marked with b.Fail; its message must not
// be sent.
func (e *encoder) encode(ctx context.Context, b *data.Batch, msgs []data.Message, buf []byte) ([]data.Message, []byte, error) {
	for i := range b.Records {
		r := &b.Records[i]
		cd := e.codecs.of(r.Topic)
		m := data.Message{Topic: r.Topic, Partition: r.Partition, Offset: -1, Timestamp: r.Timestamp}
		var err error
		if m.Headers, buf, err = e.headers(ctx, b, i, cd, buf); err != nil {
			return msgs, buf, err
		}
		if m.Key, buf, err = e.cell(ctx, b, i, &r.Key, cd.key, data.StageKeyConverter, buf); err != nil {
			return msgs, buf, err
		}
		if m.Value, buf, err = e.cell(ctx, b, i, &r.Value, cd.value, data.StageValueConverter, buf); err != nil {
			return msgs, buf, err
		}
		msgs = append(msgs, m)
	}
	return msgs, buf, nil
}

// cell encodes one key, value or header value at the end of buf. The error is
// for what stops the task; a bad value is marked in b.
//
// When buf has to grow, earlier results keep the old array: they stay valid.
func (e *encoder) cell(ctx context.Context, b *data.Batch, i int, c *data.Cell, conv converters.Converter, stage data.Stage, buf []byte) ([]byte, []byte, error) {
	if raw, from, ok := c.Wire(); ok && from == data.Decoder(conv) {
		return raw, buf, nil // nobody has looked at it, and it goes out as it came
	}
	start := len(buf)
	if buf == nil {
		buf = make([]byte, 0, 4<<10) // not nil, or an empty string would look like a tombstone
	}
	attempt := func() ([]byte, error) {
		v, s, err := c.Value(b.Arena)
		if err != nil {
			return nil, err
		}
		return conv.Encode(buf, v, s)
	}
	out, err := attempt()
	if fault.Is(err, fault.Retry) {
		begun := time.Now()
		var last error
		stop := e.retry.again(ctx, stage.String(), err, func() error {
			if fault.Is(c.Err(), fault.Retry) {
				c.Forget()
			}
			e.policy.stats.AttemptFailed() // the one before
			if out, last = attempt(); e.policy.overdue(begun) {
				return nil
			}
			return last
		})
		if ended(ctx, stop) {
			return nil, buf, stop
		}
		err = last
	}
	switch {
	case err != nil:
		b.Fail(i, stage, err)
		return nil, buf, nil
	case out == nil:
		return nil, buf, nil
	}
	return out[start:len(out):len(out)], out, nil
}

func (e *encoder) headers(ctx context.Context, b *data.Batch, i int, cd *codec, buf []byte) ([]data.RawHeader, []byte, error) {
	hs := b.Records[i].Headers
	if len(hs) == 0 {
		return nil, buf, nil
	}
	raw := make([]data.RawHeader, len(hs))
	for k := range hs {
		var err error
		raw[k].Key = hs[k].Key
		if raw[k].Value, buf, err = e.cell(ctx, b, i, &hs[k].Value, cd.header, data.StageHeaderConverter, buf); err != nil {
			return nil, buf, err
		}
	}
	return raw, buf, nil
}
