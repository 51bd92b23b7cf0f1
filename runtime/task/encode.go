package task

import (
	"context"
	"time"

	"culvert/converters"
	"culvert/data"
	"culvert/fault"
)

// encoder turns records into messages.
type encoder struct {
	codecs *codecs
	retry  *retrier
	policy *policy
}

// outgoing are the messages of a batch and the memory that they share.
type outgoing struct {
	msgs    []data.Message
	headers []data.RawHeader
	buf     []byte
}

// encode appends one message for each record of b to out. A record that cannot be
// encoded is marked with b.Fail; its message must not be sent.
//
// When memory of out has to grow, earlier messages keep the old: they stay valid.
func (e *encoder) encode(ctx context.Context, b *data.Batch, out *outgoing) error {
	for i := range b.Records {
		r := &b.Records[i]
		cd := e.codecs.of(r.Topic)
		m := data.Message{Topic: r.Topic, Partition: r.Partition, Offset: -1, Timestamp: r.Timestamp}
		var err error
		if m.Headers, err = e.headers(ctx, b, i, cd, out); err != nil {
			return err
		}
		if m.Key, err = e.cell(ctx, b, i, &r.Key, cd.key, data.StageKeyConverter, out); err != nil {
			return err
		}
		if m.Value, err = e.cell(ctx, b, i, &r.Value, cd.value, data.StageValueConverter, out); err != nil {
			return err
		}
		out.msgs = append(out.msgs, m)
	}
	return nil
}

func (e *encoder) headers(ctx context.Context, b *data.Batch, i int, cd *codec, out *outgoing) ([]data.RawHeader, error) {
	hs := b.Records[i].Headers
	if len(hs) == 0 {
		return nil, nil
	}
	first := len(out.headers)
	for k := range hs {
		raw, err := e.cell(ctx, b, i, &hs[k].Value, cd.header, data.StageHeaderConverter, out)
		if err != nil {
			return nil, err
		}
		out.headers = append(out.headers, data.RawHeader{Key: hs[k].Key, Value: raw})
	}
	return out.headers[first:len(out.headers):len(out.headers)], nil
}

// cell encodes one key, value or header value at the end of out.buf. The error is
// for what stops the task; a bad value is marked in b.
func (e *encoder) cell(ctx context.Context, b *data.Batch, i int, c *data.Cell, conv converters.Converter, stage data.Stage, out *outgoing) ([]byte, error) {
	if raw, from, ok := c.Wire(); ok && from == data.Decoder(conv) {
		return raw, nil // nobody has looked at it, and it goes out as it came
	}
	start := len(out.buf)
	if out.buf == nil {
		out.buf = make([]byte, 0, 4<<10) // not nil, or an empty string would look like a tombstone
	}
	raw, err := encodeCell(c, b.Arena, conv, out.buf)
	if fault.Is(err, fault.Retry) {
		var stop error
		if raw, err, stop = e.again(ctx, b.Arena, c, conv, stage, out.buf, err); stop != nil {
			return nil, stop
		}
	}
	switch {
	case err != nil:
		b.Fail(i, stage, err)
		return nil, nil
	case raw == nil:
		return nil, nil
	}
	out.buf = raw
	return raw[start:len(raw):len(raw)], nil
}

func encodeCell(c *data.Cell, a *data.Arena, conv converters.Converter, buf []byte) ([]byte, error) {
	v, s, err := c.Value(a)
	if err != nil {
		return nil, err
	}
	return conv.Encode(buf, v, s)
}

// again repeats what a wait can cure, by itself, so that the path of a record
// without waiting allocates nothing. Stop is for what ends the task, err is how
// the last attempt ended.
func (e *encoder) again(ctx context.Context, a *data.Arena, c *data.Cell, conv converters.Converter, stage data.Stage, buf []byte, first error) (raw []byte, err, stop error) {
	begun := time.Now()
	stop = e.retry.again(ctx, stage.String(), first, func() error {
		if fault.Is(c.Err(), fault.Retry) {
			c.Forget()
		}
		e.policy.stats.AttemptFailed() // the one before
		if raw, err = encodeCell(c, a, conv, buf); e.policy.overdue(begun) {
			return nil
		}
		return err
	})
	if !ended(ctx, stop) {
		stop = nil
	}
	return raw, err, stop
}
