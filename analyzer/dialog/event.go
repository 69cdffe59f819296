package dialog

import (
	"hash/maphash"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/sip"
)

// event is one message on its way through the table, with the parts that
// several steps read.
type event struct {
	p      *packet.Packet
	m      *sip.Message
	at     time.Time
	callID []byte
	cseq   uint32
	method []byte // of CSeq
	from   sip.Address
	to     sip.Address
	via    sip.Via
	repeat bool
}

// initialInvite reports whether the message is an INVITE that begins a call.
func (e *event) initialInvite() bool {
	return e.m.Request && string(e.method) == "INVITE" && len(e.to.Tag) == 0
}

// Hashes are compared within one process only, never written: the seed may
// differ from run to run.
var seed = maphash.MakeSeed()

func hash(b []byte) uint64 { return maphash.Bytes(seed, b) }

// identity is what makes two messages repetitions of each other at one hop: a
// retransmission may differ in a timestamp, so the bytes do not count. The To
// tag tells the 2xx of two forks apart.
func (e *event) identity() uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	e.hashMessage(&h)
	h.WriteByte(0)
	e.hashHop(&h)
	return h.Sum64()
}

// content is identity without the hop: the same for one message at all hops.
func (e *event) content() uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	e.hashMessage(&h)
	return h.Sum64()
}

func (e *event) hop() uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	e.hashHop(&h)
	return h.Sum64()
}

func (e *event) hashMessage(h *maphash.Hash) {
	h.Write(e.callID)
	h.WriteByte(0)
	h.Write(e.from.Tag)
	h.WriteByte(0)
	h.Write(e.to.Tag)
	h.WriteByte(0)
	h.Write(e.method)
	h.WriteByte(0)
	if e.m.Request {
		h.Write(e.m.Method) // an ACK has the CSeq number of its INVITE
	}
	number(h, uint32(e.m.Status))
	number(h, e.cseq)
	h.WriteString(e.p.Domain)
}

func (e *event) hashHop(h *maphash.Hash) {
	h.Write(e.via.Branch)
	h.WriteByte(0)
	src, dst := e.p.Src.Addr().As16(), e.p.Dst.Addr().As16()
	h.Write(src[:])
	h.Write(dst[:])
	number(h, uint32(e.p.Src.Port())<<16|uint32(e.p.Dst.Port()))
}

func number(h *maphash.Hash, n uint32) {
	h.WriteByte(byte(n >> 24))
	h.WriteByte(byte(n >> 16))
	h.WriteByte(byte(n >> 8))
	h.WriteByte(byte(n))
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
