package tlsview

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"
)

const (
	followEvery = 100 * time.Millisecond
	// keepSecrets is how long secrets wait for their handshake, or after it for
	// a renegotiation: a connection takes the keys that it needs when it begins.
	keepSecrets = time.Hour
	maxLine     = 1 << 10
)

// KeyLog is a key log in the SSLKEYLOGFILE format (RFC 9850) that is read while
// it grows.
type KeyLog struct {
	path string
	keys *Keys
	file os.FileInfo // that was read
	at   int64
	rest []byte // a line that has no end yet
}

// NewKeyLog gives a key log whose secrets go to keys. It reads nothing yet.
func NewKeyLog(path string, keys *Keys) *KeyLog {
	keys.expected.Store(true)
	return &KeyLog{path: path, keys: keys}
}

// Read reads what was written since the last time, at t. A file that is another
// one than then, or shorter, is read from its begin.
func (l *KeyLog) Read(t time.Time) error {
	f, err := os.Open(l.path)
	if err != nil {
		return fmt.Errorf("read TLS key log: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read TLS key log: %w", err)
	}
	if l.file == nil || !os.SameFile(l.file, info) || info.Size() < l.at {
		l.at, l.rest = 0, nil
	}
	l.file = info
	if info.Mode().IsRegular() && info.Size() == l.at {
		return nil
	}
	if info.Mode().IsRegular() {
		if _, err := f.Seek(l.at, io.SeekStart); err != nil {
			return fmt.Errorf("read TLS key log: %w", err)
		}
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := f.Read(buf)
		l.at += int64(n)
		l.take(buf[:n], t)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read TLS key log: %w", err)
		}
	}
}

// take adds whole lines, and keeps the begin of the next one.
func (l *KeyLog) take(b []byte, t time.Time) {
	end := bytes.LastIndexByte(b, '\n') + 1
	if end > 0 {
		l.keys.Add(append(l.rest, b[:end]...), t)
		l.rest = nil
	}
	if l.rest = append(l.rest, b[end:]...); len(l.rest) > maxLine {
		l.rest = nil
	}
}

// End adds the last line, which may lack its end.
func (l *KeyLog) End(t time.Time) {
	l.keys.Add(l.rest, t)
	l.rest = nil
}

// Run follows the key log until ctx ends. It may come into being later. Secrets
// are forgotten after an hour.
func (l *KeyLog) Run(ctx context.Context, log *slog.Logger) error {
	var told string
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		now := time.Now()
		err := l.Read(now)
		switch {
		case err == nil:
			told = ""
		case errors.Is(err, fs.ErrNotExist) || err.Error() == told:
		default:
			told = err.Error()
			log.Warn("TLS key log cannot be read", "error", err)
		}
		l.keys.Expire(now.Add(-keepSecrets))
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
