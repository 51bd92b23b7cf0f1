package kafka

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
)

// tap stands between sarama and a connection. It takes the records out of a fetch
// answer on the way: sarama would make three allocations' worth of structures for
// each record, and takes new memory for each answer. Everything else passes, so that
// sarama still keeps the connection, authenticates (again), and obeys quotas.
//
// sarama reads when a request is under way, and link lets one be at a time; so what
// is read first after a Fetch was written is its answer.
type tap struct {
	net.Conn
	// pool is where to read the next answer to a Fetch into; nil: let it pass. sarama
	// may still be at its first requests, in a goroutine of its own, when it is set.
	pool    atomic.Pointer[buffers]
	version int16 // of the Fetch that was written and has no answer yet; 0: none
	got     *answer
	rest    []byte // for sarama, before what comes from the connection
}

// apiFetch is the number of Fetch in the protocol.
const apiFetch = 1

// Write implements net.Conn. sarama writes a request at once: length, API, version.
func (t *tap) Write(b []byte) (int, error) {
	if t.pool.Load() != nil && len(b) >= 8 && binary.BigEndian.Uint16(b[4:]) == apiFetch {
		if v := int16(binary.BigEndian.Uint16(b[6:])); v >= leastFetch && v <= mostFetch {
			t.version = v
		}
	}
	return t.Conn.Write(b)
}

// Read implements net.Conn.
func (t *tap) Read(b []byte) (int, error) {
	if t.version != 0 {
		if err := t.take(); err != nil {
			return 0, err
		}
	}
	if len(t.rest) > 0 {
		n := copy(b, t.rest)
		t.rest = t.rest[n:]
		return n, nil
	}
	return t.Conn.Read(b)
}

// take reads the answer to a Fetch.
func (t *tap) take() error {
	version := t.version
	t.version = 0
	var head [4]byte
	if _, err := io.ReadFull(t.Conn, head[:]); err != nil {
		return err
	}
	n := int32(binary.BigEndian.Uint32(head[:]))
	if n < 4+atTopics || n > sarama.MaxResponseSize {
		t.rest = head[:] // sarama says what is wrong
		return nil
	}
	mem := &lease{pool: t.pool.Load(), users: 1}
	frame := mem.take(int(n))
	if _, err := io.ReadFull(t.Conn, frame); err != nil {
		return err
	}
	if shares, ok := readAnswer(frame[4:], version); ok { // behind the correlation id
		t.got, t.rest = &answer{shares: shares, mem: mem}, emptied(frame)
		return nil
	}
	t.rest = append(head[:], frame...)
	mem.end()
	return nil
}

// fetch sends a Fetch. Either a is the answer, with its records, or, where it is nil,
// resp has them.
func (l *link) fetch(ctx context.Context, timeout time.Duration, req *sarama.FetchRequest, pool *buffers) (resp *sarama.FetchResponse, a *answer, err error) {
	err = l.call(ctx, timeout, func(b *sarama.Broker) (err error) {
		l.tap.pool.Store(pool)
		defer l.tap.pool.Store(nil)
		if resp, err = b.Fetch(req); err == nil {
			a, l.tap.got = l.tap.got, nil
		}
		return err
	})
	return resp, a, err
}
