package mongodb

import (
	"encoding/binary"
	"math"
	"math/big"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/connectors/mongodb/datetime"
)

// isTimeSeries reports whether the topic is written to a time series collection.
func (t *topicConfig) isTimeSeries() bool { return strings.TrimSpace(t.TimeField) != "" }

// timeConverter is TimeseriesTimeFieldAutoConversion: numbers and texts in the time
// field become dates. What is no time stays as it is.
type timeConverter struct {
	field  string
	format *datetime.Format
}

func newTimeConverter(t *topicConfig) (processor, error) {
	f, err := datetime.New(t.TimeFormat, t.TimeLanguage)
	if err != nil {
		return nil, &classError{keyTimeFormat, t.TimeFormat, err.Error()}
	}
	return &timeConverter{t.TimeField, f}, nil
}

func (p *timeConverter) process(d *document) error {
	doc, ok, err := d.valueDoc()
	if err != nil || !ok {
		return err
	}
	f, ok := find(doc, p.field)
	if !ok {
		return nil
	}
	ms, ok := p.millis(value{f.kind, doc[f.value:f.end]})
	if !ok {
		return nil
	}
	v := value{typeDate, d.scratch(binary.LittleEndian.AppendUint64(nil, uint64(ms)))}
	d.changeValue(func(dst, doc []byte) []byte { return withField(dst, doc, p.field, v) })
	return nil
}

// millis is the time that a value stands for: BsonNumber.longValue, or what the
// pattern makes of a text.
func (p *timeConverter) millis(v value) (int64, bool) {
	switch v.kind {
	case typeInt32:
		return int64(int32(binary.LittleEndian.Uint32(v.data))), true
	case typeInt64:
		return int64(binary.LittleEndian.Uint64(v.data)), true
	case typeDouble:
		return javaLong(math.Float64frombits(binary.LittleEndian.Uint64(v.data))), true
	case typeDecimal:
		return decimalLong(v.data)
	case typeString:
		return p.format.Parse(v.text())
	}
	return 0, false
}

// javaLong is Java's cast of a double to long.
func javaLong(f float64) int64 {
	switch {
	case math.IsNaN(f):
		return 0
	case f >= math.MaxInt64:
		return math.MaxInt64
	case f <= math.MinInt64:
		return math.MinInt64
	}
	return int64(f)
}

// decimalLong is Decimal128.longValue: the low 64 bits of the whole part, where it
// is a number.
func decimalLong(data []byte) (int64, bool) {
	d := bson.NewDecimal128(binary.LittleEndian.Uint64(data[8:]), binary.LittleEndian.Uint64(data))
	n, exp, err := d.BigInt()
	if err != nil {
		return 0, false
	}
	return wholePart(n, exp), true
}

// wholePart is n·10^exp without its fraction, cut to 64 bits.
func wholePart(n *big.Int, exp int) int64 {
	ten := big.NewInt(10)
	if exp >= 0 {
		n.Mul(n, new(big.Int).Exp(ten, big.NewInt(int64(exp)), nil))
	} else {
		n.Quo(n, new(big.Int).Exp(ten, big.NewInt(int64(-exp)), nil))
	}
	low := new(big.Int).And(n, new(big.Int).SetUint64(math.MaxUint64)).Uint64()
	return int64(low)
}
