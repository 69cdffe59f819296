package chdb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

var (
	errPathLocked = errors.New("the data directory is in use")
	errPortBusy   = errors.New("the port is in use")
)

func (s *Server) stderrFile() string { return filepath.Join(s.home, "stderr.log") }

// stderrTail is the end of what the child wrote to its standard error.
func (s *Server) stderrTail() string {
	const most = 2048
	f, err := os.Open(s.stderrFile())
	if err != nil {
		return ""
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.Size() > most {
		if _, err := f.Seek(-most, io.SeekEnd); err != nil {
			return ""
		}
	}
	b, _ := io.ReadAll(io.LimitReader(f, most))
	return string(bytes.TrimSpace(b))
}

// startError reads the child's last words: the library returns success even
// on a locked path or a busy port, so its standard error is all there is.
func (s *Server) startError(exit error) error {
	tail := s.stderrTail()
	switch {
	case strings.Contains(tail, "Code: 76"), strings.Contains(tail, "Cannot lock file"):
		return fmt.Errorf("start embedded ClickHouse: %w: another process runs the engine on %s (ClickHouse code 76); stop it or choose another --data directory", errPathLocked, s.home)
	case strings.Contains(tail, "Address already in use"):
		return fmt.Errorf("start embedded ClickHouse: %w: 127.0.0.1:%d (native) or 127.0.0.1:%d (HTTP) is taken by another process; choose other ports or 0 for any free one", errPortBusy, s.access.NativePort, s.access.HTTPPort)
	case tail == "" && exit != nil:
		return fmt.Errorf("start embedded ClickHouse: the child ended before it was ready: %w", exit)
	case tail == "":
		return fmt.Errorf("start embedded ClickHouse: the child ended before it was ready and said nothing; its log is %s", filepath.Join(s.home, "server.log"))
	}
	if exit == nil {
		return fmt.Errorf("start embedded ClickHouse: the child ended before it was ready: %s", tail)
	}
	return fmt.Errorf("start embedded ClickHouse: the child ended before it was ready (%w): %s", exit, tail)
}
