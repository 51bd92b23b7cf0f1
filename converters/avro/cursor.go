package avro

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Cursor reads Avro's primitive encodings from a byte slice and checks every read
// against its end. The first failure is kept in err; after it all reads return
// zero, so that a caller may check once behind several reads.
type Cursor struct {
	b     []byte
	i     int
	err   error
	empty int // items without bytes so far
}

// MalformedError says where bytes do not follow their schema.
type MalformedError struct {
	At  int // byte position behind the head
	Why string
}

func (e *MalformedError) Error() string {
	return fmt.Sprintf("not Avro of its schema at byte %d: %s", e.At, e.Why)
}

// NewCursor starts at the beginning of b.
func NewCursor(b []byte) Cursor { return Cursor{b: b} }

// Err is the first failure.
func (c *Cursor) Err() error { return c.err }

// Left is the number of bytes that have not been read.
func (c *Cursor) Left() int { return len(c.b) - c.i }

// Fail notes a failure at the current position.
func (c *Cursor) Fail(format string, args ...any) {
	if c.err == nil {
		c.err = &MalformedError{At: c.i, Why: fmt.Sprintf(format, args...)}
	}
	c.i = len(c.b)
}

func (c *Cursor) short(what string) {
	c.Fail("the bytes end within %s", what)
}

// Boolean reads a boolean.
func (c *Cursor) Boolean() bool {
	if c.i >= len(c.b) {
		c.short("a boolean")
		return false
	}
	v := c.b[c.i]
	c.i++
	return v == 1
}

// Long reads a zig-zag integer of up to 64 bits.
func (c *Cursor) Long() int64 {
	// Most integers have one or two bytes.
	if c.i+1 < len(c.b) {
		b0 := c.b[c.i]
		if b0 < 0x80 {
			c.i++
			return int64(b0>>1) ^ -int64(b0&1)
		}
		if b1 := c.b[c.i+1]; b1 < 0x80 {
			c.i += 2
			u := uint64(b0&0x7f) | uint64(b1)<<7
			return int64(u>>1) ^ -int64(u&1)
		}
	}
	u, n := binary.Uvarint(c.b[c.i:])
	if n <= 0 {
		if n == 0 {
			c.short("an integer")
		} else {
			c.Fail("an integer of more than 64 bits")
		}
		return 0
	}
	c.i += n
	return int64(u>>1) ^ -int64(u&1)
}

// Int reads a zig-zag integer of up to 32 bits.
func (c *Cursor) Int() int32 {
	start := c.i
	v := c.Long()
	if v != int64(int32(v)) {
		c.i = start
		c.Fail("the integer %d where the schema says int", v)
		return 0
	}
	return int32(v)
}

// Float reads four bytes.
func (c *Cursor) Float() float32 {
	if c.Left() < 4 {
		c.short("a float")
		return 0
	}
	v := math.Float32frombits(binary.LittleEndian.Uint32(c.b[c.i:]))
	c.i += 4
	return v
}

// Double reads eight bytes.
func (c *Cursor) Double() float64 {
	if c.Left() < 8 {
		c.short("a double")
		return 0
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(c.b[c.i:]))
	c.i += 8
	return v
}

// Bytes reads a length and that many bytes, which it shares.
func (c *Cursor) Bytes() []byte {
	n := c.Long()
	if n < 0 || n > int64(c.Left()) {
		c.Fail("a length of %d where %d bytes are left", n, c.Left())
		return nil
	}
	return c.Fixed(int(n))
}

// Fixed reads n bytes, which it shares.
func (c *Cursor) Fixed(n int) []byte {
	if n > c.Left() {
		c.short("a fixed")
		return nil
	}
	v := c.b[c.i : c.i+n : c.i+n]
	c.i += n
	return v
}

// Index reads the position of a union branch or of a symbol among n.
func (c *Cursor) Index(n int, what string) int {
	i := c.Long()
	if i < 0 || i >= int64(n) {
		c.Fail("%s %d of a schema that has %d", what, i, n)
		return 0
	}
	return int(i)
}

// emptyItems bounds the items of one record that have no bytes (null, a record
// without fields), which a few bytes could otherwise multiply without end.
const emptyItems = 1 << 16

// Block reads the number of items of the next block of an array or map; 0 is the
// end. Each item takes at least least bytes.
func (c *Cursor) Block(least int) int {
	n := c.Long()
	if n < 0 {
		if n == math.MinInt64 {
			c.Fail("a block of %d items", n)
			return 0
		}
		n = -n
		if size := c.Long(); size < 0 || size > int64(c.Left()) {
			c.Fail("a block of %d bytes where %d are left", size, c.Left())
			return 0
		}
	}
	if least > 0 && n > int64(c.Left()/least) || least == 0 && n > int64(emptyItems-c.empty) {
		c.Fail("a block of %d items where %d bytes are left", n, c.Left())
		return 0
	}
	if least == 0 {
		c.empty += int(n)
	}
	return int(n)
}

// MaxDepth bounds how deep values may nest.
const MaxDepth = 500
