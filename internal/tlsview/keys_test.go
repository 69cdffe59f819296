package tlsview

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var epochTime = time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)

func random(n int) (r [32]byte) {
	binary.BigEndian.PutUint64(r[:], uint64(n))
	return r
}

func line(label string, n, bytes int) string {
	return fmt.Sprintf("%s %x %s\n", label, random(n), strings.Repeat("ab", bytes))
}

func TestKeyLogLines(t *testing.T) {
	for _, c := range []struct {
		line string
		want int
	}{
		{line("CLIENT_RANDOM", 1, 48), 1},
		{line("SERVER_TRAFFIC_SECRET_0", 1, 32) + line("CLIENT_HANDSHAKE_TRAFFIC_SECRET", 1, 48), 2},
		{strings.TrimSpace(line("CLIENT_RANDOM", 1, 48)), 1},
		{strings.ReplaceAll(line("CLIENT_RANDOM", 1, 48), "\n", "\r\n"), 1},
		{"# a comment\n\n" + strings.ToUpper(line("CLIENT_RANDOM", 1, 48)), 1},
		{line("EXPORTER_SECRET", 1, 32), 0},
		{line("CLIENT_RANDOM", 1, 49), 0},
		{line("CLIENT_RANDOM", 1, 0), 0},
		{"CLIENT_RANDOM 00 11\n", 0},
		{"RSA Session-ID:00 Master-Key:00\n", 0},
		{strings.Replace(line("CLIENT_RANDOM", 1, 48), "ab", "xy", 1), 0},
	} {
		if n := NewKeys().Add([]byte(c.line), epochTime); n != c.want {
			t.Errorf("%q: %d secrets, want %d", c.line, n, c.want)
		}
	}
}

func TestKeysAreBounded(t *testing.T) {
	k := NewKeys()
	for i := range maxSessions + 10 {
		k.Add([]byte(line("CLIENT_RANDOM", i, 48)), epochTime.Add(time.Duration(i)*time.Second))
	}
	if len(k.sessions) != maxSessions || k.secret(masterSecret, random(9)) != nil || k.secret(masterSecret, random(10)) == nil {
		t.Errorf("%d sessions; the oldest must have made room", len(k.sessions))
	}
	k.Expire(epochTime.Add(maxSessions * time.Second))
	if len(k.sessions) != 10 || len(k.order) != 10 {
		t.Errorf("%d sessions after Expire, want 10", len(k.sessions))
	}
}

// TestKeyLogGrows: lines come in pieces, the file comes late, is cut, and is
// another one.
func TestKeyLogGrows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	keys := NewKeys()
	l := NewKeyLog(path, keys)
	if err := l.Read(epochTime); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
	write := func(text string, flags int) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|flags, 0o600)
		if err == nil {
			_, err = f.WriteString(text)
		}
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		if err := l.Read(epochTime); err != nil {
			t.Fatal(err)
		}
	}
	has := func(want int) {
		t.Helper()
		if len(keys.sessions) != want {
			t.Errorf("%d sessions, want %d", len(keys.sessions), want)
		}
	}
	first, second, third := line("CLIENT_RANDOM", 1, 48), line("CLIENT_RANDOM", 2, 48), line("CLIENT_RANDOM", 3, 48)
	write(first+second[:20], 0)
	has(1)
	write(second[20:], os.O_APPEND)
	has(2)
	write(third, os.O_TRUNC)
	has(3)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write(strings.Repeat(line("CLIENT_RANDOM", 4, 48), 9), os.O_EXCL)
	has(4)
	write(strings.Repeat("x", 1<<20)+"\n"+strings.TrimSpace(line("CLIENT_RANDOM", 5, 48)), os.O_APPEND)
	has(4)
	l.End(epochTime)
	has(5)
}

// FuzzRead: no records make a Half fail or hold much.
func FuzzRead(f *testing.F) {
	hello := append([]byte{22, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3}, make([]byte, 32)...)
	f.Add(append(hello, 0, 0x13, 0x01, 0, 20, 3, 3, 0, 1, 1, 23, 3, 3, 0, 3, 1, 2, 3))
	f.Add(append(hello, 0, 0xc0, 0x2f, 0, 20, 3, 3, 0, 1, 1, 23, 3, 3, 0, 3, 1, 2, 3))
	f.Add([]byte{22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		keys := NewKeys()
		for l := range labelNames {
			keys.Add([]byte(line(l, 0, 32)), epochTime)
		}
		h := NewConn(keys).Half()
		for len(b) > 0 {
			n, ok := h.RecordLen(b)
			if !ok {
				h.Lost()
				b = b[1:]
				continue
			}
			if n == 0 || n > len(b) {
				return
			}
			plain, err := h.Read(b[:n])
			if len(plain) > 0 && err != nil || len(h.partial) > maxHello+maxRecord {
				t.Fatalf("%d bytes of plain text, %v, %d held", len(plain), err, len(h.partial))
			}
			b = b[n:]
		}
	})
}
