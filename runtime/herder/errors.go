package herder

import (
	"fmt"
	"strings"

	"culvert/fault"
	"culvert/kafka"
)

// forward is the error of a request that another worker has to carry out.
type forward struct {
	err *fault.Error
	url string
}

func (f *forward) Error() string { return f.err.Error() }

// ForwardURL is the other worker's address, without a slash at the end; empty
// while nobody knows it.
func (f *forward) ForwardURL() string { return f.url }

// Unwrap gives the fault, so that its class is found.
func (f *forward) Unwrap() error { return f.err }

func forwardTo(url, format string, args ...any) error {
	return &forward{fault.New(fault.Conflict, "herder.not_leader", format, args...), strings.TrimRight(url, "/")}
}

// errRebalance is Java's RebalanceNeededException; clients match its text and try
// again.
func errRebalance() error {
	return fault.New(fault.Conflict, "herder.rebalance", "Request cannot be completed because a rebalance is expected")
}

func errStopping() error {
	return fault.New(fault.Fatal, "herder.ended", "Worker is shutting down")
}

func errExists(name string) error {
	return fault.New(fault.Conflict, "herder.exists", "Connector %s already exists", name)
}

// notChanged words an error of changing the offsets of a sink's group as
// Worker.alterSinkConnectorOffsets and resetSinkConnectorOffsets do, who have two
// names for a sink.
func notChanged(err error, name, how, sink string) error {
	f := fault.Of(err)
	switch {
	case err == nil || f != nil && f.Class == fault.Config:
		return err
	case f != nil && f.Code == kafka.CodeGroupHasMembers:
		return fault.New(fault.Fatal, f.Code, "Failed to %[1]s consumer group offsets for connector %[2]s either because its tasks haven't stopped completely yet "+
			"or the connector was resumed before the request to %[1]s its offsets could be successfully completed. If the connector is in a stopped state, "+
			"this operation can be safely retried. If it doesn't eventually succeed, the Connect cluster may need to be restarted to get rid of the zombie sink tasks.",
			how, name)
	}
	return &fault.Error{Class: fault.ClassOf(err), Code: "herder.sink_offsets", Err: fault.Because(err, "Failed to %s consumer group offsets for %s %s", how, sink, name)}
}

// errNotStopped is the sentence of DistributedHerder.modifyConnectorOffsetsChecks.
func errNotStopped(name string) error {
	return fault.New(fault.Config, "herder.not_stopped", "%s", fmt.Sprintf("Connectors must be in the STOPPED state before their offsets "+
		"can be modified. This can be done for the specified connector by issuing a 'PUT' request to the '/connectors/%s/stop' endpoint", name))
}
