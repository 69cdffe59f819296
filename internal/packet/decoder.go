package packet

import (
	"container/list"
	"time"

	"github.com/earshot-voip/earshot/internal/tlsview"
)

// Options bounds what a Decoder may keep. The zero value of each field means
// its default.
type Options struct {
	// Of TCP connections and SCTP associations, each direction being a stream:
	StreamBytes    int           // bytes held of one; 256 KiB
	Streams        int           // streams of TCP remembered, and as many of SCTP; 65536
	AllStreamBytes int           // bytes held of all of TCP, and of all of SCTP; 64 MiB
	StreamIdle     time.Duration // packet time after which a silent one is forgotten; 10 min
	GapWait        time.Duration // packet time a hole in one may stay open; 2 s

	Fragments       int           // IP datagrams under reassembly; 4096
	FragmentBytes   int           // bytes held of all of them; 16 MiB
	FragmentTimeout time.Duration // packet time from the first fragment to the last; 30 s, as Linux has it

	Depth int // tunnels of one frame that are opened inside one another; 8

	HEPPorts []uint16 // TCP ports on which HEP3 is framed; {9060}

	TLSKeys *tlsview.Keys // secrets of TLS connections; without any, TLS is only counted
}

func (o Options) withDefaults() Options {
	o.StreamBytes = orDefault(o.StreamBytes, 256<<10)
	o.Streams = orDefault(o.Streams, 1<<16)
	o.AllStreamBytes = orDefault(o.AllStreamBytes, 64<<20)
	o.StreamIdle = orDefault(o.StreamIdle, 10*time.Minute)
	o.GapWait = orDefault(o.GapWait, 2*time.Second)
	o.Fragments = orDefault(o.Fragments, 4096)
	o.FragmentBytes = orDefault(o.FragmentBytes, 16<<20)
	o.FragmentTimeout = orDefault(o.FragmentTimeout, 30*time.Second)
	o.Depth = orDefault(o.Depth, 8)
	if o.HEPPorts == nil {
		o.HEPPorts = []uint16{9060}
	}
	return o
}

func orDefault[T int | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

// Decoder turns captured frames into Packets. It keeps what spans frames, IP
// fragments and TCP streams, within the bounds of its Options and by packet
// time only. It belongs to one goroutine.
type Decoder struct {
	opt   Options
	stats Stats
	out   []Packet
	at    origin // of the frame being decoded

	nextSweep uint64 // frame count at which old state is looked for

	datagrams     map[fragmentKey]*datagram
	datagramAge   list.List // of *datagram, oldest first
	datagramBytes int
	whole         []byte // the datagram reassembled last; Packets alias it

	streams     map[streamKey]*stream
	proven      list.List             // of *stream that carried a message, least recently used first
	unproven    list.List             // of all others; evicted first
	gapped      list.List             // of *stream with a hole, oldest hole first
	tlsWaiting  list.List             // of *stream that wait for secrets
	keysAdded   uint64                // Keys.Added when secrets were last looked for
	tunnelled   map[streamKey]*stream // of TLS in tunnels, by their keys without the tunnel
	streamBytes int
	hepPorts    map[uint16]bool

	assoc associations
}

// origin is what the layers below the transport told about a datagram.
type origin struct {
	time    time.Time
	ip      []byte // innermost IP header so far, at least its fixed part; nil before there is one
	vlan    uint16
	depth   int    // tunnels entered
	tunnel  uint64 // names the innermost of them, see enter; 0 outside of any
	wireLen int
	frames  int // frames that the datagram took
	missing int // bytes at the end of the IP payload that the capture cut off
	cut     bool
}

// How many frames may pass between two looks for expired state: often while a
// TCP stream has a hole, else rarely enough to cost nothing.
const (
	sweepEvery       = 1024
	sweepGappedEvery = 32
)

// NewDecoder returns a Decoder with nothing held.
func NewDecoder(o Options) *Decoder {
	d := &Decoder{
		opt:       o.withDefaults(),
		out:       make([]Packet, 0, 4),
		nextSweep: sweepEvery,
		datagrams: make(map[fragmentKey]*datagram),
		streams:   make(map[streamKey]*stream),
		tunnelled: make(map[streamKey]*stream),
		hepPorts:  make(map[uint16]bool),
		assoc:     associations{byKey: make(map[associationKey]*association)},
	}
	for _, p := range d.opt.HEPPorts {
		d.hepPorts[p] = true
	}
	return d
}

// Decode takes one frame and returns the Packets that it completes: at most
// one of a UDP datagram, any number of a TCP segment or SCTP packet (whole SIP
// messages, or whole HEP3 frames in TCP on Options.HEPPorts). Set are Time, Src, Dst, Transport,
// TTL, DSCP, VLAN, WireLen and Payload; Kind is KindUnknown, but KindSIP for
// messages from TCP and SCTP. Payload ends where UDP or IP says, so that Ethernet
// padding is not in it. WireLen of a reassembled datagram is the sum over its
// fragments; of a TCP message it is that of the frame that completed it.
//
// The slice and the payloads are borrowed: they alias f.Data or the Decoder
// and are valid until the next call. Checksums are not verified, since the
// capturing host's network card computes them after the capture.
func (d *Decoder) Decode(f *Frame) []Packet {
	d.out = d.out[:0]
	d.stats.Frames++
	d.stats.Bytes += uint64(len(f.Data))
	if d.stats.Frames >= d.nextSweep {
		d.sweep(f.Time)
	}
	if f.Link == LinkEthernet && d.plainUDP(f) {
		return d.out
	}
	d.layers(f)
	return d.out
}

// layers decodes a frame layer by layer.
func (d *Decoder) layers(f *Frame) {
	d.at.time = f.Time
	d.at.ip = nil
	d.at.vlan = 0
	d.at.depth = 0
	d.at.tunnel = 0
	d.at.wireLen = f.WireLen
	d.at.frames = 1
	d.at.missing = 0
	d.at.cut = f.WireLen > len(f.Data)
	if f.Link == LinkEthernet {
		d.ethernet(f.Data)
	} else {
		d.link(f.Link, f.Data)
	}
}

// Advance moves the Decoder's clock when no frame comes, and returns the
// Packets that waited for a hole in their TCP stream to fill. They are
// borrowed as those of Decode.
func (d *Decoder) Advance(t time.Time) []Packet {
	d.out = d.out[:0]
	d.sweep(t)
	return d.out
}

// Flush ends all that is held, as at the end of a capture file: fragments
// expire, TCP streams give the messages whose headers are whole. Stats.Held
// is 0 thereafter. The Packets are borrowed as those of Decode.
func (d *Decoder) Flush() []Packet {
	d.out = d.out[:0]
	for e := d.datagramAge.Front(); e != nil; e = d.datagramAge.Front() {
		d.dropDatagram(e.Value.(*datagram), ReasonFragmentExpired)
	}
	for e := d.tlsWaiting.Front(); e != nil; e = d.tlsWaiting.Front() {
		s := e.Value.(*stream)
		if d.resumeTLS(s); s.tls.waiting() {
			d.giveUpTLS(s)
		}
	}
	for _, age := range []*list.List{&d.proven, &d.unproven} {
		for e := age.Front(); e != nil; e = age.Front() {
			d.forget(e.Value.(*stream), ReasonTCPIncomplete)
		}
	}
	d.flushAssociations()
	return d.out
}

// Stats returns a copy of the counters.
func (d *Decoder) Stats() Stats {
	s := d.stats
	s.TCPStreams = uint64(len(d.streams))
	s.FragmentsHeld = uint64(len(d.datagrams))
	return s
}

// Undecoded returns the frames that gave no Packet, by reason.
func (d *Decoder) Undecoded() Undecoded { return d.stats.Undecoded }

// sweep lets go of what is too old at packet time t.
func (d *Decoder) sweep(t time.Time) {
	d.expireDatagrams(t)
	d.expireTLS(t)
	d.expireStreams(t)
	d.expireAssociations(t)
	d.nextSweep = d.stats.Frames + sweepEvery
	if d.gapped.Len() > 0 || d.tlsWaiting.Len() > 0 || d.assoc.waiting.Len() > 0 {
		d.nextSweep = d.stats.Frames + sweepGappedEvery
	}
}

// count books the frames of the datagram at hand under r.
func (d *Decoder) count(r Reason) {
	d.stats.Undecoded[r] += uint64(d.at.frames)
}

// short books a datagram that ends before its header does: the fault of the
// capture if it cut the frame, else of the sender.
func (d *Decoder) short() {
	if d.at.cut || d.at.missing > 0 {
		d.count(ReasonTruncated)
		return
	}
	d.count(ReasonMalformed)
}

// slot makes room for one more Packet in the result.
func (d *Decoder) slot() *Packet {
	d.stats.Packets++
	n := len(d.out)
	if n == cap(d.out) {
		d.out = append(d.out, Packet{})
	}
	d.out = d.out[:n+1]
	p := &d.out[n]
	*p = Packet{}
	return p
}
