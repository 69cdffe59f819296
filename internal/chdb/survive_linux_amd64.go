package chdb

import (
	"bytes"
	"encoding/hex"
	"errors"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
)

// A failed login over the native protocol (wrong password, unknown database,
// a stray packet) ends in an exception that leaves the connection's thread.
// A real server logs it and goes on. The library runs as clickhouse-local,
// which installs an error handler (Poco::ErrorHandler) that ends the process
// instead: anybody on the machine could stop the engine, and a Grafana with an
// old password would do so all day. There is no setting for it, so the child
// replaces the handler by one that does nothing; the engine has logged the
// failure by then.
//
// This reaches into the one build that Version pins, whose code is compared
// first. With any other build the engine is left as it is, and the supervisor
// restarts it.
const (
	cmdlineAddress = 0xf211700  // chdb_query_cmdline
	handleAddress  = 0x1c8f99c0 // Poco::ErrorHandler::handle(const Poco::Exception &)
	handlerAddress = 0x229677a8 // Poco::ErrorHandler::_pHandler, which handle reads
	handleCode     = "534883ec104889fb488d35e1dd0606488d7c2408e8a78c44f6488d05c8dd0606488b38488b074889deff5010488d7c2408e84a8d44f64883c4105bc3"
)

// quietHandler is laid out as the handler is: an object that points to its
// table of virtual functions.
type quietHandler struct {
	virtual *uintptr // &table[2]
	table   [8]uintptr
}

// The table: two words that describe the type, two destructors, the three
// functions that are called with an exception, and one that logs a message.
const (
	firstVirtual   = 2
	firstException = 4
	logMessage     = 7
)

// surviveLogins installs the handler as soon as the library has installed its
// own. cmdline is the address of chdb_query_cmdline. What it returns must be
// kept alive as long as the library runs, which holds its address.
func surviveLogins(cmdline uintptr) (*quietHandler, error) {
	base := cmdline - cmdlineAddress
	want, err := hex.DecodeString(handleCode)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(unsafe.Slice((*byte)(at(base+handleAddress)), len(want)), want) {
		return nil, errors.New("this libchdb is not the build that is known to need it")
	}
	// Any function that takes what it is given and returns will do.
	nothing, err := purego.Dlsym(purego.RTLD_DEFAULT, "getpid")
	if err != nil {
		return nil, err
	}
	quiet := new(quietHandler)
	handler := (*uintptr)(at(base + handlerAddress))
	before := atomic.LoadUintptr(handler)
	go func() {
		// The library installs its handler while it starts, before it listens.
		for range 30_000 {
			if now := atomic.LoadUintptr(handler); now != before {
				original := *(*uintptr)(at(now))
				for i := range quiet.table {
					quiet.table[i] = nothing
					if i < firstException || i == logMessage {
						quiet.table[i] = *(*uintptr)(at(original + uintptr(i-firstVirtual)*unsafe.Sizeof(original)))
					}
				}
				quiet.virtual = &quiet.table[firstVirtual]
				atomic.StoreUintptr(handler, uintptr(unsafe.Pointer(quiet)))
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	return quiet, nil
}

// at is memory of the library, which the garbage collector does not own.
func at(address uintptr) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&address))
}
