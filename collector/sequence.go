package collector

import (
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
)

const (
	// maxAgents bounds the agents whose numbers are followed; a sender chooses
	// them, so one more than that begins the table anew.
	maxAgents = 4096
	// maxGap is the largest jump that is taken for loss. A larger one is no
	// counter of ours.
	maxGap = 1 << 20
)

// link is what came of the numbered packets of one Earshot agent since its
// start (its boot id).
type link struct {
	next    uint64 // sequence number that is due
	missing uint64 // skipped and not arrived late since the last time it was told
	from    time.Time
	to      time.Time
	node    string
	domain  string
}

// follow notes the number of a packet. A gap counts as loss once it is told, a
// second later: by then a packet that was only overtaken has arrived.
func (r *Reader) follow(boot, sequence uint64, p *packet.Packet) {
	l := r.links[boot]
	if l == nil {
		if len(r.links) >= maxAgents {
			clear(r.links)
		}
		if r.links == nil {
			r.links = map[uint64]*link{}
		}
		r.links[boot] = &link{next: sequence + 1, node: p.Node, domain: p.Domain, to: p.Time}
		return
	}
	switch gap := sequence - l.next; {
	case gap == 0:
	case gap <= maxGap:
		if l.missing == 0 {
			l.from = l.to
		}
		l.missing += gap
	case l.next-sequence <= maxGap: // late, or again
		if l.missing > 0 {
			l.missing--
		}
		return
	}
	l.next, l.to = sequence+1, p.Time
}

// gaps gives what agents sent and never arrived, as drops to pass on.
func (r *Reader) gaps(now time.Time) []packet.Packet {
	var out []packet.Packet
	for _, l := range r.links {
		if l.missing == 0 {
			continue
		}
		d := packet.Drops{Stage: "link"}
		d.Add(ReasonGap, l.from, l.missing)
		d.Add(ReasonGap, l.to, 0)
		r.counts.Lost.Add(l.missing)
		l.missing = 0
		out = append(out, d.Flush(now, l.node, l.domain)...)
	}
	return out
}
