package state

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

// The keys on disk. All of one connector stand together, and within it all of
// one partition number:
//
//	connector 8, partition 4, 'l', side 1, segment 8, n 4                  log: entries as in memory
//	connector 8, partition 4, 'm'                                         manifest
//	connector 8, partition 4, 's', side 1, segment 8, hash 8, time 8, seq 8   spilled entry
//
// Connector is a hash of its name (the manifest has the name itself); hash is
// that of the entry's key, which stands in the value. Numbers are big-endian so
// that they sort.
const (
	logKind      = 'l'
	manifestKind = 'm'
	spillKind    = 's'

	localLen   = 12
	spillSplit = localLen + 1 + 1 + 8 + 8
	spillLen   = spillSplit + 16
)

// splitKey ends the part of a spilled entry's key that Bloom filters know. It
// does so in keys that were cut off as well: Pebble separates blocks by the
// shortest key between two, and byte order must be the order of what is before
// the split and then of what is behind it for those too.
func splitKey(k []byte) int {
	if len(k) > localLen && k[localLen] == spillKind {
		return min(len(k), spillSplit)
	}
	return len(k)
}

func connectorPrefix(connector string) []byte {
	return binary.BigEndian.AppendUint64(nil, xxhash.Sum64String(connector))
}

func localPrefix(id ID) []byte {
	return binary.BigEndian.AppendUint32(connectorPrefix(id.Connector), uint32(id.Partition))
}

func manifestKey(prefix []byte) []byte { return append(prefix[:localLen:localLen], manifestKind) }

// segmentKey is the start of all keys of a segment; that of segment + 1 is their end.
func segmentKey(prefix []byte, kind byte, side int, segment int64) []byte {
	return appendSegmentKey(make([]byte, 0, spillLen), prefix, kind, side, segment)
}

func appendSegmentKey(k, prefix []byte, kind byte, side int, segment int64) []byte {
	k = append(append(k, prefix[:localLen]...), kind, byte(side))
	return binary.BigEndian.AppendUint64(k, uint64(segment))
}

func logKey(prefix []byte, side int, segment int64, n int) []byte {
	return binary.BigEndian.AppendUint32(segmentKey(prefix, logKind, side, segment), uint32(n))
}

// spillKey appends the end of a spilled entry's key to that of its segment.
func spillKey(segment []byte, hash uint64, t int64, seq uint64) []byte {
	k := binary.BigEndian.AppendUint64(segment, hash)
	k = binary.BigEndian.AppendUint64(k, uint64(t))
	return binary.BigEndian.AppendUint64(k, seq)
}

// after is the first key behind all those that begin with prefix.
func after(prefix []byte) []byte {
	k := append([]byte(nil), prefix...)
	for i := len(k) - 1; i >= 0; i-- {
		k[i]++
		if k[i] != 0 {
			return k[:i+1]
		}
	}
	return append(append([]byte(nil), prefix...), 0xff) // all 0xff: cannot be followed by more in our keys
}
