package mongodb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"culvert/connectors"
	"culvert/fault"
	"culvert/internal/mongostub"
)

func TestErrorsThatWait(t *testing.T) {
	for name, f := range map[string]mongostub.Fault{
		"not primary":           {Error: &mongostub.CommandError{Code: 10107, Name: "NotWritablePrimary", Message: "not primary"}},
		"shutdown":              {Error: &mongostub.CommandError{Code: 91, Name: "ShutdownInProgress", Message: "shutting down"}},
		"disk full":             {Error: &mongostub.CommandError{Code: 14031, Name: "OutOfDiskSpace", Message: "no space"}},
		"label":                 {Error: &mongostub.CommandError{Code: 1, Name: "X", Message: "x", Labels: []string{"RetryableWriteError"}}},
		"Atlas quota":           {Error: &mongostub.CommandError{Code: 8000, Name: "AtlasError", Message: "you are over your space quota"}},
		"disk full in a write":  {WriteErrors: []mongostub.WriteError{{Index: 1, Code: 14031, Message: "no space"}}},
		"stepdown in a concern": {WriteConcern: &mongostub.WriteConcernError{Code: 189, Name: "PrimarySteppedDown", Message: "stepped down"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stub := startStub(t)
			stub.Script(f)
			s := openSink(t, stub.URI(), keyWriteModel, insertIt, "errors.tolerance", "all")
			b := numbers(0, 3)
			err := s.Write(t.Context(), b)
			if !fault.Is(err, fault.Retry) || !strings.HasPrefix(err.Error(), "MongoDB at "+stub.Addr()+" ") {
				t.Fatal(err)
			}
			retryUntilDone(t, s, b)
			if n := len(stub.Docs(ns)); n != 3 || len(b.Failed()) > 0 {
				t.Errorf("%d documents, failed: %s", n, failures(b))
			}
		})
	}
}

func TestErrorsThatStop(t *testing.T) {
	for _, c := range []struct{ tolerance, code string }{{"all", codeAuth}, {"none", codeAuth}} {
		stub := startStub(t)
		stub.Script(mongostub.Fault{Error: &mongostub.CommandError{Code: 13, Name: "Unauthorized", Message: "not authorized on db"}})
		s := openSink(t, stub.URI(), "errors.tolerance", c.tolerance)
		err := s.Write(t.Context(), numbers(0, 2))
		f := fault.Of(err)
		if f == nil || f.Class != fault.Fatal || f.Code != c.code {
			t.Errorf("%s: %v", c.tolerance, err)
			continue
		}
		if n := len(stub.Docs(ns)); n != 0 {
			t.Errorf("%d documents", n)
		}
	}
}

// An outage: the error names the server, and the next attempt after its end works
// at once, without waiting for the driver's heartbeat, which would take too long.
func TestOutage(t *testing.T) {
	stub := startStub(t)
	s := openSink(t, stub.URI()+"/?serverSelectionTimeoutMS=300&heartbeatFrequencyMS=3600000")
	retryUntilDone(t, s, numbers(0, 2))
	stub.Stop()
	b := numbers(2, 2)
	for range 3 {
		err := s.Write(t.Context(), b)
		if !fault.Is(err, fault.Retry) || !strings.HasPrefix(err.Error(), "MongoDB at "+stub.Addr()+" does not answer: ") {
			t.Fatal(err)
		}
		if strings.Contains(err.Error(), "topology") {
			t.Errorf("too many words: %s", err)
		}
	}
	if err := stub.Restart(); err != nil {
		t.Fatal(err)
	}
	retryUntilDone(t, s, b)
	if got := len(stub.Docs(ns)); got != 4 {
		t.Errorf("%d documents", got)
	}
}

// A server that accepts and does not answer: the status says so while Write waits.
func TestStatusWhileWaiting(t *testing.T) {
	stub := startStub(t)
	shown, answer := make(chan string, 10), make(chan struct{})
	cfg, err := newConfig(map[string]string{"connection.uri": patient(stub.URI()), "topics": "t", "database": "db"})
	if err != nil {
		t.Fatal(err)
	}
	srv, err := connect(&cfg.settings)
	if err != nil {
		t.Fatal(err)
	}
	s := newSink(cfg, connectors.Env{Waiting: func(reason string) { shown <- reason }}, srv)
	defer func() { _ = s.Close(context.WithoutCancel(t.Context())) }()
	s.patience = 20 * time.Millisecond
	stub.Script(mongostub.Fault{Hold: answer})
	written := make(chan error, 1)
	go func() { written <- s.Write(t.Context(), numbers(0, 1)) }()
	if got, want := <-shown, fmt.Sprintf("MongoDB at %s has not answered for 20ms", stub.Addr()); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	close(answer)
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if got := <-shown; got != "" || len(shown) > 0 {
		t.Errorf("after the answer %q and %d more", got, len(shown))
	}
}

func TestInterrupted(t *testing.T) {
	stub := startStub(t)
	s := openSink(t, stub.URI())
	stub.Script(mongostub.Fault{Hold: make(chan struct{})})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	err := s.Write(ctx, numbers(0, 1))
	if !fault.Is(err, fault.Retry) || !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}
