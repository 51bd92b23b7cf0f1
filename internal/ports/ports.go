// Package ports finds ports for servers of tests and benches that begin to listen only
// later, or come back at the address that they had.
//
// A port that the system gave (port 0) is anybody's again as soon as nobody listens
// there: the system may give it to the next listener or to an outgoing connection.
// Those found here lie below the range from which it gives (Linux: 32768 and up,
// net.ipv4.ip_local_port_range; elsewhere 49152 and up, RFC 6335).
package ports

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"
)

// Ports from first on, as many as there are.
const first, count = 20_000, 12_000

var (
	begin = rand.IntN(count) // other processes begin elsewhere
	taken atomic.Int64
)

// Free returns a port of 127.0.0.1 on which nobody listens. No other call in this
// process gets the same before all have been given.
func Free() (int, error) {
	var err error
	for range count {
		n := first + (begin+int(taken.Add(1)))%count
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(n))); err == nil {
			return n, l.Close()
		}
	}
	return 0, errors.Join(errors.New("no port of 127.0.0.1 is free"), err)
}
