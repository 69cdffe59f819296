package chdb

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
	"golang.org/x/sys/unix"
)

// session is what the library runs: it opens the two ports, and its last
// query keeps the session, and with it the servers, alive. It sleeps in rows
// because reading standard input would need READ ON FILE, which would let any
// local account read files through the engine.
const session = `SYSTEM START LISTEN TCP; SYSTEM START LISTEN HTTP;
SELECT sleepEachRow(1) FROM system.numbers FORMAT Null SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 3000000`

// Main is the child: it runs the engine until its standard input ends or
// SIGTERM comes, and returns the exit status. args are what Start added after
// Options.Command.
func Main(args []string) int {
	fs := flag.NewFlagSet(Subcommand, flag.ContinueOnError)
	library := fs.String("library", "", "path of libchdb.so")
	home := fs.String("home", "", "folder of the engine")
	if err := fs.Parse(args); err != nil {
		return 2
	}
	a, err := readAccess(*home)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	life, err := takeStdin()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	signal.Ignore(syscall.SIGINT, syscall.SIGHUP)
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)

	run, err := load(*library)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	gone := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, life)
		close(gone)
	}()
	words := make(chan string, 1)
	go func() {
		words <- run("clickhouse-local",
			"--path", filepath.Join(*home, "store"),
			"--config-file", configFile(*home),
			"--log-level", "warning", // the configuration file is not asked for it
			"--listen_host", loopback,
			"--tcp_port", strconv.Itoa(a.NativePort),
			"--http_port", strconv.Itoa(a.HTTPPort),
			"--query", session)
	}()
	select {
	case w := <-words:
		if w != "" {
			fmt.Fprintln(os.Stderr, w)
		}
		return 1
	case <-gone:
	case <-term:
	}
	// In order: the engine closes its tables and returns. If it cannot, it dies
	// with the process: what it acknowledged is on disk.
	if err := endSession(a); err != nil {
		fmt.Fprintln(os.Stderr, "end the session:", err)
		return 0
	}
	select {
	case <-words:
	case <-time.After(lingerLimit): // it waits some seconds for clients that stay connected; we do not
	}
	return 0
}

// endSession kills the sleeping query, upon which the session ends.
func endSession(a Access) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	// Without keep-alive: the engine waits for open connections.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return a.Query(ctx, client, "KILL QUERY WHERE user = '' AND query LIKE 'SELECT sleepEachRow(1) FROM system.numbers%' ASYNC")
}

// takeStdin moves the pipe of our life away from descriptor 0, where the
// engine could read it.
func takeStdin() (*os.File, error) {
	fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("keep standard input: %w", err)
	}
	null, err := unix.Open(os.DevNull, unix.O_RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", os.DevNull, err)
	}
	if err := unix.Dup3(null, 0, 0); err != nil {
		return nil, fmt.Errorf("replace standard input: %w", err)
	}
	if err := unix.Close(null); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "life"), nil
}

// load opens the library and returns a function that runs a clickhouse-local
// command line to its end and returns the error that the library tells, which
// is often none: see the standard error.
func load(library string) (func(args ...string) string, error) {
	// Loading installs signal handlers of the engine, and turning them off resets
	// some to the default. Go needs its own: they are put back.
	saved := saveSignals()
	lib, err := purego.Dlopen(library, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w; fetch it anew with `make chdb`", library, err)
	}
	need := func(name string) (uintptr, error) {
		sym, err := purego.Dlsym(lib, name)
		if err != nil {
			return 0, fmt.Errorf("load %s: it has no %s: version %s is needed: %w", library, name, Version, err)
		}
		return sym, nil
	}
	handlers, err := need("chdb_set_signal_handlers_enabled")
	if err != nil {
		return nil, err
	}
	cmdline, err := need("chdb_query_cmdline")
	if err != nil {
		return nil, err
	}
	resultError, err := need("chdb_result_error")
	if err != nil {
		return nil, err
	}
	purego.SyscallN(handlers, 0)
	saved.restore()
	quiet, err := surviveLogins(cmdline)
	if err != nil {
		fmt.Fprintln(os.Stderr, "a failed login will restart the engine:", err)
	}

	return func(args ...string) string {
		argv := make([]*byte, 0, len(args)+1)
		for _, a := range args {
			p, _ := unix.BytePtrFromString(a) // our own arguments have no NUL; nil would end the list early
			argv = append(argv, p)
		}
		argv = append(argv, nil)
		// The C side keeps pointers to memory of ours for as long as it runs.
		var pin runtime.Pinner
		defer pin.Unpin()
		for _, p := range argv {
			if p != nil {
				pin.Pin(p)
			}
		}
		pin.Pin(&argv[0])
		result, _, _ := purego.SyscallN(cmdline, uintptr(len(args)), uintptr(unsafe.Pointer(&argv[0])))
		runtime.KeepAlive(quiet)
		if result == 0 {
			return ""
		}
		var message func(uintptr) string
		purego.RegisterFunc(&message, resultError)
		return message(result)
	}, nil
}
