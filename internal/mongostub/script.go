package mongostub

// Fault makes commands fail. The fields combine; the zero value of each means
// "not".
type Fault struct {
	Command string // only this command, commitTransaction for one; empty: every insert, update, delete and bulkWrite
	After   int    // let that many matching commands pass first
	Times   int    // how many commands it hits; 0 is one, negative is all
	// WriteErrors fail statements by their number in the command. Statements
	// before them are applied, those after them only if the write is unordered.
	WriteErrors  []WriteError
	WriteConcern *WriteConcernError // applied, but not confirmed
	Error        *CommandError      // the command fails as a whole, nothing is applied
	Drop         bool               // the connection breaks, nothing is applied
	DropAfter    bool               // everything is applied, then the connection breaks
	Hold         <-chan struct{}    // before anything else the command waits until it is closed
	// Reply is sent as it is: a finished BSON document.
	Reply []byte
}

// WriteError is the failure of one statement.
type WriteError struct {
	Index   int
	Code    int32
	Message string
	// KeyValue is the key that is taken, a document; nil where there is none.
	KeyValue []byte
}

// WriteConcernError says that a write was applied but not confirmed.
type WriteConcernError struct {
	Code    int32
	Name    string
	Message string
}

// CommandError is a failed command.
type CommandError struct {
	Code    int32
	Name    string
	Message string
	Labels  []string
}

// Command is one write, or creation of a collection, that the server has seen, for
// assertions.
type Command struct {
	Name      string // insert, update, delete, bulkWrite, create
	Namespace string // db.collection
	Ordered   bool
	N         int    // statements
	Body      []byte // of a create, as BSON
}

// Script adds a fault. Faults are tried in the order they were added; one that
// has hit as often as it may is forgotten.
func (s *Server) Script(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Times == 0 {
		f.Times = 1
	}
	s.faults = append(s.faults, &f)
}

// take returns the fault that the command hits, if any.
func (s *Server) take(name string) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if f.Command != name && (f.Command != "" || !isWrite(name)) {
			continue
		}
		if f.After > 0 {
			f.After--
			return nil
		}
		hit := *f
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
			}
		}
		return &hit
	}
	return nil
}

func isWrite(name string) bool {
	switch name {
	case "insert", "update", "delete", "bulkWrite":
		return true
	}
	return false
}

// Commands returns the writes seen so far, in order of arrival. A discarding
// server remembers only their number.
func (s *Server) Commands() []Command {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Command(nil), s.seen...)
}

// Writes returns the number of statements that were written.
func (s *Server) Writes() int64 { return s.writes.Load() }
