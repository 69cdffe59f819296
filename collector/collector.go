// Package collector takes in packets: HEP from the network and what an agent
// in the same process gives. It checks the key, puts impossible clocks right,
// drops mirrored copies and passes the rest on to the bus. It understands no
// more than that: receiving is urgent, understanding is not.
package collector

import (
	"hash/maphash"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
)

// Reasons of the collector's drops.
const (
	ReasonMirrored = "mirrored"        // the same bytes at the same hop within MirrorWindow
	ReasonAuthKey  = "auth_key"        // HEP without the configured key
	ReasonUnread   = "malformed"       // HEP that does not decode
	ReasonOverflow = "socket_overflow" // datagrams that found the socket's buffer full
	ReasonGap      = "sequence_gap"    // of stage link: an agent sent it and it never came
)

// MirrorWindow is how soon the same bytes at the same hop are a copy that a
// switch mirrored, not a retransmission: that comes after T1, 500 ms (RFC 3261
// section 17.1.1.2).
const MirrorWindow = 50 * time.Millisecond

// flushEvery is how often drops are told, in packet time.
const flushEvery = 10 * time.Second

// maxRemembered bounds the table of mirrored copies: beyond it the window
// becomes shorter.
const maxRemembered = 200_000

// Filter drops mirrored copies from a stream of packets and tells of it. One
// goroutine uses it.
type Filter struct {
	seed     maphash.Seed
	now, old map[uint64]time.Time
	since    time.Time
	drops    packet.Drops
	told     time.Time
	node     string
	domain   string
}

// NewFilter returns a Filter that speaks of its drops in the name of node.
func NewFilter(node string) *Filter {
	return &Filter{
		seed: maphash.MakeSeed(), now: map[uint64]time.Time{}, old: map[uint64]time.Time{},
		drops: packet.Drops{Stage: "collector"}, node: node,
	}
}

// Keep reports whether p is to be passed on; a mirrored copy is not.
func (f *Filter) Keep(p *packet.Packet) bool {
	if p.Kind != packet.KindSIP && p.Kind != packet.KindRTCP {
		return true // reports, drops and ticks have no copies
	}
	if p.Time.Sub(f.since) > MirrorWindow || len(f.now) >= maxRemembered {
		f.old, f.now = f.now, f.old
		clear(f.now)
		f.since = p.Time
	}
	h := f.hash(p)
	at, copied := f.now[h]
	if !copied {
		at, copied = f.old[h]
	}
	if copied && p.Time.Sub(at).Abs() <= MirrorWindow {
		f.drops.Add(ReasonMirrored, p.Time, 1)
		return false
	}
	f.now[h] = p.Time
	return true
}

// Drop counts what was lost before it became a packet.
func (f *Filter) Drop(reason string, at time.Time, n uint64) { f.drops.Add(reason, at, n) }

// Drops gives what was dropped since the last time as packets to pass on,
// once in a while; always when last is set.
func (f *Filter) Drops(at time.Time, last bool) []packet.Packet {
	if !last && at.Sub(f.told) < flushEvery {
		return nil
	}
	f.told = at
	return f.drops.Flush(at, f.node, f.domain)
}

func (f *Filter) hash(p *packet.Packet) uint64 {
	var h maphash.Hash
	h.SetSeed(f.seed)
	src, dst := p.Src.Addr().As16(), p.Dst.Addr().As16()
	h.Write(src[:])
	h.Write(dst[:])
	sp, dp := p.Src.Port(), p.Dst.Port()
	h.Write([]byte{byte(sp >> 8), byte(sp), byte(dp >> 8), byte(dp), byte(p.Transport)})
	h.WriteString(p.Domain)
	h.WriteByte(0)
	h.Write(p.Payload)
	return h.Sum64()
}
