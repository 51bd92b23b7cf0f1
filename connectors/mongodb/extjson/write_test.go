package extjson_test

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/connectors/mongodb/extjson"
)

// TestAppendDocument has the forms of org.bson.json.JsonWriter for each mode.
func TestAppendDocument(t *testing.T) {
	oid, _ := bson.ObjectIDFromHex("65a0b1c2d3e4f50617283940")
	dec, _ := bson.ParseDecimal128("1.50")
	for _, c := range []struct {
		name                                  string
		value                                 any
		strict, extended, relaxed, simplified string
	}{
		{"int32", int32(1), `1`, `{"$numberInt": "1"}`, `1`, `1`},
		{"int64", int64(1), `{"$numberLong": "1"}`, `{"$numberLong": "1"}`, `1`, `1`},
		{"double", 1e10, `1.0E10`, `{"$numberDouble": "1.0E10"}`, `1.0E10`, `1.0E10`},
		{"decimal", dec, `{"$numberDecimal": "1.50"}`, `{"$numberDecimal": "1.50"}`, `{"$numberDecimal": "1.50"}`, `"1.50"`},
		{"date", bson.DateTime(1700000000120), `{"$date": 1700000000120}`, `{"$date": {"$numberLong": "1700000000120"}}`,
			`{"$date": "2023-11-14T22:13:20.12Z"}`, `"2023-11-14T22:13:20.12Z"`},
		{"early_date", bson.DateTime(-1), `{"$date": -1}`, `{"$date": {"$numberLong": "-1"}}`, `{"$date": {"$numberLong": "-1"}}`, `"1969-12-31T23:59:59.999Z"`},
		{"oid", oid, `{"$oid": "65a0b1c2d3e4f50617283940"}`, `{"$oid": "65a0b1c2d3e4f50617283940"}`, `{"$oid": "65a0b1c2d3e4f50617283940"}`, `"65a0b1c2d3e4f50617283940"`},
		{"binary", bson.Binary{Subtype: 4, Data: []byte{1, 2}}, `{"$binary": "AQI=", "$type": "04"}`,
			`{"$binary": {"base64": "AQI=", "subType": "04"}}`, `{"$binary": {"base64": "AQI=", "subType": "04"}}`, `"AQI="`},
		{"timestamp", bson.Timestamp{T: 3000000000, I: 2}, `{"$timestamp": {"t": 3000000000, "i": 2}}`, `{"$timestamp": {"t": 3000000000, "i": 2}}`,
			`{"$timestamp": {"t": 3000000000, "i": 2}}`, `{"$timestamp": {"t": 3000000000, "i": 2}}`},
		{"regex", bson.Regex{Pattern: "a/b", Options: "i"}, `{"$regex": "a/b", "$options": "i"}`,
			`{"$regularExpression": {"pattern": "a/b", "options": "i"}}`, `{"$regularExpression": {"pattern": "a/b", "options": "i"}}`,
			`{"$regularExpression": {"pattern": "a/b", "options": "i"}}`},
		{"symbol", bson.Symbol("s"), `{"$symbol": "s"}`, `{"$symbol": "s"}`, `{"$symbol": "s"}`, `"s"`},
		{"nested", bson.D{{Key: "a", Value: bson.A{true, nil}}, {Key: "b", Value: bson.D{}}}, `{"a": [true, null], "b": {}}`, `{"a": [true, null], "b": {}}`,
			`{"a": [true, null], "b": {}}`, `{"a": [true, null], "b": {}}`},
		{"text", "a\"\\\n\x01é€😀\u200b", `"a\"\\\n\u0001é€\ud83d\ude00\u200b"`, `"a\"\\\n\u0001é€\ud83d\ude00\u200b"`,
			`"a\"\\\n\u0001é€\ud83d\ude00\u200b"`, `"a\"\\\n\u0001é€\ud83d\ude00\u200b"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc, err := bson.Marshal(bson.D{{Key: "v", Value: c.value}})
			if err != nil {
				t.Fatal(err)
			}
			for mode, want := range map[extjson.Mode]string{extjson.Strict: c.strict, extjson.Extended: c.extended, extjson.Relaxed: c.relaxed, extjson.Simplified: c.simplified} {
				if got := string(extjson.AppendDocument(nil, doc, mode)); got != `{"v": `+want+"}" {
					t.Errorf("mode %d: %s, want {\"v\": %s}", mode, got, want)
				}
				if got := string(extjson.AppendValue(nil, bson.Raw(doc).Lookup("v"), mode)); got != want {
					t.Errorf("mode %d: value %s, want %s", mode, got, want)
				}
			}
		})
	}
}
