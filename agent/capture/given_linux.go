package capture

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
	"golang.org/x/net/bpf"

	"github.com/earshot-voip/earshot/internal/packet"
)

// compileGiven turns a given filter into a program for a link type, keeping
// snapLen bytes of what passes. The language is libpcap's, and so is its
// compiler: the shared library is loaded where it is installed. Whoever has none
// gives the program that tcpdump -ddd prints elsewhere.
func compileGiven(filter string, link packet.LinkType, snapLen uint32) ([]bpf.RawInstruction, error) {
	if isProgram(filter) {
		return parseProgram(filter)
	}
	lib, err := loadPcap()
	if err != nil {
		return nil, err
	}
	return lib.compile(filter, link, snapLen)
}

// pcapLibrary is what is taken of libpcap's shared library.
type pcapLibrary struct {
	mu       sync.Mutex // pcap_compile of libpcap before 1.8 has global state
	openDead func(link, snapLen int32) uintptr
	compileF func(p uintptr, program *pcapProgram, filter string, optimize int32, netmask uint32) int32
	freecode func(program *pcapProgram)
	geterr   func(p uintptr) string
	closeF   func(p uintptr)
}

// pcapProgram is struct bpf_program.
type pcapProgram struct {
	length uint32
	code   *bpf.RawInstruction // of the layout of struct bpf_insn
}

// pcapNames are its names: by its ABI, and as Debian has it.
var pcapNames = []string{"libpcap.so.1", "libpcap.so.0.8", "libpcap.so"}

var loadPcap = sync.OnceValues(func() (*pcapLibrary, error) { return openPcap(pcapNames) })

// openPcap loads the first of the libraries that is there.
func openPcap(names []string) (*pcapLibrary, error) {
	var failed []error
	for _, name := range names {
		lib, err := purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_LOCAL)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		var l pcapLibrary
		for name, f := range map[string]any{
			"pcap_open_dead": &l.openDead, "pcap_compile": &l.compileF, "pcap_freecode": &l.freecode, "pcap_geterr": &l.geterr, "pcap_close": &l.closeF,
		} {
			sym, err := purego.Dlsym(lib, name)
			if err != nil {
				return nil, fmt.Errorf("the filter's language is compiled by libpcap's shared library: %w", err)
			}
			purego.RegisterFunc(f, sym)
		}
		return &l, nil
	}
	return nil, fmt.Errorf("its language is compiled by libpcap's shared library, which is not installed (Debian: apt-get install libpcap0.8): "+
		"install it, or use capture.ports, hosts and rtp_ports, or give the program that tcpdump -ddd prints for this filter on another machine: %w", errors.Join(failed...))
}

// netmaskUnknown is PCAP_NETMASK_UNKNOWN.
const netmaskUnknown = 0xffffffff

func (l *pcapLibrary) compile(filter string, link packet.LinkType, snapLen uint32) ([]bpf.RawInstruction, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if link == packet.LinkRaw {
		link = packet.LinkRaw12 // DLT_RAW, as pcap_open_dead takes DLT_ values
	}
	p := l.openDead(int32(link), int32(snapLen))
	if p == 0 {
		return nil, errors.New("pcap_open_dead: out of memory")
	}
	defer l.closeF(p)
	var program pcapProgram
	if l.compileF(p, &program, filter, 1, netmaskUnknown) != 0 {
		return nil, fmt.Errorf("%s; see pcap-filter(7)", l.geterr(p))
	}
	defer l.freecode(&program)
	return slices.Clone(unsafe.Slice(program.code, program.length)), nil
}
