package record

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	hamba "github.com/hamba/avro/v2"
	driver "go.mongodb.org/mongo-driver/v2/bson"

	"culvert/converters"
	"culvert/converters/avro"
	"culvert/converters/bson"
	jsonconv "culvert/converters/json"
	"culvert/data"
	"culvert/transforms"
	"culvert/transforms/smt"
)

// Way is one thing that can be done with the order.
type Way struct {
	Name    string
	Run     func() error
	Records int // that Run does it for
	// Free: nothing is allocated for a record, beside the arena of its batch.
	Free bool
}

// Ways are all of them; they share a registry in process.
type Ways struct {
	All      []Way
	registry *srfake.Registry
}

// Close ends the registry.
func (w *Ways) Close() { w.registry.Close() }

// Of is the way of that name.
func (w *Ways) Of(name string) (Way, error) {
	for _, way := range w.All {
		if way.Name == name {
			return way, nil
		}
	}
	return Way{}, fmt.Errorf("no way %q", name)
}

// The names of the ways.
const (
	JSONToBSON       = "JSON to BSON"
	JSONToBSONValue  = "JSON to BSON by value"
	JSONToBSONDriver = "JSON to BSON: the driver's UnmarshalExtJSON"
	AvroToBSON       = "Avro to BSON"
	AvroToBSONValue  = "Avro to BSON by value"
	AvroToBSONHamba  = "Avro to BSON: hamba's generic decoding and bson.Marshal"
	JSONToData       = "JSON to data"
	JSONToDataStd    = "JSON to data: encoding/json into map[string]any"
	AvroToData       = "Avro to data"
	Envelope         = "JSON in an envelope to data"
	AvroToJSON       = "Avro to JSON"
	AvroToJSONValue  = "Avro to JSON by value"
	JSONToAvro       = "JSON to Avro"
	JSONToAvroValue  = "JSON to Avro by value"
	InsertField      = "InsertField"
)

// New makes the ways, each with converters of its own.
func New() (*Ways, error) {
	w := &Ways{registry: srfake.New()}
	if err := w.make(); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

func (w *Ways) make() error {
	const id = 7
	w.registry.SeedSchema("t-value", 1, id, sr.Schema{Schema: Schema})
	inAvro := append(binary.BigEndian.AppendUint32([]byte{0}, id), Avro()...)
	inJSON := []byte(JSON)
	plain, err := jsonconv.New(map[string]string{"schemas.enable": "false"}, converters.Value)
	if err != nil {
		return err
	}
	typed, err := jsonconv.New(nil, converters.Value)
	if err != nil {
		return err
	}
	avros, err := avro.New(map[string]string{"schema.registry.url": w.registry.URL()}, converters.Value, converters.Env{})
	if err != nil {
		return err
	}
	w.decoding(JSONToData, plain.For("t"), inJSON)
	w.decoding(AvroToData, avros.For("t"), inAvro)
	w.toBSON(JSONToBSON, JSONToBSONValue, plain.For("t"), inJSON)
	w.toBSON(AvroToBSON, AvroToBSONValue, avros.For("t"), inAvro)
	enveloped, err := w.between(AvroToJSON, AvroToJSONValue, avros.For("t"), typed.For("t"), inAvro)
	if err != nil {
		return err
	}
	if _, err = w.between(JSONToAvro, JSONToAvroValue, typed.For("t"), avros.For("t"), enveloped); err != nil {
		return err
	}
	w.decoding(Envelope, typed.For("t"), enveloped)
	w.peers(inJSON, inAvro)
	return w.insertField(typed.For("t"), enveloped)
}

func (w *Ways) add(name string, free bool, run func() error) {
	w.All = append(w.All, Way{Name: name, Run: run, Records: 1, Free: free})
}

func (w *Ways) decoding(name string, conv converters.Converter, raw []byte) {
	var a data.Arena
	w.add(name, true, func() error {
		a.Reset()
		_, _, err := conv.Decode(raw, &a)
		return err
	})
}

// appending adds a way that writes into one buffer.
func (w *Ways) appending(name string, write func(dst []byte) ([]byte, error)) {
	dst := make([]byte, 0, 4096)
	w.add(name, true, func() error {
		_, err := write(dst)
		return err
	})
}

func (w *Ways) toBSON(direct, byValue string, conv converters.Converter, raw []byte) {
	if route, ok := bson.For(conv); ok {
		w.appending(direct, func(dst []byte) ([]byte, error) { return route.Append(dst, raw) })
	}
	var a data.Arena
	w.appending(byValue, func(dst []byte) ([]byte, error) {
		a.Reset()
		v, s, err := conv.Decode(raw, &a)
		if err != nil {
			return nil, err
		}
		return bson.Append(dst, v, s)
	})
}

// between adds the ways from one converter to another, and returns what they write.
func (w *Ways) between(direct, byValue string, from, to converters.Converter, raw []byte) ([]byte, error) {
	if route, ok := avro.Direct(from, to, nil); ok {
		w.appending(direct, func(dst []byte) ([]byte, error) { return route.Append(dst, raw) })
	}
	var a data.Arena
	write := func(dst []byte) ([]byte, error) {
		a.Reset()
		v, s, err := from.Decode(raw, &a)
		if err != nil {
			return nil, err
		}
		return to.Encode(dst, v, s)
	}
	w.appending(byValue, write)
	return write(nil)
}

func (w *Ways) peers(inJSON, inAvro []byte) {
	w.add(JSONToBSONDriver, false, func() error {
		var d driver.D
		return driver.UnmarshalExtJSON(inJSON, false, &d)
	})
	schema := hamba.MustParse(Schema)
	w.add(AvroToBSONHamba, false, func() error {
		var m map[string]any
		if err := hamba.Unmarshal(schema, inAvro[5:], &m); err != nil {
			return err
		}
		_, err := driver.Marshal(m)
		return err
	})
	w.add(JSONToDataStd, false, func() error {
		var m map[string]any
		return json.Unmarshal(inJSON, &m)
	})
}

// insertField adds two fields to the struct of a batch of orders.
func (w *Ways) insertField(conv converters.Converter, raw []byte) error {
	const records = 500
	var insert transforms.Transform
	for _, p := range smt.Plugins() {
		if p.Class == "org.apache.kafka.connect.transforms.InsertField$Value" {
			var err error
			if insert, err = p.New(map[string]string{"topic.field": "topic", "offset.field": "offset"}, nil); err != nil {
				return err
			}
		}
	}
	if insert == nil {
		return fmt.Errorf("no transformation InsertField")
	}
	v, s, err := conv.Decode(raw, nil)
	if err != nil {
		return err
	}
	b := data.NewBatch()
	for i := range records {
		r := b.Append()
		r.Topic, r.Partition, r.Input, r.Offset, r.Timestamp = "orders", 0, int32(i), int64(i), 1700000000123
	}
	run := func() error {
		b.Arena.Reset()
		for i := range b.Records {
			b.Records[i].Value.Set(v, s)
		}
		if err := insert.Apply(context.Background(), b); err != nil || len(b.Failed()) > 0 {
			return fmt.Errorf("InsertField: %w %v", err, b.Failed())
		}
		return nil
	}
	w.All = append(w.All, Way{Name: InsertField, Run: run, Records: records, Free: true})
	return nil
}
