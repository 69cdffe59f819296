package store_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/earshot-voip/earshot/internal/chdb"
	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/store"
)

func appendMessages(t testing.TB, w *store.Writer, from, n int) {
	t.Helper()
	for i := range n {
		if err := w.Append(message(from + i)); err != nil {
			t.Fatal(err)
		}
	}
}

func flush(t testing.TB, w *store.Writer, token string) {
	t.Helper()
	if err := w.Flush(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	if w.Rows() != 0 {
		t.Fatalf("%d rows wait after Flush", w.Rows())
	}
}

func wantRows(t testing.TB, s *store.Store, table string, n int) {
	t.Helper()
	if got := rows(t, s, "SELECT count() FROM "+table); got != fmt.Sprint(n) {
		t.Errorf("%s has %s rows, want %d", table, got, n)
	}
}

// counter is the sum of a counter over its labels.
func counter(t testing.TB, reg *prometheus.Registry, name string) int {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return int(sum)
}

func TestSameTokenWritesOnce(t *testing.T) {
	reg := prometheus.NewRegistry()
	s := migrated(t, database(t), store.Options{Registerer: reg})
	for range 3 {
		w := s.NewWriter() // as after a crash
		appendMessages(t, w, 0, 100)
		if err := w.Append(call(1)); err != nil {
			t.Fatal(err)
		}
		flush(t, w, "shard0:1-7")
	}
	wantRows(t, s, "messages", 100)
	wantRows(t, s, "calls", 1)
	if got := counter(t, reg, "earshot_store_repeated_rows_total"); got != 202 {
		t.Errorf("%d repeated rows counted, want 202", got)
	}
	w := s.NewWriter()
	appendMessages(t, w, 0, 100)
	flush(t, w, "shard0:8-9")
	wantRows(t, s, "messages", 200)
}

// TestBlocksAreCutAlike writes a batch of several days and more rows than a
// block holds, twice.
func TestBlocksAreCutAlike(t *testing.T) {
	s := migrated(t, database(t), store.Options{})
	const n = 70_000
	for range 2 {
		w := s.NewWriter()
		for i := range n {
			at := begin.Add(time.Duration(i%3) * 24 * time.Hour).Add(time.Duration(i) * time.Microsecond)
			if err := w.Append(&record.Drop{FirstSeen: at, Time: at, Stage: "link", Reason: "lost", Count: 1}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 40_000 {
			at := begin.Add(time.Duration(i) * time.Microsecond)
			if err := w.Append(&record.Attempt{FirstSeen: at, CallID: "x"}); err != nil {
				t.Fatal(err)
			}
		}
		flush(t, w, "big")
	}
	wantRows(t, s, "drops", n)
	wantRows(t, s, "attempts", 40_000)
	if got := rows(t, s, "SELECT uniqExact(_partition_id) FROM drops"); got != "3" {
		t.Errorf("%s days, want 3", got)
	}
}

// proxy stands between writer and server. Armed, it passes a batch on, keeps
// the server's answer and cuts the connection.
type proxy struct {
	listener net.Listener
	server   string
	armed    atomic.Bool
	sent     atomic.Int64 // bytes of the writer since it was armed
	cuts     atomic.Int32
	deaf     atomic.Bool  // refuses everybody
	resets   atomic.Int32 // how many times it still resets whoever says something
	wg       sync.WaitGroup
}

func newProxy(t *testing.T, dsn string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, server: u.Host}
	p.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() { l.Close(); p.wg.Wait() })
	u.Host = l.Addr().String()
	return p, u.String()
}

func (p *proxy) serve(c net.Conn) {
	defer c.Close()
	if p.deaf.Load() {
		return
	}
	s, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer s.Close()
	p.wg.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := c.Read(buf)
			if err == nil && p.resets.Load() > 0 {
				p.resets.Add(-1)
				_ = c.(*net.TCPConn).SetLinger(0)
				c.Close()
				s.Close()
				return
			}
			if err != nil {
				s.Close()
				return
			}
			p.sent.Add(int64(n))
			if _, err := s.Write(buf[:n]); err != nil {
				c.Close()
				return
			}
		}
	})
	buf := make([]byte, 64<<10)
	for {
		n, err := s.Read(buf)
		if err != nil {
			return
		}
		if p.sent.Load() > 500_000 && p.armed.Load() {
			// The answer to the data: wait until the server has said it all.
			s.SetReadDeadline(time.Now().Add(time.Second))
			_, _ = io.Copy(io.Discard, s)
			p.armed.Store(false)
			p.cuts.Add(1)
			return
		}
		if _, err := c.Write(buf[:n]); err != nil {
			return
		}
	}
}

func TestLostAcknowledgement(t *testing.T) {
	dsn := database(t)
	direct := migrated(t, dsn, store.Options{})
	p, through := newProxy(t, dsn)
	reg := prometheus.NewRegistry()
	s := open(t, through, store.Options{Registerer: reg})
	w := s.NewWriter()
	for i := range 3 {
		appendMessages(t, w, 1000*i, 1000)
		p.sent.Store(0)
		p.armed.Store(true)
		flush(t, w, fmt.Sprintf("batch %d", i))
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if p.cuts.Load() != 3 {
		t.Fatalf("the connection was cut %d times, want 3", p.cuts.Load())
	}
	wantRows(t, direct, "messages", 3000)
	if got := counter(t, reg, "earshot_store_repeated_rows_total"); got != 3000 {
		t.Errorf("%d repeated rows counted, want 3000", got)
	}
	if got := counter(t, reg, "earshot_store_retries_total"); got < 3 {
		t.Errorf("%d retries counted, want 3", got)
	}
}

func TestFlushGivesUpAndGoesOn(t *testing.T) {
	dsn := database(t)
	direct := migrated(t, dsn, store.Options{})
	p, through := newProxy(t, dsn)
	w := open(t, through, store.Options{}).NewWriter()
	t.Cleanup(func() { _ = w.Close() })
	appendMessages(t, w, 0, 10)
	p.deaf.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err := w.Flush(ctx, "a")
	if err == nil || !strings.Contains(err.Error(), "10 rows are not stored") {
		t.Fatalf("Flush without a server: %v", err)
	}
	if w.Rows() != 10 {
		t.Errorf("%d rows wait, want 10", w.Rows())
	}
	if err := w.Append(message(1)); err == nil {
		t.Error("Append took a row into a batch that was given up")
	}
	if err := w.Flush(t.Context(), "b"); err == nil {
		t.Error("Flush took another token")
	}
	p.deaf.Store(false)
	flush(t, w, "a")
	wantRows(t, direct, "messages", 10)
	appendMessages(t, w, 10, 5)
	flush(t, w, "b")
	wantRows(t, direct, "messages", 15)
}

// TestKilledEngine kills the engine again and again while batches are stored.
func TestKilledEngine(t *testing.T) {
	e := startEngine(t)
	s := migrated(t, e.DSN(), store.Options{})
	const batches, size, kills = 60, 2000, 4
	var stored atomic.Int32
	done := make(chan struct{})
	go func() {
		defer close(done)
		for k := range kills {
			for stored.Load() < int32((k+1)*batches/(kills+2)) || e.PID() == 0 {
				if t.Context().Err() != nil {
					return
				}
				time.Sleep(time.Duration(1+k*3) * time.Millisecond)
			}
			_ = syscall.Kill(e.PID(), syscall.SIGKILL)
		}
	}()
	w := s.NewWriter()
	defer w.Close()
	for b := range batches {
		appendMessages(t, w, b*size, size)
		if err := w.Append(call(b)); err != nil {
			t.Fatal(err)
		}
		flush(t, w, fmt.Sprintf("batch %d", b))
		stored.Add(1)
	}
	<-done
	// The last kill may have come after the last batch.
	for range 100 {
		if e.Ready(t.Context()) == nil && e.Restarts() == kills {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if e.Restarts() != kills {
		t.Errorf("%d restarts, want %d", e.Restarts(), kills)
	}
	if got, want := rows(t, s, "SELECT count(), uniqExact(branch, first_seen) FROM messages"), fmt.Sprintf("%d,%d", batches*size, batches*size); got != want {
		t.Errorf("rows and distinct rows: %s, want %s", got, want)
	}
	wantRows(t, s, "calls", batches)
}

// TestTokenWithoutRows makes what a kill between the engine's note of a token
// and its rows leaves behind: a known token, and no rows.
func TestTokenWithoutRows(t *testing.T) {
	dir := t.TempDir()
	opt := engineOptions(t, dir)
	e, err := chdb.Start(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	s := migrated(t, e.DSN(), store.Options{})
	w := s.NewWriter()
	appendMessages(t, w, 0, 50)
	flush(t, w, "first")
	w.Close()
	s.Close()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	parts, err := filepath.Glob(filepath.Join(dir, "clickhouse", "store", "store", "*", "*", "20260304_*"))
	if err != nil || len(parts) != 1 {
		t.Fatalf("parts on disk: %v %v", parts, err)
	}
	if err := os.RemoveAll(parts[0]); err != nil {
		t.Fatal(err)
	}
	if e, err = chdb.Start(t.Context(), opt); err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	reg := prometheus.NewRegistry()
	s = migrated(t, e.DSN(), store.Options{Registerer: reg})
	wantRows(t, s, "messages", 0)
	for range 2 {
		w := s.NewWriter()
		appendMessages(t, w, 0, 50)
		flush(t, w, "first")
		w.Close()
	}
	wantRows(t, s, "messages", 50)
	if got := counter(t, reg, "earshot_store_restored_rows_total"); got != 50 {
		t.Errorf("%d restored rows counted, want 50", got)
	}
}
