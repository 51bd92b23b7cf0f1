package mongodb

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/configdef"
	"culvert/internal/mongostub"
)

// closing accepts connections and ends them.
func closing(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	return l.Addr().String()
}

func reply(t *testing.T, doc any) []byte {
	t.Helper()
	b, err := bson.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// plainUser lets the stub take any user, with the privileges of an account.
func plainUser(t *testing.T, stub *mongostub.Server, privileges ...any) (uri string) {
	t.Helper()
	stub.Script(mongostub.Fault{Command: "saslStart", Times: -1, Reply: reply(t, bson.D{{Key: "conversationId", Value: 1}, {Key: "done", Value: true}, {Key: "payload", Value: []byte{}}, {Key: "ok", Value: 1}})})
	stub.Script(mongostub.Fault{Command: "connectionStatus", Times: -1, Reply: reply(t, bson.D{{Key: "ok", Value: 1}, {Key: "authInfo", Value: bson.D{
		{Key: "authenticatedUsers", Value: bson.A{bson.D{{Key: "user", Value: "u"}}}}, {Key: "authenticatedUserRoles", Value: bson.A{}},
		{Key: "authenticatedUserPrivileges", Value: bson.A(privileges)},
	}}})})
	return strings.Replace(stub.URI(), "mongodb://", "mongodb://u:secret@", 1) + "/?authMechanism=PLAIN&authSource=$external"
}

// plainRole lets the stub take any user, with one role and no privileges of its own;
// told is what the stub says of the role, nil: the user may not ask.
func plainRole(t *testing.T, stub *mongostub.Server, role, db string, told any) (uri string) {
	t.Helper()
	stub.Script(mongostub.Fault{Command: "connectionStatus", Times: -1, Reply: reply(t, bson.D{{Key: "ok", Value: 1}, {Key: "authInfo", Value: bson.D{
		{Key: "authenticatedUsers", Value: bson.A{bson.D{{Key: "user", Value: "u"}}}},
		{Key: "authenticatedUserRoles", Value: bson.A{bson.D{{Key: "role", Value: role}, {Key: "db", Value: db}}}}, {Key: "authenticatedUserPrivileges", Value: bson.A{}},
	}}})})
	answer := mongostub.Fault{Command: "rolesInfo", Times: -1, Error: &mongostub.CommandError{Code: 13, Name: "Unauthorized", Message: "not authorized"}}
	if told != nil {
		answer.Error, answer.Reply = nil, reply(t, bson.D{{Key: "ok", Value: 1}, {Key: "roles", Value: bson.A{told}}})
	}
	stub.Script(answer)
	return plainUser(t, stub)
}

func allow(db, coll string, actions ...any) any {
	return bson.D{{Key: "resource", Value: bson.D{{Key: "db", Value: db}, {Key: "collection", Value: coll}}}, {Key: "actions", Value: bson.A(actions)}}
}

func remedies(r *configdef.Report) (all string) {
	for _, res := range r.Results {
		all += res.Remedy
	}
	return all
}

const selectionKey = "serverSelectionTimeoutMS="

// TestCheckNamesTheStep breaks each step, and reads what each mode of connection.check
// says of it.
func TestCheckNamesTheStep(t *testing.T) {
	const unreachable = "Unable to connect to the server."
	timed := "/?" + selectionKey + "5000"
	for _, c := range []struct {
		name     string
		uri      func(t *testing.T, stub *mongostub.Server) string
		changes  map[string]string
		original string // the whole text, or its beginning
		step     string
		fix      string
	}{
		{name: "resolve", uri: func(*testing.T, *mongostub.Server) string { return "mongodb://no..host" + timed }, original: unreachable, step: "resolve: ", fix: "name servers"},
		{name: "connect", uri: func(*testing.T, *mongostub.Server) string { return "mongodb://127.0.0.1:1" + timed }, original: unreachable, step: "connect: dial tcp 127.0.0.1:1: ", fix: "firewalls"},
		{name: "TLS of an unknown authority", uri: func(t *testing.T, stub *mongostub.Server) string { return behindTLS(t, stub.Addr()) },
			original: unreachable, step: "TLS: ", fix: "truststore"},
		{name: "no TLS behind", uri: func(_ *testing.T, stub *mongostub.Server) string { return stub.URI() + timed + "&tls=true" }, original: unreachable, step: "answer: ", fix: "wants TLS"},
		{name: "answer", uri: func(t *testing.T, _ *mongostub.Server) string { return "mongodb://" + closing(t) + timed }, original: unreachable, step: "answer: ", fix: "wants TLS"},
		{name: "find a primary", uri: func(_ *testing.T, stub *mongostub.Server) string { return stub.URI() + timed + "&replicaSet=other" }, original: unreachable, step: "find a primary: ", fix: "replicaSet"},
		{name: "authenticate", uri: func(_ *testing.T, stub *mongostub.Server) string {
			stub.Script(mongostub.Fault{Command: "saslStart", Times: -1, Error: &mongostub.CommandError{Code: 18, Name: "AuthenticationFailed", Message: "Authentication failed."}})
			return strings.Replace(stub.URI(), "mongodb://", "mongodb://u:secret@", 1) + "/?authMechanism=PLAIN&authSource=$external"
		}, original: "Invalid user permissions authentication failed. ", step: "authenticate: ", fix: "authSource"},
		{name: "authorize nothing", uri: func(t *testing.T, stub *mongostub.Server) string { return plainUser(t, stub) },
			original: "Invalid user permissions. Missing the following action permissions: insert, update, remove", step: "authorize on db.c: the user may not insert, update, remove", fix: "readWrite on the database db"},
		{name: "authorize elsewhere", uri: func(t *testing.T, stub *mongostub.Server) string {
			return plainUser(t, stub, allow("db", "c", "insert", "update", "remove"), allow("other", "", "insert", "update"))
		}, changes: map[string]string{"topics": "t,u", "topic.override.u.database": "other"},
			original: "Invalid user permissions. Missing the following action permissions: remove", step: "authorize on other.c: the user may not remove", fix: "readWrite on the database other"},
		{name: "API version", uri: func(t *testing.T, stub *mongostub.Server) string {
			stub.Script(mongostub.Fault{Command: "buildInfo", Times: -1, Reply: reply(t, bson.D{{Key: "versionArray", Value: bson.A{int32(4), int32(4)}}, {Key: "ok", Value: 1}})})
			return stub.URI()
		}, changes: map[string]string{"server.api.version": "1"}, original: "Server Version API requires MongoDB 5.0 or greater", step: "declare the API version: ", fix: "server.api.version"},
		{name: "a store", uri: func(*testing.T, *mongostub.Server) string { return "mongodb://127.0.0.1:1/?tls=true" }, changes: map[string]string{"connection.ssl.truststore": "/no/such.pem"},
			original: "Invalid value ", step: "read the connection settings: ", fix: "connection.ssl.*"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			stub := startStub(t)
			uri := c.uri(t, stub)
			for _, mode := range []string{"", checkSteps} {
				props := base(uri)
				maps.Copy(props, c.changes)
				if mode != "" {
					props["connection.check"] = mode
				}
				var errs []string
				var remedy string
				// The step is the one that was reached when the time was over: a slow machine needs more.
				for limit := 300; limit < 9000 && !strings.HasPrefix(remedy, "Failed step: "+c.step); limit *= 2 {
					props["connection.uri"] = strings.Replace(uri, selectionKey+"5000", fmt.Sprint(selectionKey, limit), 1)
					r := check(t.Context(), props)
					if len(r.Errors()) > 0 {
						t.Fatal(r.Errors())
					}
					target := dial(t.Context(), props, r)
					errs, remedy = r.Errors(), remedies(r)
					if len(errs) != 1 || !strings.HasPrefix(errs[0], c.original) || !strings.HasPrefix(target, "MongoDB at ") {
						t.Fatalf("%q of %s, want %q", errs, target, c.original)
					}
				}
				if named := strings.Contains(errs[0], "Failed step: "+c.step); named != (mode == checkSteps) {
					t.Errorf("connection.check=%s: %s", mode, errs[0])
				}
				if !strings.HasPrefix(remedy, "Failed step: "+c.step) || !strings.Contains(remedy, c.fix) {
					t.Errorf("remedy %q", remedy)
				}
				if all := strings.Join(append(errs, remedy), " "); strings.Contains(all, "secret") {
					t.Errorf("the password shows: %s", all)
				}
			}
			props := base(uri)
			props["connection.check"] = checkNone
			r := check(t.Context(), props)
			if target := dial(t.Context(), props, r); target != "" || len(r.Errors()) > 0 {
				t.Errorf("connection.check=none: %s %v", target, r.Errors())
			}
		})
	}
}

// Rights that do are no error, whether the account names the collection, the
// database or everything.
func TestCheckAcceptsRights(t *testing.T) {
	for _, p := range []any{
		allow("db", "c", "insert", "update", "remove"), allow("db", "", "find", "insert", "update", "remove"), allow("", "", "insert", "update", "remove"), allow("", "c", "insert", "update", "remove"),
		bson.D{{Key: "resource", Value: bson.D{{Key: "anyResource", Value: true}}}, {Key: "actions", Value: bson.A{"anyAction", "insert", "update", "remove"}}},
	} {
		stub := startStub(t)
		if errs := errorsOf(t, base(plainUser(t, stub, p))); len(errs) > 0 {
			t.Errorf("%v: %v", p, errs)
		}
	}
}

func TestCheckModes(t *testing.T) {
	props := base("mongodb://127.0.0.1:1")
	props["connection.check"] = "loud"
	if errs := errorsOf(t, props); !slices.Equal(errs, []string{"Invalid value loud for configuration connection.check: Invalid enumerator value. Should be one of: [original, steps, none]"}) {
		t.Error(errs)
	}
}

// A server that lists no privileges: the role tells by its name or by itself, and one
// that nobody can look at is trusted.
func TestCheckKnowsRoles(t *testing.T) {
	for _, c := range []struct {
		role, db string
		told     any
		want     string
	}{
		{role: "readWrite", db: "db"}, {role: "root", db: "admin"}, {role: "readWriteAnyDatabase", db: "admin"}, {role: "secret", db: "db"},
		{role: "read", db: "db", want: "insert, update, remove"}, {role: "readWrite", db: "other", want: "insert, update, remove"},
		{role: "own", db: "db", told: bson.D{{Key: "privileges", Value: bson.A{allow("db", "c", "insert", "update")}}}, want: "remove"},
		{role: "own", db: "db", told: bson.D{{Key: "inheritedPrivileges", Value: bson.A{allow("db", "", "insert", "update", "remove")}}}},
		{role: "silent", db: "db", told: bson.D{{Key: "role", Value: "silent"}}},
	} {
		stub := startStub(t)
		want := ""
		if c.want != "" {
			want = missingText + c.want
		}
		if got := strings.Join(errorsOf(t, base(plainRole(t, stub, c.role, c.db, c.told))), "; "); got != want {
			t.Errorf("%s@%s: %q, want %q", c.role, c.db, got, want)
		}
	}
}
