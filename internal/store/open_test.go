package store_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/store"
)

func TestOpenErrorsSayWhatToDo(t *testing.T) {
	f := func(dsn string, want ...string) {
		t.Helper()
		s, err := store.Open(t.Context(), dsn, store.Options{})
		if err == nil {
			s.Close()
			t.Errorf("%s: no error", dsn)
			return
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q lacks %q", dsn, err, w)
			}
		}
		if strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: %q shows the password", dsn, err)
		}
	}
	f("clickhouse://u:sesame@127.0.0.1:1/x", "127.0.0.1:1", "connection refused", "is it running")
	f("http://u:sesame@127.0.0.1:8123/x", "http", "native port")
	f("postgres://u:sesame@127.0.0.1/x", "postgres", "clickhouse://user:password@host:port/database")
	f("clickhouse://u:sesame%zz@127.0.0.1/x", "no URL", "percent-encoded")
	f("clickhouse:///x", "names no host")
	f("clickhouse://u:sesame@127.0.0.1:1/x?dial_timeout=soon", "127.0.0.1:1", "dial")
	f("", "scheme")

	dsn := database(t)
	u, _ := url.Parse(dsn)
	u.User = url.UserPassword("earshot", "sesame")
	f(u.String(), u.Host, "earshot", "wrong password")
	u, _ = url.Parse(dsn)
	u.Host = fmt.Sprintf("127.0.0.1:%d", shared.server.Access().HTTPPort)
	f(u.String(), u.Host)
}

// TestFailedLoginsDoNotStopTheEngine: libchdb as it comes dies of the first.
func TestFailedLoginsDoNotStopTheEngine(t *testing.T) {
	e := startEngine(t)
	pid := e.PID()
	u, _ := url.Parse(e.DSN())
	u.User = url.UserPassword("earshot", "wrong")
	for range 20 {
		if s, err := store.Open(t.Context(), u.String(), store.Options{}); err == nil {
			s.Close()
			t.Fatal("a wrong password was taken")
		}
	}
	migrated(t, e.DSN(), store.Options{})
	if e.PID() != pid || e.Restarts() != 0 {
		t.Errorf("engine %d became %d after %d restarts", pid, e.PID(), e.Restarts())
	}
}

// TestOpenAndMigrateWaitForTheServer: a server that resets its first
// connections ends no program, and one that resets all of them does in time.
func TestOpenAndMigrateWaitForTheServer(t *testing.T) {
	p, through := newProxy(t, database(t))
	p.resets.Store(3)
	s, err := store.Open(t.Context(), through, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if n := p.resets.Load(); n > 0 {
		t.Errorf("%d resets are left", n)
	}

	fresh, err := store.Open(t.Context(), through, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	p.resets.Store(3) // begins with the connection that Open has kept
	if err := fresh.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := p.resets.Load(); n > 0 {
		t.Errorf("%d resets are left", n)
	}
	wantRows(t, fresh, "calls", 0)

	p.resets.Store(1000)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if s, err := store.Open(ctx, through, store.Options{}); err == nil {
		s.Close()
		t.Error("a server that resets everything is open")
	} else if ctx.Err() == nil {
		t.Errorf("it gave up before its time: %v", err)
	}
}

func TestMigrateOnceThoughManyStart(t *testing.T) {
	dsn := database(t)
	var wg sync.WaitGroup
	for range 4 {
		s := open(t, dsn, store.Options{})
		wg.Go(func() {
			if err := s.Migrate(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s := migrated(t, dsn, store.Options{})
	if got := rows(t, s, "SELECT groupArray(concat(toString(version), name)) FROM (SELECT * FROM schema_migrations ORDER BY version)"); got != `"[""1calls"",""2attempts"",""3streams"",""4intervals"",""5messages"",""6drops"",""7reports"",""8reports_streams"",""9perceptual"",""10video"",""11signal"",""12jitter_buffer"",""13scores"",""14links"",""15segments"",""16ims_isup"",""17hops"",""18hosts"",""19seizures"",""20sessions""]"` {
		t.Errorf("migrations noted: %s", got)
	}
	exec(t, s, "INSERT INTO schema_migrations (version, name, checksum) VALUES (99, 'future', 'x')")
	if err := s.Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), "0099_future") || !strings.Contains(err.Error(), "newer earshot") {
		t.Errorf("database of the future: %v", err)
	}
	exec(t, s, "TRUNCATE TABLE schema_migrations")
	exec(t, s, "INSERT INTO schema_migrations (version, name, checksum) VALUES (1, 'calls', 'other')")
	if err := s.Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), "0001_calls") {
		t.Errorf("database of another build: %v", err)
	}
}

// TestLegsHasAllOfCalls: a migration that adds columns to calls makes the view
// legs anew.
func TestLegsHasAllOfCalls(t *testing.T) {
	s := migrated(t, database(t), store.Options{})
	columns := func(table string) string {
		return rows(t, s, "SELECT name FROM system.columns WHERE database = 'earshot' AND table = '"+table+"' ORDER BY name")
	}
	if calls, legs := columns("calls"), columns("legs"); calls != legs || !strings.Contains(legs, "session_id") {
		t.Errorf("columns of legs:\n%s\nof calls:\n%s", legs, calls)
	}
}

func TestRetention(t *testing.T) {
	dsn := database(t)
	engine := func(s *store.Store, table string) string {
		return rows(t, s, "SELECT engine_full FROM system.tables WHERE database = 'earshot' AND name = '"+table+"'")
	}
	s := migrated(t, dsn, store.Options{Retention: 48 * time.Hour, RetentionOf: map[string]time.Duration{"calls": 90 * 24 * time.Hour, "drops": 0}})
	for table, want := range map[string]string{"calls": "toIntervalSecond(7776000)", "messages": "toIntervalSecond(172800)", "drops": ""} {
		got := engine(s, table)
		if !strings.Contains(got, want) || (want == "") == strings.Contains(got, "TTL") {
			t.Errorf("%s: %s", table, got)
		}
	}
	s = migrated(t, dsn, store.Options{})
	if got := engine(s, "calls"); strings.Contains(got, "TTL") {
		t.Errorf("calls are kept for ever: %s", got)
	}
	s = open(t, dsn, store.Options{RetentionOf: map[string]time.Duration{"cals": time.Hour}})
	if err := s.Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), "cals") {
		t.Errorf("unknown table: %v", err)
	}

	// Rows of long ago, stored now, stay; rows stored long ago go.
	s = migrated(t, dsn, store.Options{Retention: time.Hour})
	w := s.NewWriter()
	at := begin.AddDate(-10, 0, 0)
	for _, d := range []record.Drop{{Reason: "young"}, {Reason: "old"}} {
		d.FirstSeen, d.Time = at, at
		if err := w.Append(&d); err != nil {
			t.Fatal(err)
		}
		flush(t, w, d.Reason)
		if d.Reason == "young" {
			exec(t, s, "INSERT INTO drops (first_seen, time, reason, stored_at) VALUES ('2016-05-05 00:00:00', '2016-05-05 00:00:00', 'expired', now64(6) - INTERVAL 2 HOUR)")
		}
	}
	exec(t, s, "OPTIMIZE TABLE drops FINAL")
	if got := rows(t, s, "SELECT reason FROM drops ORDER BY reason"); got != "old\nyoung" {
		t.Errorf("rows that stay: %q", got)
	}
}

func TestDeadLetters(t *testing.T) {
	dsn := database(t)
	dir := filepath.Join(t.TempDir(), "dead")
	reg := prometheus.NewRegistry()
	s := migrated(t, dsn, store.Options{DeadLetters: dir, Registerer: reg})
	exec(t, s, "ALTER TABLE calls ADD CONSTRAINT callers CHECK caller != ''")
	w := s.NewWriter()
	bad := filled[record.Call](1)
	bad.Caller = ""
	if err := w.Append(bad); err != nil {
		t.Fatal(err)
	}
	if err := w.Append(message(1)); err != nil {
		t.Fatal(err)
	}
	flush(t, w, "../shard:1-2")
	wantRows(t, s, "calls", 0)
	wantRows(t, s, "messages", 1)
	if got := counter(t, reg, "earshot_store_dead_letter_rows_total"); got != 1 {
		t.Errorf("%d dead rows counted", got)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	slices.Sort(files)
	if len(files) != 2 || !strings.HasSuffix(files[0], ".native") || !strings.HasSuffix(files[1], ".txt") {
		t.Fatalf("dead letters: %v", files)
	}
	if note, _ := os.ReadFile(files[1]); !strings.Contains(string(note), "callers") || !strings.Contains(string(note), "INSERT INTO calls FORMAT Native") {
		t.Errorf("note: %s", note)
	}

	// The file is what it says: the server takes it once the reason is gone.
	exec(t, s, "ALTER TABLE calls DROP CONSTRAINT callers")
	body, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	a := shared.server.Access()
	req, _ := http.NewRequest(http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d/?database=earshot&query=%s", a.HTTPPort, url.QueryEscape("INSERT INTO calls FORMAT Native")), bytes.NewReader(body))
	req.SetBasicAuth(a.User, a.Password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	if got := rows(t, s, "SELECT call_id = ? AND a_packets = ? FROM calls", bad.CallID, *bad.A.Packets); got != "true" && got != "1" {
		t.Errorf("row of the dead letter: %s", got)
	}

	// Without a folder nothing is thrown away.
	exec(t, s, "ALTER TABLE calls ADD CONSTRAINT callers CHECK caller != ''")
	w = open(t, dsn, store.Options{}).NewWriter()
	if err := w.Append(bad); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(t.Context(), "again"); err == nil || w.Rows() != 1 {
		t.Errorf("Flush of refused rows: %v, %d rows wait", err, w.Rows())
	}
}

func TestAppendRefusesOtherValues(t *testing.T) {
	w := migrated(t, database(t), store.Options{}).NewWriter()
	for _, v := range []any{nil, 1, record.Call{}, &record.Summary{}} {
		if err := w.Append(v); err == nil {
			t.Errorf("%T was taken", v)
		}
	}
	if err := w.Flush(t.Context(), ""); err == nil {
		t.Error("a batch without token was taken")
	}
}
