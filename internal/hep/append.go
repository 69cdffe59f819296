package hep

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"math"
	"net/netip"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
)

// Options are what Append writes beside the Packet. The zero value adds
// nothing. An Options keeps the state of its compressor: one goroutine uses
// it.
type Options struct {
	AgentID   uint32 // in place of the Packet's; 0 leaves that
	Node      string // in place of the Packet's; "" leaves that
	AuthKey   string // chunk 0x0e
	KeepAlive uint16 // chunk 0x0d, seconds

	// Boot and Sequence number the frames of this agent. Both are written iff
	// Boot is not 0; the caller advances Sequence.
	Boot, Sequence uint64

	// Room is left free in each frame, so that Number can be told later.
	Room int

	// Compress writes the payload as zlib into chunk 16 wherever that is
	// shorter. Not every collector reads it.
	Compress bool

	zlib *zlib.Writer
	buf  bytes.Buffer
}

// noOptions is what a nil Options says; nobody writes to it.
var noOptions Options

// minCompress is the payload below which compression gains nothing.
const minCompress = 128

// Append writes p as one HEP3 frame to dst and returns the longer slice. o
// may be nil.
//
// Time is written in whole microseconds, and left out where it is zero or
// outside 1970 to 2106; an address loses its zone. TLS and WS are written as
// TCP, as HEP has no number for them, and in a chunk of Earshot's own beside
// it, as are Domain, TTL and WireLen where they are set. What the Packet and
// the Options have not is not written.
//
// A payload that does not fit into the 65,535 bytes of a frame is compressed
// even where o does not ask for it. If that does not help, Append returns dst
// as it was and ErrTooLarge: it never cuts. ErrAddress is a Packet without
// the addresses that its Kind needs.
func Append(dst []byte, p *packet.Packet, o *Options) ([]byte, error) {
	compressor := o
	if o == nil {
		o = &noOptions
	}
	if needsAddress(p.Kind) && (!p.Src.Addr().IsValid() || !p.Dst.Addr().IsValid()) {
		return dst, ErrAddress
	}
	start := len(dst)
	dst = append(dst, "HEP3\x00\x00"...)
	dst = appendAddresses(dst, p.Src, p.Dst)
	protocol, own := p.Transport, false
	if protocol == packet.TLS || protocol == packet.WS {
		protocol, own = packet.TCP, true
	}
	dst = append8(dst, VendorGeneric, chunkProtocol, uint8(protocol))
	dst = appendTime(dst, p.Time)
	dst = append8(dst, VendorGeneric, chunkKind, uint8(p.Kind))
	agent := p.AgentID
	if o.AgentID != 0 {
		agent = o.AgentID
	}
	dst = append32(dst, VendorGeneric, chunkAgentID, agent)
	if o.KeepAlive != 0 {
		dst = append16(dst, VendorGeneric, chunkKeepAlive, o.KeepAlive)
	}
	if p.VLAN != 0 {
		dst = append16(dst, VendorGeneric, chunkVLAN, p.VLAN)
	}
	if p.TTL != 0 || p.DSCP != 0 {
		dst = append8(dst, VendorGeneric, chunkTOS, p.DSCP<<2)
	}
	if p.TTL != 0 {
		dst = append8(dst, VendorEarshot, ownTTL, p.TTL)
	}
	if p.WireLen > 0 && uint64(p.WireLen) <= math.MaxUint32 {
		dst = append32(dst, VendorEarshot, ownWireLen, uint32(p.WireLen))
	}
	if own {
		dst = append8(dst, VendorEarshot, ownTransport, uint8(p.Transport))
	}
	if o.Boot != 0 {
		dst = append64(dst, VendorEarshot, ownBoot, o.Boot)
		dst = append64(dst, VendorEarshot, ownSequence, o.Sequence)
	}
	node := p.Node
	if o.Node != "" {
		node = o.Node
	}
	// The texts are checked one by one: a chunk's length has 16 bits, too.
	if len(node)+len(o.AuthKey)+len(p.Domain)+len(p.CorrelationID) > maxFrame-o.Room-(len(dst)-start)-5*chunkHeaderLen {
		return dst[:start], ErrTooLarge
	}
	dst = appendText(dst, VendorGeneric, chunkNode, node)
	dst = appendText(dst, VendorGeneric, chunkAuthKey, o.AuthKey)
	dst = appendText(dst, VendorEarshot, ownDomain, p.Domain)
	dst = appendText(dst, VendorGeneric, chunkCorrelation, p.CorrelationID)

	payload, typ := p.Payload, uint16(chunkPayload)
	room := maxFrame - o.Room - (len(dst) - start) - chunkHeaderLen
	if len(payload) > room || o.Compress && len(payload) >= minCompress {
		if z := compressor.compress(payload); len(z) < len(payload) {
			payload, typ = z, chunkCompressed
		}
		if len(payload) > room {
			return dst[:start], ErrTooLarge
		}
	}
	dst = appendText(dst, VendorGeneric, typ, payload)
	binary.BigEndian.PutUint16(dst[start+4:], uint16(len(dst)-start))
	return dst, nil
}

// NumberLen is what Number adds to a frame.
const NumberLen = 2 * (chunkHeaderLen + 8)

// Number writes a HEP3 frame that Append gave, with the boot id and sequence
// number of its sender, to dst: a frame that waits is numbered when it is sent,
// so that a gap in the numbers is a loss on the way. The frame has NumberLen
// bytes of Room.
func Number(dst, frame []byte, boot, sequence uint64) []byte {
	start := len(dst)
	dst = append(dst, frame...)
	dst = append64(dst, VendorEarshot, ownBoot, boot)
	dst = append64(dst, VendorEarshot, ownSequence, sequence)
	binary.BigEndian.PutUint16(dst[start+4:], uint16(len(dst)-start))
	return dst
}

// compress returns b in zlib (RFC 1950), which is what other agents send;
// valid until the next call. A nil o compresses with a state of its own.
func (o *Options) compress(b []byte) []byte {
	if o == nil {
		o = new(Options)
	}
	o.buf.Reset()
	if o.zlib == nil {
		o.zlib = zlib.NewWriter(&o.buf)
	} else {
		o.zlib.Reset(&o.buf)
	}
	// A bytes.Buffer takes every write.
	_, _ = o.zlib.Write(b)
	_ = o.zlib.Close()
	return o.buf.Bytes()
}

// appendAddresses writes the family, and the addresses and ports that are
// valid. Two families in one packet are written as IPv6.
func appendAddresses(dst []byte, src, to netip.AddrPort) []byte {
	s, t := src.Addr().Unmap(), to.Addr().Unmap()
	if !s.IsValid() && !t.IsValid() {
		return dst
	}
	if s.Is6() || t.Is6() {
		dst = append8(dst, VendorGeneric, chunkFamily, familyIPv6)
		dst = append6(dst, chunkSrc6, s)
		dst = append6(dst, chunkDst6, t)
	} else {
		dst = append8(dst, VendorGeneric, chunkFamily, familyIPv4)
		dst = append4(dst, chunkSrc4, s)
		dst = append4(dst, chunkDst4, t)
	}
	if s.IsValid() {
		dst = append16(dst, VendorGeneric, chunkSrcPort, src.Port())
	}
	if t.IsValid() {
		dst = append16(dst, VendorGeneric, chunkDstPort, to.Port())
	}
	return dst
}

// append4 writes the chunk of an IPv4 address, or nothing where a is invalid.
func append4(dst []byte, typ uint16, a netip.Addr) []byte {
	if !a.IsValid() {
		return dst
	}
	b := a.As4()
	return append(appendHeader(dst, VendorGeneric, typ, len(b)), b[:]...)
}

// append6 writes the chunk of an IPv6 address, or of an IPv4 address mapped
// into one; nothing where a is invalid.
func append6(dst []byte, typ uint16, a netip.Addr) []byte {
	if !a.IsValid() {
		return dst
	}
	b := a.As16()
	return append(appendHeader(dst, VendorGeneric, typ, len(b)), b[:]...)
}

func appendTime(dst []byte, t time.Time) []byte {
	seconds := t.Unix()
	if seconds <= 0 || seconds > math.MaxUint32 {
		return dst
	}
	dst = append32(dst, VendorGeneric, chunkSeconds, uint32(seconds))
	return append32(dst, VendorGeneric, chunkMicros, uint32(t.Nanosecond()/1000))
}

// appendHeader writes the header of a chunk whose body has n bytes.
func appendHeader(dst []byte, vendor Vendor, typ uint16, n int) []byte {
	n += chunkHeaderLen
	return append(dst, byte(vendor>>8), byte(vendor), byte(typ>>8), byte(typ), byte(n>>8), byte(n))
}

func append8(dst []byte, vendor Vendor, typ uint16, v uint8) []byte {
	return append(appendHeader(dst, vendor, typ, 1), v)
}

func append16(dst []byte, vendor Vendor, typ, v uint16) []byte {
	return binary.BigEndian.AppendUint16(appendHeader(dst, vendor, typ, 2), v)
}

func append32(dst []byte, vendor Vendor, typ uint16, v uint32) []byte {
	return binary.BigEndian.AppendUint32(appendHeader(dst, vendor, typ, 4), v)
}

func append64(dst []byte, vendor Vendor, typ uint16, v uint64) []byte {
	return binary.BigEndian.AppendUint64(appendHeader(dst, vendor, typ, 8), v)
}

// appendText writes a chunk of bytes, or nothing where there are none.
func appendText[T string | []byte](dst []byte, vendor Vendor, typ uint16, body T) []byte {
	if len(body) == 0 {
		return dst
	}
	return append(appendHeader(dst, vendor, typ, len(body)), body...)
}
