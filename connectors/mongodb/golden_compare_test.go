package mongodb

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// same compares a document with its canonical extended JSON, in order.
func same(name string, want json.RawMessage, got []byte) error {
	if len(want) == 0 || string(want) == "null" {
		if got != nil {
			return fmt.Errorf("%s: %s, want none", name, bson.Raw(got))
		}
		return nil
	}
	if got == nil {
		return fmt.Errorf("%s: none, want %s", name, want)
	}
	if err := bson.Raw(got).Validate(); err != nil {
		return fmt.Errorf("%s: malformed BSON: %w", name, err)
	}
	text, err := bson.MarshalExtJSON(bson.Raw(got), true, false)
	if err != nil {
		return err
	}
	w, err := ordered(want)
	if err != nil {
		return err
	}
	g, err := ordered(text)
	if err != nil {
		return err
	}
	if !alike(w, g) {
		return fmt.Errorf("%s:\n got %s\nwant %s", name, text, want)
	}
	return nil
}

type member struct {
	name  string
	value any
}

// ordered parses JSON and keeps the order of an object's members.
func ordered(text []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	return orderedValue(dec)
}

func orderedValue(dec *json.Decoder) (any, error) {
	t, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		members := []member{}
		for dec.More() {
			name, err := dec.Token()
			if err != nil {
				return nil, err
			}
			v, err := orderedValue(dec)
			if err != nil {
				return nil, err
			}
			members = append(members, member{name.(string), v})
		}
		_, err = dec.Token()
		return members, err
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			v, err := orderedValue(dec)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = dec.Token()
		return list, err
	}
	return t, nil
}

func alike(want, got any) bool {
	if want == "<uuid>" {
		s, ok := got.(string)
		return ok && (len(s) == 36 || len(s) == 24)
	}
	w, ok := want.([]member)
	if !ok {
		if l, ok := want.([]any); ok {
			g, ok := got.([]any)
			if !ok || len(l) != len(g) {
				return false
			}
			for i := range l {
				if !alike(l[i], g[i]) {
					return false
				}
			}
			return true
		}
		return reflect.DeepEqual(want, got)
	}
	g, ok := got.([]member)
	if !ok || len(w) != len(g) {
		return false
	}
	for i := range w {
		if w[i].name != g[i].name {
			return false
		}
		switch {
		case w[i].name == "$oid" && w[i].value == "<oid>", w[i].name == "$date" && w[i].value == "<now>":
		case w[i].name == "$numberDouble":
			if !sameDouble(w[i].value, g[i].value) {
				return false
			}
		case !alike(w[i].value, g[i].value):
			return false
		}
	}
	return true
}

func sameDouble(a, b any) bool {
	x, err1 := strconv.ParseFloat(fmt.Sprint(a), 64)
	y, err2 := strconv.ParseFloat(fmt.Sprint(b), 64)
	return err1 == nil && err2 == nil && math.Float64bits(x) == math.Float64bits(y)
}

func compareBatches(want json.RawMessage, bulks any, reported []int64) error {
	var w struct {
		BulkWrites json.RawMessage `json:"bulkWrites"`
		Reported   json.RawMessage `json:"reported"`
	}
	if bytes.HasPrefix(bytes.TrimSpace(want), []byte("[")) {
		w.BulkWrites = want
	} else if err := json.Unmarshal(want, &w); err != nil {
		return err
	}
	for _, part := range []struct {
		name string
		want json.RawMessage
		got  any
	}{{"bulk writes", w.BulkWrites, bulks}, {"reported", w.Reported, reported}} {
		if part.want == nil {
			continue
		}
		text, err := json.Marshal(part.got)
		if err != nil {
			return err
		}
		var a, b any
		if err := errors.Join(json.Unmarshal(part.want, &a), json.Unmarshal(text, &b)); err != nil {
			return err
		}
		if !reflect.DeepEqual(a, b) {
			return fmt.Errorf("%s:\n got %s\nwant %s", part.name, text, part.want)
		}
	}
	return nil
}
