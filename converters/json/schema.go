package json

import (
	"strconv"

	"culvert/converters/json/lex"
	"culvert/data"
)

// schemaFor returns the schema with this JSON text; equal texts give the same
// pointer. The cache is emptied when it is full, so that a producer with a new
// schema for every record cannot fill the memory.
func (c *Converter) schemaFor(text []byte) (*data.Schema, error) {
	if s, ok := c.byText[string(text)]; ok {
		return s, nil
	}
	s, err := c.parseSchema(text)
	if err != nil {
		return nil, err
	}
	if c.byText == nil || len(c.byText) >= max(c.config.cacheSize, 1) {
		c.byText = map[string]*data.Schema{}
	}
	c.byText[string(text)] = s
	return s, nil
}

func (c *Converter) parseSchema(text []byte) (*data.Schema, error) {
	n, _, err := tree(text, lex.Space(text, 0), 0)
	if err != nil {
		return nil, err
	}
	return c.schema(n, 0)
}

// node is a JSON value; the zero node is missing.
type node struct {
	json    []byte // without white space around it
	members []member
	items   []node
}

type member struct {
	name  string
	value node
}

// tree reads the value at i, with all that is in it: one pass, however deep it is.
func tree(b []byte, i, depth int) (n node, end int, err error) {
	switch {
	case i < len(b) && b[i] == '{':
		end, err = lex.Members(b, i, depth, func(k0, k1, v int, escaped bool) (int, error) {
			value, end, err := tree(b, v, depth+1)
			name := b[k0:k1]
			if escaped {
				name = lex.Unescape(nil, name)
			}
			n.members = append(n.members, member{string(name), value})
			return end, err
		})
	case i < len(b) && b[i] == '[':
		end, err = lex.Items(b, i, depth, func(v int) (int, error) {
			item, end, err := tree(b, v, depth+1)
			n.items = append(n.items, item)
			return end, err
		})
	default:
		end, err = lex.Skip(b, i, depth)
	}
	if err == nil {
		n.json = b[i:end]
	}
	return n, end, err
}

func (n node) is(first byte) bool { return len(n.json) > 0 && n.json[0] == first }
func (n node) null() bool         { return n.is('n') }
func (n node) missing() bool      { return n.json == nil }

func (n node) text() string {
	text := n.json[1 : len(n.json)-1]
	if _, escaped, err := lex.String(n.json, 0); err == nil && escaped {
		return string(lex.Unescape(nil, text))
	}
	return string(text)
}

func (n node) integer() (int64, bool) {
	if n.missing() || n.json[0] != '-' && n.json[0]-'0' > 9 {
		return 0, false
	}
	if _, float, err := lex.Number(n.json, 0); err != nil || float {
		return 0, false
	}
	return lex.Int(n.json)
}

// get returns the last member of that name.
func (n node) get(name string) node {
	for i := len(n.members) - 1; i >= 0; i-- {
		if n.members[i].name == name {
			return n.members[i].value
		}
	}
	return node{}
}

var kinds = map[string]data.Kind{
	"boolean": data.Bool, "int8": data.Int8, "int16": data.Int16, "int32": data.Int32, "int64": data.Int64,
	"float": data.Float32, "double": data.Float64, "bytes": data.Bytes, "string": data.String,
	"array": data.Array, "map": data.Map, "struct": data.Struct,
}

var typeTexts = func() map[data.Kind]string {
	m := map[data.Kind]string{}
	for text, k := range kinds {
		m[k] = text
	}
	return m
}()

// schema is JsonConverter.asConnectSchema.
func (c *Converter) schema(n node, depth int) (*data.Schema, error) {
	if n.null() {
		return nil, nil
	}
	if depth > lex.MaxDepth {
		return nil, lex.TooDeep(0)
	}
	t := n.get("type")
	if !t.is('"') {
		return nil, dataError("Schema must contain 'type' field")
	}
	base, ok := kinds[t.text()]
	if !ok {
		return nil, dataError("Unknown schema type: %s", t.text())
	}
	s := &data.Schema{Kind: base}
	if err := c.parts(s, n, depth); err != nil {
		return nil, err
	}
	s.Optional = n.get("optional").is('t')
	if name := n.get("name"); name.is('"') {
		s.Name = name.text()
		s.Kind = data.LogicalKind(base, s.Name)
	}
	if v, ok := n.get("version").integer(); ok {
		s.Version = int32(v)
	}
	if doc := n.get("doc"); doc.is('"') {
		s.Doc = doc.text()
	}
	for _, p := range n.get("parameters").members {
		if !p.value.is('"') {
			return nil, dataError("Schema parameters must have string values.")
		}
		s.Params = append(s.Params, data.Param{Name: p.name, Value: p.value.text()})
	}
	if d := n.get("default"); !d.missing() {
		v, _, err := c.typed(d.json, 0, 0, s, nil)
		if err != nil {
			return nil, err
		}
		v = v.Clone() // the text is only lent
		s.Default, s.HasDefault = v, !v.IsNull()
	}
	return s, nil
}

// parts reads what a composite schema is made of.
func (c *Converter) parts(s *data.Schema, n node, depth int) error {
	var err error
	switch s.Kind {
	case data.Array:
		items := n.get("items")
		if items.missing() || items.null() {
			return dataError("Array schema did not specify the element type")
		}
		s.Elem, err = c.schema(items, depth+1)
	case data.Map:
		keys, vals := n.get("keys"), n.get("values")
		if keys.missing() {
			return dataError("Map schema did not specify the key type")
		}
		if vals.missing() {
			return dataError("Map schema did not specify the value type")
		}
		if s.Key, err = c.schema(keys, depth+1); err != nil {
			return err
		}
		if s.Elem, err = c.schema(vals, depth+1); err != nil {
			return err
		}
		if s.Key == nil {
			return builderError("keySchema cannot be null.")
		}
		if s.Elem == nil {
			return builderError("valueSchema cannot be null.")
		}
	case data.Struct:
		return c.fields(s, n.get("fields"), depth)
	}
	return err
}

func (c *Converter) fields(s *data.Schema, list node, depth int) error {
	if !list.is('[') {
		return dataError("Struct schema's \"fields\" argument is not an array.")
	}
	names := map[string]bool{}
	for _, n := range list.items {
		name := n.get("field")
		if !name.is('"') {
			return dataError("Struct schema's field name not specified properly")
		}
		f, err := c.schema(n, depth+1)
		if err != nil {
			return err
		}
		text := name.text()
		if text == "" {
			return builderError("fieldName cannot be null.")
		}
		if names[text] {
			return builderError("Cannot create field because of field name duplication " + text)
		}
		names[text] = true
		s.Fields = append(s.Fields, data.Field{Name: text, Schema: f})
	}
	s.Index()
	return nil
}

func builderError(text string) error {
	return dataError("%s", text).WithJava("org.apache.kafka.connect.errors.SchemaBuilderException")
}

// appendSchema is JsonConverter.asJsonSchema. A field's schema ends with its name.
func (c *Converter) appendSchema(dst []byte, s *data.Schema, field string, depth int) ([]byte, error) {
	if depth > lex.MaxDepth {
		return nil, dataError("The schema %s contains itself, which JSON schemas cannot express", s.Name)
	}
	var err error
	dst = append(append(append(dst, `{"type":"`...), typeTexts[s.Kind.Base()]...), '"')
	switch s.Kind {
	case data.Array:
		dst = append(dst, `,"items":`...)
		dst, err = c.appendSchema(dst, s.Elem, "", depth+1)
	case data.Map:
		dst = append(dst, `,"keys":`...)
		if dst, err = c.appendSchema(dst, s.Key, "", depth+1); err == nil {
			dst = append(dst, `,"values":`...)
			dst, err = c.appendSchema(dst, s.Elem, "", depth+1)
		}
	case data.Struct:
		dst = append(dst, `,"fields":[`...)
		for i := range s.Fields {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = c.appendSchema(dst, s.Fields[i].Schema, s.Fields[i].Name, depth+1); err != nil {
				break
			}
		}
		dst = append(dst, ']')
	}
	if err != nil {
		return nil, err
	}
	dst = strconv.AppendBool(append(dst, `,"optional":`...), s.Optional)
	if s.Name != "" {
		dst = appendString(append(dst, `,"name":`...), s.Name)
	}
	if s.Version != 0 {
		dst = strconv.AppendInt(append(dst, `,"version":`...), int64(s.Version), 10)
	}
	if s.Doc != "" {
		dst = appendString(append(dst, `,"doc":`...), s.Doc)
	}
	if len(s.Params) > 0 {
		dst = append(dst, `,"parameters":{`...)
		for i, p := range s.Params {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendString(append(appendString(dst, p.Name), ':'), p.Value)
		}
		dst = append(dst, '}')
	}
	if s.HasDefault {
		if dst, err = c.value(append(dst, `,"default":`...), s.Default, s, depth+1); err != nil {
			return nil, err
		}
	}
	if depth > 0 && field != "" {
		dst = appendString(append(dst, `,"field":`...), field)
	}
	return append(dst, '}'), nil
}
