package jsonschema

import (
	"encoding/json"
	"fmt"
	"sort"
	"strconv"

	lib "github.com/santhosh-tekuri/jsonschema/v6"

	jsonconv "culvert/converters/json"
	"culvert/data"
	"culvert/fault"
)

// Names and properties that Confluent's JsonSchemaData uses.
const (
	namespace        = "io.confluent.connect.json"
	idParam          = namespace + ".Id"
	enumParam        = namespace + ".Enum"
	unionName        = namespace + ".OneOf"
	idPrefix         = "#id"
	generalizedUnion = "org.apache.kafka.connect.data.Union"
	generalizedEnum  = "org.apache.kafka.connect.data.Enum"
	generalizedName  = "connect_union_"
	generalizedField = "connect_union_field_"
	nullSymbol       = "<NULL>"

	propType       = "connect.type"
	propVersion    = "connect.version"
	propParameters = "connect.parameters"
	propIndex      = "connect.index"
)

const dataException = "org.apache.kafka.connect.errors.DataException"

func dataError(format string, args ...any) *fault.Error {
	return fault.New(fault.Record, "jsonschema.data", format, args...).WithJava(dataException)
}

func isUnion(s *data.Schema) bool {
	if s.Kind != data.Struct {
		return false
	}
	if s.Name == unionName {
		return true
	}
	_, ok := s.Param(generalizedUnion)
	return ok
}

// toConnect walks a schema once.
type toConnect struct {
	mapping
	structs map[*node]*data.Schema
	copies  []copyOf
	unions  int
	ids     int
	depth   int
	made    int
}

// copyOf is a schema that becomes a copy of a struct's once all are complete.
type copyOf struct {
	to, from *data.Schema
	optional bool
}

// connect is JsonSchemaData.toConnectSchema. version is the schema's version in the
// registry, 0 if unknown.
func (m mapping) connect(s *lib.Schema, version int32) (*data.Schema, error) {
	t := toConnect{mapping: m, structs: map[*node]*data.Schema{}}
	ns := nodes{targets: map[*lib.Schema]*node{}}
	made, err := t.schema(ns.node(s), version, false)
	if err != nil {
		return nil, err
	}
	for _, c := range t.copies {
		*c.to = *c.from
		c.to.Optional = c.optional
	}
	return made, nil
}

func (t *toConnect) schema(n *node, version int32, optional bool) (*data.Schema, error) {
	if n == nil {
		return nil, nil
	}
	t.depth++
	defer func() { t.depth-- }()
	if t.made++; t.depth > maxDepth || t.made > maxSubtrees {
		return nil, dataError("The schema contains itself without an object between, or has more than %d types", maxSubtrees)
	}
	s := &data.Schema{}
	var err error
	switch n.class {
	case classBoolean:
		s.Kind = data.Bool
	case classNumber:
		err = t.number(s, n)
	case classString:
		if s.Kind = data.String; n.raw[propType] == "bytes" {
			s.Kind = data.Bytes
		}
	case classConst, classEnum:
		t.enum(s, n.values)
	case classCombined:
		var whole *data.Schema
		if whole, err = t.combined(s, n, version, optional); whole != nil || err != nil {
			return whole, err
		}
	case classArray:
		err = t.array(s, n)
	case classObject:
		err = t.object(s, n)
	case classReference:
		return t.reference(n.target(), version, optional)
	case classEmpty:
		err = dataError("A schema that allows every type has no counterpart in Connect").
			WithFix("Give the property a type in the JSON schema, or read the topic with JsonConverter or as bytes.")
	case classNull:
		err = dataError("Unsupported schema type org.everit.json.schema.NullSchema")
	default:
		err = dataError("Unsupported schema type: not, if or false")
	}
	if err != nil {
		return nil, err
	}
	return s, t.annotate(s, n, version, optional)
}

var numberTypes = map[string]data.Kind{"int8": data.Int8, "int16": data.Int16, "int32": data.Int32, "int64": data.Int64,
	"float32": data.Float32, "float64": data.Float64, "bytes": data.Bytes}

func (t *toConnect) number(s *data.Schema, n *node) error {
	name, given := n.raw[propType].(string)
	switch kind, ok := numberTypes[name]; {
	case ok:
		s.Kind = kind
	case given:
		return dataError("Unsupported type %s", name)
	case n.integer:
		s.Kind = data.Int64
	default:
		s.Kind = data.Float64
	}
	return nil
}

func (t *toConnect) enum(s *data.Schema, symbols []any) {
	s.Kind = data.String
	param := enumParam
	if t.generalized {
		param = generalizedEnum
	}
	s.Params = append(s.Params, data.Param{Name: param}) // an enum of JSON has no name
	for i, v := range symbols {
		symbol := symbolOf(v)
		value := symbol
		if t.generalized {
			value = strconv.Itoa(i)
		}
		setParam(s, param+"."+symbol, value)
	}
}

func symbolOf(v any) string {
	switch v := v.(type) {
	case nil:
		return nullSymbol
	case string:
		return v
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

func setParam(s *data.Schema, name, value string) {
	for i := range s.Params {
		if s.Params[i].Name == name {
			s.Params[i].Value = value
			return
		}
	}
	s.Params = append(s.Params, data.Param{Name: name, Value: value})
}

// combined makes the struct of a union. Where the schema is another one's instead,
// that is returned.
func (t *toConnect) combined(s *data.Schema, n *node, version int32, optional bool) (*data.Schema, error) {
	if len(n.subs) == 1 && t.flattenSingleton {
		return t.schema(n.subs[0], 0, false)
	}
	if n.of == "allOf" {
		return t.allOf(n, version, optional)
	}
	if len(n.subs) == 2 {
		for i, sub := range n.subs {
			if sub.class == classNull {
				return t.schema(n.subs[1-i], version, true)
			}
		}
	}
	s.Kind, s.Name = data.Struct, unionName
	prefix := unionName + ".field."
	if t.generalized {
		s.Name = generalizedName + strconv.Itoa(t.unions)
		t.unions++
		prefix = generalizedField
		setParam(s, generalizedUnion, s.Name)
	}
	for _, sub := range n.subs {
		if sub.class == classNull {
			s.Optional = true
			continue
		}
		fs, err := t.schema(sub, 0, true)
		if err != nil {
			return nil, err
		}
		s.Fields = append(s.Fields, data.Field{Name: prefix + strconv.Itoa(len(s.Fields)), Schema: fs})
	}
	s.Index()
	return nil, nil
}

// allOf is JsonSchemaData.allOfToConnectSchema: objects are merged, and of other
// schemas the one that says most is taken.
func (t *toConnect) allOf(n *node, version int32, optional bool) (*data.Schema, error) {
	last := map[class]*node{}
	merged := node{required: map[string]bool{}}
	seen := map[*node]bool{}
	for _, sub := range n.subs {
		last[sub.class] = sub
		collect(sub, &merged, seen)
	}
	if len(merged.props) > 0 {
		s := &data.Schema{Kind: data.Struct, Optional: optional}
		t.structs[n] = s
		for _, p := range merged.props {
			fs, err := t.schema(p.node, 0, t.optionalUnless && !merged.required[p.name])
			if err != nil {
				return nil, err
			}
			s.Fields = append(s.Fields, data.Field{Name: p.name, Schema: fs})
		}
		s.Index()
		return s, nil
	}
	text, num := last[classString], last[classNumber]
	switch {
	case last[classCombined] != nil:
		return t.schema(last[classCombined], version, optional)
	case last[classConst] != nil && text != nil:
		return t.schema(text, version, optional)
	case last[classConst] != nil && num != nil, last[classEnum] != nil && text == nil && num != nil, text != nil && text.format && num != nil:
		return t.schema(num, version, optional)
	case last[classEnum] != nil && text != nil:
		return t.schema(last[classEnum], version, optional)
	case text != nil && text.format && last[classConst] == nil && last[classEnum] == nil:
		return t.schema(text, version, optional)
	case last[classReference] != nil && last[classConst] == nil && last[classEnum] == nil:
		return t.reference(last[classReference].target(), version, optional)
	}
	return nil, dataError("Unsupported criterion allOf")
}

// collect gathers the properties of all objects that a schema is.
func collect(n *node, into *node, seen map[*node]bool) {
	if seen[n] {
		return
	}
	seen[n] = true
	switch n.class {
	case classCombined:
		if n.of == "allOf" {
			for _, sub := range n.subs {
				collect(sub, into, seen)
			}
		}
	case classReference:
		collect(n.target(), into, seen)
	case classObject:
		for _, p := range n.props {
			into.required[p.name] = n.required[p.name]
			at := -1
			for i := range into.props {
				if into.props[i].name == p.name {
					at = i
				}
			}
			if at >= 0 {
				into.props[at] = p
			} else {
				into.props = append(into.props, p)
			}
		}
	}
}

func (t *toConnect) reference(target *node, version int32, optional bool) (*data.Schema, error) {
	made := t.structs[target]
	if made == nil {
		return t.schema(target, version, optional)
	}
	t.ids++
	setParam(made, idParam, idPrefix+strconv.Itoa(t.ids))
	s := &data.Schema{}
	t.copies = append(t.copies, copyOf{s, made, optional})
	return s, nil
}

func (t *toConnect) array(s *data.Schema, n *node) error {
	if n.items == nil {
		return dataError("Array schema did not specify the items type")
	}
	var err error
	if n.raw[propType] == "map" && n.items.class == classObject {
		s.Kind = data.Map
		for _, p := range n.items.props {
			switch p.name {
			case "key":
				s.Key, err = t.schema(p.node, 0, false)
			case "value":
				s.Elem, err = t.schema(p.node, 0, false)
			}
			if err != nil {
				return err
			}
		}
		if s.Key == nil || s.Elem == nil {
			return dataError("A map as an array has no key or no value")
		}
		return nil
	}
	s.Kind = data.Array
	s.Elem, err = t.schema(n.items, 0, false)
	return err
}

func (t *toConnect) object(s *data.Schema, n *node) error {
	if n.raw[propType] == "map" {
		s.Kind = data.Map
		s.Key = data.Of(data.String)
		var err error
		if s.Elem, err = t.schema(n.addl, 0, false); err == nil && s.Elem == nil {
			err = dataError("valueSchema cannot be null.").WithJava("org.apache.kafka.connect.errors.SchemaBuilderException")
		}
		return err
	}
	s.Kind = data.Struct
	t.structs[n] = s
	for _, p := range byIndex(n.props) {
		fs, err := t.schema(p.node, 0, t.optionalUnless && !n.required[p.name])
		if err != nil {
			return fault.InField(err, p.name)
		}
		s.Fields = append(s.Fields, data.Field{Name: p.name, Schema: fs})
	}
	s.Index()
	return nil
}

// byIndex orders properties by connect.index; those without one take the number of
// those before them.
func byIndex(props []property) []property {
	type indexed struct {
		property
		at int
	}
	list := make([]indexed, len(props))
	for i, p := range props {
		at, ok := integer(p.node.raw[propIndex])
		if !ok {
			at = int64(i)
		}
		list[i] = indexed{p, int(at)}
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].at < list[j].at })
	out := make([]property, len(list))
	for i := range list {
		out[i] = list[i].property
	}
	return out
}

func integer(v any) (int64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	i, err := n.Int64()
	return i, err == nil
}

// annotate adds what other keywords say.
func (t *toConnect) annotate(s *data.Schema, n *node, version int32, optional bool) error {
	if title, ok := n.raw["title"].(string); ok && s.Name == "" {
		s.Name = title
		s.Kind = data.LogicalKind(s.Kind, title)
	}
	if v, ok := integer(n.raw[propVersion]); ok {
		s.Version = int32(v)
	} else if version != 0 {
		s.Version = version
	}
	if doc, ok := n.raw["description"].(string); ok {
		s.Doc = doc
	}
	if params, ok := n.raw[propParameters].(map[string]any); ok {
		names := make([]string, 0, len(params))
		for name := range params {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			if v, ok := params[name].(string); ok {
				setParam(s, name, v)
			}
		}
	}
	if d, ok := n.raw["default"]; ok {
		text, err := json.Marshal(d)
		if err != nil {
			return dataError("Invalid default value")
		}
		if d == nil && !s.Optional && !optional {
			return dataError("Invalid null value for required %s field", s.Kind)
		}
		if d != nil {
			v, err := jsonconv.NewPayload(t.numeric(), true, isUnion).Decode(text, s, nil)
			if err != nil {
				return err
			}
			s.Default, s.HasDefault = v.Clone(), true
		}
	}
	if optional {
		s.Optional = true
	}
	return nil
}
