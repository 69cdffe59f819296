package chdb

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Database is the name of the database that Earshot keeps its tables in.
const Database = "earshot"

const loopback = "127.0.0.1"

// Access is how to reach the engine of a data directory: what
// DIR/clickhouse/access.json holds. The file is readable by its owner only.
type Access struct {
	PID        int    `json:"pid"`     // of the supervising process, not of the engine
	Version    string `json:"version"` // of libchdb
	Host       string `json:"host"`
	NativePort int    `json:"native_port"`
	HTTPPort   int    `json:"http_port"`
	Database   string `json:"database"`
	User       string `json:"user"`
	Password   string `json:"password"`
	// A second user that can only read, for Grafana.
	GrafanaUser     string `json:"grafana_user"`
	GrafanaPassword string `json:"grafana_password"`
}

// DSN is the native address with the password of the user that owns the
// database.
func (a Access) DSN() string {
	u := url.URL{
		Scheme: "clickhouse", User: url.UserPassword(a.User, a.Password),
		Host: net.JoinHostPort(a.Host, strconv.Itoa(a.NativePort)), Path: "/" + a.Database,
	}
	return u.String()
}

// ErrNotRunning says that no process runs the engine of a data directory.
var ErrNotRunning = errors.New("no embedded ClickHouse is running there")

// Running tells how to reach the engine that another process runs on the
// data directory dir. It is ErrNotRunning when there is none.
func Running(dir string) (Access, error) {
	home := filepath.Join(dir, "clickhouse")
	f, err := os.OpenFile(lockFile(home), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return Access{}, fmt.Errorf("data directory %s: %w", dir, ErrNotRunning)
	}
	if err != nil {
		return Access{}, fmt.Errorf("embedded ClickHouse of another user: %w; ask as that user, or as root", err)
	}
	defer f.Close()
	// A shared lock is refused exactly while a supervisor lives.
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); err == nil {
		return Access{}, fmt.Errorf("data directory %s: %w", dir, ErrNotRunning)
	}
	return readAccess(home)
}

func lockFile(home string) string   { return filepath.Join(home, "lock") }
func accessFile(home string) string { return filepath.Join(home, "access.json") }

// acquire takes the directory's lock, which goes with the process however it
// ends.
func acquire(home string) (*os.File, error) {
	f, err := os.OpenFile(lockFile(home), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start embedded ClickHouse: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		a, _ := readAccess(home)
		return nil, fmt.Errorf("start embedded ClickHouse: %w: process %d runs it on %s; stop that or choose another --data directory", errPathLocked, a.PID, home)
	}
	return f, nil
}

func readAccess(home string) (Access, error) {
	var a Access
	b, err := os.ReadFile(accessFile(home))
	if err != nil {
		return a, fmt.Errorf("read access of the embedded ClickHouse: %w", err)
	}
	if err := json.Unmarshal(b, &a); err != nil {
		return Access{}, fmt.Errorf("read access of the embedded ClickHouse: %s: %w", accessFile(home), err)
	}
	return a, nil
}

func writeAccess(home string, a Access) error {
	b, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(accessFile(home), append(b, '\n'))
}

// writeFile replaces a file whole, readable by its owner only.
func writeFile(name string, b []byte) error {
	tmp := name + ".new"
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.Rename(tmp, name); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// fillPasswords makes the passwords that are not there yet. They stay the
// same over restarts, so that Grafana's datasource keeps working.
func (a *Access) fillPasswords() {
	a.User, a.GrafanaUser = "earshot", "grafana"
	if a.Password == "" {
		a.Password = rand.Text()
	}
	if a.GrafanaPassword == "" {
		a.GrafanaPassword = rand.Text()
	}
}

// choosePort is the port that was asked for; else that of the last run if it
// is free, so that a Grafana datasource keeps working; else any free one.
func choosePort(name string, asked, last, not int) (int, error) {
	if asked != 0 {
		l, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(asked)))
		if err != nil {
			return 0, fmt.Errorf("start embedded ClickHouse: %s port: %w: 127.0.0.1:%d is taken by another process; choose another, or 0 for any free one", name, errPortBusy, asked)
		}
		return asked, l.Close()
	}
	for _, p := range []int{last, 0, 0, 0} {
		l, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(p)))
		if err != nil {
			continue
		}
		got := l.Addr().(*net.TCPAddr).Port
		if err := l.Close(); err != nil {
			return 0, err
		}
		if got != not {
			return got, nil
		}
	}
	return 0, fmt.Errorf("start embedded ClickHouse: no free port for %s on 127.0.0.1", name)
}

// defaultMemory is 2 GiB, or half of the machine if that is less.
func defaultMemory() int64 {
	const most = 2 << 30
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return most
	}
	for line := range strings.Lines(string(b)) {
		if kb, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kb), "kB")), 10, 64)
			if err == nil {
				return min(most, n*1024/2)
			}
		}
	}
	return most
}
