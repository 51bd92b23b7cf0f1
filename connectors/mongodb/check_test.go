package mongodb

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/fault"
	"culvert/internal/mongostub"
)

func base(uri string) map[string]string {
	return map[string]string{"connection.uri": uri, "topics": "t", "database": "db", "collection": "c"}
}

func errorsOf(t *testing.T, props map[string]string) []string {
	t.Helper()
	r := check(t.Context(), props)
	if len(r.Errors()) == 0 {
		dial(t.Context(), props, r)
	}
	return r.Errors()
}

func TestCheckDials(t *testing.T) {
	stub := startStub(t)
	if got := errorsOf(t, base(stub.URI())); len(got) > 0 {
		t.Error(got)
	}
	if got := fmt.Sprint(errorsOf(t, base("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=300"))); got != "[Unable to connect to the server.]" {
		t.Error(got)
	}
	stub.Script(mongostub.Fault{Command: "ping", Error: &mongostub.CommandError{Code: 18, Name: "AuthenticationFailed", Message: "Authentication failed."}})
	if got := fmt.Sprint(errorsOf(t, base(stub.URI()))); !strings.Contains(got, "Invalid user permissions authentication failed. ") {
		t.Error(got)
	}
	props := base(stub.URI())
	props["server.api.version"] = "1"
	old, err := bson.Marshal(bson.D{{Key: "versionArray", Value: bson.A{int32(4), int32(4)}}, {Key: "ok", Value: 1}})
	if err != nil {
		t.Fatal(err)
	}
	stub.Script(mongostub.Fault{Command: "buildInfo", Reply: old})
	if got := fmt.Sprint(errorsOf(t, props)); got != "[Server Version API requires MongoDB 5.0 or greater]" {
		t.Error(got)
	}
}

// Wrong keys are told without a connection.
func TestCheckDoesNotDialForBadKeys(t *testing.T) {
	props := base("mongodb://127.0.0.1:1")
	props["max.batch.size"] = "-1"
	props[keyIDStrategy] = "nope"
	if got := fmt.Sprint(errorsOf(t, props)); got != "[Invalid value -1 for configuration max.batch.size: Value must be at least 0]" {
		t.Error(got)
	}
}

func TestRights(t *testing.T) {
	text := func(s string) *string { return &s }
	p := privilege{Actions: []string{"insert", "update"}}
	p.Resource.DB, p.Resource.Collection = text("db"), text("c")
	all := []string{"insert", "update", "remove"}
	for _, c := range []struct{ db, coll, want string }{
		{"db", "c", "[remove]"}, {"db", "d", "[insert update remove]"}, {"other", "c", "[insert update remove]"},
	} {
		if got := fmt.Sprint(without(append([]string(nil), all...), []privilege{p}, "admin", c.db, c.coll)); got != c.want {
			t.Errorf("%s.%s: %s, want %s", c.db, c.coll, got, c.want)
		}
	}
	p.Resource.DB, p.Resource.Collection = text(""), text("")
	if got := without(append([]string(nil), all...), []privilege{p}, "admin", "x", "y"); fmt.Sprint(got) != "[remove]" {
		t.Error(got)
	}
}

func TestNoOffsetIDsAfterAJoin(t *testing.T) {
	props := base("mongodb://127.0.0.1:1")
	props[keyIDStrategy] = kafkaID
	props["transforms"], props["transforms.j.type"] = "x, j", "culvert.transforms.StreamJoin"
	if got := errorsOf(t, props); len(got) != 1 || !strings.Contains(got[0], "rows of a join share") {
		t.Error(got)
	}
	if _, err := newConfig(props); fault.ClassOf(err) != fault.Config {
		t.Error(err)
	}
}

func TestSecretsAreMasked(t *testing.T) {
	for uri, want := range map[string]string{
		"mongodb://u:secret@h:1,i/db?w=1": "mongodb://****@h:1,i/db?w=1",
		"mongodb+srv://u:se@cret@h/?tlsCertificateKeyFilePassword=secret&authMechanismProperties=A:secret": "mongodb+srv://****@h/?tlsCertificateKeyFilePassword=****&authMechanismProperties=****",
		"http://u:secret@h": "http://****@h",
		"mongodb://h":       "mongodb://h",
	} {
		if got := maskURI(uri); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	for _, uri := range []string{"mongodb://u:secret@h:x", "http://u:secret@h", "mongodb://u:secret@", "mongodb://u:secret@h/?replicaSet=a&directConnection=true&loadBalanced=true",
		"mongodb://u:secret%zz@h", "mongodb://u:secret@h,", "mongodb+srv://u:secret@h:1"} {
		props := base(uri)
		got := strings.Join(errorsOf(t, props), "\n")
		if got == "" || strings.Contains(got, "secret") {
			t.Errorf("%s: %q", uri, got)
		}
		if _, err := newConfig(props); err == nil || strings.Contains(fault.Explain(err), "secret") {
			t.Errorf("%s: %v", uri, err)
		}
	}
}

func TestHostsOf(t *testing.T) {
	for uri, want := range map[string]string{
		"mongodb://u:p@a,b:1/db": "a:27017,b:1",
		"mongodb+srv://u@c.x/":   "c.x",
		"mongodb://[::1]:5":      "[::1]:5",
	} {
		if got := hostsOf(uri); got != want {
			t.Errorf("%s: %s, want %s", uri, got, want)
		}
	}
}

func TestTasks(t *testing.T) {
	props := base("mongodb://h")
	all, err := Plugin().Tasks(props, 2)
	if err != nil || len(all) != 2 || !maps.Equal(all[0], props) || !maps.Equal(all[1], props) {
		t.Error(all, err)
	}
	all[0]["x"] = "y"
	if props["x"] != "" || all[1]["x"] != "" {
		t.Error("the tasks share a map")
	}
}

func TestOwnClassesAreThoseOfTheTables(t *testing.T) {
	want := []string{"namespace.mapping.DefaultNamespaceMapper", "namespace.mapping.FieldPathNamespaceMapper"}
	want = slices.AppendSeq(want, maps.Keys(idStrategies))
	want = slices.AppendSeq(want, maps.Keys(processorClasses))
	want = slices.AppendSeq(want, maps.Keys(writeModels))
	slices.Sort(want)
	if d := cmp.Diff(want, slices.Sorted(slices.Values(ownClasses))); d != "" {
		t.Error(d)
	}
}

// A class that changes values, to encrypt them for example, is not left out silently.
func TestOwnJavaCodeIsRefused(t *testing.T) {
	props := base("mongodb://127.0.0.1:1")
	props["field.value.transformer"] = "com.example.Encrypt"
	got := errorsOf(t, props)
	if len(got) != 1 || !strings.HasPrefix(got[0], "Invalid value com.example.Encrypt for configuration field.value.transformer: ") {
		t.Error(got)
	}
	if _, err := newConfig(props); fault.ClassOf(err) != fault.Config || fault.Of(err).Field != "field.value.transformer" {
		t.Error(err)
	}
}
