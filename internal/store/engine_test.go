package store_test

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/chdb"
	"github.com/earshot-voip/earshot/internal/store"
)

const childEnv = "EARSHOT_STORE_TEST_CHILD"

// shared is the engine that most tests use, each with a database of its own.
var shared struct {
	once   sync.Once
	dir    string
	server *chdb.Server
	err    error
}

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(chdb.Main(os.Args[1:]))
	}
	status := m.Run()
	if shared.server != nil {
		if err := shared.server.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
		os.RemoveAll(shared.dir)
	}
	os.Exit(status)
}

func engineOptions(t testing.TB, dir string) chdb.Options {
	t.Helper()
	if _, err := chdb.Locate(); err != nil {
		t.Skipf("libchdb is absent: %v", err)
	}
	return chdb.Options{Dir: dir, Command: []string{os.Args[0]}, Env: []string{childEnv + "=1"}}
}

// startEngine starts an engine of the test's own.
func startEngine(t testing.TB) *chdb.Server {
	t.Helper()
	opt := engineOptions(t, t.TempDir())
	opt.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	s, err := chdb.Start(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// database gives the DSN of an empty database on the shared engine.
func database(t testing.TB) string {
	t.Helper()
	opt := engineOptions(t, "")
	shared.once.Do(func() {
		if shared.dir, shared.err = os.MkdirTemp("", "earshot-store"); shared.err != nil {
			return
		}
		opt.Dir = shared.dir
		if shared.server, shared.err = chdb.Start(t.Context(), opt); shared.err == nil {
			migrated(t, shared.server.DSN(), store.Options{})
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	// The engine's user owns the database earshot only: each test empties it.
	dsn := shared.server.DSN()
	s := open(t, dsn, store.Options{})
	for name := range strings.FieldsSeq(rows(t, s, "SELECT name FROM system.tables WHERE database = 'earshot'")) {
		exec(t, s, "DROP TABLE earshot."+name+" SYNC")
	}
	return dsn
}

func open(t testing.TB, dsn string, opt store.Options) *store.Store {
	t.Helper()
	if opt.Log == nil {
		opt.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	s, err := store.Open(t.Context(), dsn, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// migrated opens a store with all tables.
func migrated(t testing.TB, dsn string, opt store.Options) *store.Store {
	t.Helper()
	s := open(t, dsn, opt)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// rows gives a result as lines of CSV without the header.
func rows(t testing.TB, s *store.Store, sql string, args ...any) string {
	t.Helper()
	r, err := s.Query(t.Context(), sql, store.QueryOptions{}, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	defer r.Close()
	var b strings.Builder
	if _, err := store.WriteCSV(&b, r); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	_, body, _ := strings.Cut(b.String(), "\n")
	return strings.TrimSuffix(body, "\n")
}

func exec(t testing.TB, s *store.Store, sql string) {
	t.Helper()
	r, err := s.Query(t.Context(), sql, store.QueryOptions{Write: true, MaxTime: time.Minute})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	defer r.Close()
	if r.Next() {
		t.Fatalf("%s gave a row", sql)
	}
	if err := r.Err(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}
