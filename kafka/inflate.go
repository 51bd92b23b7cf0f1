package kafka

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/IBM/sarama"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy/xerial"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// maxInflated bounds what a batch may become: a few bytes can stand for gigabytes.
// Brokers take batches of a megabyte (message.max.bytes).
const maxInflated = 128 << 20

var errInflated = fmt.Errorf("it has more than %d bytes when it is decompressed", maxInflated)

// inflater holds what decompression keeps between batches.
type inflater struct {
	src  bytes.Reader
	gzip gzip.Reader
	lz4  *lz4.Reader
	zstd *zstd.Decoder
}

var inflaters = sync.Pool{New: func() any { return new(inflater) }}

// inflate appends the bytes that src stands for to dst, whose capacity it uses.
func inflate(codec sarama.CompressionCodec, dst, src []byte) ([]byte, error) {
	f := inflaters.Get().(*inflater)
	defer inflaters.Put(f)
	switch codec {
	case sarama.CompressionSnappy:
		return unsnap(dst, src)
	case sarama.CompressionZSTD:
		if f.zstd == nil {
			var err error
			if f.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxInflated)); err != nil {
				return dst, err
			}
		}
		out, err := f.zstd.DecodeAll(src, dst)
		if errors.Is(err, zstd.ErrDecoderSizeExceeded) {
			err = errInflated
		}
		return out, err
	}
	f.src.Reset(src)
	defer f.src.Reset(nil)
	switch codec {
	case sarama.CompressionGZIP:
		if err := f.gzip.Reset(&f.src); err != nil {
			return dst, err
		}
		return drain(dst, &f.gzip)
	case sarama.CompressionLZ4:
		if f.lz4 == nil {
			f.lz4 = lz4.NewReader(nil)
		}
		f.lz4.Reset(&f.src)
		return drain(dst, f.lz4)
	}
	return dst, fmt.Errorf("its compression is of the unknown kind %d", codec)
}

// drain appends what r has to dst.
func drain(dst []byte, r io.Reader) ([]byte, error) {
	begun := len(dst)
	for {
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, max(len(dst)-begun, 4<<10))
		}
		n, err := r.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		switch {
		case len(dst)-begun > maxInflated:
			return dst, errInflated
		case errors.Is(err, io.EOF):
			return dst, nil
		case err != nil:
			return dst, err
		}
	}
}

// unsnap reads snappy in either framing, Java's or none.
func unsnap(dst, src []byte) ([]byte, error) {
	begun := len(dst)
	for room := max(cap(dst)-begun, 4*len(src)); ; room *= 2 {
		room = min(room, maxInflated)
		dst = slices.Grow(dst, room)
		out, err := xerial.DecodeCapped(dst[begun:begun:begun+room], src)
		switch {
		case err == nil:
			return dst[:begun+len(out)], nil
		case !errors.Is(err, xerial.ErrDstTooSmall):
			return dst, err
		case room == maxInflated:
			return dst, errInflated
		}
	}
}
