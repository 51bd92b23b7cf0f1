package group

import "time"

// Assignor is one protocol: what a worker says for it, and how its leader deals
// the work out.
type Assignor interface {
	// Protocol is the name that JoinGroup offers.
	Protocol() string
	// Version is that of its metadata and assignments.
	Version() int16
	// Assign gives every member an assignment. It is pure, except for what an
	// assignor remembers of its own earlier rounds.
	Assign(r Round) map[string]Assignment
}

// Round is what a leader knows when it deals the work out.
type Round struct {
	Leader string // member id
	// Generation is the one that the members were in before, as far as the leader
	// knows; 0: it was in none.
	Generation int32
	Now        time.Time
	Members    []Worker
	// Offset is that of the config topic at which Work was read.
	Offset int64
	Work   []Work
}

// Worker is a member as the leader sees it.
type Worker struct {
	Member string
	Metadata
}

// Work is a configured connector and the number of its tasks.
type Work struct {
	Connector string
	Tasks     int
}

// url returns the leader's own address.
func (r *Round) url() string {
	for _, w := range r.Members {
		if w.Member == r.Leader {
			return w.URL
		}
	}
	return ""
}
