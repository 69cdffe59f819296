package hep

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
)

// Decoder reads HEP frames. The zero value is ready; one goroutine uses it.
type Decoder struct {
	// MaxInflated bounds what compressed bytes may inflate to, in bytes; 0 is
	// 1 MiB.
	MaxInflated int

	// Extra is what the latest frame told beside the Packet.
	Extra Extra

	vendor  [maxVendorChunks]VendorChunk
	nVendor int
	// VendorDropped counts vendor chunks beyond the 16 kept of a frame, over
	// the life of the Decoder.
	VendorDropped uint64

	nodes    interner
	domains  interner
	inflater inflater
}

// Vendors returns the vendor chunks of the latest frame, in order, Earshot's
// own excepted; at most 16. The slice is valid until the next Decode.
func (d *Decoder) Vendors() []VendorChunk { return d.vendor[:d.nVendor] }

// Decode reads the one frame that b holds, of any version, into p, whose
// fields it all sets. Payload and CorrelationID alias b, or a buffer of d
// when they were compressed, and are valid until the next Decode. Time is
// zero where the frame tells none (HEP1 never does): the caller's clock
// serves. After an error p is not to be used.
//
// Errors are values of Error. Decode does not judge the clock: see Clamp.
func (d *Decoder) Decode(b []byte, p *packet.Packet) error {
	*p = packet.Packet{}
	d.Extra = Extra{}
	d.nVendor = 0
	if len(b) >= 2 && b[0] == 0x1f && b[1] == 0x8b {
		// A whole frame in gzip: one agent sends such. Only one layer is
		// peeled, so that a frame cannot unfold for ever.
		var err error
		if b, err = d.inflater.frame(b, d.limit()); err != nil {
			return err
		}
		d.Extra.Gzipped = true
	}
	if len(b) == 0 {
		return ErrShort
	}
	switch b[0] {
	case 'H', 'E':
		return d.decode3(b, p)
	case 1, 2:
		return d.decodeLegacy(b, p)
	}
	return ErrMagic
}

func (d *Decoder) limit() int {
	if d.MaxInflated > 0 {
		return d.MaxInflated
	}
	return 1 << 20
}

// decode3 reads a HEP3 frame.
func (d *Decoder) decode3(b []byte, p *packet.Packet) error {
	length, err := FrameLen(b)
	if err != nil {
		return err
	}
	if length != len(b) {
		return ErrLength
	}
	d.Extra.Version = 3

	var f fields
	for rest := b[headerLen:]; len(rest) > 0; {
		if len(rest) < chunkHeaderLen {
			return ErrChunk
		}
		key := binary.BigEndian.Uint32(rest) // vendor and type
		vendor, typ := Vendor(key>>16), uint16(key)
		n := int(binary.BigEndian.Uint16(rest[4:]))
		if n < chunkHeaderLen || n > len(rest) {
			return ErrChunk
		}
		body := rest[chunkHeaderLen:n:n]
		rest = rest[n:]
		ok := true
		switch vendor {
		case VendorGeneric:
			ok = d.generic(&f, p, typ, body)
		case VendorEarshot:
			ok = d.own(&f, p, typ, body)
		default:
			d.keepVendor(vendor, typ, body)
		}
		if !ok {
			return ErrChunk
		}
	}
	return d.finish(&f, p)
}

// fields are what must be known of all chunks before it can go into the
// Packet, since they come in any order.
type fields struct {
	src4, dst4, src6, dst6 netip.Addr
	sport, dport           uint16
	seconds, micros        uint32
	ownTransport           packet.Transport // 0 where there is none
	compressed             []byte
}

// generic reads a generic chunk; false if its body has the wrong size. Types
// that only Extra has a field for are never wrong: take counts them.
func (d *Decoder) generic(f *fields, p *packet.Packet, typ uint16, body []byte) (ok bool) {
	x := &d.Extra
	ok = true
	switch typ {
	case chunkFamily:
		x.Family, ok = uint8Of(body)
	case chunkProtocol:
		x.Protocol, ok = uint8Of(body)
	case chunkSrc4:
		f.src4, ok = address(body)
	case chunkDst4:
		f.dst4, ok = address(body)
	case chunkSrc6:
		f.src6, ok = address(body)
	case chunkDst6:
		f.dst6, ok = address(body)
	case chunkSrcPort:
		f.sport, ok = uint16Of(body)
	case chunkDstPort:
		f.dport, ok = uint16Of(body)
	case chunkSeconds:
		f.seconds, ok = uint32Of(body)
	case chunkMicros:
		f.micros, ok = uint32Of(body)
	case chunkKind:
		var kind uint8
		kind, ok = uint8Of(body)
		p.Kind = packet.Kind(kind)
	case chunkAgentID:
		p.AgentID, ok = uint32Of(body)
	case chunkPayload:
		p.Payload = body
	case chunkCompressed:
		f.compressed = body
	case chunkCorrelation:
		if id := trimNUL(body); len(id) > 0 {
			p.CorrelationID = id
		}
	case chunkVLAN:
		p.VLAN, ok = uint16Of(body)
	case chunkNode:
		p.Node = d.nodes.string(trimNUL(body))
	default:
		x.take(typ, body)
		return true
	}
	x.present |= 1 << (typ & 63)
	return ok
}

// own reads a chunk of Earshot's; false if its body has the wrong size. Types
// of a later version are kept with the other vendors' chunks.
func (d *Decoder) own(f *fields, p *packet.Packet, typ uint16, body []byte) (ok bool) {
	switch typ {
	case ownBoot:
		d.Extra.Boot, ok = uint64Of(body)
	case ownSequence:
		d.Extra.Sequence, ok = uint64Of(body)
	case ownDomain:
		p.Domain, ok = d.domains.string(body), true
	case ownTTL:
		p.TTL, ok = uint8Of(body)
	case ownWireLen:
		var n uint32
		n, ok = uint32Of(body)
		p.WireLen = int(n)
	case ownTransport:
		var t uint8
		t, ok = uint8Of(body)
		f.ownTransport = packet.Transport(t)
	default:
		d.keepVendor(VendorEarshot, typ, body)
		ok = true
	}
	return ok
}

// finish sets what several chunks say together.
func (d *Decoder) finish(f *fields, p *packet.Packet) error {
	x := &d.Extra
	p.Transport = transport(x.Protocol)
	if f.ownTransport != packet.TransportUnknown {
		p.Transport = f.ownTransport
	}
	p.DSCP = x.TOS >> 2
	p.Time = unixMicro(f.seconds, f.micros)

	// The chunk, not the family, says which addresses there are; the family
	// decides only when an emitter sent both pairs.
	src, dst := f.src4, f.dst4
	if !src.IsValid() && !dst.IsValid() || x.Family == familyIPv6 && f.src6.IsValid() && f.dst6.IsValid() {
		src, dst = f.src6, f.dst6
	}
	if (!src.IsValid() || !dst.IsValid()) && needsAddress(p.Kind) {
		return ErrAddress
	}
	if src.IsValid() {
		p.Src = netip.AddrPortFrom(src, f.sport)
	}
	if dst.IsValid() {
		p.Dst = netip.AddrPortFrom(dst, f.dport)
	}

	if len(p.Payload) == 0 && len(f.compressed) > 0 {
		var err error
		if p.Payload, err = d.inflater.payload(f.compressed, d.limit()); err != nil {
			return err
		}
		x.Inflated = true
	}
	return nil
}

// keepVendor adds a vendor chunk to those of the frame.
func (d *Decoder) keepVendor(vendor Vendor, typ uint16, body []byte) {
	if d.nVendor == maxVendorChunks {
		d.VendorDropped++
		return
	}
	d.vendor[d.nVendor] = VendorChunk{vendor, typ, body}
	d.nVendor++
}

// take reads a generic chunk that only Extra has a field for.
func (x *Extra) take(typ uint16, body []byte) {
	ok := true
	switch typ {
	case chunkKeepAlive:
		x.KeepAlive, ok = uint16Of(body)
	case chunkAuthKey:
		x.AuthKey = body
	case chunkSrcMAC:
		x.SrcMAC, ok = mac(body)
	case chunkDstMAC:
		x.DstMAC, ok = mac(body)
	case chunkEtherType:
		x.EtherType, ok = uint16Of(body)
	case chunkTCPFlags:
		x.TCPFlags, ok = uint8Of(body)
	case chunkTOS:
		x.TOS, ok = uint8Of(body)
	case chunkMOS:
		x.MOS, ok = uint16Of(body)
	case chunkRFactor:
		x.RFactor, ok = uint16Of(body)
	case chunkGeo:
		x.Geo = body
	case chunkJitter:
		x.Jitter, ok = uint32Of(body)
	case chunkTransactionType:
		x.TransactionType = body
	case chunkJSONKeys:
		x.JSONKeys = body
	case chunkTagValues:
		x.TagValues = body
	case chunkTagType:
		x.TagType, ok = uint16Of(body)
	case chunkEventType:
		x.EventType, ok = uint16Of(body)
	case chunkGroupID:
		x.GroupID = body
	default:
		x.Unknown++
		return
	}
	if !ok {
		x.Malformed++
		return
	}
	x.present |= 1 << typ
}

const (
	familyIPv4 = 2
	familyIPv6 = 10
)

// protocolIDP is what Kamailio's siptrace writes for TLS, WS and WSS alike: a
// number it calls fake. That it was TCP below is all that can be said.
const protocolIDP = 22

func transport(protocol uint8) packet.Transport {
	if protocol == protocolIDP {
		return packet.TCP
	}
	return packet.Transport(protocol)
}

// needsAddress tells whether a frame of kind k says nothing without the
// addresses of a captured packet. Log lines and Earshot's own kinds (240 and
// above) do.
func needsAddress(k packet.Kind) bool {
	return k != packet.KindLog && k < packet.KindDrop
}

// address reads the body of an address chunk. Emitters have put 16 bytes into
// the IPv4 chunks (an IPv4 address mapped into IPv6), so the size says which
// it is.
func address(b []byte) (netip.Addr, bool) {
	if len(b) == 4 {
		return netip.AddrFrom4([4]byte(b)), true
	}
	a, ok := netip.AddrFromSlice(b)
	return a.Unmap(), ok
}

// trimNUL cuts the end of a C string, which some emitters send with it.
func trimNUL(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return b
}

func uint8Of(b []byte) (uint8, bool) {
	if len(b) != 1 {
		return 0, false
	}
	return b[0], true
}

func uint16Of(b []byte) (uint16, bool) {
	if len(b) != 2 {
		return 0, false
	}
	return binary.BigEndian.Uint16(b), true
}

func uint32Of(b []byte) (uint32, bool) {
	if len(b) != 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(b), true
}

func uint64Of(b []byte) (uint64, bool) {
	if len(b) != 8 {
		return 0, false
	}
	return binary.BigEndian.Uint64(b), true
}

// mac reads a MAC address of 6 bytes, or of 8 as the specification has it: in
// the low 6 bytes of a big-endian number.
func mac(b []byte) (m [6]byte, ok bool) {
	switch len(b) {
	case 8:
		b = b[2:]
	case 6:
	default:
		return m, false
	}
	return [6]byte(b), true
}

// unixMicro is the time of chunks 9 and 10; zero when seconds are 0, which is
// what emitters without a clock send.
func unixMicro(seconds, micros uint32) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	// A rounded up microsecond may carry into the next second; more than that
	// is no microsecond, and moves the time by less than a second.
	if micros >= 2e6 {
		micros = 999_999
	}
	return time.Unix(int64(seconds), int64(micros)*1000).UTC()
}
