package agent

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"net/netip"

	"github.com/earshot-voip/earshot/internal/packet"
)

// streamTable finds a stream by the hash of its key: open addressing with
// linear probing, at most half full, so that a look-up touches one cache line
// where Go's map touches two.
type streamTable struct {
	slots []slot // a power of two
	used  int
	seed  [2]uint64
}

type slot struct {
	hash   uint64
	stream *stream // nil in an empty slot
}

func newStreamTable() streamTable {
	return streamTable{slots: make([]slot, 256), seed: [2]uint64{rand.Uint64() | 1, rand.Uint64() | 1}}
}

// hashPair mixes the addresses with a secret seed: whoever sends the packets
// must not be able to put them all into one place.
func (t *streamTable) hashPair(src, dst netip.AddrPort) uint64 {
	ports := uint64(src.Port())<<16 | uint64(dst.Port())
	s, d := src.Addr(), dst.Addr()
	if s.Is4() && d.Is4() {
		s, d := s.As4(), d.As4()
		return t.mix(ports, t.mix(uint64(binary.BigEndian.Uint32(s[:]))<<32|uint64(binary.BigEndian.Uint32(d[:])), 0))
	}
	var h uint64
	for _, a := range [...][16]byte{s.As16(), d.As16()} {
		h = t.mix(binary.BigEndian.Uint64(a[:]), h)
		h = t.mix(binary.BigEndian.Uint64(a[8:]), h)
	}
	return t.mix(ports, h)
}

func (t *streamTable) mix(v, h uint64) uint64 {
	hi, lo := bits.Mul64(v^t.seed[0]^h, h^t.seed[1])
	return hi ^ lo
}

// find returns the stream of p's addresses and node with this SSRC, nil when
// there is none.
func (t *streamTable) find(hash uint64, p *packet.Packet, ssrc uint32) *stream {
	mask := uint64(len(t.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		e := &t.slots[i]
		if e.stream == nil {
			return nil
		}
		if e.hash == hash && e.stream.is(p, ssrc) {
			return e.stream
		}
	}
}

func (t *streamTable) add(s *stream) {
	if t.used++; 2*t.used > len(t.slots) {
		old := t.slots
		t.slots = make([]slot, 2*len(old))
		for _, e := range old {
			if e.stream != nil {
				t.place(e)
			}
		}
	}
	t.place(slot{s.hash, s})
}

func (t *streamTable) place(e slot) {
	mask := uint64(len(t.slots) - 1)
	i := e.hash & mask
	for t.slots[i].stream != nil {
		i = (i + 1) & mask
	}
	t.slots[i] = e
}

// remove takes s out and moves up what stands behind it, so that no probe
// ends before its stream.
func (t *streamTable) remove(s *stream) {
	mask := uint64(len(t.slots) - 1)
	hole := s.hash & mask
	for t.slots[hole].stream != s {
		if t.slots[hole].stream == nil {
			return
		}
		hole = (hole + 1) & mask
	}
	t.used--
	for i := (hole + 1) & mask; t.slots[i].stream != nil; i = (i + 1) & mask {
		// An entry may move to the hole unless that lies before its home.
		if home := t.slots[i].hash & mask; (i-home)&mask >= (i-hole)&mask {
			t.slots[hole] = t.slots[i]
			hole = i
		}
	}
	t.slots[hole] = slot{}
}
