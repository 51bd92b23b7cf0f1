package jaas_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"culvert/jaas"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]map[string]string{
		`M required;`: {},
		"M required\n\tusername=\"a\"\n  password='b c';": {"username": "a", "password": "b c"},
		`M REQUIRED a=b c = "d\"e\\f" ; `:                 {"a": "b", "c": `d"e\f`},
		`M sufficient /* c */ a="x;y" // z
			;`: {"a": "x;y"},
	} {
		got, err := jaas.Parse(text)
		if diff := cmp.Diff(want, got.Options); err != nil || diff != "" || got.Class != "M" {
			t.Errorf("%s: %v %v\n%s", text, err, got.Class, diff)
		}
	}
	for _, text := range []string{``, `;`, `M`, `M;`, `M maybe;`, `M required`, `M required a;`, `M required a=;`, `M required a="b;`, `M required; N required;`} {
		if got, err := jaas.Parse(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="p";`)
	f.Add(`E { M required a="b"; };`)
	f.Add(`M required a='b\`)
	f.Add(`M /* `)
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = jaas.Parse(text)
		_, _ = jaas.ParseFile(text)
	})
}

func TestParseFile(t *testing.T) {
	got, err := jaas.ParseFile(`// of the worker
KafkaConnect {
  a.B required
    file="/x y.properties" debug=true;
  C sufficient;
};
"An other" { D optional; } ;
`)
	want := map[string][]jaas.Module{
		"KafkaConnect": {{"a.B", "required", map[string]string{"file": "/x y.properties", "debug": "true"}}, {"C", "sufficient", map[string]string{}}},
		"An other":     {{"D", "optional", map[string]string{}}},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if got, err := jaas.ParseFile(" /* nothing */ "); err != nil || len(got) != 0 {
		t.Error(got, err)
	}
	for _, text := range []string{`E`, `E {`, `E { }; `, `E { M required; }`, `E { M required }; `, `{ M required; };`, `E M required;`, `E { M required a=hush b; };`,
		`E { M required; }; E { M required; };`, `E { M required; }; }`, `"E { M required; };`} {
		if got, err := jaas.ParseFile(text); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q was read as %v, %v", text, got, err)
		}
	}
}
