package mongodb

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"culvert/fault"
	"culvert/internal/mongostub"
)

// connectStub opens a connection to a server as a task does.
func connectStub(t *testing.T, uri string) *driverServer {
	t.Helper()
	s, err := connect(&settings{URI: patient(uri)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := s.close(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

func insertOf(t *testing.T, ids ...string) bson.Raw {
	t.Helper()
	docs := bson.A{}
	for _, id := range ids {
		docs = append(docs, bson.D{{Key: "_id", Value: id}})
	}
	cmd, err := bson.Marshal(bson.D{{Key: "insert", Value: "c"}, {Key: "ordered", Value: false}, {Key: "documents", Value: docs}})
	if err != nil {
		t.Fatal(err)
	}
	return cmd
}

// report is all that answer.go and errors.go look at in an error.
type report struct {
	Text, Explained string
	Class           fault.Class
	Fault, Code     string
	Codes           []int
	Labels          []string
	Command         *mongo.CommandError
	Write           *mongo.WriteException
	Network         bool
	Timeout         bool
	Net, Cancelled  bool
	Disconnected    bool
}

func reportOf(err error) report {
	f := classify(err, "h")
	r := report{Text: err.Error(), Explained: explain(err), Class: f.Class, Fault: f.Error(), Code: f.Code, Network: mongo.IsNetworkError(err),
		Timeout: mongo.IsTimeout(err), Cancelled: errors.Is(err, context.Canceled), Disconnected: errors.Is(err, mongo.ErrClientDisconnected)}
	var op *net.OpError
	r.Net = errors.As(err, &op)
	var server mongo.ServerError
	if errors.As(err, &server) {
		r.Codes = server.ErrorCodes()
	}
	var labelled mongo.LabeledError
	if errors.As(err, &labelled) {
		for _, l := range []string{"RetryableWriteError", "TransientTransactionError", "NetworkError", "NoWritesPerformed"} {
			if labelled.HasErrorLabel(l) {
				r.Labels = append(r.Labels, l)
			}
		}
	}
	var failed mongo.CommandError
	if errors.As(err, &failed) {
		r.Command = &mongo.CommandError{Code: failed.Code, Name: failed.Name, Message: failed.Message, Labels: failed.Labels, Raw: failed.Raw}
	}
	var written mongo.WriteException
	if errors.As(err, &written) {
		r.Write = &written
	}
	return r
}

// TestDirectErrors runs what fails through the client and directly: every error must
// be the same to whoever looks at it.
func TestDirectErrors(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name  string
		fault *mongostub.Fault
		ctx   context.Context
		want  func(report) bool
	}{
		{name: "duplicate key", want: func(r report) bool { return len(r.Write.WriteErrors) == 1 && r.Write.WriteErrors[0].Index == 1 }},
		{name: "write errors", fault: &mongostub.Fault{WriteErrors: []mongostub.WriteError{{Index: 0, Code: 121, Message: "no"}}},
			want: func(r report) bool { return slices.Contains(r.Codes, 121) }},
		{name: "write concern", fault: &mongostub.Fault{WriteConcern: &mongostub.WriteConcernError{Code: 64, Name: "WriteConcernTimeout", Message: "late"}},
			want: func(r report) bool { return r.Write.WriteConcernError.Code == 64 }},
		{name: "command", fault: &mongostub.Fault{Error: &mongostub.CommandError{Code: 73, Name: "InvalidNamespace", Message: "bad"}},
			want: func(r report) bool { return r.Command.Code == 73 && r.Code == codeCommand }},
		{name: "labels", fault: &mongostub.Fault{Error: &mongostub.CommandError{Code: 999, Name: "Odd", Message: "later",
			Labels: []string{"RetryableWriteError", "TransientTransactionError"}}},
			want: func(r report) bool { return len(r.Labels) == 2 && r.Class == fault.Retry }},
		{name: "user", fault: &mongostub.Fault{Error: &mongostub.CommandError{Code: 13, Name: "Unauthorized", Message: "no"}},
			want: func(r report) bool { return r.Code == codeAuth }},
		{name: "malformed answer", fault: &mongostub.Fault{Reply: []byte{5, 0, 0, 0, 0}},
			want: func(r report) bool { return r.Text != "" }},
		{name: "broken connection", fault: &mongostub.Fault{Drop: true}, want: func(r report) bool { return r.Network && r.Class == fault.Retry }},
		{name: "cancelled", ctx: cancelled, want: func(r report) bool { return r.Cancelled }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stub := startStub(t)
			s := connectStub(t, stub.URI())
			ctx := tt.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			if err := s.run(t.Context(), "db", insertOf(t, "taken")); err != nil {
				t.Fatal(err)
			}
			script := func() {
				if tt.fault != nil {
					f := *tt.fault
					f.Times = 1
					stub.Script(f)
				}
			}
			cmd := insertOf(t, "new", "taken")
			script()
			direct := s.run(ctx, "db", cmd)
			if _, err := s.client.Database("db").Collection("c").DeleteOne(t.Context(), bson.D{{Key: "_id", Value: "new"}}); err != nil {
				t.Fatal(err)
			}
			script()
			through := s.client.Database("db").RunCommand(ctx, cmd).Err()
			if direct == nil || through == nil {
				t.Fatalf("direct %v, through the client %v", direct, through)
			}
			got, want := reportOf(direct), reportOf(through)
			if tt.fault != nil && tt.fault.Drop { // the addresses of two connections differ
				got.Text, want.Text, got.Fault, want.Fault, got.Explained, want.Explained = "", "", "", "", "", ""
				got.Command.Message, want.Command.Message = "", ""
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(mongo.CommandError{})); diff != "" {
				t.Errorf("direct differs from the client (-client +direct):\n%s", diff)
			}
			if !tt.want(got) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// TestDirectDown compares the errors without a server, and of a closed client.
func TestDirectDown(t *testing.T) {
	stub := startStub(t)
	s := connectStub(t, stub.URI()+"/?serverSelectionTimeoutMS=50")
	stub.Stop()
	// The first command may still meet the connection's end, the next ones find no server.
	var none topology.ServerSelectionError
	for err := error(nil); !errors.As(err, &none); {
		if err = s.client.Ping(t.Context(), nil); err == nil || t.Context().Err() != nil {
			t.Fatalf("a stopped server: %v", err)
		}
	}
	compare := func(want func(report) bool) {
		t.Helper()
		cmd := insertOf(t, "a")
		got, through := reportOf(s.run(t.Context(), "db", cmd)), reportOf(s.client.Database("db").RunCommand(t.Context(), cmd).Err())
		got.Text, through.Text = "", "" // with the times and connections of the topology
		if diff := cmp.Diff(through, got, cmpopts.IgnoreUnexported(mongo.CommandError{})); diff != "" {
			t.Errorf("direct differs from the client (-client +direct):\n%s", diff)
		}
		if !want(got) {
			t.Errorf("got %+v", got)
		}
	}
	compare(func(r report) bool { return r.Class == fault.Retry })
	if err := s.client.Disconnect(t.Context()); err != nil {
		t.Fatal(err)
	}
	compare(func(r report) bool { return r.Disconnected })
}

// TestDirectSession sees a command of a session go through the client, which alone
// knows the session: the client refuses one of another client.
func TestDirectSession(t *testing.T) {
	stub := startStub(t)
	s, other := connectStub(t, stub.URI()), connectStub(t, stub.URI())
	session, err := other.client.StartSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.EndSession(t.Context())
	err = s.run(mongo.NewSessionContext(t.Context(), session), "db", insertOf(t, "a"))
	if !errors.Is(err, mongo.ErrWrongClient) {
		t.Fatalf("got %v, want %v", err, mongo.ErrWrongClient)
	}
	if n := len(stub.Commands()); n != 0 {
		t.Fatalf("%d commands written", n)
	}
}
