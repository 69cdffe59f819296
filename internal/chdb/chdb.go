// Package chdb runs the embedded ClickHouse: libchdb, the engine with its
// real native and HTTP servers, in a supervised child process of our own
// binary. A child, because the engine's memory or abort then cannot take the
// collector along: the supervisor starts it again on the same ports, and
// writers retry.
//
// The child listens on loopback only. Its life hangs on a pipe: when the
// parent closes it, or dies, the child stops in order and leaves no orphan.
package chdb

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Subcommand is the hidden subcommand under which the binary calls Main.
const Subcommand = "chdb-child"

const (
	readyLimit  = 90 * time.Second // a first load of the library from a cold disk takes many seconds
	stopLimit   = 8 * time.Second  // the whole process has 10 s to stop
	orphanLimit = 20 * time.Second // a child whose parent was killed needs this long to let go of its files
	lingerLimit = 3 * time.Second  // for clients that stay connected while the engine stops
	minBackoff  = 200 * time.Millisecond
	maxBackoff  = 15 * time.Second
	// steadyAfter is how long a child must have lived for the next restart to
	// begin again with the shortest wait.
	steadyAfter = 10 * time.Second
)

// Options say where the engine lives and what it may take. The zero value of
// each but Dir is a sensible default.
type Options struct {
	Dir       string   // data directory of Earshot; the engine lives in Dir/clickhouse
	Library   string   // path of libchdb.so; default: Locate
	MaxMemory int64    // bytes the engine may take; default: 2 GiB, or half of the machine if that is less
	TCPPort   int      // native port; 0: that of the last run if it is free, else any free one
	HTTPPort  int      // likewise
	Command   []string // how to run Main in a new process; default: this executable with Subcommand
	Env       []string // added to the child's environment
	Log       *slog.Logger
}

// Server is a running engine, restarted when it dies.
type Server struct {
	opt    Options
	home   string // Dir/clickhouse
	access Access
	lock   *os.File
	http   *http.Client

	quit chan struct{} // closed by Close
	kill time.Time     // when a child that does not stop is killed; valid after quit
	done chan struct{} // closed when the supervisor has ended
	once sync.Once
	err  error // why the supervisor ended; valid after done

	mu       sync.Mutex
	pid      int // of the child that is ready, else 0
	restarts int
}

// Start starts the engine and returns when it answers queries. Its error says
// what to do, and gives what the engine wrote when it failed. The engine then
// runs, and is restarted when it dies, until Close.
func Start(ctx context.Context, opt Options) (*Server, error) {
	if opt.Dir == "" {
		return nil, errors.New("start embedded ClickHouse: no data directory given")
	}
	if opt.Library == "" {
		lib, err := Locate()
		if err != nil {
			return nil, err
		}
		opt.Library = lib
	}
	if len(opt.Command) == 0 {
		exe, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("start embedded ClickHouse: %w", err)
		}
		opt.Command = []string{exe, Subcommand}
	}
	if opt.MaxMemory == 0 {
		opt.MaxMemory = defaultMemory()
	}
	opt.Log = cmp.Or(opt.Log, slog.New(slog.DiscardHandler))

	home, err := filepath.Abs(filepath.Join(opt.Dir, "clickhouse"))
	if err != nil {
		return nil, fmt.Errorf("start embedded ClickHouse: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(home, "store"), 0o700); err != nil {
		return nil, fmt.Errorf("start embedded ClickHouse: create data directory: %w", err)
	}
	lock, err := acquire(home)
	if err != nil {
		return nil, err
	}
	s := &Server{
		opt: opt, home: home, lock: lock,
		http: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, Proxy: nil}},
		quit: make(chan struct{}), done: make(chan struct{}),
	}
	child, err := s.first(ctx)
	if err != nil {
		s.release()
		return nil, err
	}
	go s.supervise(child)
	return s, nil
}

// first prepares access and ports and starts the first child. A port that
// another process took between the choice and the engine's listen is chosen
// anew; one that the user asked for is an error.
func (s *Server) first(ctx context.Context) (*child, error) {
	before, _ := readAccess(s.home)
	orphan := time.Now().Add(orphanLimit)
	for try := 0; ; try++ {
		a, err := s.prepare(before)
		if err != nil {
			return nil, err
		}
		s.access = a
		c, err := s.spawn(ctx)
		switch {
		case err == nil:
			return c, nil
		case errors.Is(err, errPathLocked) && time.Now().Before(orphan):
			// We hold the directory's lock, so this is the child of a parent that
			// was killed: it is on its way out.
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(300 * time.Millisecond):
			}
		case errors.Is(err, errPortBusy) && try < 3 && (s.opt.TCPPort == 0 || s.opt.HTTPPort == 0):
			before.NativePort, before.HTTPPort = 0, 0
		default:
			return nil, err
		}
	}
}

// prepare writes the engine's configuration and the access file.
func (s *Server) prepare(before Access) (Access, error) {
	a := before
	a.fillPasswords()
	var err error
	if a.NativePort, err = choosePort("native", s.opt.TCPPort, before.NativePort, 0); err != nil {
		return a, err
	}
	if a.HTTPPort, err = choosePort("HTTP", s.opt.HTTPPort, before.HTTPPort, a.NativePort); err != nil {
		return a, err
	}
	a.Host, a.Database, a.PID, a.Version = loopback, Database, os.Getpid(), Version
	if err := writeConfig(s.home, a, s.opt.MaxMemory); err != nil {
		return a, err
	}
	return a, writeAccess(s.home, a)
}

// DSN is the address of the engine with the password of the user that owns
// the database.
func (s *Server) DSN() string { return s.access.DSN() }

// Access tells ports, users and passwords.
func (s *Server) Access() Access { return s.access }

// PID is the process of the running child, or 0 while there is none.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pid
}

// Restarts counts how often the child was started again after it died.
func (s *Server) Restarts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.restarts
}

// Ready says whether the engine answers now; the error is for /healthz.
func (s *Server) Ready(ctx context.Context) error {
	if s.PID() == 0 {
		return errors.New("the embedded ClickHouse is being restarted")
	}
	return s.ask(ctx)
}

// Run waits until ctx ends and then stops the engine in order.
func (s *Server) Run(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return s.Close()
	case <-s.done:
		return s.err
	}
}

// Close stops the engine in order, and kills it when it does not stop within
// some seconds. What was acknowledged is on disk either way.
func (s *Server) Close() error { return s.CloseBefore(time.Now().Add(stopLimit)) }

// CloseBefore is Close with the time until which the engine may take to stop.
func (s *Server) CloseBefore(limit time.Time) error {
	s.once.Do(func() {
		s.kill = limit
		close(s.quit)
	})
	<-s.done
	return s.err
}

func (s *Server) release() {
	s.http.CloseIdleConnections()
	_ = s.lock.Close() // the lock goes with the descriptor
}

// child is one process of the engine.
type child struct {
	cmd    *exec.Cmd
	life   io.Closer     // our end of the pipe: closing it stops the child
	exited chan struct{} // closed when it has ended
	err    error         // valid after exited
	since  time.Time
}

// spawn starts a child and waits until it answers.
func (s *Server) spawn(ctx context.Context) (*child, error) {
	// The engine's system tables (query_log and so on) hold no truth of ours and
	// fail to load after some restarts, so they begin anew.
	if err := os.RemoveAll(filepath.Join(s.home, "store", "data", "system")); err != nil {
		return nil, fmt.Errorf("start embedded ClickHouse: %w", err)
	}
	// A new file: the child of a parent that was killed may still write its last
	// words into the old one.
	if err := os.Remove(s.stderrFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("start embedded ClickHouse: %w", err)
	}
	stderr, err := os.OpenFile(s.stderrFile(), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start embedded ClickHouse: %w", err)
	}
	defer stderr.Close()

	args := append(append([]string(nil), s.opt.Command[1:]...), "--library", s.opt.Library, "--home", s.home)
	cmd := exec.Command(s.opt.Command[0], args...)
	cmd.Env = append(os.Environ(), s.opt.Env...)
	cmd.Stdout, cmd.Stderr = stderr, stderr // a file, not a pipe: it must not break when we die first
	// A group of its own: Ctrl-C on the terminal is for us, who stop the child
	// in order when nothing is left to write.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	life, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start embedded ClickHouse: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start embedded ClickHouse: run %s: %w", s.opt.Command[0], err)
	}
	c := &child{cmd: cmd, life: life, exited: make(chan struct{}), since: time.Now()}
	go func() {
		c.err = cmd.Wait()
		close(c.exited)
	}()
	if err := s.awaitReady(ctx, c); err != nil {
		c.stop(0)
		return nil, err
	}
	s.mu.Lock()
	s.pid = cmd.Process.Pid
	s.mu.Unlock()
	s.opt.Log.Info("embedded ClickHouse is ready", "pid", cmd.Process.Pid, "native_port", s.access.NativePort,
		"http_port", s.access.HTTPPort, "after", time.Since(c.since).Round(time.Millisecond))
	return c, nil
}

func (s *Server) awaitReady(ctx context.Context, c *child) error {
	limit := time.NewTimer(readyLimit)
	defer limit.Stop()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("start embedded ClickHouse: %w", ctx.Err())
		case <-s.quit:
			return errors.New("start embedded ClickHouse: closed while it started")
		case <-c.exited:
			return s.startError(c.err)
		case <-limit.C:
			return fmt.Errorf("start embedded ClickHouse: it did not answer within %v; its log is %s", readyLimit, filepath.Join(s.home, "server.log"))
		case <-tick.C:
			if s.ask(ctx) == nil {
				return nil
			}
		}
	}
}

// ask runs SELECT 1 as our own user over HTTP, and greets the native port. The
// engine opens HTTP after native, so an answer means that both are there.
func (s *Server) ask(ctx context.Context) error {
	if err := s.access.Query(ctx, s.http, "SELECT 1"); err != nil {
		return err
	}
	d := net.Dialer{Timeout: time.Second}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(loopback, strconv.Itoa(s.access.NativePort)))
	if err != nil {
		return err
	}
	return conn.Close()
}

// Query runs one statement over HTTP and drops its result. It serves the
// supervisor and the child; everything else goes through the store.
func (a Access) Query(ctx context.Context, client *http.Client, sql string) error {
	u := url.URL{Scheme: "http", Host: net.JoinHostPort(loopback, strconv.Itoa(a.HTTPPort)), Path: "/"}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), strings.NewReader(sql))
	if err != nil {
		return err
	}
	req.Header.Set("X-ClickHouse-User", a.User)
	req.Header.Set("X-ClickHouse-Key", a.Password)
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("embedded ClickHouse answered %s: %s", resp.Status, bytes.TrimSpace(body))
	}
	return nil
}

// stop asks the child to end, and kills it when it has not after limit.
func (c *child) stop(limit time.Duration) (killed bool) {
	_ = c.life.Close()
	select {
	case <-c.exited:
		return false
	case <-time.After(limit):
	}
	_ = c.cmd.Process.Kill()
	<-c.exited
	return true
}

// supervise keeps one child running until Close.
func (s *Server) supervise(c *child) {
	defer close(s.done)
	defer s.release()
	backoff := minBackoff
	for {
		select {
		case <-s.quit:
			s.setPID(0)
			if begin := time.Now(); c.stop(time.Until(s.kill)) {
				s.opt.Log.Warn("embedded ClickHouse did not stop in time and was killed", "after", time.Since(begin).Round(time.Millisecond))
			}
			return
		case <-c.exited:
		}
		s.setPID(0)
		if time.Since(c.since) > steadyAfter {
			backoff = minBackoff
		}
		s.opt.Log.Error("embedded ClickHouse died and is started again", "exit", c.err, "wait", backoff, "stderr", s.stderrTail())
		for {
			select {
			case <-s.quit:
				return
			case <-time.After(backoff):
			}
			backoff = min(2*backoff, maxBackoff)
			next, err := s.spawn(context.Background())
			if err == nil {
				c = next
				s.mu.Lock()
				s.restarts++
				s.mu.Unlock()
				break
			}
			s.opt.Log.Error("embedded ClickHouse does not start", "error", err, "wait", backoff)
		}
	}
}

func (s *Server) setPID(pid int) {
	s.mu.Lock()
	s.pid = pid
	s.mu.Unlock()
}
