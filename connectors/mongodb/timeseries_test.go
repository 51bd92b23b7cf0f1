package mongodb

import (
	"context"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/fault"
	"culvert/internal/mongostub"
)

func contextThatEnds(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

func created(stub *mongostub.Server) string {
	var out []string
	for _, c := range stub.Commands() {
		if c.Name == "create" {
			b := bson.Raw(c.Body)
			out = append(out, c.Namespace+" "+b.Lookup("timeseries").String()+" "+b.Lookup("expireAfterSeconds").String())
		}
	}
	return strings.Join(out, "; ")
}

func TestTimeSeriesIsCreated(t *testing.T) {
	stub := startStub(t)
	s := openSink(t, stub.URI(), keyTimeField, " ts ", keyMetaField, "m", keyGranularity, "MINUTES", keyExpireAfter, "60")
	mustWrite(t, s, texts(0, `{"ts":{"$date":5}}`))
	mustWrite(t, s, texts(1, `{"ts":{"$date":6}}`))
	want := `db.c {"timeField": "ts","metaField": "m","granularity": "minutes"} {"$numberLong":"60"}`
	if got := created(stub); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	other := openSink(t, stub.URI(), keyTimeField, "ts")
	mustWrite(t, other, texts(2, `{"ts":{"$date":7}}`))
	if got := created(stub); got != want || len(stub.Docs(ns)) != 3 {
		t.Errorf("it was created again: %s", got)
	}
}

func TestTimeSeriesThatIsNone(t *testing.T) {
	const text = "A collection already exists for: `db.c` that is not a timeseries collection."
	stub := startStub(t)
	mustWrite(t, openSink(t, stub.URI()), numbers(0, 1))
	s := openSink(t, stub.URI(), keyTimeField, "ts", "errors.tolerance", "all")
	if err := s.Write(t.Context(), texts(0, `{"ts":{"$date":5}}`)); !fault.Is(err, fault.Fatal) || err.Error() != text {
		t.Error(err)
	}
	props := base(stub.URI())
	props[keyTimeField] = "ts"
	if got := errorsOf(t, props); len(got) != 1 || got[0] != text {
		t.Error(got)
	}
}

// Two tasks create it at once: the one that comes too late finds it.
func TestTimeSeriesRace(t *testing.T) {
	stub := startStub(t)
	mustWrite(t, openSink(t, stub.URI(), keyTimeField, "ts"), texts(0, `{"ts":{"$date":5}}`))
	absent, err := bson.Marshal(bson.D{{Key: "ok", Value: 1}, {Key: "nindexes", Value: int32(0)}})
	if err != nil {
		t.Fatal(err)
	}
	stub.Script(mongostub.Fault{Command: "collStats", Reply: absent})
	mustWrite(t, openSink(t, stub.URI(), keyTimeField, "ts"), texts(1, `{"ts":{"$date":5}}`))
}

func TestTimeSeriesErrors(t *testing.T) {
	for name, c := range map[string]struct {
		f     mongostub.Fault
		class fault.Class
		text  string
	}{
		"may not": {mongostub.Fault{Command: "collStats", Error: &mongostub.CommandError{Code: 13, Name: "Unauthorized", Message: "no"}}, fault.Fatal,
			"Failed to create collection for: `db.c`. Unauthorized, user does not have the correct permissions to check for and create the collection. "},
		"other": {mongostub.Fault{Command: "create", Error: &mongostub.CommandError{Code: 72, Name: "InvalidOptions", Message: "no"}}, fault.Fatal,
			"Failed to create collection for: `db.c`. "},
		"outage": {mongostub.Fault{Command: "create", Error: &mongostub.CommandError{Code: 10107, Name: "NotWritablePrimary", Message: "no"}}, fault.Retry, "MongoDB at "},
	} {
		stub := startStub(t)
		s := openSink(t, stub.URI(), keyTimeField, "ts")
		stub.Script(c.f)
		b := texts(0, `{"ts":{"$date":5}}`)
		if err := s.Write(t.Context(), b); !fault.Is(err, c.class) || !strings.HasPrefix(err.Error(), c.text) {
			t.Errorf("%s: %v", name, err)
		}
		retryUntilDone(t, s, b)
	}
}

func TestCheckOfTimeSeries(t *testing.T) {
	stub := startStub(t)
	props := base(stub.URI())
	props[keyMetaField], props[keyGranularity], props[keyExpireAfter] = "m", "hours", "5"
	got := strings.Join(errorsOf(t, props), "\n")
	if got != strings.Repeat("Missing timeseries configuration: `timeseries.timefield`\n", 2)+"Missing timeseries configuration: `timeseries.timefield`" {
		t.Error(got)
	}
	props[keyTimeField] = "ts"
	old, err := bson.Marshal(bson.D{{Key: "versionArray", Value: bson.A{int32(4), int32(4)}}, {Key: "ok", Value: 1}})
	if err != nil {
		t.Fatal(err)
	}
	stub.Script(mongostub.Fault{Command: "buildInfo", Reply: old})
	if got := errorsOf(t, props); len(got) != 1 || got[0] != "Timeseries support requires MongoDB 5.0 or newer" {
		t.Error(got)
	}
	if got := created(stub); got != "" {
		t.Error(got)
	}
	if got := errorsOf(t, props); len(got) > 0 || !strings.HasPrefix(created(stub), "db.c ") {
		t.Error(got, created(stub))
	}
}
