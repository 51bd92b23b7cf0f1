package task

import (
	"sort"
	"strings"
	"sync"
	"time"
)

// How soon a wait is shown, so that a blip does not write to the status topic,
// and how often its words may change.
const (
	waitShown   = time.Second
	waitChanged = 10 * time.Second
)

// Waiting collects the reasons why a task waits, from its clients, its plugin
// and its own loops, and shows them as one text. All methods are safe for
// concurrent use; a nil *Waiting shows nothing.
type Waiting struct {
	show func(reason string) // called by one goroutine at a time

	mu      sync.Mutex
	reasons map[string]string // by who waits
	shown   string
	at      time.Time   // of the last show
	timer   *time.Timer // nil: none is set
	closed  bool

	showing sync.Mutex // held around show, taken before mu
}

// NewWaiting makes one; show gets the text, empty when the wait is over.
func NewWaiting(show func(reason string)) *Waiting {
	return &Waiting{show: show, reasons: map[string]string{}}
}

// For returns the function by which who reports its reason; empty ends it.
func (w *Waiting) For(who string) func(reason string) {
	return func(reason string) { w.set(who, reason) }
}

func (w *Waiting) set(who, reason string) {
	if w == nil {
		return
	}
	w.mu.Lock()
	if w.closed || w.reasons[who] == reason {
		w.mu.Unlock()
		return
	}
	if reason == "" {
		delete(w.reasons, who)
	} else {
		w.reasons[who] = reason
	}
	over := len(w.reasons) == 0
	if !over && w.timer == nil && w.text() != w.shown {
		delay := waitShown
		if w.shown != "" {
			delay = max(waitChanged-time.Since(w.at), 0)
		}
		w.timer = time.AfterFunc(delay, w.flush)
	}
	w.mu.Unlock()
	if over {
		w.flush()
	}
}

// flush shows the text if it is not what was shown last.
func (w *Waiting) flush() {
	w.showing.Lock()
	defer w.showing.Unlock()
	w.mu.Lock()
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
	text := w.text()
	news := text != w.shown && !w.closed
	if news {
		w.shown, w.at = text, time.Now()
	}
	w.mu.Unlock()
	if news {
		w.show(text)
	}
}

func (w *Waiting) text() string {
	if len(w.reasons) == 0 {
		return ""
	}
	texts := make([]string, 0, len(w.reasons))
	for _, r := range w.reasons {
		texts = append(texts, r)
	}
	sort.Strings(texts)
	return strings.Join(texts, "\n")
}

// Close ends the reports; nothing is shown afterwards.
func (w *Waiting) Close() {
	if w == nil {
		return
	}
	w.showing.Lock()
	defer w.showing.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
}
