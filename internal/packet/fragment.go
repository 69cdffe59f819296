package packet

import (
	"container/list"
	"slices"
	"time"
)

// gopacket's ip4defrag and ip6defrag do not serve here: ip6defrag expires by
// the wall clock, so that a capture read twice would give two results, and
// neither bounds how many datagrams it holds.

// fragmentKey names a datagram under reassembly: RFC 791 takes source,
// destination, protocol and id, RFC 8200 section 4.5 leaves the protocol out.
// The VLAN and the tunnel are in it because customers use the same private
// addresses.
type fragmentKey struct {
	src, dst [16]byte
	tunnel   uint64
	id       uint32
	vlan     uint16
	proto    uint8 // 0 for IPv6
	version  uint8
}

// datagram holds the fragments of one IP datagram.
type datagram struct {
	key    fragmentKey
	age    *list.Element
	first  time.Time
	ip     []byte // header of the fragment at offset 0, nil until it came
	next   uint8  // protocol, as the fragment at offset 0 tells it
	pieces []piece
	data   []byte // bytes of the pieces in the order in which they came
	end    int    // length of the whole, -1 until the last fragment came
	have   int
	frames int
	wire   int
}

// piece is the bytes [start, end) of a datagram, which stand in data from at on.
type piece struct{ start, end, at int }

// Bounds of one datagram. An Ethernet of the smallest MTU that IPv4 knows in
// practice (576) makes 120 fragments of the largest datagram.
const (
	maxPieces   = 512
	maxDatagram = 65535
)

// overhead is what a datagram weighs beside its bytes in FragmentBytes.
const overhead = 256

// fragment takes one fragment, whose bytes are b, and decodes the datagram if
// it is the one that was missing. As receivers do (RFC 5722 and Linux for
// IPv4), it drops a datagram whose fragments overlap with different bounds:
// which bytes the receiver took cannot be known.
func (d *Decoder) fragment(k fragmentKey, next uint8, start int, more bool, b []byte) {
	if d.at.missing > 0 {
		d.count(ReasonTruncated)
		return
	}
	end := start + len(b)
	if len(b) == 0 || end > maxDatagram || more && len(b)%8 != 0 {
		d.count(ReasonMalformed)
		return
	}
	ip := d.at.ip
	k.src, k.dst = rawAddresses(ip)
	k.vlan, k.tunnel = d.at.vlan, d.at.tunnel
	d.expireDatagrams(d.at.time)

	g := d.datagrams[k]
	if g == nil {
		g = d.newDatagram(k)
	}
	i, free := g.place(start, end)
	switch {
	case !free && g.holds(i, start, end):
		d.count(ReasonFragmentDuplicate)
		return
	case !free,
		!more && (g.end >= 0 && g.end != end || g.highest() > end),
		more && g.end >= 0 && end > g.end,
		len(g.pieces) == maxPieces:
		d.count(ReasonFragmentOverlap)
		d.dropDatagram(g, ReasonFragmentOverlap)
		return
	}
	g.pieces = slices.Insert(g.pieces, i, piece{start, end, len(g.data)})
	g.data = append(g.data, b...)
	g.have += len(b)
	g.frames += d.at.frames
	g.wire += d.at.wireLen
	if !more {
		g.end = end
	}
	if start == 0 {
		// Options and extension headers are not needed again.
		g.ip = append(g.ip[:0], ip[:min(len(ip), 40)]...)
		g.next = next
	}
	d.datagramBytes += len(b)
	d.stats.Held += uint64(d.at.frames)
	if g.end < 0 || g.have != g.end {
		d.boundDatagrams(g)
		return
	}

	d.whole = d.whole[:0]
	for _, p := range g.pieces {
		d.whole = append(d.whole, g.data[p.at:p.at+p.end-p.start]...)
	}
	d.removeDatagram(g)
	d.stats.Held -= uint64(g.frames)
	d.at.ip = g.ip
	d.at.frames = g.frames
	d.at.wireLen = g.wire
	d.at.cut = false
	d.transport(g.next, d.whole)
}

func (d *Decoder) newDatagram(k fragmentKey) *datagram {
	g := &datagram{key: k, first: d.at.time, end: -1}
	g.age = d.datagramAge.PushBack(g)
	d.datagrams[k] = g
	d.datagramBytes += overhead
	return g
}

// place finds where [start, end) belongs among the pieces, and whether nothing
// of it is there yet.
func (g *datagram) place(start, end int) (i int, free bool) {
	i, _ = slices.BinarySearchFunc(g.pieces, start, func(p piece, start int) int {
		// The first piece that ends after start.
		if p.end <= start {
			return -1
		}
		return 1
	})
	return i, i == len(g.pieces) || g.pieces[i].start >= end
}

// holds tells whether the pieces from i on have every byte of [start, end).
func (g *datagram) holds(i, start, end int) bool {
	for ; i < len(g.pieces) && g.pieces[i].start <= start; i++ {
		if start = g.pieces[i].end; start >= end {
			return true
		}
	}
	return false
}

func (g *datagram) highest() int {
	if len(g.pieces) == 0 {
		return 0
	}
	return g.pieces[len(g.pieces)-1].end
}

// expireDatagrams drops what has waited too long at packet time t.
func (d *Decoder) expireDatagrams(t time.Time) {
	for e := d.datagramAge.Front(); e != nil; e = d.datagramAge.Front() {
		g := e.Value.(*datagram)
		if t.Sub(g.first) <= d.opt.FragmentTimeout {
			return
		}
		d.dropDatagram(g, ReasonFragmentExpired)
	}
}

// boundDatagrams drops the oldest datagrams, the one at hand last of all,
// until what is held fits the Options.
func (d *Decoder) boundDatagrams(g *datagram) {
	for len(d.datagrams) > d.opt.Fragments || d.datagramBytes > d.opt.FragmentBytes {
		oldest := d.datagramAge.Front().Value.(*datagram)
		d.dropDatagram(oldest, ReasonFragmentEvicted)
		if oldest == g {
			return
		}
	}
}

// dropDatagram gives a datagram up and books its frames under r.
func (d *Decoder) dropDatagram(g *datagram, r Reason) {
	d.removeDatagram(g)
	d.stats.Held -= uint64(g.frames)
	d.stats.Undecoded[r] += uint64(g.frames)
}

func (d *Decoder) removeDatagram(g *datagram) {
	d.datagramAge.Remove(g.age)
	delete(d.datagrams, g.key)
	d.datagramBytes -= len(g.data) + overhead
}
