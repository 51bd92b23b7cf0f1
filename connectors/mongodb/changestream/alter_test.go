package changestream

import (
	"strings"
	"testing"

	"culvert/data"
	"culvert/internal/mongostub"
)

// TestCheckOffsets: what the task could not go on from is refused before it is stored.
func TestCheckOffsets(t *testing.T) {
	b := newBed(t)
	b.insert(t, "c", 0, 5)
	forget := func(marks []data.Mark) []data.Mark { marks[0].Next = data.Value{}; return marks }
	number := b.stored()
	number[0].Next = data.OfMap([]data.Value{data.OfString("_id"), data.OfInt64(5)})
	good := b.stored("_id", `{"_data": "8200000003"}`)
	for _, c := range []struct {
		name  string
		marks []data.Mark
		want  string // of the error; empty: none
	}{
		{"token", good, ""},
		{"heartbeat", b.stored("_id", `{"_data": "8200000003"}`, "HEARTBEAT", "true"), ""},
		{"copying", b.stored("_id", `{"_id": 5, "copyingData": true}`, "copy", "true"), ""},
		{"null", forget(b.stored()), ""},
		{"null_of_another", forget(fromName("gone")), ""},
		{"another_beside", append(fromName("gone", "x", "y"), good...), ""},
		{"another", fromName("mongodb://elsewhere/db", "_id", `{"_data": "8200000003"}`), `its partition is {"ns": "mongodb://` + b.Addr() + `/db"}`},
		{"no_id", b.stored("id", `{"_data": "8200000003"}`), `has no "_id"`},
		{"number", number, `"_id" is no text`},
		{"no_json", b.stored("_id", "8200000003"), `"_id" is no resume token`},
		{"no_token", b.stored("_id", `{"_id": 5, "copyingData": true}`), "no field _data"},
		{"unknown_token", b.stored("_id", `{"_data": "nonsense"}`), "Bad resume token (code 260)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := checkOffsets(t.Context(), map[string]string{"connection.uri": b.URI(), "database": "db"}, c.marks)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if n := b.OpenCursors(); n != 0 {
				t.Errorf("%d cursors are left", n)
			}
		})
	}
}

// TestCheckOffsetsUnasked: a server that says nothing about the token, or is not to be
// asked, stands in nobody's way.
func TestCheckOffsetsUnasked(t *testing.T) {
	b := newBed(t)
	lost := b.stored("_id", `{"_data": "nonsense"}`)
	check := func(overrides ...string) error {
		props := map[string]string{"connection.uri": b.URI(), "database": "db"}
		for i := 0; i < len(overrides); i += 2 {
			props[overrides[i]] = overrides[i+1]
		}
		return checkOffsets(t.Context(), props, lost)
	}
	if err := check("connection.check", "none"); err != nil {
		t.Errorf("not to be asked: %v", err)
	}
	b.Script(mongostub.Fault{Command: "aggregate", Times: 2, Error: &mongostub.CommandError{Code: 13, Name: "Unauthorized", Message: "not authorized"}})
	if err := check(); err != nil {
		t.Errorf("without rights: %v", err)
	}
	if check() == nil {
		t.Error("with rights the token is taken")
	}
	b.Stop()
	if err := check(); err != nil {
		t.Errorf("a server that is away: %v", err)
	}
}
