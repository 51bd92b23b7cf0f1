package avro

import (
	"strings"
	"testing"

	"culvert/data"
	"culvert/internal/golden"
)

func connected(t *testing.T, text string) *data.Schema {
	t.Helper()
	n, err := Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	s, err := mapping{metaData: true}.Connect(n, 0)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

// TestNamesWithoutNamespace: a type can leave the namespace around it, and a name
// that its namespace does not have is one without namespace.
func TestNamesWithoutNamespace(t *testing.T) {
	const inner = `{"type":"record","name":"In","namespace":"","fields":[{"name":"x","type":"int"},{"name":"e","type":{"type":"enum","name":"E","symbols":["A"]}}]}`
	text := `{"type":"record","name":"Out","namespace":"ns","fields":[{"name":"a","type":` + inner + `},{"name":"b","type":["null","In"]},
		{"name":"c","type":{"type":"array","items":{"type":"record","name":"In","fields":[{"name":"e","type":"E"},{"name":"again","type":["null","In"]}]}}}]}`
	s := connected(t, text)
	a, b, c := s.Fields[0].Schema, s.Fields[1].Schema, s.Fields[2].Schema.Elem
	if a.Name != "In" || b.Name != "In" || !b.Optional || c.Name != "ns.In" || c.Fields[1].Schema.Name != "ns.In" {
		t.Errorf("%s, %s, %s, %s", a.Name, b.Name, c.Name, c.Fields[1].Schema.Name)
	}
	if e := c.Fields[0].Schema; e != nil && e.Name != "E" {
		t.Errorf("an enum of the type without namespace: %s", e.Name)
	}

	n, err := Parse(`{"type":"record","name":"a.Out","fields":[{"name":"a","type":"In"}]}`, inner)
	if err != nil || n.Fields[0].Node.FullName() != "In" {
		t.Errorf("a reference without namespace: %v", err)
	}
	if _, err := Parse(`{"type":"record","name":"a.Out","fields":[{"name":"a","type":"Nowhere"}]}`); err == nil || strings.Contains(err.Error(), noNamespace) {
		t.Errorf("an unknown type: %v", err)
	}
	if err := readable(text, strings.Replace(text, `"int"`, `"long"`, 1), nil); err != nil {
		t.Errorf("int to long: %v", err)
	}
}

// TestLongNumbersOfASchema: integers that a float64 cannot hold.
func TestLongNumbersOfASchema(t *testing.T) {
	n, err := Parse(`{"type":"record","name":"R","fields":[
		{"name":"max","type":"long","default":9223372036854775807},{"name":"min","type":"long","default":-9223372036854775808},
		{"name":"odd","type":{"type":"long","connect.default":9007199254740993}},{"name":"map","type":{"type":"map","values":{"type":"long","connect.default":9007199254740993}}},
		{"name":"beyond","type":"long","default":9223372036854775808}]}`)
	if err != nil {
		t.Fatal(err)
	}
	s, err := mapping{metaData: true}.Connect(n, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int64{1<<63 - 1, -1 << 63, 1<<53 + 1} {
		if f := s.Fields[i]; !f.Schema.HasDefault || f.Schema.Default.Int() != want {
			t.Errorf("%s: default %s, want %d", f.Name, golden.ShowValue(f.Schema.Default), want)
		}
	}
	if got := s.Fields[3].Schema.Elem.Default.Int(); got != 1<<53+1 {
		t.Errorf("within a map: %d", got)
	}
	if s.Fields[4].Schema.HasDefault {
		t.Errorf("a default beyond 64 bits became %s", golden.ShowValue(s.Fields[4].Schema.Default))
	}
}

const entryOfItself = `{"type":"array","items":{"type":"record","name":"MapEntry","namespace":"io.confluent.connect.avro","fields":[
	{"name":"key","type":"bytes"},{"name":"value","type":{"type":"array","items":"MapEntry"}}]}}`

// TestMapEntryOfItself: AvroData writes such a schema for maps within maps.
func TestMapEntryOfItself(t *testing.T) {
	n, err := Parse(entryOfItself)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (mapping{}).Connect(n, 0); err == nil || !strings.Contains(err.Error(), "contains itself") {
		t.Errorf("%v", err)
	}
}
