package servers

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a server that was started here and can be started again.
type Process struct {
	Name string
	Log  string // file with what it printed, of all its starts

	path  string
	args  []string
	env   []string
	ready func(ctx context.Context) error
	cmd   *exec.Cmd
	done  chan struct{} // closed when the process has ended
}

// New describes a program; Start starts it. Ready is asked until it returns nil.
func New(name, log string, env []string, ready func(ctx context.Context) error, path string, args ...string) *Process {
	return &Process{Name: name, Log: log, path: path, args: args, env: env, ready: ready}
}

// Start starts the program and waits until it is ready.
func (p *Process) Start(ctx context.Context) error {
	if err := p.Spawn(); err != nil {
		return err
	}
	return p.WaitReady(ctx)
}

// Spawn starts the program and does not wait.
func (p *Process) Spawn() error {
	out, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	// No CommandContext: a server outlives the call that started it and ends by Stop or Kill.
	cmd := exec.Command(p.path, p.args...) //nolint:noctx // see above
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Env = append(os.Environ(), p.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	p.cmd, p.done = cmd, done
	return nil
}

// WaitReady waits until the server answers, or has ended.
func (p *Process) WaitReady(ctx context.Context) error {
	return p.WaitReadyEvery(ctx, 50*time.Millisecond)
}

// WaitReadyEvery is WaitReady that asks at the given interval.
func (p *Process) WaitReadyEvery(ctx context.Context, interval time.Duration) error {
	if p.ready == nil {
		return nil
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	var last error
	for {
		if last = p.ready(ctx); last == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended before it was ready:\n%s", p.Name, p.Tail())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w\n%s", p.Name, last, p.Tail())
		case <-tick.C:
		}
	}
}

// PID returns the process id of the last start.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process of the last start has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// ExitCode returns the exit status after Done, -1 if a signal ended it.
func (p *Process) ExitCode() int { return p.cmd.ProcessState.ExitCode() }

// Kill ends the process by SIGKILL and waits for its end.
func (p *Process) Kill() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
	<-p.done
}

// Stop ends the process by SIGTERM, by SIGKILL when that takes longer than grace.
func (p *Process) Stop(grace time.Duration) error {
	if p.cmd == nil {
		return nil
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		return nil
	case <-timer.C:
		p.Kill()
		return fmt.Errorf("%s did not stop within %v", p.Name, grace)
	}
}

// Freeze stops the process by SIGSTOP; Thaw lets it go on.
func (p *Process) Freeze() error { return p.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw ends Freeze.
func (p *Process) Thaw() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

// Tail returns the end of the log, for error texts.
func (p *Process) Tail() string {
	raw, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	if len(raw) > 4000 {
		raw = raw[len(raw)-4000:]
	}
	return string(raw)
}

// CPU returns the user and system time that the process has used.
func (p *Process) CPU() (time.Duration, error) {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.PID()), "stat"))
	if err != nil {
		return 0, err
	}
	// The name in parentheses may hold blanks; the fields after it are counted (proc(5)).
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("unreadable /proc stat of %s", p.Name)
	}
	const ticks = 100 // USER_HZ of Linux
	return time.Duration(user+system) * time.Second / ticks, nil
}

// PeakRSS returns the largest resident set that the process has had, in bytes.
func (p *Process) PeakRSS() (int64, error) { return p.status("VmHWM:") }

// RSS returns the resident set of the process, in bytes.
func (p *Process) RSS() (int64, error) { return p.status("VmRSS:") }

func (p *Process) status(field string) (int64, error) {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.PID()), "status"))
	if err != nil {
		return 0, err
	}
	for _, line := range strings.Split(string(raw), "\n") {
		if rest, ok := strings.CutPrefix(line, field); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("no %s in /proc status of %s", field, p.Name)
}

// Dialable is a ready check: the address takes connections.
func Dialable(addr string) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		return c.Close()
	}
}

// Answers is a ready check: a GET of url has status 200.
func Answers(url string) func(ctx context.Context) error {
	client := &http.Client{Timeout: 2 * time.Second}
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("GET %s: %s", url, resp.Status)
		}
		return nil
	}
}
