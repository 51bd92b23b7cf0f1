// Package record measures what one record of about 300 bytes costs on each way through
// Culvert, beside what the libraries that are commonly used take for the same.
package record

import (
	"encoding/binary"
	"math"
)

// JSON is an order of about 300 bytes.
const JSON = `{"order_id":"ord-00001234","customer":{"id":4711,"name":"Grace Hopper","email":"grace@example.com"},` +
	`"store":"S-17","city":"Wien","items":[{"name":"espresso","quantity":2,"price":3.2},{"name":"croissant","quantity":1,"price":2.75}],` +
	`"total":9.15,"channel":"web","paid":true,"ordered_at":1700000000123,"note":null}`

// Schema is the Avro schema of the order.
const Schema = `{"type":"record","name":"Order","namespace":"shop","fields":[
	{"name":"order_id","type":"string"},
	{"name":"customer","type":{"type":"record","name":"Customer","fields":[{"name":"id","type":"long"},{"name":"name","type":"string"},{"name":"email","type":["null","string"],"default":null}]}},
	{"name":"store","type":"string"},{"name":"city","type":"string"},
	{"name":"items","type":{"type":"array","items":{"type":"record","name":"Item","fields":[{"name":"name","type":"string"},{"name":"quantity","type":"int"},{"name":"price","type":"double"}]}}},
	{"name":"total","type":"double"},{"name":"channel","type":"string"},{"name":"paid","type":"boolean"},
	{"name":"ordered_at","type":{"type":"long","logicalType":"timestamp-millis"}},
	{"name":"note","type":["null","string"],"default":null}]}`

// Avro is the order in Avro, without the head that names its schema.
func Avro() []byte {
	var b []byte
	text := func(s string) { b = append(binary.AppendVarint(b, int64(len(s))), s...) }
	num := func(n int64) { b = binary.AppendVarint(b, n) }
	float := func(f float64) { b = binary.LittleEndian.AppendUint64(b, math.Float64bits(f)) }
	item := func(name string, quantity int64, price float64) {
		text(name)
		num(quantity)
		float(price)
	}
	text("ord-00001234")
	num(4711)
	text("Grace Hopper")
	num(1)
	text("grace@example.com")
	text("S-17")
	text("Wien")
	num(2)
	item("espresso", 2, 3.2)
	item("croissant", 1, 2.75)
	num(0)
	float(9.15)
	text("web")
	b = append(b, 1)
	num(1700000000123)
	num(0)
	return b
}
