package store

import "culvert/data"

// AppendJSON appends a partition or an offset as Connect writes it: JsonConverter
// without schemas.
func AppendJSON(dst []byte, v data.Value) []byte { return appendValue(dst, v) }

// ParseJSON reads what AppendJSON writes, and what clients send.
func ParseJSON(raw []byte) (data.Value, error) { return parseValue(raw) }
