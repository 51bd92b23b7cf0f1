package protobuf

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/ast"
	"github.com/bufbuild/protocompile/parser"
	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	// What Confluent's registry knows without being told; their init registers them.
	_ "google.golang.org/genproto/googleapis/type/calendarperiod"
	_ "google.golang.org/genproto/googleapis/type/color"
	_ "google.golang.org/genproto/googleapis/type/date"
	_ "google.golang.org/genproto/googleapis/type/datetime"
	_ "google.golang.org/genproto/googleapis/type/dayofweek"
	_ "google.golang.org/genproto/googleapis/type/decimal"
	_ "google.golang.org/genproto/googleapis/type/expr"
	_ "google.golang.org/genproto/googleapis/type/fraction"
	_ "google.golang.org/genproto/googleapis/type/interval"
	_ "google.golang.org/genproto/googleapis/type/latlng"
	_ "google.golang.org/genproto/googleapis/type/money"
	_ "google.golang.org/genproto/googleapis/type/month"
	_ "google.golang.org/genproto/googleapis/type/phone_number"
	_ "google.golang.org/genproto/googleapis/type/postaladdress"
	_ "google.golang.org/genproto/googleapis/type/quaternion"
	_ "google.golang.org/genproto/googleapis/type/timeofday"

	"culvert/schemas"
)

// Files and types that a mapping knows by name.
const (
	metaFile      = "confluent/meta.proto"
	decimalFile   = "confluent/type/decimal.proto"
	variantFile   = "confluent/type/variant.proto"
	dateFile      = "google/type/date.proto"
	timeFile      = "google/type/timeofday.proto"
	timestampFile = "google/protobuf/timestamp.proto"
	wrappersFile  = "google/protobuf/wrappers.proto"

	decimalType   = "confluent.type.Decimal"
	variantType   = "confluent.type.Variant"
	dateType      = "google.type.Date"
	timeType      = "google.type.TimeOfDay"
	timestampType = "google.protobuf.Timestamp"
)

// confluent are the files of Confluent's that schemas import without a reference.
var confluent = map[string]string{
	decimalFile: `syntax = "proto3"; package confluent.type; message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }`,
	variantFile: `syntax = "proto3"; package confluent.type; message Variant { bytes metadata = 1; bytes value = 2; }`,
	metaFile: `syntax = "proto3"; package confluent; import "google/protobuf/descriptor.proto";
		message Meta { string doc = 1; map<string, string> params = 2; repeated string tags = 3; repeated Rule rules = 4; }
		message Rule { string name = 1; string doc = 2; string expr = 3; string sql = 4; }
		extend google.protobuf.FileOptions { Meta file_meta = 1088; }
		extend google.protobuf.MessageOptions { Meta message_meta = 1088; }
		extend google.protobuf.FieldOptions { Meta field_meta = 1088; }
		extend google.protobuf.EnumOptions { Meta enum_meta = 1088; }
		extend google.protobuf.EnumValueOptions { Meta enum_value_meta = 1088; }`,
}

// known compiles a file of Confluent's once; the others are registered.
var known = sync.OnceValue(func() map[string]protoreflect.FileDescriptor {
	files := map[string]protoreflect.FileDescriptor{}
	c := protocompile.Compiler{MaxParallelism: 1, Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
		Accessor: protocompile.SourceAccessorFromMap(confluent)})}
	for name := range confluent {
		made, err := c.Compile(context.Background(), name)
		if err != nil {
			panic(err) // the texts above are schemas
		}
		files[name] = made[0]
	}
	return files
})

const (
	// rootFile is the name of the file that a schema is; no import can name it.
	rootFile = "(schema)"
	maxText  = 4 << 20
)

// compile reads the text of a schema. Those that it imports are in refs under the
// names that it imports them by.
func compile(text string, refs ...schemas.Reference) (protoreflect.FileDescriptor, error) {
	texts := map[string]string{rootFile: text}
	size := len(text)
	for _, r := range refs {
		texts[r.Name] = r.Text
		size += len(r.Text)
	}
	if size > maxText {
		return nil, fmt.Errorf("a schema of %d bytes, at most %d are read", size, maxText)
	}
	c := protocompile.Compiler{
		MaxParallelism: 1,
		Resolver: protocompile.WithStandardImports(protocompile.ResolverFunc(func(name string) (protocompile.SearchResult, error) {
			if text, ok := texts[name]; ok {
				res, err := parse(name, text)
				return protocompile.SearchResult{ParseResult: res}, err
			}
			if f := known()[name]; f != nil {
				return protocompile.SearchResult{Desc: f}, nil
			}
			if strings.HasPrefix(name, "google/type/") {
				f, err := protoregistry.GlobalFiles.FindFileByPath(name)
				return protocompile.SearchResult{Desc: f}, err
			}
			return protocompile.SearchResult{}, protoregistry.NotFound
		})),
	}
	files, err := c.Compile(context.Background(), rootFile)
	var broken protocompile.PanicError
	switch {
	case errors.As(err, &broken):
		return nil, fmt.Errorf("not a Protobuf schema: %v", broken.Value)
	case err != nil:
		return nil, err
	}
	return files[0], nil
}

// parse reads one text. A registry does not look at options of schemas, so that
// theirs may name extensions that nobody imports: such options are left out, but
// for the one that says what a field is in Connect, whose import is added.
func parse(name, text string) (parser.Result, error) {
	h := reporter.NewHandler(nil)
	file, err := parser.Parse(name, strings.NewReader(text), h)
	if err != nil {
		return nil, err
	}
	meta := "\nimport \"" + metaFile + "\";\n"
	if strings.Contains(text, "confluent.field_meta") && !imports(file, metaFile) {
		if file, err = parser.Parse(name, strings.NewReader(text+meta), h); err != nil {
			return nil, err
		}
	}
	res, err := parser.ResultFromAST(file, true, h)
	if err != nil {
		return nil, err
	}
	dropOptions(res.FileDescriptorProto().ProtoReflect())
	return res, nil
}

func imports(file *ast.FileNode, name string) bool {
	for _, d := range file.Decls {
		if i, ok := d.(*ast.ImportNode); ok && i.Name.AsString() == name {
			return true
		}
	}
	return false
}

// dropOptions removes the options that are extensions, of m and of all inside.
func dropOptions(m protoreflect.Message) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Name() == "uninterpreted_option" && fd.IsList():
			kept := m.NewField(fd).List()
			for i := range v.List().Len() {
				if o, ok := v.List().Get(i).Message().Interface().(*descriptorpb.UninterpretedOption); ok && readable(o) {
					kept.Append(v.List().Get(i))
				}
			}
			m.Set(fd, protoreflect.ValueOfList(kept))
		case fd.IsList() && fd.Message() != nil:
			for i := range v.List().Len() {
				dropOptions(v.List().Get(i).Message())
			}
		case fd.Message() != nil && !fd.IsMap():
			dropOptions(v.Message())
		}
		return true
	})
}

func readable(o *descriptorpb.UninterpretedOption) bool {
	for _, part := range o.GetName() {
		if part.GetIsExtension() && strings.TrimPrefix(part.GetNamePart(), ".") != "confluent.field_meta" {
			return false
		}
	}
	return true
}

// fieldParams are the parameters that the option confluent.field_meta gives a
// field: a map in field 2 of the message in field 1088.
func fieldParams(fd protoreflect.FieldDescriptor) map[string]string {
	params := map[string]string{}
	raw, err := proto.Marshal(fd.Options())
	if err != nil {
		return params
	}
	each(raw, 1088, func(meta []byte) {
		each(meta, 2, func(entry []byte) {
			var k, v string
			each(entry, 1, func(b []byte) { k = string(b) })
			each(entry, 2, func(b []byte) { v = string(b) })
			params[k] = v
		})
	})
	return params
}

// each calls f for the values of a field with a length.
func each(raw []byte, num protowire.Number, f func([]byte)) {
	for len(raw) > 0 {
		n, typ, head := protowire.ConsumeTag(raw)
		if head < 0 {
			return
		}
		size := protowire.ConsumeFieldValue(n, typ, raw[head:])
		if size < 0 {
			return
		}
		if n == num && typ == protowire.BytesType {
			b, _ := protowire.ConsumeBytes(raw[head:])
			f(b)
		}
		raw = raw[head+size:]
	}
}

// find walks the path to a message type: the place of the type in its file, then
// of types inside. Types that stand for a map have no place.
func find(file protoreflect.FileDescriptor, path []int) (protoreflect.MessageDescriptor, error) {
	var md protoreflect.MessageDescriptor
	list := file.Messages()
	for _, at := range path {
		n := 0
		md = nil
		for i := range list.Len() {
			if list.Get(i).IsMapEntry() {
				continue
			}
			if n == at {
				md = list.Get(i)
				break
			}
			n++
		}
		if md == nil {
			return nil, fmt.Errorf("the schema has no message type with the index %d in %v", at, path)
		}
		list = md.Messages()
	}
	if md == nil {
		return nil, errors.New("the record names no message type")
	}
	return md, nil
}

// pathOf is the path that find walks.
func pathOf(md protoreflect.MessageDescriptor) []int {
	place := func(list protoreflect.MessageDescriptors, end int) int {
		n := 0
		for i := range end {
			if !list.Get(i).IsMapEntry() {
				n++
			}
		}
		return n
	}
	switch parent := md.Parent().(type) {
	case protoreflect.MessageDescriptor:
		return append(pathOf(parent), place(parent.Messages(), md.Index()))
	case protoreflect.FileDescriptor:
		return []int{place(parent.Messages(), md.Index())}
	}
	return nil
}
