package group

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// Versions of the protocol (org.apache.kafka.connect.runtime.distributed.ConnectProtocol).
const (
	V0 int16 = 0 // "default": eager
	V1 int16 = 1 // "compatible": incremental cooperative (KIP-415)
	V2 int16 = 2 // "sessioned": the same, with signed requests (KIP-507)
)

// Error codes of an Assignment.
const (
	NoError        int16 = 0
	ConfigMismatch int16 = 1 // the leader has not read all of the config topic
)

// connectorTask stands for the connector itself among the tasks of an entry.
const connectorTask = -1

// Task names a task.
type Task struct {
	Connector string
	Task      int
}

func (t Task) String() string { return fmt.Sprintf("%s-%d", t.Connector, t.Task) }

// Metadata is what a worker tells the leader.
type Metadata struct {
	Version int16
	URL     string // of its REST interface, "http://host:8083/"
	// Offset is how far it has read the config topic, -1: not at all.
	Offset int64
	// Held is what it holds now; nil: nothing, and always in version 0.
	Held *Assignment
}

// Assignment is what the leader tells a worker.
type Assignment struct {
	Version    int16
	Error      int16
	Leader     string // member id
	LeaderURL  string
	Offset     int64 // of the config topic, which the worker must have read
	Connectors []string
	Tasks      []Task
	// From version 1 on: what the worker must give up, and the milliseconds until
	// the next rebalance that is planned already.
	RevokedConnectors []string
	RevokedTasks      []Task
	Delay             int32
}

// Append appends the bytes of m.
func (m *Metadata) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(m.Version))
	dst = appendText(dst, m.URL)
	dst = binary.BigEndian.AppendUint64(dst, uint64(m.Offset))
	if m.Version == V0 {
		return dst
	}
	if m.Held == nil {
		return appendInt32(dst, -1)
	}
	held := *m.Held
	held.Version = m.Version
	raw := held.Append(nil)
	return append(appendInt32(dst, int32(len(raw))), raw...)
}

// Append appends the bytes of a.
func (a *Assignment) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(a.Version))
	dst = binary.BigEndian.AppendUint16(dst, uint16(a.Error))
	dst = appendText(appendText(dst, a.Leader), a.LeaderURL)
	dst = binary.BigEndian.AppendUint64(dst, uint64(a.Offset))
	dst = appendWork(dst, a.Connectors, a.Tasks)
	if a.Version == V0 {
		return dst
	}
	dst = appendWork(dst, a.RevokedConnectors, a.RevokedTasks)
	return appendInt32(dst, a.Delay)
}

// appendWork writes the assigned connectors first, each with its tasks, then
// those of which only tasks are assigned.
func appendWork(dst []byte, connectors []string, tasks []Task) []byte {
	names := slices.Clone(connectors)
	seen := map[string]bool{}
	entries := map[string][]int{}
	for _, c := range connectors {
		seen[c] = true
		entries[c] = []int{connectorTask}
	}
	for _, t := range tasks {
		if !seen[t.Connector] {
			seen[t.Connector] = true
			names = append(names, t.Connector)
		}
		entries[t.Connector] = append(entries[t.Connector], t.Task)
	}
	dst = appendInt32(dst, int32(len(names)))
	for _, name := range names {
		dst = appendText(dst, name)
		dst = appendInt32(dst, int32(len(entries[name])))
		for _, n := range entries[name] {
			dst = appendInt32(dst, int32(n))
		}
	}
	return dst
}

func appendInt32(dst []byte, n int32) []byte { return binary.BigEndian.AppendUint32(dst, uint32(n)) }

func appendText(dst []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(s))), s...)
}

// ParseMetadata reads what a member sent. Later versions may have more at the
// end; it is left alone.
func ParseMetadata(raw []byte) (Metadata, error) {
	r := reader{raw: raw}
	m := Metadata{Version: r.version(), URL: r.text(), Offset: r.int64()}
	if m.Version >= V1 {
		if held := r.bytes(); len(held) > 0 {
			a, err := ParseAssignment(held)
			if err != nil {
				return Metadata{}, fmt.Errorf("the assignment that the worker holds: %w", err)
			}
			m.Held = &a
		}
	}
	if r.err != nil {
		return Metadata{}, fmt.Errorf("worker metadata: %w", r.err)
	}
	return m, nil
}

// ParseAssignment reads what the leader sent.
func ParseAssignment(raw []byte) (Assignment, error) {
	r := reader{raw: raw}
	a := Assignment{Version: r.version(), Error: r.int16(), Leader: r.text(), LeaderURL: r.text(), Offset: r.int64()}
	a.Connectors, a.Tasks = r.work()
	if a.Version >= V1 {
		a.RevokedConnectors, a.RevokedTasks = r.work()
		a.Delay = r.int32()
	}
	if r.err != nil {
		return Assignment{}, fmt.Errorf("assignment: %w", r.err)
	}
	return a, nil
}

var errShort = errors.New("it ends too early")

// reader reads big-endian fields; after its first error it gives zeros.
type reader struct {
	raw []byte
	err error
}

func (r *reader) take(n int) []byte {
	if r.err == nil && (n < 0 || n > len(r.raw)) {
		r.err = errShort
	}
	if r.err != nil {
		return make([]byte, 8) // enough for any number
	}
	b := r.raw[:n]
	r.raw = r.raw[n:]
	return b
}

func (r *reader) int16() int16 { return int16(binary.BigEndian.Uint16(r.take(2))) }
func (r *reader) int32() int32 { return int32(binary.BigEndian.Uint32(r.take(4))) }
func (r *reader) int64() int64 { return int64(binary.BigEndian.Uint64(r.take(8))) }

func (r *reader) version() int16 {
	v := r.int16()
	if r.err == nil && v < V0 {
		r.err = fmt.Errorf("version %d", v)
	}
	return v
}

func (r *reader) text() string {
	b := r.take(int(r.int16()))
	if r.err != nil {
		return ""
	}
	if !utf8.Valid(b) {
		r.err = errors.New("a text that is not UTF-8")
		return ""
	}
	return string(b)
}

// bytes reads nullable bytes.
func (r *reader) bytes() []byte {
	n := r.int32()
	if r.err != nil || n == -1 {
		return nil
	}
	b := r.take(int(n))
	if r.err != nil {
		return nil
	}
	return b
}

// count reads the length of an array whose elements have at least size bytes. A
// null array is an empty one.
func (r *reader) count(size int) int {
	n := int(r.int32())
	if r.err != nil || n == -1 {
		return 0
	}
	if n < 0 || n > len(r.raw)/size {
		r.err = errShort
		return 0
	}
	return n
}

func (r *reader) work() (connectors []string, tasks []Task) {
	for n := r.count(2 + 4); n > 0 && r.err == nil; n-- {
		name := r.text()
		for m := r.count(4); m > 0 && r.err == nil; m-- {
			switch task := r.int32(); {
			case r.err != nil:
			case task == connectorTask:
				connectors = append(connectors, name)
			case task < 0:
				r.err = fmt.Errorf("task number %d", task)
			default:
				tasks = append(tasks, Task{name, int(task)})
			}
		}
	}
	return connectors, tasks
}
