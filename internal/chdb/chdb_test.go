package chdb

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const (
	childEnv  = "EARSHOT_CHDB_TEST_CHILD"
	parentEnv = "EARSHOT_CHDB_TEST_PARENT"
)

// The test binary is also the child, and a parent that can be killed.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv(childEnv) != "":
		os.Exit(Main(os.Args[1:]))
	case os.Getenv(parentEnv) != "":
		os.Exit(parent(os.Getenv(parentEnv)))
	}
	goleak.VerifyTestMain(m)
}

func options(dir string) Options {
	return Options{Dir: dir, Command: []string{os.Args[0]}, Env: []string{childEnv + "=1"}}
}

func needLibrary(t *testing.T) {
	t.Helper()
	if _, err := Locate(); err != nil {
		t.Skipf("libchdb is absent: %v", err)
	}
}

func start(t *testing.T, dir string) *Server {
	t.Helper()
	needLibrary(t)
	opt := options(dir)
	opt.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	s, err := Start(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// query asks without keep-alive, on which the engine would wait when it stops.
func query(t *testing.T, a Access, sql string) error {
	t.Helper()
	tr := &http.Transport{DisableKeepAlives: true}
	return a.Query(t.Context(), &http.Client{Transport: tr}, sql)
}

func must(t *testing.T, a Access, queries ...string) {
	t.Helper()
	for _, sql := range queries {
		if err := query(t, a, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

func wantGone(t *testing.T, pid int, within time.Duration) {
	t.Helper()
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return
		}
	}
	t.Errorf("process %d is still there after %v", pid, within)
}

func TestCloseStopsInOrderAndRowsStay(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	must(t, s.Access(), "CREATE DATABASE earshot", "CREATE TABLE earshot.t (a UInt32) ENGINE = MergeTree ORDER BY a", "INSERT INTO earshot.t SELECT number FROM numbers(100)")
	pid, before := s.PID(), s.Access()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantGone(t, pid, time.Second)
	if tail := s.stderrTail(); !strings.Contains(tail, "QUERY_WAS_CANCELLED") {
		t.Errorf("the session was not ended in order: %s", tail)
	}
	if _, err := Running(dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("Running after Close: %v", err)
	}
	s = start(t, dir)
	must(t, s.Access(), "SELECT throwIf(count() != 100) FROM earshot.t")
	if a := s.Access(); a.Password != before.Password || a.GrafanaPassword != before.GrafanaPassword || a.NativePort != before.NativePort || a.HTTPPort != before.HTTPPort {
		t.Error("passwords or ports changed between runs: Grafana would lose its datasource")
	}
	a, err := Running(dir)
	if err != nil || a != s.Access() {
		t.Errorf("Running: %+v, %v", a, err)
	}
	if st, err := os.Stat(accessFile(s.home)); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("access file: %v %v", st.Mode(), err)
	}
}

func TestKilledChildIsReplacedOnTheSamePorts(t *testing.T) {
	s := start(t, t.TempDir())
	must(t, s.Access(), "CREATE DATABASE earshot", "CREATE TABLE earshot.t (a UInt32) ENGINE = MergeTree ORDER BY a", "INSERT INTO earshot.t VALUES (1)")
	before := s.Access()
	for n := 1; n <= 2; n++ {
		pid := s.PID()
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(20 * time.Second); s.Restarts() < n && time.Now().Before(end); {
			time.Sleep(20 * time.Millisecond)
		}
		if s.Restarts() != n || s.PID() == pid || s.Access() != before {
			t.Fatalf("%d restarts, pid %d, access %v", s.Restarts(), s.PID(), s.Access())
		}
		if err := s.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		must(t, s.Access(), "SELECT throwIf(count() != 1) FROM earshot.t")
	}
}

func TestSecondOnOnePath(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	_, err := Start(t.Context(), options(dir))
	if !errors.Is(err, errPathLocked) || !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) {
		t.Errorf("second on one path: %v", err)
	}
	// And without our own lock, what the engine says: code 76.
	home := filepath.Join(t.TempDir(), "clickhouse")
	if err := os.MkdirAll(home, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(s.home, "store"), filepath.Join(home, "store")); err != nil {
		t.Fatal(err)
	}
	other := &Server{opt: options(""), home: home, http: &http.Client{}, quit: make(chan struct{})}
	other.opt.Library, _ = Locate()
	other.opt.Log = slog.New(slog.DiscardHandler)
	if other.access, err = other.prepare(Access{}); err != nil {
		t.Fatal(err)
	}
	if c, err := other.spawn(t.Context()); !errors.Is(err, errPathLocked) || !strings.Contains(err.Error(), "code 76") {
		t.Errorf("engine on a locked path: %v", err)
		if c != nil {
			c.stop(0)
		}
	}
}

func TestBusyPort(t *testing.T) {
	needLibrary(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	opt := options(t.TempDir())
	opt.TCPPort = port
	if _, err := Start(t.Context(), opt); !errors.Is(err, errPortBusy) || !strings.Contains(err.Error(), strconv.Itoa(port)) {
		t.Errorf("busy native port: %v", err)
	}
	opt.TCPPort, opt.HTTPPort = 0, port
	if _, err := Start(t.Context(), opt); !errors.Is(err, errPortBusy) {
		t.Errorf("busy HTTP port: %v", err)
	}
	// A last run's port that is taken now is given up.
	home := filepath.Join(opt.Dir, "clickhouse")
	if err := writeAccess(home, Access{NativePort: port, HTTPPort: port}); err != nil {
		t.Fatal(err)
	}
	if s := start(t, opt.Dir); s.Access().NativePort == port || s.Access().HTTPPort == port {
		t.Error("a taken port was chosen")
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	s := start(t, t.TempDir())
	own := s.Access()
	must(t, own, "CREATE DATABASE earshot", "CREATE TABLE earshot.t (a UInt32) ENGINE = MergeTree ORDER BY a", "INSERT INTO earshot.t VALUES (1)")
	user := func(name, password string) Access {
		a := own
		a.User, a.Password = name, password
		return a
	}
	f := func(a Access, sql, want string) {
		t.Helper()
		err := query(t, a, sql)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s as %s: %v, want %q", sql, a.User, err, want)
		}
	}
	const denied, auth, readonly = "Code: 497", "Code: 516", "Code: 164"
	f(user(own.User, ""), "SELECT 1", auth)
	f(user(own.User, "wrong"), "SELECT 1", auth)
	f(user("nobody", ""), "SELECT 1", auth)
	f(own, "SELECT * FROM file('/etc/passwd', 'LineAsString')", denied)
	f(own, "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')", denied)

	anybody := user("default", "")
	f(anybody, "SELECT 1", "")
	f(anybody, "SELECT * FROM earshot.t", denied)
	f(anybody, "SELECT * FROM system.processes", denied)
	f(anybody, "SELECT * FROM file('/etc/passwd', 'LineAsString')", denied)
	f(anybody, "CREATE DATABASE mine", denied)
	f(anybody, "KILL QUERY WHERE 1", denied)

	grafana := user(own.GrafanaUser, own.GrafanaPassword)
	f(grafana, "SELECT * FROM earshot.t", "")
	f(grafana, "SELECT name FROM system.columns", "")
	f(grafana, "SELECT 1 SETTINGS max_threads = 1", "")
	f(grafana, "SELECT 1 SETTINGS readonly = 0", readonly)
	f(grafana, "INSERT INTO earshot.t VALUES (2)", denied)
	f(grafana, "DROP TABLE earshot.t", denied)
	if files, err := os.ReadFile(filepath.Join(s.home, "users.xml")); err != nil || bytes.Contains(files, []byte(own.Password)) {
		t.Errorf("users.xml holds the password, or cannot be read: %v", err)
	}
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.2", strconv.Itoa(own.NativePort)))
	if err != nil {
		t.Errorf("the engine listens on more than 127.0.0.1: %v", err)
	} else {
		l.Close()
	}
}

// parent runs an engine, says its child's pid, and waits to be killed.
func parent(dir string) int {
	opt := options(dir)
	opt.Env = []string{childEnv + "=1", parentEnv + "="}
	s, err := Start(context.Background(), opt)
	if err != nil {
		os.Stderr.WriteString(err.Error())
		return 1
	}
	os.Stdout.WriteString(strconv.Itoa(s.PID()) + "\n")
	select {}
}

func TestParentsDeathStopsTheChild(t *testing.T) {
	needLibrary(t)
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), parentEnv+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 32)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(line[:n])))
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	// At once, while the orphan is still stopping: Start waits for it.
	start(t, dir)
	wantGone(t, pid, 5*time.Second)
}

func TestStartErrors(t *testing.T) {
	f := func(opt Options, want string) {
		t.Helper()
		s, err := Start(t.Context(), opt)
		if err == nil {
			s.Close()
			t.Errorf("no error, want %q", want)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	f(Options{}, "no data directory")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	opt := options(t.TempDir())
	opt.Library = file
	f(opt, "make chdb")
	opt = options(file)
	opt.Library = file
	f(opt, file)

	t.Setenv("EARSHOT_CHDB", filepath.Join(t.TempDir(), "nowhere.so"))
	f(options(t.TempDir()), "EARSHOT_CHDB")
	t.Setenv("EARSHOT_CHDB", "")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	f(options(t.TempDir()), "make chdb")
}

func TestLocate(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("EARSHOT_CHDB", "")
	t.Setenv("XDG_CACHE_HOME", cache)
	want := filepath.Join(cache, "earshot", "chdb", Version, "libchdb.so")
	if err := os.MkdirAll(filepath.Dir(want), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(want, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := Locate(); err != nil || got != want {
		t.Errorf("in the cache: %s, %v", got, err)
	}
	t.Setenv("EARSHOT_CHDB", filepath.Dir(want))
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	if got, err := Locate(); err != nil || got != want {
		t.Errorf("in the folder that EARSHOT_CHDB names: %s, %v", got, err)
	}
}

// TestFetchKnowsTheVersion: the script and the program must mean one library.
func TestFetchKnowsTheVersion(t *testing.T) {
	b, err := os.ReadFile("fetch.sh")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), "\nversion="+Version+"\n") {
		t.Errorf("fetch.sh does not fetch version %s", Version)
	}
}
