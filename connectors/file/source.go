package file

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"culvert/connectors"
	"culvert/data"
	"culvert/fault"
)

// How often a file that has no more lines is looked at, and one that is missing.
const (
	pollInterval = 100 * time.Millisecond
	missingWait  = 250 * time.Millisecond
)

// maxLine is how long a line may be: beyond what any broker takes, and far below
// what a file without line ends would make of the worker's memory.
const maxLine = 64 << 20

var stringSchema = data.Of(data.String)

// source reads lines as FileStreamSourceTask: a line ends with \n, \r\n or \r, and
// one that has no end yet is not read. The offset of a line is the position behind
// it, in bytes. (Java counts characters and skips bytes: the same for ASCII.)
type source struct {
	cfg       sourceConfig
	log       *slog.Logger
	offsets   connectors.OffsetReader
	partition data.Value

	in       io.Reader // nil: not opened yet
	file     *os.File  // what Close closes; nil for the standard input
	position int64     // of buf[0]
	buf      []byte    // read, not yet handed out
	seen     int       // how much of buf is known to hold no line end
	chunk    []byte
	missing  bool // has been told
	replaced bool // has been told
}

func openSource(_ context.Context, env connectors.Env, cfg sourceConfig) (*source, error) {
	log := env.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &source{cfg: cfg, log: log, offsets: env.Offsets, chunk: make([]byte, 64<<10)}
	if cfg.File == "" {
		s.in = stdin()
		return s, nil
	}
	s.partition = data.OfMap([]data.Value{data.OfString(fieldFile), data.OfString(cfg.File)})
	return s, nil
}

// Read appends the lines that are there, up to batch.size, and waits for the first.
func (s *source) Read(ctx context.Context, b *data.Batch) error {
	for {
		if s.in == nil {
			found, err := s.open(ctx)
			if err != nil {
				return err
			}
			if !found {
				if err := connectors.Wait(ctx, missingWait); err != nil {
					return err
				}
				continue
			}
		}
		if s.lines(b) > 0 {
			return nil
		}
		n, err := s.in.Read(s.chunk)
		s.buf = append(s.buf, s.chunk[:n]...)
		switch {
		case n > 0:
			if s.lines(b) > 0 {
				return nil
			}
			if len(s.buf) > maxLine {
				return fault.New(fault.Fatal, "file.line", "the line of file '%s' that begins at byte %d is longer than %d bytes", s.cfg.File, s.position, maxLine).
					WithJava("org.apache.kafka.connect.errors.ConnectException").
					WithFix("Check that it is a text file; to go on behind the line, stop the connector and set its position (PATCH /connectors/{name}/offsets).")
			}
		case err == nil || errors.Is(err, io.EOF):
			s.checkFile()
			if err := connectors.Wait(ctx, pollInterval); err != nil {
				return err
			}
		default:
			return fault.New(fault.Fatal, "file.read", "cannot read file '%s': %w", s.cfg.File, err).
				WithJava("org.apache.kafka.connect.errors.ConnectException")
		}
	}
}

// open opens the file at the stored position. A missing file is waited for.
func (s *source) open(ctx context.Context) (found bool, err error) {
	f, err := os.Open(s.cfg.File)
	if errors.Is(err, fs.ErrNotExist) {
		if !s.missing {
			s.missing = true
			s.log.Warn("file to read does not exist yet, waiting for it", "file", s.cfg.File)
		}
		return false, nil
	}
	if err != nil {
		return false, fault.New(fault.Fatal, "file.open", "cannot open file '%s' for FileStreamSourceTask: %w", s.cfg.File, err).
			WithJava("org.apache.kafka.connect.errors.ConnectException").
			WithFix("Check that the worker's user may read the file.")
	}
	if s.position, err = s.stored(ctx); err == nil {
		_, err = f.Seek(s.position, io.SeekStart)
	}
	if err != nil {
		return false, errors.Join(err, f.Close())
	}
	s.file, s.in = f, f
	return true, nil
}

// checkFile says once, at the end of the file, that no more lines can be expected of
// it: it was cut, or it has another name now. As in Java the open file is read on
// and nothing is read from its beginning again, which would double lines.
func (s *source) checkFile() {
	if s.file == nil || s.replaced {
		return
	}
	mine, err := s.file.Stat()
	if err != nil {
		return // Read will say it
	}
	read := s.position + int64(len(s.buf))
	now, err := os.Stat(s.cfg.File)
	what := ""
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && !os.SameFile(mine, now):
		what = "file has been moved or removed, only the old one is read"
	case mine.Size() < read:
		what = "file is shorter than what was read of it, only what is written behind that is read"
	default:
		return
	}
	s.replaced = true
	s.log.Warn(what, "file", s.cfg.File, "position", read,
		"fix", "to read a new file from its beginning, stop the connector, DELETE its offsets and resume it")
}

// stored is the position to go on from.
func (s *source) stored(ctx context.Context) (int64, error) {
	if s.offsets == nil {
		return 0, nil
	}
	found, err := s.offsets.Load(ctx, []data.Value{s.partition})
	if err != nil || len(found) == 0 || found[0].IsNull() {
		return 0, err
	}
	pos, ok := found[0].Lookup(fieldPosition)
	if !ok || pos.IsNull() {
		return 0, nil
	}
	if !isInteger(pos) || pos.Int() < 0 {
		return 0, fault.New(fault.Fatal, "file.offset", "Offset position is the incorrect type").
			WithJava("org.apache.kafka.connect.errors.ConnectException").
			WithFix("Set the offset of file '%s' to a position in bytes (PATCH /connectors/{name}/offsets).", s.cfg.File)
	}
	return pos.Int(), nil
}

// lines appends the complete lines of the buffer and marks the position behind them.
func (s *source) lines(b *data.Batch) int {
	rest, seen, n := s.buf, s.seen, 0
	s.seen = 0
	for n < max(s.cfg.Batch, 1) {
		end, skip := lineEnd(rest, seen)
		if end < 0 {
			s.seen = len(bytes.TrimSuffix(rest, []byte{'\r'}))
			break
		}
		seen = 0
		r := b.Append()
		r.Topic = s.cfg.Topic
		r.Timestamp = time.Now().UnixMilli()
		r.Key = data.ValueCell(data.Value{}, nil)
		r.Value = data.ValueCell(data.OfText(b.Arena.Copy(bytes.ToValidUTF8(rest[:end], []byte("\uFFFD")))), stringSchema)
		rest = rest[end+skip:]
		n++
	}
	if n == 0 {
		return 0
	}
	s.position += int64(len(s.buf) - len(rest))
	s.buf = append(s.buf[:0], rest...)
	if !s.partition.IsNull() {
		b.Mark(s.partition, data.OfMap([]data.Value{data.OfString(fieldPosition), data.OfInt64(s.position)}))
	}
	return n
}

// lineEnd finds the first line, whose first bytes are known to hold no end: its
// length and that of its end. -1: no end yet; a \r at the very end may be half of \r\n.
func lineEnd(b []byte, from int) (end, skip int) {
	end = bytes.IndexByte(b[from:], '\n')
	head := b[from:]
	if end >= 0 {
		head = head[:end]
	}
	cr := bytes.IndexByte(head, '\r')
	switch {
	case cr < 0 && end < 0:
		return -1, 0
	case cr < 0:
		return from + end, 1
	case cr == len(head)-1 && end >= 0:
		return from + cr, 2
	case cr == len(head)-1:
		return -1, 0
	}
	return from + cr, 1
}

// Close closes the file. It may be called twice.
func (s *source) Close(context.Context) error {
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file = nil
	return f.Close()
}

// console is the standard input. A read of it cannot be interrupted, so that one
// goroutine of the process reads it, as long as the process lives, for whichever
// task asks.
type console struct {
	once sync.Once
	more chan []byte
	rest []byte
}

var theConsole = &console{more: make(chan []byte)}

func stdin() *console {
	theConsole.once.Do(func() {
		go func() {
			defer close(theConsole.more)
			for {
				b := make([]byte, 4<<10)
				n, err := os.Stdin.Read(b)
				if n > 0 {
					theConsole.more <- b[:n]
				}
				if err != nil {
					return
				}
			}
		}()
	})
	return theConsole
}

// Read gives what has been typed, without waiting.
func (c *console) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		select {
		case b, ok := <-c.more:
			if !ok {
				return 0, io.EOF
			}
			c.rest = b
		default:
			return 0, nil
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

var _ connectors.Source = (*source)(nil)
