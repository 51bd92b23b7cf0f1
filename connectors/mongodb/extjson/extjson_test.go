package extjson

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// show is the canonical extended JSON of what text is read as.
func show(t *testing.T, text string) (string, error) {
	t.Helper()
	b, err := Append(nil, text)
	if err != nil {
		return "", err
	}
	if err := bson.Raw(b).Validate(); err != nil {
		t.Fatalf("%s: the BSON is malformed: %v", text, err)
	}
	return bson.Raw(b).String(), nil
}

func TestAppend(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`{a:1 'b':2.0,}`, `{"a": {"$numberInt":"1"},"b": {"$numberDouble":"2.0"}}`},
		{`{"a":1,"b":2,"a":{"c":[1,2]},"d":3}`, `{"a": {"c": [{"$numberInt":"1"},{"$numberInt":"2"}]},"b": {"$numberInt":"2"},"d": {"$numberInt":"3"}}`},
		{`{"a":007,"b":-Infinity,"c":2147483648}`, `{"a": {"$numberInt":"7"},"b": {"$numberDouble":"-Infinity"},"c": {"$numberLong":"2147483648"}}`},
		{`{"r":/a\/b/mi,"s":{"$regex":"x","$options":"i"},"q":{"$regex":"x"}}`, `{"r": {"$regularExpression":{"pattern":"a\\/b","options":"im"}},"s": {"$regularExpression":{"pattern":"x","options":"i"}},"q": {"$regex": "x"}}`},
		{`{"b":{"$binary":"AQI=","$type":"05"},"c":{"$type":1},"t":Timestamp(7,8)}`, `{"b": {"$binary":{"base64":"AQI=","subType":"05"}},"c": {"$type": {"$numberInt":"1"}},"t": {"$timestamp":{"t":7,"i":8}}}`},
		{`{"c":{"$code":"f","$scope":{"x":1}},"l":NumberLong("5"),"u":undefined}`, `{"c": {"$code":f,"$scope":{"x": {"$numberInt":"1"}}},"l": {"$numberLong":"5"},"u": {"$undefined":true}}`},
		{`{"d":{"$date":{"$numberLong":"-5"}},"e":ISODate("2020-01-02T03:04:05+01:00")}`, `{"d": {"$date":{"$numberLong":"-5"}},"e": {"$date":{"$numberLong":"1577930645000"}}}`},
		{"{\"a\":\"x\ny\\u00e9\\ud800\"} rest", `{"a": "x\nyé?"}`},
		{`{"a":[,1],"b":{,"c":2}}`, `{"a": [{"$numberInt":"1"}],"b": {"c": {"$numberInt":"2"}}}`},
		{`{"a":NumberDecimal(1.5),"b":NumberDecimal("-0"),"c":{"$numberDecimal":"0E+7000"}}`, `{"a": {"$numberDecimal":"1.5"},"b": {"$numberDecimal":"-0"},"c": {"$numberDecimal":"0E+6111"}}`},
		{`{"a":HexData(128,"102"),"b":BinData(128,AQ)}`, `{"a": {"$binary":{"base64":"AQI=","subType":"00"}},"b": {"$binary":{"base64":"AQ==","subType":"80"}}}`},
		{`{"a":{"$date":"2023-11-14t22:13z"},"b":{"$date":"2023-11-14T22:13:20.Z"},"c":{"$date":"+12345-01-01T00:00:00-01"}}`,
			`{"a": {"$date":{"$numberLong":"1699999980000"}},"b": {"$date":{"$numberLong":"1700000000000"}},"c": {"$date":{"$numberLong":"327403386000000"}}}`},
		{`{"a":new Date("Tue Nov 14 2023 22:13:20 UTC"),"b":new Date(2023,10,14)}`, `{"a": {"$date":{"$numberLong":"1700000000000"}},"b": {"$date":{"$numberLong":"1699920000000"}}}`},
		{`{"a":٣,"b":{"$type":1,"x":2}}`, `{"a": {"$numberInt":"3"},"b": {"$type": {"$numberInt":"1"},"x": {"$numberInt":"2"}}}`},
		{`{"a":{"$dbPointer":{"$id":{"$oid":"5f15aab12435743f9bd126a4"},"$ref":"c"}}`, `{"a": {"$dbPointer":{"$ref":"c","$id":{"$oid":"5f15aab12435743f9bd126a4"}}}}`},
	} {
		got, err := show(t, c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
		} else if got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

func TestAppendErrors(t *testing.T) {
	for in, want := range map[string]string{
		`{s: {bad}`:                            "JSON reader was expecting ':' but found '}'.",
		`{"a":1`:                               "JSON reader was expecting a name but found '<eof>'.",
		`justtext`:                             "JSON reader was expecting a value but found 'justtext'.",
		`{"a":.5}`:                             "Invalid JSON input. Position: 6. Character: '.'.",
		`{"a":0x1}`:                            "Invalid JSON number",
		`{"a":"\q"}`:                           `Invalid escape sequence in JSON string '\q'.`,
		`{"a":"x`:                              "End of file in JSON string.",
		`{"a":{"$oid":1}}`:                     "JSON reader expected a string but found '1'.",
		`{"a":{"$date":true}}`:                 "JSON reader expected an integer or string but found 'true'.",
		`{"a":{"$date":1.5}}`:                  "JSON reader expected an integer or string but found '1.5'.",
		`{"a":{"$timestamp":{"t":1,"i":0.1}}}`: "JSON reader expected an integer but found '0.1'.",
		`{"a":{"$timestamp":{"t":"x","i":1}}}`: "JSON reader expected an integer but found 'x'.",
		`{"a":{"$regularExpression":{"pattern":1,"options":""}}}`: "JSON reader expected a string but found '1'.",
		`{"a":{"$binary":{"a":"AQID","subType":"00"}}}`:           "Unexpected key for $binary: a",
		`{"a":[1`:                                    "Trying to read past EOF.",
		`{"a":/x/q}`:                                 "Invalid JSON regular expression. Position: 9.",
		`{"a":Timestamp()}`:                          "JSON reader expected an integer but found ')'.",
		`{"a":new Timestamp(1,2)}`:                   "JSON reader expected a type name but found 'Timestamp'.",
		`{"a":{"$minKey":2}}`:                        "JSON reader expected '1' but found '2'.",
		`{"a":{"$oid":"x"}}`:                         "invalid hexadecimal representation of an ObjectId: [x]",
		`{"a":{"$numberLong":"1","x":2}}`:            "JSON reader expected token type 'END_OBJECT' but found ','.",
		`{"a":{1e3 :2}}`:                             "Exception converting value '1000.0' to type java.lang.String",
		`{"a":NumberDecimal(0.1)}`:                   "Exception converting value '0.1' to type org.bson.types.Decimal128",
		`{"a":{"$uuid":"1-1-1-1-1"}}`:                `java.lang.IllegalArgumentException: UUID string "1-1-1-1-1" must be 36 characters`,
		`{"a":{"$date":"2023-11-14T22:13:20+0100"}}`: "Failed to parse string as a date",
		`{"$code":"f","$scope":`:                     "readStartDocument can only be called when CurrentBSONType is DOCUMENT, not when CurrentBSONType is JAVASCRIPT_WITH_SCOPE.",
		"{\u00a0}":                                   "Invalid JSON input. Position: 2. Character: '\u00a0'.",
		`[1]`:                                        "readStartDocument can only be called when CurrentBSONType is DOCUMENT, not when CurrentBSONType is ARRAY.",
		``:                                           "readStartDocument can only be called when CurrentBSONType is DOCUMENT, not when CurrentBSONType is END_OF_DOCUMENT.",
	} {
		if _, err := Append(nil, in); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", in, err, want)
		}
	}
}

func FuzzAppend(f *testing.F) {
	for _, s := range []string{`{a:[1,{b:/x/i}],"$c":{"$oid":"5f15aab12435743f9bd126a4"}}`, `{"b":{"$binary":"AQI=","$type":"05"}}`, `{"a":1,"a":2}`, `{"x":{"$code":"f","$scope":{}}}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b, err := Append([]byte("head"), s)
		if string(b[:4]) != "head" {
			t.Fatal("what was in dst is gone")
		}
		if err != nil {
			return
		}
		if err := bson.Raw(b[4:]).Validate(); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
	})
}
