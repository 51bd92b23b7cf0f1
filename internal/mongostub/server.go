package mongostub

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"culvert/internal/ports"
)

// Opcodes of the wire protocol.
const (
	opReply = 1
	opQuery = 2004
	opMsg   = 2013
)

// Server is a MongoDB on a loopback port. All methods are safe for concurrent use.
type Server struct {
	discard bool
	set     bool // of one member
	hello   []byte
	addr    string
	writes  atomic.Int64
	oids    atomic.Uint32

	conns sync.WaitGroup

	mu     sync.Mutex // guards what follows
	ln     net.Listener
	down   chan struct{} // closed when the server stops
	open   map[net.Conn]struct{}
	faults []*Fault
	seen   []Command
	colls  map[string]*collection
	// transactions are those that are open, and those that have ended last, by session.
	transactions map[string]*transaction
	changes
}

// Options say what kind of server Start makes.
type Options struct {
	Discard bool   // count writes and forget them
	Addr    string // listen here; empty: a free port of 127.0.0.1
	// MaxWireVersion is what hello reports; 0 is that of MongoDB 7.0.
	MaxWireVersion int32
	// ReplicaSet: hello says that this is the primary of a set of one, so that clients
	// use sessions and transactions.
	ReplicaSet bool
}

// Start makes a server that listens.
func Start(o Options) (*Server, error) {
	if o.Addr == "" { // it must be there again at Restart
		port, err := ports.Free()
		if err != nil {
			return nil, err
		}
		o.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	}
	if o.MaxWireVersion == 0 {
		o.MaxWireVersion = 21
	}
	s := &Server{discard: o.Discard, set: o.ReplicaSet, colls: map[string]*collection{}, transactions: map[string]*transaction{},
		changes: changes{changed: make(chan struct{}), cursors: map[int64]*cursor{}}}
	ln, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, err
	}
	set := ""
	if o.ReplicaSet {
		set = ln.Addr().String()
	}
	s.hello = helloReply(o.MaxWireVersion, set)
	s.serveOn(ln)
	return s, nil
}

func (s *Server) listen(addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	s.serveOn(ln)
	return nil
}

func (s *Server) serveOn(ln net.Listener) {
	s.mu.Lock()
	s.ln, s.addr, s.open, s.down = ln, ln.Addr().String(), map[net.Conn]struct{}{}, make(chan struct{})
	s.mu.Unlock()
	s.conns.Add(1)
	go s.accept(ln)
}

// Addr is host:port. It stays the same over Stop and Restart.
func (s *Server) Addr() string { return s.addr }

// URI is a connection string for the server.
func (s *Server) URI() string { return "mongodb://" + s.addr }

// Stop closes the listener and every connection: the server is down. What was
// stored stays. It may be called twice.
func (s *Server) Stop() {
	s.mu.Lock()
	ln := s.ln
	if ln != nil {
		close(s.down)
	}
	s.ln = nil
	for c := range s.open {
		_ = c.Close() // breaking the connection is the point
	}
	s.mu.Unlock()
	if ln != nil {
		_ = ln.Close() // nothing to be lost
	}
	s.conns.Wait()
}

// Restart listens again on the same port after Stop.
func (s *Server) Restart() error { return s.listen(s.addr) }

func (s *Server) accept(ln net.Listener) {
	defer s.conns.Done()
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.ln != ln {
			s.mu.Unlock()
			_ = c.Close() // came in while stopping
			return
		}
		s.open[c] = struct{}{}
		s.conns.Add(1)
		s.mu.Unlock()
		go s.serve(c)
	}
}

func (s *Server) serve(c net.Conn) {
	defer s.conns.Done()
	defer func() {
		_ = c.Close() // the peer is gone or was cut off on purpose
		s.mu.Lock()
		delete(s.open, c)
		s.mu.Unlock()
	}()
	r := bufio.NewReaderSize(c, 64<<10)
	var in, out []byte
	var head [16]byte
	for {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return
		}
		n := int(binary.LittleEndian.Uint32(head[:])) - 16
		if n < 0 || n > 64<<20 {
			return
		}
		if cap(in) < n {
			in = make([]byte, n)
		}
		in = in[:n]
		if _, err := io.ReadFull(r, in); err != nil {
			return
		}
		id, op := binary.LittleEndian.Uint32(head[4:]), binary.LittleEndian.Uint32(head[12:])
		var err error
		if out, err = s.answer(out[:0], id, op, in); err != nil {
			return
		}
		if len(out) > 0 {
			if _, err := c.Write(out); err != nil {
				return
			}
		}
	}
}

// hold waits until the script lets a command go on, or the server stops.
func (s *Server) hold(until <-chan struct{}) {
	s.mu.Lock()
	down := s.down
	s.mu.Unlock()
	select {
	case <-until:
	case <-down:
	}
}

var errDrop = errors.New("the connection is dropped by script")

// answer appends the whole reply message to out; nothing for an unacknowledged write.
func (s *Server) answer(out []byte, id, op uint32, body []byte) ([]byte, error) {
	switch op {
	case opQuery: // only ever the first hello of a connection
		out = append(out, make([]byte, 16+20)...)
		binary.LittleEndian.PutUint32(out[16+16:], 1) // one document
		out = append(out, s.hello...)
		return finish(out, id, opReply), nil
	case opMsg:
		m, err := parseMsg(body)
		if err != nil {
			return nil, err
		}
		out = append(out, make([]byte, 16+5)...) // header, flags, section kind 0
		if out, err = s.run(out, m); err != nil || m.noReply {
			return nil, err
		}
		return finish(out, id, opMsg), nil
	}
	return nil, errors.New("unexpected opcode")
}

func finish(out []byte, id, op uint32) []byte {
	binary.LittleEndian.PutUint32(out, uint32(len(out)))
	binary.LittleEndian.PutUint32(out[8:], id)
	binary.LittleEndian.PutUint32(out[12:], op)
	return out
}

// helloReply is that of the primary of a set of one at the address; of a server by
// itself, where there is none.
func helloReply(wire int32, set string) []byte {
	d := newDoc(nil)
	if set != "" {
		d.str("setName", "stub").int32("setVersion", 1).bool("secondary", false).str("primary", set).str("me", set)
		d.array("hosts").str("0", set).close()
	}
	d.bool("helloOk", true).bool("ismaster", true).bool("isWritablePrimary", true)
	d.int32("maxBsonObjectSize", 16<<20).int32("maxMessageSizeBytes", 48000000).int32("maxWriteBatchSize", 100000)
	d.head(0x09, "localTime")
	d.b = binary.LittleEndian.AppendUint64(d.b, uint64(time.Now().UnixMilli()))
	return d.int32("logicalSessionTimeoutMinutes", 30).int32("connectionId", 1).int32("minWireVersion", 0).
		int32("maxWireVersion", wire).bool("readOnly", false).double("ok", 1).bytes()
}
