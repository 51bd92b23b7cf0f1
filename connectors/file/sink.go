package file

import (
	"context"
	"errors"
	"os"
	"syscall"

	"culvert/connectors"
	"culvert/data"
	"culvert/data/values"
	"culvert/fault"
)

// sink appends one line for each record: its value as Java's toString prints it.
type sink struct {
	name   string
	out    *os.File
	owned  bool // out is a file of ours, to be closed
	buf    []byte
	closed bool

	// A batch that was written in part: what is left of it, and its first record.
	rest  []byte
	first data.Record
}

func openSink(name string) (*sink, error) {
	if name == "" {
		return &sink{name: "the standard output", out: os.Stdout}, nil
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, &fault.Error{Class: fault.Config, Code: "file.open", Field: keyFile, Java: "org.apache.kafka.connect.errors.ConnectException",
			Fix: "Create the folder, or let the worker's user write to it.",
			Err: fault.Because(err, "Couldn't find or create file '%s' for FileStreamSinkTask", name)}
	}
	return &sink{name: name, out: f, owned: true}, nil
}

// Write appends the lines of the batch. If the disk is full the batch comes again,
// and is taken up where it stopped.
func (s *sink) Write(_ context.Context, b *data.Batch) error {
	if len(b.Records) == 0 {
		return nil
	}
	lines := s.rest
	if len(s.rest) == 0 || !s.isSame(&b.Records[0]) {
		s.buf = s.buf[:0]
		for i := range b.Records {
			v, schema, err := b.Records[i].Value.Value(b.Arena)
			switch {
			case fault.Is(err, fault.Retry):
				return err
			case err != nil:
				b.Fail(i, data.StagePut, err)
				continue
			}
			s.buf = append(values.AppendText(s.buf, v, schema), '\n')
		}
		lines = s.buf
	}
	n, err := s.out.Write(lines)
	s.rest = nil
	if err == nil {
		return nil
	}
	class := fault.Fatal
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		class = fault.Retry
		s.rest = lines[n:]
		r := &b.Records[0]
		s.first = data.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}
	}
	return fault.New(class, "file.write", "cannot write to %s: %w", s.name, err).
		WithJava("org.apache.kafka.connect.errors.ConnectException")
}

func (s *sink) isSame(r *data.Record) bool {
	return r.Topic == s.first.Topic && r.Partition == s.first.Partition && r.Offset == s.first.Offset
}

// Close closes the file. It may be called twice.
func (s *sink) Close(context.Context) error {
	if s.closed || !s.owned {
		return nil
	}
	s.closed = true
	return s.out.Close()
}

var _ connectors.Sink = (*sink)(nil)
