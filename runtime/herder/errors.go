package herder

import (
	"fmt"
	"strings"

	"culvert/fault"
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

// errNotStopped is the sentence of DistributedHerder.modifyConnectorOffsetsChecks.
func errNotStopped(name string) error {
	return fault.New(fault.Config, "herder.not_stopped", "%s", fmt.Sprintf("Connectors must be in the STOPPED state before their offsets "+
		"can be modified. This can be done for the specified connector by issuing a 'PUT' request to the '/connectors/%s/stop' endpoint", name))
}
