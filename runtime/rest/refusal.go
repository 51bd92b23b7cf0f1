package rest

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
)

// net/http refuses what is no HTTP before any handler sees it, in plain text and
// without a way to change that. The API's errors are JSON, those as well: the one
// write in which such an answer leaves is replaced.
//
// Connections over TLS are left alone: net/http has to see their type. There a
// client has proved by its handshake that it speaks more than noise.

// jsonListener accepts connections whose refusals are JSON.
type jsonListener struct{ net.Listener }

func (l jsonListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if _, secure := conn.(*tls.Conn); err != nil || secure {
		return conn, err
	}
	return &jsonConn{conn}, nil
}

type jsonConn struct{ net.Conn }

// plain is how the headers of an answer begin that net/http gives by itself; an
// answer of a handler has others.
var plain = []byte("\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n")

func (c *jsonConn) Write(b []byte) (int, error) {
	line, text, ok := bytes.Cut(b[:min(len(b), 1024)], plain)
	code := line[min(len(line), len("HTTP/1.1 ")):]
	if !ok || len(code) < 3 || bytes.ContainsRune(line, '\n') {
		return c.Conn.Write(b)
	}
	status, err := strconv.Atoi(string(code[:3]))
	if err != nil || status < 400 {
		return c.Conn.Write(b)
	}
	body, err := json.Marshal(errorMessage{status, "HTTP " + string(bytes.TrimPrefix(text, []byte("HTTP ")))})
	if err != nil {
		return c.Conn.Write(b)
	}
	if _, err := fmt.Fprintf(c.Conn, "%s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", line, len(body), body); err != nil {
		return 0, err
	}
	return len(b), nil
}
