package group

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"culvert/fault"
	"culvert/kafka"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func load(t testing.TB, name string, into any) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

func unbase64(t testing.TB, s string) []byte {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// content is an assignment as the vectors show it.
type content struct {
	Version           int16
	Error             int16
	Leader            string
	LeaderURL         string `json:"leader_url"`
	Offset            int64  `json:"config_offset"`
	Connectors        []string
	Tasks             []string
	RevokedConnectors []string `json:"revoked_connectors"`
	RevokedTasks      []string `json:"revoked_tasks"`
	Delay             int32    `json:"delay_ms"`
}

func (c content) assignment(version int16) Assignment {
	return Assignment{Version: version, Error: c.Error, Leader: c.Leader, LeaderURL: c.LeaderURL, Offset: c.Offset,
		Connectors: c.Connectors, Tasks: tasks(c.Tasks), RevokedConnectors: c.RevokedConnectors, RevokedTasks: tasks(c.RevokedTasks), Delay: c.Delay}
}

func tasks(names []string) (out []Task) {
	for _, s := range names {
		i := strings.LastIndexByte(s, '-')
		n, err := strconv.Atoi(s[i+1:])
		if err != nil {
			panic(err)
		}
		out = append(out, Task{s[:i], n})
	}
	return out
}

// anyOrder compares assignments whose order among connectors has no meaning.
var anyOrder = gocmp.Options{cmpopts.EquateEmpty(),
	cmpopts.SortSlices(func(a, b string) bool { return a < b }),
	cmpopts.SortSlices(func(a, b Task) bool { return cmp.Or(cmp.Compare(a.Connector, b.Connector), a.Task-b.Task) < 0 })}

var versions = map[string]int16{"eager": V0, "compatible": V1, "sessioned": V2, "default": V0}

func TestMetadataVectors(t *testing.T) {
	var vectors []struct {
		Name    string
		URL     string
		Offset  int64                                        `json:"config_offset"`
		Current *content                                     `json:"current_assignment"`
		Join    map[string][]struct{ Name, Metadata string } `json:"join_group_protocols"`
	}
	load(t, "metadata", &vectors)
	if len(vectors) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range vectors {
		for setting, protocols := range v.Join {
			for _, p := range protocols {
				raw := unbase64(t, p.Metadata)
				want := Metadata{Version: versions[p.Name], URL: v.URL, Offset: v.Offset}
				if want.Version > V0 && v.Current != nil {
					a := v.Current.assignment(want.Version)
					want.Held = &a
				}
				got, err := ParseMetadata(raw)
				if err != nil {
					t.Fatalf("%s/%s/%s: %v", v.Name, setting, p.Name, err)
				}
				if d := gocmp.Diff(want, got, anyOrder); d != "" {
					t.Errorf("%s/%s/%s: %s", v.Name, setting, p.Name, d)
				}
				if again := got.Append(nil); !bytes.Equal(again, raw) {
					t.Errorf("%s/%s/%s: written again %x, want %x", v.Name, setting, p.Name, again, raw)
				}
				if v.Current == nil || len(v.Current.Connectors) < 2 {
					if made := want.Append(nil); !bytes.Equal(made, raw) {
						t.Errorf("%s/%s/%s: %x, want %x", v.Name, setting, p.Name, made, raw)
					}
				}
			}
		}
	}
}

func TestAssignmentVectors(t *testing.T) {
	var vectors []struct {
		Name    string
		Input   content
		Sync    map[string]string `json:"sync_group_assignment"`
		Decoded map[string]content
	}
	load(t, "assignment", &vectors)
	if len(vectors) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range vectors {
		for protocol, text := range v.Sync {
			raw := unbase64(t, text)
			got, err := ParseAssignment(raw)
			if err != nil {
				t.Fatalf("%s/%s: %v", v.Name, protocol, err)
			}
			if d := gocmp.Diff(v.Decoded[protocol].assignment(versions[protocol]), got, anyOrder); d != "" {
				t.Errorf("%s/%s: %s", v.Name, protocol, d)
			}
			if again := got.Append(nil); !bytes.Equal(again, raw) {
				t.Errorf("%s/%s: written again %x, want %x", v.Name, protocol, again, raw)
			}
			if len(v.Input.Connectors) < 2 && len(v.Input.RevokedConnectors) < 2 {
				input := v.Input.assignment(versions[protocol])
				if made := input.Append(nil); !bytes.Equal(made, raw) {
					t.Errorf("%s/%s: %x, want %x", v.Name, protocol, made, raw)
				}
			}
		}
	}
}

func TestEagerVectors(t *testing.T) {
	var vectors []struct {
		Configured map[string]int
		Offset     int64 `json:"config_offset"`
		Members    map[string]string
		Leader     string
		Result     map[string]struct {
			Assignment string
			Decoded    content
		}
	}
	load(t, "eager-assignor", &vectors)
	if len(vectors) == 0 {
		t.Fatal("no vectors")
	}
	for i, v := range vectors {
		r := Round{Leader: v.Leader, Offset: v.Offset}
		for id, url := range v.Members {
			r.Members = append(r.Members, Worker{id, Metadata{URL: url, Offset: v.Offset}})
		}
		for name, n := range v.Configured {
			r.Work = append(r.Work, Work{name, n})
		}
		got := Eager{}.Assign(r)
		if len(got) != len(v.Members) {
			t.Errorf("vector %d: %d assignments", i, len(got))
		}
		for id, want := range v.Result {
			a := got[id]
			read, err := ParseAssignment(a.Append(nil))
			if err != nil {
				t.Fatal(err)
			}
			if d := gocmp.Diff(want.Decoded.assignment(V0), read, anyOrder); d != "" {
				t.Errorf("vector %d, %s: %s", i, id, d)
			}
			if len(a.Connectors) < 2 {
				if raw := a.Append(nil); !bytes.Equal(raw, unbase64(t, want.Assignment)) {
					t.Errorf("vector %d, %s: %x", i, id, raw)
				}
			}
		}
	}
}

// TestEagerProperties: everything is assigned once, and nobody has two more than
// another.
func TestEagerProperties(t *testing.T) {
	for members := 1; members <= 5; members++ {
		for connectors := range 6 {
			r := Round{Leader: "m0"}
			for i := range members {
				r.Members = append(r.Members, Worker{Member: "m" + strconv.Itoa(i)})
			}
			total := connectors
			for i := range connectors {
				r.Work = append(r.Work, Work{"c" + strconv.Itoa(i), i})
				total += i
			}
			seen := map[Task]bool{}
			least, most := total, 0
			for _, a := range (Eager{}).Assign(r) {
				for _, c := range a.Connectors {
					seen[Task{c, -1}] = true
				}
				for _, tk := range a.Tasks {
					seen[tk] = true
				}
				least, most = min(least, len(a.Connectors)+len(a.Tasks)), max(most, len(a.Connectors)+len(a.Tasks))
			}
			if len(seen) != total || most-least > 1 {
				t.Errorf("%d members, %d connectors: %d of %d assigned, from %d to %d each", members, connectors, len(seen), total, least, most)
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	full := (&Metadata{Version: V2, URL: "http://a/", Held: &Assignment{Version: V2, Connectors: []string{"a"}, Tasks: []Task{{"a", 0}}, RevokedTasks: []Task{{"b", 1}}}}).Append(nil)
	for n := range full {
		if m, err := ParseMetadata(full[:n]); err == nil {
			t.Errorf("%d of %d bytes: %v", n, len(full), m)
		}
	}
	for name, raw := range map[string][]byte{
		"version -1":     {0xff, 0xff},
		"negative text":  {0, 0, 0xff, 0xfe},
		"huge array":     append((&Assignment{}).Append(nil)[:18], 0x7f, 0xff, 0xff, 0xff),
		"negative array": append((&Assignment{}).Append(nil)[:16], 0x80, 0, 0, 0),
		"not UTF-8":      {0, 0, 0, 0, 0, 1, 0xff, 0, 0},
	} {
		if a, err := ParseAssignment(raw); err == nil {
			t.Errorf("%s: %v", name, a)
		}
	}
	null := append((&Assignment{Version: V1}).Append(nil)[:16], 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 5)
	if a, err := ParseAssignment(null); err != nil || a.Delay != 5 {
		t.Errorf("null arrays: %v %v", a, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add((&Metadata{Version: V1, URL: "x", Held: &Assignment{Version: V1, Connectors: []string{"a"}}}).Append(nil))
	f.Add((&Assignment{Version: V2, Connectors: []string{"a", "b"}, Tasks: []Task{{"a", 3}, {"c", 0}}, Delay: 7}).Append(nil))
	f.Add((&Assignment{Leader: "l", Tasks: []Task{{"a", 3}}}).Append(nil))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if m, err := ParseMetadata(raw); err == nil {
			if again, err := ParseMetadata(m.Append(nil)); err != nil || again.URL != m.URL {
				t.Errorf("metadata written again: %v", err)
			}
		}
		if a, err := ParseAssignment(raw); err == nil {
			again, err := ParseAssignment(a.Append(nil))
			if err != nil || len(again.Tasks) != len(a.Tasks) || len(again.Connectors) > len(a.Connectors) {
				t.Errorf("assignment written again: %v", err)
			}
		}
	})
}

func member(offset *int64, synced int64) *Member {
	return &Member{URL: "http://a:8083/", Assignors: []Assignor{Eager{}}, Log: slog.New(slog.DiscardHandler),
		Configured: func() Configured { return Configured{Offset: *offset, Work: []Work{{"c", 2}}} },
		Sync:       func(context.Context) error { *offset = synced; return nil }}
}

func gm(id, url string, offset int64) kafka.GroupMember {
	return kafka.GroupMember{ID: id, Metadata: (&Metadata{URL: url, Offset: offset}).Append(nil)}
}

func TestMemberLeads(t *testing.T) {
	ctx := context.Background()
	offset := int64(5)
	m := member(&offset, 9)
	p := m.Protocols()
	if len(p) != 1 || p[0].Name != "default" {
		t.Fatalf("offers %v", p)
	}
	got, err := m.Assign(ctx, "default", []kafka.GroupMember{gm("a1", "http://a:8083/", 5), gm("b1", "http://b:8083/", 9)})
	if err != nil {
		t.Fatal(err)
	}
	if got.All["b1"].Offset != 9 || got.All["b1"].LeaderURL != "http://a:8083/" {
		t.Errorf("assignment %+v; the leader was behind and had to read on", got.All["b1"])
	}
	raw := got.Encode()
	a, err := m.Accept(kafka.Generation{ID: 3, MemberID: "a1", LeaderID: "a1", Protocol: "default", Leader: true}, raw["a1"])
	if err != nil || !slices.Equal(a.Connectors, []string{"c"}) || !slices.Equal(a.Tasks, []Task{{"c", 1}}) {
		t.Errorf("accepted %+v %v", a, err)
	}
	for task, want := range map[int]string{-1: "http://a:8083/", 0: "http://b:8083/", 1: "http://a:8083/", 7: ""} {
		if u := m.OwnerURL("c", task); u != want {
			t.Errorf("owner of c %d: %q, want %q", task, u, want)
		}
	}
	m.Forget()
	if u := m.OwnerURL("c", 0); u != "" {
		t.Errorf("owner after the loss: %q", u)
	}
}

func TestMemberBehind(t *testing.T) {
	ctx := context.Background()
	offset := int64(5)
	m := member(&offset, 6)
	got, err := m.Assign(ctx, "default", []kafka.GroupMember{gm("a1", "http://a:8083/", 5), gm("b1", "http://b/", 9)})
	if err != nil {
		t.Fatal(err)
	}
	for id, a := range got.All {
		if a.Error != ConfigMismatch || a.Offset != 9 || len(a.Connectors)+len(a.Tasks) != 0 {
			t.Errorf("%s gets %+v", id, a)
		}
		if _, err := m.Accept(kafka.Generation{Protocol: "default"}, a.Append(nil)); !errors.Is(err, ErrMismatch) || !fault.Is(err, fault.Retry) {
			t.Errorf("accepted: %v", err)
		}
	}
}

func TestMemberRefuses(t *testing.T) {
	offset := int64(5)
	m := member(&offset, 6)
	if _, err := m.Assign(context.Background(), "default", []kafka.GroupMember{{ID: "x", Metadata: []byte("junk")}}); !fault.Is(err, fault.Retry) || !strings.Contains(err.Error(), "member x") {
		t.Errorf("a member that talks nonsense: %v", err)
	}
	if _, err := m.Accept(kafka.Generation{Protocol: "default"}, nil); !fault.Is(err, fault.Retry) {
		t.Errorf("an empty assignment: %v", err)
	}
	if _, err := m.Accept(kafka.Generation{Protocol: "default"}, (&Assignment{Version: V1}).Append(nil)); !fault.Is(err, fault.Retry) {
		t.Errorf("an assignment of another version: %v", err)
	}
}
