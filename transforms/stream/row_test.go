package stream

import (
	"strings"
	"testing"

	"culvert/data"
)

// render writes a row as "name=value ...".
func render(v data.Value, s *data.Schema) string {
	var parts []string
	add := func(name string, v data.Value) {
		text := v.Str()
		switch v.Kind() {
		case data.Null:
			text = "null"
		case data.Map, data.Struct:
			text = "{" + render(v, nil) + "}"
		}
		parts = append(parts, name+"="+text)
	}
	elems := v.Elems()
	if v.Kind() == data.Map {
		for i := 0; i < len(elems); i += 2 {
			add(elems[i].Str(), elems[i+1])
		}
	} else {
		for i := range elems {
			add(s.Fields[i].Name, elems[i])
		}
	}
	return strings.Join(parts, " ")
}

func object(fields string) half {
	var fs []data.Field
	var vs []data.Value
	for _, f := range strings.Fields(fields) {
		name, value, _ := strings.Cut(f, "=")
		fs, vs = append(fs, data.Field{Name: name, Schema: optText}), append(vs, data.OfString(value))
	}
	return half{data.OfStruct(vs), data.NewStruct("", fs...)}
}

func schemaless(h half) half {
	m, err := toMap(h.v, h.s, nil)
	if err != nil {
		panic(err)
	}
	return half{v: m}
}

func TestSelect(t *testing.T) {
	left, right := object("order_id=1 status=new total=9"), object("payment_id=7 order_id=1 status=paid amount=9")
	for _, c := range []struct{ text, want string }{
		{"on=order_id", "order_id=1 left_status=new total=9 payment_id=7 right_status=paid amount=9"},
		{"left.on=order_id;right.on=payment_id", "left_order_id=1 left_status=new total=9 right_order_id=1 right_status=paid amount=9"},
		{"left.alias=o;right.alias=p", "o_order_id=1 o_status=new total=9 payment_id=7 p_order_id=1 p_status=paid amount=9"},
		{"on=order_id;select=left.*, right.payment_id, right.amount AS paid", "order_id=1 status=new total=9 payment_id=7 paid=9"},
		{"on=order_id;select=right.amount as paid,left.total", "paid=9 total=9"},
		{"on=order_id;select=left.status, right.status", "left_status=new right_status=paid"},
		{"on=order_id;select=left.status AS status, right.status", "status=twice"},
		{"on=order_id;select=left.*, right.*", "left_order_id=1 left_status=new total=9 payment_id=7 right_order_id=1 right_status=paid amount=9"},
		{"on=order_id;select=*, right.order_id AS again", "order_id=1 left_status=new total=9 payment_id=7 right_status=paid amount=9 again=1"},
	} {
		cfg, errs := parse("within=1 h;" + c.text)
		if len(errs) > 0 {
			t.Errorf("%s: %v", c.text, errs)
			continue
		}
		for name, h := range map[string][2]half{
			"structs": {left, right}, "maps": {schemaless(left), schemaless(right)}, "mixed": {left, schemaless(right)},
		} {
			r := rows{c: &cfg}
			for range 2 { // the second time from the caches
				v, s, err := r.build(&h, &data.Arena{})
				if strings.HasSuffix(c.want, "=twice") {
					if err == nil || !strings.Contains(err.Error(), "two fields called status") {
						t.Errorf("%s (%s): %v", c.text, name, err)
					}
				} else if err != nil {
					t.Errorf("%s (%s): %v", c.text, name, err)
				} else if got := render(v, s); got != c.want {
					t.Errorf("%s (%s):\n got %s\nwant %s", c.text, name, got, c.want)
				}
			}
		}
	}
}

// A row of one pair of schemas has one schema: sinks cache by it.
func TestRowSchemaIsShared(t *testing.T) {
	cfg, _ := parse("within=1 h")
	r := rows{c: &cfg}
	a := [2]half{object("a=1"), object("b=1")}
	b := [2]half{object("a=1"), object("c=1")}
	_, first, _ := r.build(&a, nil)
	_, other, _ := r.build(&b, nil)
	_, again, _ := r.build(&a, nil)
	if first != again || first == other || first.Name != "" {
		t.Errorf("schemas %p %p %p", first, other, again)
	}
}

func TestSchemalessNested(t *testing.T) {
	inner := data.NewStruct("", data.Field{Name: "city", Schema: optText})
	left := half{data.OfStruct([]data.Value{data.OfStruct([]data.Value{data.OfString("Oslo")})}), data.NewStruct("", data.Field{Name: "at", Schema: inner})}
	cfg, _ := parse("within=1 h")
	r := rows{c: &cfg}
	v, s, err := r.build(&[2]half{left, schemaless(object("b=1"))}, nil)
	if err != nil || s != nil || render(v, s) != "at={city=Oslo} b=1" {
		t.Errorf("%v %v %v", render(v, s), s, err)
	}
	v, _, err = r.build(&[2]half{schemaless(object("a=1")), schemaless(object("b=1"))}, nil)
	if err != nil || render(v, nil) != "a=1 b=1" {
		t.Errorf("%v %v", render(v, nil), err)
	}
	cfg, _ = parse("within=1 h;select=left.nope, right.b")
	r = rows{c: &cfg}
	if v, _, err = r.build(&[2]half{schemaless(object("a=1")), schemaless(object("b=1"))}, nil); err != nil || render(v, nil) != "nope=null b=1" {
		t.Errorf("%v %v", render(v, nil), err)
	}
}
