package rest

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// progress remembers what a request is waiting for, for the text of a timeout
// (Java's Stage). A validation that was given up may still write to it.
type progress struct {
	mu          sync.Mutex
	description string // guarded by mu, as are the times
	began, done time.Time
}

type progressKey struct{}

// stage says that the request of ctx does something now. The result says that it
// is done.
func stage(ctx context.Context, description string) func() {
	p, ok := ctx.Value(progressKey{}).(*progress)
	if !ok {
		return func() {}
	}
	began := time.Now()
	p.mu.Lock()
	p.description, p.began, p.done = description, began, time.Time{}
	p.mu.Unlock()
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.description == description && p.began.Equal(began) {
			p.done = time.Now()
		}
	}
}

const instant = "2006-01-02T15:04:05.000Z"

// timeoutText is the message of a request that took too long.
func (p *progress) timeoutText() string {
	if text := p.summary(); text != "" {
		return "Request timed out. " + text
	}
	return "Request timed out"
}

func (p *progress) summary() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.description == "":
		return ""
	case p.done.IsZero():
		return fmt.Sprintf("The worker is currently %s, which began at %s", p.description, p.began.UTC().Format(instant))
	}
	return fmt.Sprintf("The last operation the worker completed was %s, which began at %s and completed at %s",
		p.description, p.began.UTC().Format(instant), p.done.UTC().Format(instant))
}
