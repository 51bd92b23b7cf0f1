package gen

import (
	"strconv"
	"strings"

	"culvert/data"
)

// Names that AvroData gives to what Connect has no type for.
const (
	enumParam      = "io.confluent.connect.avro.Enum"
	unionName      = "io.confluent.connect.avro.Union"
	fixedSizeParam = "connect.fixed.size"
	precisionParam = "connect.decimal.precision"
)

// defaultPrecision is the precision of a decimal that AvroData does not write down.
const defaultPrecision = 64

// connectSchema fills the Connect schemas of n and of what is below it.
func connectSchema(n *node) *data.Schema {
	if n.connect != nil {
		return n.connect
	}
	switch n.kind {
	case nullKind:
		n.connect = nil
	case booleanKind:
		n.connect = data.Of(data.Bool)
	case intKind:
		n.connect = data.Of(data.Int32)
		switch n.logical {
		case "date":
			n.connect = data.Of(data.Date)
		case "time-millis":
			n.connect = data.Of(data.Time)
		}
	case longKind:
		n.connect = data.Of(data.Int64)
		if n.logical == "timestamp-millis" {
			n.connect = data.Of(data.Timestamp)
		}
	case floatKind:
		n.connect = data.Of(data.Float32)
	case doubleKind:
		n.connect = data.Of(data.Float64)
	case stringKind:
		n.connect = data.Of(data.String)
	case bytesKind, fixedKind:
		n.connect = bytesSchema(n)
	case enumKind:
		s := data.Of(data.String)
		s.Doc = n.doc
		s.Params = append(s.Params, data.Param{Name: enumParam, Value: n.name})
		for _, sym := range n.symbols {
			s.Params = append(s.Params, data.Param{Name: enumParam + "." + sym, Value: sym})
		}
		n.connect = s
	case arrayKind:
		n.connect = data.ArrayOf(connectSchema(n.elem))
	case mapKind:
		n.connect = data.MapOf(data.Of(data.String), connectSchema(n.elem))
	case recordKind:
		fields := make([]data.Field, len(n.fields))
		for i, f := range n.fields {
			fields[i].Name = f.name
		}
		n.connect = data.NewStruct(n.name, fields...)
		n.connect.Doc = n.doc
		// Only now: a record may contain itself.
		for i, f := range n.fields {
			fields[i].Schema = connectSchema(f.node)
		}
	case unionKind:
		n.connect = unionSchema(n)
	}
	return n.connect
}

func bytesSchema(n *node) *data.Schema {
	s := data.Of(data.Bytes)
	if n.logical == "decimal" {
		s = data.Of(data.Decimal)
		s.Params = append(s.Params, data.Param{Name: data.ScaleParam, Value: strconv.Itoa(int(n.scale))})
		if n.prec != defaultPrecision {
			s.Params = append(s.Params, data.Param{Name: precisionParam, Value: strconv.Itoa(n.prec)})
		}
		return s
	}
	if n.kind == fixedKind {
		s.Name = n.name
		s.Params = append(s.Params, data.Param{Name: fixedSizeParam, Value: strconv.Itoa(n.size)})
	}
	return s
}

// unionSchema is an optional schema for null and one other, else a struct with
// an optional field for each branch.
func unionSchema(n *node) *data.Schema {
	var rest []*node
	for _, b := range n.branches {
		if b.kind != nullKind {
			rest = append(rest, b)
		}
	}
	optional := len(rest) < len(n.branches)
	if optional && len(rest) == 1 {
		return connectSchema(rest[0]).AsOptional()
	}
	fields := make([]data.Field, len(rest))
	for i, b := range rest {
		fields[i] = data.Field{Name: branchName(b), Schema: connectSchema(b).AsOptional()}
	}
	s := data.NewStruct(unionName, fields...)
	s.Optional = optional
	return s
}

// branchName is the field of a union's struct: the name without its namespace,
// or the type.
func branchName(n *node) string {
	if n.name == "" {
		return n.kind.String()
	}
	return n.name[strings.LastIndexByte(n.name, '.')+1:]
}
