package synth

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

// Options shape a load of calls. The zero value of a field gives its default.
type Options struct {
	Calls      int     // number of calls; 10
	Seconds    float64 // of media in each call; 30
	Concurrent int     // most calls up at once; as many as Calls
	Codec      string  // one of Codecs; PCMU
	Impairment         // of both directions of each call, before the tap
	Seed       int64
	NoRTCP     bool // leave sender and receiver reports out
	IPv6       bool // 2001:db8::/32 instead of IPv4
	Private    bool // 10/8, as every customer has it
	// Bridge is one of Bridges: each call has two legs. "" is one leg.
	Bridge string
	// BoxLossPct is the share of packets that a box which passes media on loses,
	// beside those that were lost before it.
	BoxLossPct float64
	Numbers    int // how many callers there are, and how many callees; 100 and 1000
}

func (o Options) withDefaults() Options {
	if o.Calls == 0 {
		o.Calls = 10
	}
	if o.Seconds == 0 {
		o.Seconds = 30
	}
	if o.Concurrent == 0 {
		o.Concurrent = o.Calls
	}
	if o.Codec == "" {
		o.Codec = pcmu.name
	}
	return o
}

// The most calls that can be up at once: a pair of ports for each, on 250
// addresses.
const mostConcurrent = 250 * portsPerAddress

const portsPerAddress = 24000

// mostBridged is how many calls the boxes of a bridged load have ports for.
const mostBridged = boxes * 12000

// Calls is a load of answered calls with RTP and RTCP in both directions.
// The load starts gradually: a call begins each (length of a call) / Concurrent.
func Calls(o Options) (Capture, error) {
	o = o.withDefaults()
	c, err := codecByName(o.Codec)
	if err != nil {
		return Capture{}, err
	}
	if o.Calls < 0 || o.Concurrent < 0 || !(o.Seconds >= 0 && o.Seconds <= 1e6) {
		return Capture{}, fmt.Errorf("calls %d, seconds %g, concurrent %d: none may be negative, nor the seconds more than a million", o.Calls, o.Seconds, o.Concurrent)
	}
	if o.Concurrent > mostConcurrent {
		return Capture{}, fmt.Errorf("concurrent %d is more than the %d that there are ports for", o.Concurrent, mostConcurrent)
	}
	if err := o.Impairment.check(); err != nil {
		return Capture{}, err
	}
	if err := checkBridge(o.Bridge); err != nil {
		return Capture{}, err
	}
	if o.BoxLossPct != 0 && o.Bridge != "media" {
		return Capture{}, fmt.Errorf("box loss %g: only a bridge by media passes on what it may lose", o.BoxLossPct)
	}
	if !(o.BoxLossPct >= 0 && o.BoxLossPct+o.LossPct <= 100) {
		return Capture{}, fmt.Errorf("box loss %g beside loss %g: give a share of what is left, in percent", o.BoxLossPct, o.LossPct)
	}
	if o.Bridge != "" && (o.IPv6 || o.Concurrent > mostBridged) {
		return Capture{}, fmt.Errorf("a bridge has IPv4 alone, and ports for %d calls at once", mostBridged)
	}
	o.mirrored = false
	return Capture{Name: "calls", Seed: o.Seed, plan: func(r *run) {
		r.add(&arrivals{options: o, codec: c})
	}}, nil
}

// arrivals begins the calls of a load, each when it is due.
type arrivals struct {
	options Options
	codec   codec
	begun   int
}

// setupTime is what a load call takes beside its media, at most.
const setupTime = 3 * time.Second

func (l *arrivals) spacing() micros {
	setup := setupTime
	if l.options.Bridge != "" {
		setup += setupTime // two legs, and a callee who takes his time
	}
	length := setup + time.Duration(l.options.Seconds*float64(time.Second))
	return inMicros(length) / micros(l.options.Concurrent)
}

func (l *arrivals) peek() (micros, bool) {
	return micros(l.begun) * l.spacing(), l.begun < l.options.Calls
}

func (l *arrivals) take(r *run, _ *emission) bool {
	i, o := l.begun, l.options
	s := newScript(r, fmt.Sprint("calls ", i), o.Seed)
	s.now = micros(i) * l.spacing()
	s.rtcpOff = o.NoRTCP
	l.begun++
	// The slot is free again when a call begins Concurrent calls later.
	slot := i % o.Concurrent
	a := l.endpoint(s, 1, slot)
	b := l.endpoint(s, 2, slot)
	callers, callees := 100, 1000
	if o.Numbers > 0 {
		callers, callees = o.Numbers, o.Numbers
	}
	a.user = fmt.Sprintf("+120255501%02d", i%callers)
	b.user = fmt.Sprintf("+442079460%03d", i%callees)
	if o.Bridge != "" {
		a.user = fmt.Sprintf("+120255501%02d", s.rng.IntN(callers))
		b.user = fmt.Sprintf("+442079460%03d", s.rng.IntN(callees))
		l.bridged(s, a, b, slot)
		l.impair(s)
		s.finish()
		return false
	}
	d := s.call(a, b)
	d.codecs = []codec{l.codec, telephoneEvent}
	c := d.connect()
	length := time.Duration(o.Seconds * float64(time.Second)).Truncate(l.codec.ptime)
	if length > 0 {
		d.talk(length)
	}
	l.impair(s)
	bye := d.hangup(a)
	s.row(d, record.Answered, row{start: c.invite, ring: c.ringing, answer: c.ok, end: bye, by: "caller"})
	s.finish()
	return false
}

func (l *arrivals) impair(s *script) {
	for _, f := range s.flows {
		f.impaired, f.wander = l.options.Impairment, 0
		if f.behindBox {
			f.impaired.LossPct += l.options.BoxLossPct
		}
	}
}

// endpoint is the phone or gateway of one side with a pair of media ports of
// its own.
func (l *arrivals) endpoint(s *script, side, slot int) *party {
	host := byte(1 + slot%250)
	var addr netip.Addr
	if l.options.IPv6 {
		addr = netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: host, 7: byte(side)})
	} else {
		addr = l.network(side, host)
	}
	p := s.party("", "", addr.String(), [3]string{"", "Yealink SIP-T46S 66.86.0.15", "Sonus SBC 5400"}[side])
	p.rtp = netip.AddrPortFrom(addr, uint16(16384+2*(slot/250)))
	return p
}

// network is where callers (1), callees (2) and boxes (0) are.
func (l *arrivals) network(side int, host byte) netip.Addr {
	if l.options.Private {
		return netip.AddrFrom4([4]byte{10, 0, byte(side), host})
	}
	return netip.AddrFrom4([3][4]byte{{192, 0, 2, host}, {198, 51, 100, host}, {203, 0, 113, host}}[side])
}
