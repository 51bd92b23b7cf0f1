package state

import (
	"encoding/binary"
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// part is the memory of one time segment: entries in byte arenas and a hash
// index with offsets into them. It holds a handful of pointers however many
// entries there are, so that the garbage collector has nothing to walk, and it
// is dropped whole. Nothing in it ever moves or changes once written, except
// the link of a key's newest entry in the index: Values handed out stay valid.
type part struct {
	chunks [][]byte
	index  []uint64 // open addressing: 24 bits of hash, 40 bits of ref; 0 is free
	keys   int      // slots in use
	count  int      // entries
	bytes  int64    // memory held by chunks and index
}

// An entry in a chunk, at a multiple of 8:
//
//	link   uint64 ref of the key's previous entry, 0: none
//	time   int64
//	seq    uint64
//	klen   uint32
//	vlen   uint32
//	key, value, padding to 8
const entryHeader = 32

const (
	firstChunk = 2 << 10
	lastChunk  = 1 << 20
	refBits    = 40
	refMask    = 1<<refBits - 1
	// offBits is for offsets within a chunk in units of 8 bytes.
	offBits   = 17
	firstSlot = 16
)

// hashKey is the hash in memory and on disk.
func hashKey(key []byte) uint64 { return xxhash.Sum64(key) }

func align8(n int) int { return (n + 7) &^ 7 }

// add appends an entry and makes it the newest of its key.
func (p *part) add(h uint64, key []byte, t int64, seq uint64, value []byte) {
	ref, b := p.alloc(entryHeader + len(key) + len(value))
	binary.LittleEndian.PutUint64(b[8:], uint64(t))
	binary.LittleEndian.PutUint64(b[16:], seq)
	binary.LittleEndian.PutUint32(b[24:], uint32(len(key)))
	binary.LittleEndian.PutUint32(b[28:], uint32(len(value)))
	copy(b[entryHeader:], key)
	copy(b[entryHeader+len(key):], value)
	if 4*(p.keys+1) > 3*len(p.index) {
		p.grow()
	}
	i, found := p.find(h, key)
	var link uint64
	if found {
		link = p.index[i] & refMask
	} else {
		p.keys++
	}
	binary.LittleEndian.PutUint64(b, link)
	p.index[i] = h>>refBits<<refBits | ref
	p.count++
}

// alloc returns room for n bytes and the ref of its start.
func (p *part) alloc(n int) (uint64, []byte) {
	n = align8(n)
	last := len(p.chunks) - 1
	if last < 0 || cap(p.chunks[last])-len(p.chunks[last]) < n {
		size := min(firstChunk<<min(len(p.chunks), 16), lastChunk)
		start := 0
		if last < 0 {
			start = 8 // ref 0 is "none"
		}
		p.chunks = append(p.chunks, make([]byte, start, max(size, start+n)))
		last++
		p.bytes += int64(cap(p.chunks[last]))
	}
	c := p.chunks[last]
	off := len(c)
	p.chunks[last] = c[:off+n]
	return uint64(last)<<offBits | uint64(off>>3), p.chunks[last][off : off+n]
}

// at is the entry at ref, from its header on.
func (p *part) at(ref uint64) []byte {
	return p.chunks[ref>>offBits][ref&(1<<offBits-1)<<3:]
}

// find returns the slot of key, or the free slot where it belongs.
func (p *part) find(h uint64, key []byte) (int, bool) {
	mask := len(p.index) - 1
	tag := h >> refBits
	for i := int(h) & mask; ; i = (i + 1) & mask {
		s := p.index[i]
		if s == 0 {
			return i, false
		}
		if s>>refBits == tag && string(entryKey(p.at(s&refMask))) == string(key) {
			return i, true
		}
	}
}

// grow makes room in the index.
func (p *part) grow() {
	size := max(firstSlot, 2*len(p.index))
	old := p.index
	p.bytes += int64(size-len(old)) * 8
	p.index = make([]uint64, size)
	mask := size - 1
	for _, s := range old {
		if s == 0 {
			continue
		}
		i := int(hashKey(entryKey(p.at(s&refMask)))) & mask
		for p.index[i] != 0 {
			i = (i + 1) & mask
		}
		p.index[i] = s
	}
}

// fetch appends the entries of key with from <= time <= to, newest arrival first.
func (p *part) fetch(h uint64, key []byte, from, to int64, hits []Entry) []Entry {
	if p.keys == 0 {
		return hits
	}
	i, found := p.find(h, key)
	if !found {
		return hits
	}
	for ref := p.index[i] & refMask; ref != 0; {
		e := p.at(ref)
		if t := entryTime(e); from <= t && t <= to {
			hits = append(hits, Entry{Time: t, Seq: entrySeq(e), Value: entryValue(e)})
		}
		ref = binary.LittleEndian.Uint64(e)
	}
	return hits
}

// each calls yield for all entries, in order of arrival.
func (p *part) each(yield func(e []byte)) {
	for i, c := range p.chunks {
		off := 0
		if i == 0 {
			off = 8
		}
		for off < len(c) {
			e := c[off:]
			yield(e)
			off += entrySize(e)
		}
	}
}

// chunkStart is where the entries of chunk i begin.
func chunkStart(i int) int {
	if i == 0 {
		return 8
	}
	return 0
}

func entryTime(e []byte) int64 { return int64(binary.LittleEndian.Uint64(e[8:])) }
func entrySeq(e []byte) uint64 { return binary.LittleEndian.Uint64(e[16:]) }

func entryKey(e []byte) []byte {
	n := entryHeader + binary.LittleEndian.Uint32(e[24:])
	return e[entryHeader:n:n]
}

func entryValue(e []byte) []byte {
	k := entryHeader + int(binary.LittleEndian.Uint32(e[24:]))
	n := k + int(binary.LittleEndian.Uint32(e[28:]))
	return e[k:n:n]
}

func entrySize(e []byte) int {
	return align8(entryHeader + int(binary.LittleEndian.Uint32(e[24:])) + int(binary.LittleEndian.Uint32(e[28:])))
}

// nextEntry splits the first entry off bytes that were read from disk. It
// reports false when they cannot be entries.
func nextEntry(b []byte) (e, rest []byte, ok bool) {
	if len(b) < entryHeader {
		return nil, nil, false
	}
	k, v := uint64(binary.LittleEndian.Uint32(b[24:])), uint64(binary.LittleEndian.Uint32(b[28:]))
	size := (entryHeader + k + v + 7) &^ 7
	if bits.UintSize == 32 && size > 1<<31-1 || size > uint64(len(b)) {
		return nil, nil, false
	}
	return b[:size], b[size:], true
}
