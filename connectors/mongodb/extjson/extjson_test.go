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
		`[1]`: "readStartDocument can only be called when CurrentBSONType is DOCUMENT, not when CurrentBSONType is ARRAY.",
		``:    "readStartDocument can only be called when CurrentBSONType is DOCUMENT, not when CurrentBSONType is END_OF_DOCUMENT.",
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
