package herder

import "sync"

// inbox takes what others want done in the loop, in order. It has no bound:
// posting must not block a task, and what is posted is rare.
type inbox struct {
	signal chan struct{}

	mu    sync.Mutex // guards the field below
	items []func()
}

func newInbox() *inbox { return &inbox{signal: make(chan struct{}, 1)} }

func (i *inbox) post(f func()) {
	i.mu.Lock()
	i.items = append(i.items, f)
	i.mu.Unlock()
	select {
	case i.signal <- struct{}{}:
	default:
	}
}

func (i *inbox) take() []func() {
	i.mu.Lock()
	defer i.mu.Unlock()
	items := i.items
	i.items = nil
	return items
}

// inLoop runs f in the loop and waits for it; it reports false when the loop has
// ended. f must not block.
func (h *Herder) inLoop(f func()) bool {
	done := make(chan struct{})
	h.inbox.post(func() {
		f()
		close(done)
	})
	select {
	case <-done:
		return true
	case <-h.ended:
		return false
	}
}
