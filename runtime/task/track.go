package task

import (
	"sync"

	"culvert/data"
)

// tracker tells of each topic that a task reads or writes, once (KIP-558). It is
// safe for concurrent use.
type tracker struct {
	tell func(topic string) // nil: nobody asks

	mu   sync.Mutex
	told map[string]bool // guarded by mu
}

func newTracker(c *Common) *tracker { return &tracker{tell: c.OnTopic, told: map[string]bool{}} }

// note looks at the topics of msgs, which come in runs.
func (t *tracker) note(msgs []data.Message) {
	if t.tell == nil {
		return
	}
	last := ""
	for i := range msgs {
		if topic := msgs[i].Topic; topic != last {
			last = topic
			t.mu.Lock()
			news := !t.told[topic]
			t.told[topic] = true
			t.mu.Unlock()
			if news {
				t.tell(topic)
			}
		}
	}
}
