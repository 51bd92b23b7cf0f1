package kafka

import (
	"sync"

	"github.com/IBM/sarama"

	"culvert/data"
)

// lease is the memory of one fetch answer: the answer itself, and what was
// decompressed from it. Messages point into it. When its last message is done with
// (Consumer.Done), the next answer is read into it.
type lease struct {
	pool  *buffers
	owned [][]byte
	chunk []byte // of owned: what is decompressed goes behind its end

	users int // partitions with messages in it, and who makes them; guarded by Consumer.mu
}

// chunkSize is what many small batches are decompressed into.
const chunkSize = 512 << 10

// take gives n bytes that belong to the lease.
func (l *lease) take(n int) []byte {
	b := l.pool.get(n)
	l.owned = append(l.owned, b)
	return b
}

// inflate gives the records of a batch.
func (l *lease) inflate(codec sarama.CompressionCodec, payload []byte) ([]byte, error) {
	if codec == sarama.CompressionNone {
		return payload, nil
	}
	if likely := 4 * len(payload); cap(l.chunk)-len(l.chunk) < likely {
		l.chunk = l.take(max(likely, chunkSize))[:0]
	}
	at := len(l.chunk)
	out, err := inflate(codec, l.chunk[at:at:cap(l.chunk)], payload)
	if err != nil {
		return nil, err
	}
	if len(out) <= cap(l.chunk)-at { // it has not moved elsewhere
		l.chunk = l.chunk[:at+len(out)]
	}
	return out, nil
}

// leave ends the use by one of the users; after the last the memory is given back.
// Consumer.mu is held.
func (l *lease) leave() {
	if l.users--; l.users == 0 {
		l.end()
	}
}

// end gives the memory back.
func (l *lease) end() {
	for _, b := range l.owned {
		l.pool.put(b)
	}
	l.owned, l.chunk = nil, nil
}

// loan is the memory that messages of a partition lie in: those before end, and after
// those of the loan before.
type loan struct {
	end int64
	mem *lease
}

// borrow notes that the messages that were buffered last lie in mem. Without reuse
// nobody will tell when they are done with: then it is the garbage collector's.
func (p *part) borrow(mem *lease, reuse bool) {
	if mem == nil {
		return
	}
	mem.users++
	if reuse {
		all := p.buffered[len(p.buffered)-1].all
		p.lent = append(p.lent, loan{all[len(all)-1].Offset + 1, mem})
	}
}

// Done says that nothing refers any more to the messages before offset that Poll has
// returned since the partition was added, nor to their keys, values and headers: the
// memory is used for other messages. Without Settings.Reuse it does nothing.
func (c *Consumer) Done(tp data.TopicPartition, before int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.parts[tp]
	if p == nil {
		return
	}
	n := 0
	for n < len(p.lent) && p.lent[n].end <= before {
		p.lent[n].mem.leave()
		n++
	}
	if n > 0 {
		p.lent = append(p.lent[:0], p.lent[n:]...)
	}
}

// Bounds of the buffers that are kept: smaller ones are not worth it, and what is
// kept for the next answer is not there for anyone else.
const (
	leastBuffer = 32 << 10
	stepBuffer  = 256 << 10 // so that answers of about one size share buffers
	maxFree     = 2 << 20
)

// buffers keeps the memory of answers for the next.
type buffers struct {
	mu   sync.Mutex
	free [][]byte
	held int // bytes in free
}

// get gives n bytes, whose content is arbitrary.
func (p *buffers) get(n int) []byte {
	if n < leastBuffer {
		return make([]byte, n)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	best := -1
	for i, b := range p.free {
		if cap(b) >= n && (best < 0 || cap(b) < cap(p.free[best])) {
			best = i
		}
	}
	if best < 0 {
		return make([]byte, n, (n+stepBuffer-1)/stepBuffer*stepBuffer)
	}
	b := p.free[best]
	last := len(p.free) - 1
	p.free[best], p.free[last] = p.free[last], nil
	p.free = p.free[:last]
	p.held -= cap(b)
	return b[:n]
}

func (p *buffers) put(b []byte) {
	if cap(b) < leastBuffer {
		return
	}
	if poison {
		for i := range b[:cap(b)] {
			b[:cap(b)][i] = 0xdb
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held+cap(b) <= maxFree {
		p.free = append(p.free, b)
		p.held += cap(b)
	}
}
