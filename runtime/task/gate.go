package task

import (
	"context"
	"sync"
)

// gate holds a task's loop back while it is paused. The loop calls enter before
// each piece of work and uses the context it gets for what may block: pausing
// ends that context, so that a Read without data does not delay the pause.
type gate struct {
	onState func(State)

	mu      sync.Mutex
	paused  bool
	changed chan struct{}      // closed at each change
	cancel  context.CancelFunc // ends the period of work, nil while there is none
	period  context.Context
	started bool // state is reported
}

func newGate(paused bool, onState func(State)) *gate {
	return &gate{paused: paused, changed: make(chan struct{}), onState: onState}
}

// Pause holds the loop back from its next piece of work on.
func (g *gate) Pause() { g.set(true) }

// Resume lets it go on.
func (g *gate) Resume() { g.set(false) }

func (g *gate) set(paused bool) {
	g.mu.Lock()
	if g.paused == paused {
		g.mu.Unlock()
		return
	}
	g.paused = paused
	if paused && g.cancel != nil {
		g.cancel()
		g.cancel, g.period = nil, nil
	}
	close(g.changed)
	g.changed = make(chan struct{})
	started := g.started
	g.mu.Unlock()
	if started {
		g.tell(paused)
	}
}

// enter waits while the gate is closed and returns a context that ends with ctx
// or with the next Pause. Idle is called once before it waits, nil: nothing.
func (g *gate) enter(ctx context.Context, idle func()) (context.Context, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		g.mu.Lock()
		if !g.paused {
			if g.period == nil || g.period.Err() != nil {
				g.period, g.cancel = context.WithCancel(ctx)
			}
			period := g.period
			g.mu.Unlock()
			return period, nil
		}
		changed := g.changed
		g.mu.Unlock()
		if idle != nil {
			idle()
			idle = nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// look returns the state and a channel that is closed when it changes: for tasks
// of several loops.
func (g *gate) look() (paused bool, changed <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.paused, g.changed
}

// start reports the state that the task starts with; from now on Pause and
// Resume report theirs at once, so that a task that waits for its target is shown
// as paused too.
func (g *gate) start() {
	g.mu.Lock()
	g.started = true
	paused := g.paused
	g.mu.Unlock()
	g.tell(paused)
}

func (g *gate) tell(paused bool) {
	if g.onState == nil {
		return
	}
	if paused {
		g.onState(Paused)
	} else {
		g.onState(Running)
	}
}

// close releases the context of the period.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cancel != nil {
		g.cancel()
		g.cancel, g.period = nil, nil
	}
}
