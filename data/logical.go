package data

// LogicalKind is the kind of a schema with Connect's base type and name: Decimal,
// Date, Time or Timestamp where the name is that logical type's and the base is
// the one it is defined on, else the base. (Connect lets a schema carry a logical
// name on a foreign base type; such a schema keeps the base as its kind.)
func LogicalKind(base Kind, name string) Kind {
	switch {
	case base == Bytes && name == DecimalName:
		return Decimal
	case base == Int32 && name == DateName:
		return Date
	case base == Int32 && name == TimeName:
		return Time
	case base == Int64 && name == TimestampName:
		return Timestamp
	}
	return base
}

// Base is Connect's Schema.Type of the kind: the type that a logical kind is
// encoded as.
func (k Kind) Base() Kind {
	switch k {
	case Decimal:
		return Bytes
	case Date, Time:
		return Int32
	case Timestamp:
		return Int64
	}
	return k
}

// Index makes the field index of a Struct schema that was not made by NewStruct.
// It must be called before the schema is shared.
func (s *Schema) Index() {
	s.index = make(map[string]int, len(s.Fields))
	for i, f := range s.Fields {
		s.index[f.Name] = i
	}
}

// DefaultOr returns v, or the default of the schema when v is null and there is one.
func (s *Schema) DefaultOr(v Value) Value {
	if v.kind == Null && s != nil && s.HasDefault {
		return s.Default
	}
	return v
}
