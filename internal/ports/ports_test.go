package ports

import (
	"net"
	"strconv"
	"sync"
	"testing"
)

// TestFree: ports that are asked for at once differ, can be listened on, and are not
// those that the system gives.
func TestFree(t *testing.T) {
	const n = 50
	var mu sync.Mutex
	var wg sync.WaitGroup
	seen := map[int]bool{}
	for range n {
		wg.Go(func() {
			p, err := Free()
			if err != nil {
				t.Error(err)
				return
			}
			l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(p))
			if err != nil {
				t.Error(err)
				return
			}
			defer l.Close()
			mu.Lock()
			defer mu.Unlock()
			if seen[p] || p < first || p >= first+count {
				t.Errorf("port %d", p)
			}
			seen[p] = true
		})
	}
	wg.Wait()
}

// TestFreeSkips: a port on which somebody listens is passed over.
func TestFreeSkips(t *testing.T) {
	p, err := Free()
	if err != nil {
		t.Fatal(err)
	}
	for next := p + 1; ; next++ { // the next one that can be had
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(next))
		if err != nil {
			continue
		}
		defer l.Close()
		if got, err := Free(); err != nil || got == next {
			t.Errorf("%d is taken, and Free gives %d, %v", next, got, err)
		}
		return
	}
}
