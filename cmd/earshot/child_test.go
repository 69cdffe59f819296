package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/chdb"
	"github.com/earshot-voip/earshot/internal/run"
)

// asMainEnv makes a copy of the test program the program itself.
const asMainEnv = "TEST_AS_EARSHOT"

func TestMain(m *testing.M) {
	if os.Getenv(asMainEnv) != "" || len(os.Args) > 1 && os.Args[1] == chdb.Subcommand {
		main()
	}
	os.Exit(m.Run())
}

// stopLimit is how long the program may take to stop, with room for a busy
// machine.
const stopLimit = run.DrainTime + 2*time.Second

// needEngine skips a test where the embedded ClickHouse is absent.
func needEngine(t *testing.T) {
	t.Helper()
	if _, err := chdb.Locate(); err != nil {
		t.Skipf("the embedded ClickHouse is absent: %v", err)
	}
}

// child is the program in a process of its own.
type child struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout lockedBuffer
	stderr lockedBuffer
	exited chan struct{}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// startChild runs the program; it is killed when the test ends.
func startChild(t *testing.T, env []string, args ...string) *child {
	t.Helper()
	c := &child{t: t, cmd: exec.Command(os.Args[0], args...), exited: make(chan struct{})}
	c.cmd.Env = append(append(os.Environ(), asMainEnv+"=1"), env...)
	c.cmd.Stdout, c.cmd.Stderr = &c.stdout, &c.stderr
	c.cmd.WaitDelay = time.Second
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = c.cmd.Wait() // ProcessState tells
		close(c.exited)
	}()
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		<-c.exited
		if t.Failed() {
			t.Logf("earshot %s wrote:\n%s", strings.Join(args, " "), c.stderr.String())
		}
	})
	return c
}

// signal sends a signal and returns the exit status, which must come in time.
func (c *child) signal(s os.Signal, limit time.Duration) int {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
	return c.wait(limit)
}

func (c *child) wait(limit time.Duration) int {
	c.t.Helper()
	select {
	case <-c.exited:
	case <-time.After(limit):
		c.t.Fatalf("still running after %v", limit)
	}
	return c.cmd.ProcessState.ExitCode()
}

// find waits until the program has written something to standard error, and
// gives the first group of the expression.
func (c *child) find(expression string) string {
	c.t.Helper()
	re := regexp.MustCompile(expression)
	for range 600 {
		if m := re.FindStringSubmatch(c.stderr.String()); m != nil {
			return m[1]
		}
		select {
		case <-c.exited:
			c.t.Fatalf("ended before it wrote %q", expression)
		case <-time.After(100 * time.Millisecond):
		}
	}
	c.t.Fatalf("did not write %q", expression)
	return ""
}

func (c *child) hepPort() string  { return c.find(`HEP +port (\d+)`) }
func (c *child) httpPort() string { return c.find(`localhost:(\d+)/healthz`) }

// serving starts `earshot run` or `collector` on loopback ports of its own and
// waits until it is healthy.
func serving(t *testing.T, env []string, args ...string) *child {
	t.Helper()
	c := startChild(t, env, append(args, "--hep", "127.0.0.1:0", "--http", "127.0.0.1:0")...)
	url := "http://127.0.0.1:" + c.httpPort() + "/healthz"
	eventually(t, 30*time.Second, "healthy", func() error {
		r, err := http.Get(url)
		if err != nil {
			return err
		}
		defer r.Body.Close()
		if r.StatusCode != http.StatusOK {
			return errors.New(r.Status)
		}
		return nil
	})
	return c
}

// eventually tries until f is content.
func eventually(t *testing.T, limit time.Duration, what string, f func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if err = f(); err == nil {
			return
		}
	}
	t.Fatalf("%s: not within %v: %v", what, limit, err)
}

// command runs a short command in this process.
func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "stderr")
	errs, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer errs.Close()
	var out bytes.Buffer
	code = start(args, strings.NewReader(""), &out, errs)
	words, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return code, out.String(), string(words)
}

// ask runs a query on the store of a data folder and gives its rows.
func ask(t *testing.T, data, query string) []map[string]any {
	t.Helper()
	code, out, errs := command(t, "sql", "--data", data, "--format", "jsonl", query)
	if code != exitDone {
		t.Fatalf("%s: status %d: %s", query, code, errs)
	}
	var rows []map[string]any
	for line := range strings.Lines(out) {
		var row map[string]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%s: %v: %s", query, err, line)
		}
		rows = append(rows, row)
	}
	return rows
}

// askNumber is the one number that a query gives.
func askNumber(t *testing.T, data, query string) float64 {
	t.Helper()
	rows := ask(t, data, query)
	if len(rows) != 1 || len(rows[0]) != 1 {
		t.Fatalf("%s: %v", query, rows)
	}
	for _, v := range rows[0] {
		switch n := v.(type) {
		case float64:
			return n
		case nil:
			return 0
		}
		t.Fatalf("%s: %v", query, v)
	}
	return 0
}

// awaitNumber waits until a query gives a number.
func awaitNumber(t *testing.T, data string, limit time.Duration, query string, want float64) {
	t.Helper()
	eventually(t, limit, query, func() error {
		if n := askNumber(t, data, query); n != want {
			return fmt.Errorf("it gives %v, want %v", n, want)
		}
		return nil
	})
}

// engineDSN is the address of the embedded store that a child runs.
func engineDSN(t *testing.T, data string) string {
	t.Helper()
	a, err := chdb.Running(data)
	if err != nil {
		t.Fatal(err)
	}
	return a.DSN()
}

// gone waits until a process has ended.
func gone(t *testing.T, pid int, limit time.Duration) {
	t.Helper()
	eventually(t, limit, fmt.Sprintf("end of process %d", pid), func() error {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			return errors.New("it is still there")
		}
		return nil
	})
}
