package link

import (
	"net/netip"
	"slices"
)

// maxPath is how many hosts of the path of an INVITE are remembered beside its ends.
const maxPath = 16

// passes notes a hop of a leg's INVITE. With the most Vias it came out of the
// proxies.
func (l *Leg) passes(src, dst netip.Addr, vias uint8) {
	from, to := hashAddr(src), hashAddr(dst)
	if vias >= l.hops && to != 0 {
		l.hops = vias
		l.begin.dst, to = to, l.begin.dst
	}
	for _, h := range [...]uint64{from, to} {
		if h != 0 && h != l.begin.src && h != l.begin.dst {
			if e := l.more(); len(e.path) < maxPath && !slices.Contains(e.path, h) {
				e.path = append(e.path, h)
			}
		}
	}
}

// reached reports whether a leg's INVITE came to a host.
func (l *Leg) reached(host uint64) bool {
	return alike(l.begin.dst, host) || l.evidence != nil && slices.Contains(l.evidence.path, host)
}

// outOf reports whether a leg begins where another one came to: at the box that has
// both.
func (l *Leg) outOf(o *Leg) bool { return l.begin.src != o.begin.src && o.reached(l.begin.src) }

// besides reports whether two legs came to one host.
func (l *Leg) besides(o *Leg) bool {
	return l.reached(o.begin.dst) || o.reached(l.begin.dst)
}

// box is the host between two legs: one of them begins there, and the other one does
// not. Which one that is the hosts tell; where they do not, it is the later one. An
// end that transfers, or is transferred, is no such box.
func box(l, o *Leg, method Method) netip.Addr {
	if method == Dialog || method == Refer {
		return netip.Addr{}
	}
	in, out := o, l
	if !out.outOf(in) && in.outOf(out) { // by clocks that differ
		in, out = out, in
	}
	var at netip.Addr
	switch {
	case out.source != nil:
		at = out.source.Facts().Src
	case in.source != nil && out.begin.src == in.begin.dst:
		at = in.source.Facts().Dst
	}
	is := hashAddr(at)
	if is == in.begin.src || method == Numbers && is != in.begin.dst {
		return netip.Addr{}
	}
	return at
}
