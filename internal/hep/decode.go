package hep

import (
	"bytes"
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

	names    interner
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

	var (
		x              = &d.Extra
		src4, dst4     netip.Addr
		src6, dst6     netip.Addr
		sport, dport   uint16
		seconds        uint32
		micros         uint32
		compressed     []byte
		ownProtocol    packet.Transport
		hasOwnProtocol bool
	)
	for rest := b[headerLen:]; len(rest) > 0; {
		if len(rest) < chunkHeaderLen {
			return ErrChunk
		}
		vendor := Vendor(binary.BigEndian.Uint16(rest))
		typ := binary.BigEndian.Uint16(rest[2:])
		n := int(binary.BigEndian.Uint16(rest[4:]))
		if n < chunkHeaderLen || n > len(rest) {
			return ErrChunk
		}
		body := rest[chunkHeaderLen:n:n]
		rest = rest[n:]

		if vendor != VendorGeneric {
			if vendor != VendorEarshot {
				d.keepVendor(vendor, typ, body)
				continue
			}
			switch typ {
			case ownBoot:
				if len(body) != 8 {
					return ErrChunk
				}
				x.Boot = binary.BigEndian.Uint64(body)
			case ownSequence:
				if len(body) != 8 {
					return ErrChunk
				}
				x.Sequence = binary.BigEndian.Uint64(body)
			case ownDomain:
				p.Domain = d.names.string(body)
			case ownTTL:
				if len(body) != 1 {
					return ErrChunk
				}
				p.TTL = body[0]
			case ownWireLen:
				if len(body) != 4 {
					return ErrChunk
				}
				p.WireLen = int(binary.BigEndian.Uint32(body))
			case ownTransport:
				if len(body) != 1 {
					return ErrChunk
				}
				ownProtocol, hasOwnProtocol = packet.Transport(body[0]), true
			default:
				d.keepVendor(vendor, typ, body)
			}
			continue
		}

		ok := true
		switch typ {
		case chunkFamily:
			if len(body) != 1 {
				return ErrChunk
			}
			x.Family = body[0]
		case chunkProtocol:
			if len(body) != 1 {
				return ErrChunk
			}
			x.Protocol = body[0]
		case chunkSrc4:
			src4, ok = address(body)
		case chunkDst4:
			dst4, ok = address(body)
		case chunkSrc6:
			src6, ok = address(body)
		case chunkDst6:
			dst6, ok = address(body)
		case chunkSrcPort:
			sport, ok = uint16Of(body)
		case chunkDstPort:
			dport, ok = uint16Of(body)
		case chunkSeconds:
			seconds, ok = uint32Of(body)
		case chunkMicros:
			micros, ok = uint32Of(body)
		case chunkKind:
			if len(body) != 1 {
				return ErrChunk
			}
			p.Kind = packet.Kind(body[0])
		case chunkAgentID:
			p.AgentID, ok = uint32Of(body)
		case chunkPayload:
			p.Payload = body
		case chunkCompressed:
			compressed = body
		case chunkCorrelation:
			// Some emitters send their C string with its end.
			if id := bytes.TrimRight(body, "\x00"); len(id) > 0 {
				p.CorrelationID = id
			}
		case chunkVLAN:
			p.VLAN, ok = uint16Of(body)
		case chunkNode:
			p.Node = d.names.string(bytes.TrimRight(body, "\x00"))
		default:
			x.take(typ, body)
			continue
		}
		if !ok {
			return ErrChunk
		}
		x.present |= 1 << typ
	}

	p.Transport = transport(x.Protocol)
	if hasOwnProtocol {
		p.Transport = ownProtocol
	}
	if x.Has(chunkTOS) {
		p.DSCP = x.TOS >> 2
	}
	p.Time = unixMicro(seconds, micros)

	// The chunk, not the family, says which addresses there are; the family
	// decides only when an emitter sent both pairs.
	src, dst := src4, dst4
	if !src.IsValid() && !dst.IsValid() || x.Family == familyIPv6 && src6.IsValid() && dst6.IsValid() {
		src, dst = src6, dst6
	}
	if (!src.IsValid() || !dst.IsValid()) && needsAddress(p.Kind) {
		return ErrAddress
	}
	if src.IsValid() {
		p.Src = netip.AddrPortFrom(src, sport)
	}
	if dst.IsValid() {
		p.Dst = netip.AddrPortFrom(dst, dport)
	}

	if len(p.Payload) == 0 && len(compressed) > 0 {
		if p.Payload, err = d.inflater.payload(compressed, d.limit()); err != nil {
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
	a, ok := netip.AddrFromSlice(b)
	return a.Unmap(), ok
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
