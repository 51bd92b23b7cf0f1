package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// This file reads and writes one kind of Java object: a java.util.HashMap from
// byte[] to byte[], as java.io.ObjectOutputStream writes it. It is what
// FileOffsetBackingStore keeps its offsets in.
//
//	AC ED 00 05                       magic, version
//	73                                an object …
//	   72 "java.util.HashMap" uid 03  … of this class, with a writeObject method,
//	      0002 F loadFactor I threshold  two fields,
//	      78 70                       no annotation, no superclass
//	   float int                      the fields' values
//	   77 08 capacity size            what writeObject wrote
//	   key value key value …          each null (70), an array or a reference
//	   78                             end
//
//	75 72 "[B" uid 02 0000 78 70 n bytes   the first array, with its class
//	75 71 handle n bytes                   the others refer to the class
//
// Handles number classes and objects in the order in which they appear.
const (
	streamMagic   = 0xaced0005
	tcNull        = 0x70
	tcReference   = 0x71
	tcClassDesc   = 0x72
	tcObject      = 0x73
	tcArray       = 0x75
	tcBlockData   = 0x77
	tcEndBlock    = 0x78
	firstHandle   = 0x7e0000
	hashMapUID    = 0x0507dac1c31660d1
	byteArrayUID  = 0xacf317f8060854e0
	hashMapClass  = "java.util.HashMap"
	byteArrayName = "[B"
	loadFactor    = 0.75
	hashMapFlags  = 3 // serializable, with writeObject
	byteArrayFlag = 2 // serializable
)

// pair is one entry of the map; nil is Java's null.
type pair struct{ key, value []byte }

// appendHashMap writes the entries in their order. Java reads any order.
func appendHashMap(dst []byte, entries []pair) []byte {
	be := binary.BigEndian
	capacity := 16
	for float64(capacity)*loadFactor < float64(len(entries)) {
		capacity *= 2
	}
	dst = be.AppendUint32(dst, streamMagic)
	dst = append(dst, tcObject)
	dst = appendClass(dst, hashMapClass, hashMapUID, hashMapFlags, 2)
	dst = appendUTF(append(dst, 'F'), "loadFactor")
	dst = appendUTF(append(dst, 'I'), "threshold")
	dst = append(dst, tcEndBlock, tcNull)
	dst = be.AppendUint32(dst, math.Float32bits(loadFactor))
	dst = be.AppendUint32(dst, uint32(float64(capacity)*loadFactor))
	dst = append(dst, tcBlockData, 8)
	dst = be.AppendUint32(dst, uint32(capacity))
	dst = be.AppendUint32(dst, uint32(len(entries)))
	class := false // whether the class of byte[] has been written, as handle 2
	for _, e := range entries {
		for _, b := range [][]byte{e.key, e.value} {
			if b == nil {
				dst = append(dst, tcNull)
				continue
			}
			dst = append(dst, tcArray)
			if class {
				dst = be.AppendUint32(append(dst, tcReference), firstHandle+2)
			} else {
				dst = appendClass(dst, byteArrayName, byteArrayUID, byteArrayFlag, 0)
				dst = append(dst, tcEndBlock, tcNull)
				class = true
			}
			dst = be.AppendUint32(dst, uint32(len(b)))
			dst = append(dst, b...)
		}
	}
	return append(dst, tcEndBlock)
}

func appendClass(dst []byte, name string, uid uint64, flags byte, fields uint16) []byte {
	dst = appendUTF(append(dst, tcClassDesc), name)
	dst = binary.BigEndian.AppendUint64(dst, uid)
	return binary.BigEndian.AppendUint16(append(dst, flags), fields)
}

// appendUTF is DataOutput.writeUTF for ASCII.
func appendUTF(dst []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(s))), s...)
}

var errTruncated = errors.New("it ends too early")

// parseHashMap reads what Java or appendHashMap wrote.
func parseHashMap(raw []byte) ([]pair, error) {
	r := &javaReader{raw: raw}
	if m := r.uint32(); r.err == nil && m != streamMagic {
		return nil, fmt.Errorf("it begins with %08x, not with the %08x of a Java object stream", m, uint32(streamMagic))
	}
	r.expect(tcObject, "an object")
	r.class(hashMapClass, hashMapUID)
	r.handle(nil) // the map itself
	r.skip(8)     // load factor and threshold: Java computes them again
	r.expect(tcBlockData, "the size")
	r.expect(8, "the size")
	r.skip(4) // capacity, likewise
	size := r.uint32()
	if r.err == nil && uint64(size)*2 > uint64(len(raw)) { // an entry has two bytes at least
		return nil, errTruncated
	}
	var entries []pair
	for i := uint32(0); i < size && r.err == nil; i++ {
		key := r.array()
		entries = append(entries, pair{key, r.array()})
	}
	r.expect(tcEndBlock, "the end of the map")
	if r.err != nil {
		return nil, r.err
	}
	return entries, nil
}

// javaReader reads an object stream; after its first error it gives zeros.
type javaReader struct {
	raw     []byte
	handles []any // by number: a class's name, []byte, nil for the map
	err     error
}

func (r *javaReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *javaReader) take(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.raw) {
		r.fail(errTruncated)
		return nil
	}
	b := r.raw[:n:n]
	r.raw = r.raw[n:]
	return b
}

func (r *javaReader) skip(n int) { r.take(n) }

func (r *javaReader) uint8() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *javaReader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *javaReader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *javaReader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *javaReader) utf() string { return string(r.take(int(r.uint16()))) }

func (r *javaReader) handle(v any) { r.handles = append(r.handles, v) }

func (r *javaReader) expect(want byte, what string) {
	if got := r.uint8(); r.err == nil && got != want {
		r.fail(fmt.Errorf("byte %02x where %s should begin (%02x)", got, what, want))
	}
}

// class reads a class description or a reference to one, and checks which.
func (r *javaReader) class(name string, uid uint64) {
	switch tag := r.uint8(); {
	case r.err != nil:
	case tag == tcReference:
		if got, _ := r.lookup().(string); got != name {
			r.fail(fmt.Errorf("a reference to %q where class %s should be", got, name))
		}
	case tag == tcClassDesc:
		r.newClass(name, uid)
	default:
		r.fail(fmt.Errorf("byte %02x where class %s should be", tag, name))
	}
}

func (r *javaReader) newClass(name string, uid uint64) {
	got, gotUID := r.utf(), r.uint64()
	if r.err == nil && (got != name || gotUID != uid) {
		if !utf8.ValidString(got) || len(got) > 200 {
			got = "of an unreadable name"
		}
		r.fail(fmt.Errorf("class %s (%016x) where %s should be", got, gotUID, name))
		return
	}
	r.handle(name)
	r.skip(1) // flags: what the uid stands for cannot have others
	for n := r.uint16(); n > 0 && r.err == nil; n-- {
		r.skip(1) // both fields of a HashMap are primitive, so no type name follows
		r.utf()
	}
	r.expect(tcEndBlock, "the end of a class")
	r.expect(tcNull, "no superclass")
}

func (r *javaReader) lookup() any {
	n := int64(r.uint32()) - firstHandle
	if r.err != nil || n < 0 || n >= int64(len(r.handles)) {
		r.fail(fmt.Errorf("a reference to object %d, which does not exist", n))
		return nil
	}
	return r.handles[n]
}

// array reads a byte[], null, or a reference to one that was read before.
func (r *javaReader) array() []byte {
	switch tag := r.uint8(); {
	case r.err != nil || tag == tcNull:
		return nil
	case tag == tcReference:
		b, ok := r.lookup().([]byte)
		if !ok {
			r.fail(errors.New("a reference to something else where byte[] should be"))
		}
		return b
	case tag == tcArray:
		r.class(byteArrayName, byteArrayUID)
		i := len(r.handles)
		r.handle(nil)
		b := r.take(int(int32(r.uint32())))
		if r.err == nil {
			r.handles[i] = b
		}
		return b
	default:
		r.fail(fmt.Errorf("byte %02x where byte[] should be", tag))
		return nil
	}
}
