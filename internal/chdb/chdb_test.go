package chdb

import (
	"errors"
	"log/slog"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"
)

const childEnv = "EARSHOT_CHDB_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(Main(os.Args[1:]))
	}
	os.Exit(m.Run())
}

func start(t *testing.T, dir string) *Server {
	t.Helper()
	s, err := Start(t.Context(), testOptions(t, dir))
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

func testOptions(t *testing.T, dir string) Options {
	t.Helper()
	if _, err := Locate(); err != nil {
		t.Skipf("libchdb is absent: %v", err)
	}
	return Options{
		Dir: dir, Command: []string{os.Args[0]}, Env: []string{childEnv + "=1"},
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

func query(t *testing.T, a Access, sql string) error {
	t.Helper()
	return a.Query(t.Context(), http.DefaultClient, sql)
}

func TestStartAnswersAndStops(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	for _, sql := range []string{
		"CREATE DATABASE earshot",
		"CREATE TABLE earshot.t (a UInt32) ENGINE = MergeTree ORDER BY a",
		"INSERT INTO earshot.t SELECT number FROM numbers(100)",
	} {
		if err := query(t, s.Access(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	pid := s.PID()
	begin := time.Now()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("stopping took %v", took)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("child %d still there: %v", pid, err)
	}
	b, _ := os.ReadFile(s.stderrFile())
	t.Logf("stderr: %s", b)
	s = start(t, dir)
	if err := query(t, s.Access(), "SELECT throwIf(count() != 100) FROM earshot.t"); err != nil {
		t.Error(err)
	}
}
