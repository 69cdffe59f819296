package analyzer

import (
	"net/netip"
	"slices"
	"time"

	"github.com/earshot-voip/earshot/analyzer/dialog"
	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/packet"
)

// reportKey is who says something about which stream: a receiver is told by
// its host, since RTCP has a port of its own.
type reportKey struct {
	domain   string
	ssrc     uint32
	receiver netip.Addr
}

// remote is what the other end said by RTCP of one stream it receives.
type remote struct {
	reception media.Reception
	lost      int64
	reported  bool
	sent      uint32 // packets by the sender's own count, at its last SR
	rttMs     float64
	rttAt     time.Time
	rttSum    float64
	rttCount  uint32
	seen      time.Time
	callID    string
	from      netip.AddrPort // of the reporter
}

const (
	maxRemote   = 400_000
	remoteIdle  = 10 * time.Minute
	rttValidFor = 30 * time.Second
)

func (a *Analyzer) observeRTCP(p *packet.Packet) {
	a.Counters.RTCP++
	r := &a.rtcp
	if err := media.ParseRTCPJSON(p.Payload, r); err != nil {
		a.Counters.Unread++
		a.emitRTCP(p, "")
		return
	}
	call := a.callOfRTCP(p)
	callID := string(p.CorrelationID)
	if call != nil {
		call.TouchMedia(p.Time)
		callID = call.CallID()
	}
	for i := range r.Blocks {
		b := &r.Blocks[i]
		a.hear(call, reportKey{p.Domain, b.SSRC, a.mediaHost(p.Domain, p.Src)})
		for _, m := range [...]*remote{a.remote(p, b.SSRC), a.remoteOf(reportKey{domain: p.Domain, ssrc: b.SSRC})} {
			if m == nil {
				continue
			}
			m.reception.Observe(b)
			m.lost, m.reported, m.seen = int64(b.Lost), true, p.Time
			m.callID, m.from = callID, p.Src
		}
	}
	for i := range r.Senders {
		s := &r.Senders[i]
		// The sender's own count belongs to what its receiver reports of it.
		k := reportKey{p.Domain, s.SSRC, a.mediaHost(p.Domain, p.Dst)}
		if m := a.remoteOf(k); m != nil {
			m.sent, m.seen = s.Packets, p.Time
		}
	}
	a.rtt.Observe(p.Time, r, func(ssrc, _ uint32, rtt time.Duration) {
		if m := a.remote(p, ssrc); m != nil {
			m.rttMs, m.rttAt = float64(rtt)/float64(time.Millisecond), p.Time
			m.rttSum += m.rttMs
			m.rttCount++
		}
	})
	a.emitRTCP(p, callID)
}

func (a *Analyzer) remote(p *packet.Packet, ssrc uint32) *remote {
	return a.remoteOf(reportKey{p.Domain, ssrc, a.mediaHost(p.Domain, p.Src)})
}

// mediaHost is the host that receives the media which RTCP at an address is
// about: SDP may put RTCP on a host of its own (a=rtcp, RFC 3605).
func (a *Analyzer) mediaHost(domain string, rtcp netip.AddrPort) netip.Addr {
	if ep := a.rtcpAddr[mediaAddr{domain, rtcp}]; ep != nil {
		return ep.Addr.Addr()
	}
	return rtcp.Addr()
}

func (a *Analyzer) remoteOf(k reportKey) *remote {
	m := a.reports[k]
	if m == nil {
		if len(a.reports) >= maxRemote {
			return nil
		}
		m = &remote{}
		a.reports[k] = m
	}
	return m
}

// hear puts a report on the list of its call, so that it is found where no
// stream leads to it.
func (a *Analyzer) hear(c *dialog.Call, k reportKey) {
	if c == nil || c.Written() {
		return
	}
	m := a.mediaOf(c)
	if len(m.reports) < maxCallStreams && !slices.Contains(m.reports, k) {
		m.reports = append(m.reports, k)
	}
}

// callOfRTCP finds the call by the Call-ID that the emitter told, else by the
// RTCP addresses that SDP announced.
func (a *Analyzer) callOfRTCP(p *packet.Packet) *dialog.Call {
	var calls []*dialog.Call
	if len(p.CorrelationID) > 0 {
		if calls = a.dialogs.Find(p.Domain, p.CorrelationID); len(calls) == 1 {
			return calls[0]
		}
	}
	for _, addr := range [...]netip.AddrPort{p.Dst, p.Src} {
		ep := a.rtcpAddr[mediaAddr{p.Domain, addr}]
		if ep != nil && (len(calls) == 0 || slices.Contains(calls, ep.Call)) {
			return ep.Call
		}
	}
	if len(calls) > 0 { // a Call-ID that was used twice
		return calls[0]
	}
	return nil
}

// remoteOfStream is what the receiver of a stream said of it.
func (a *Analyzer) remoteOfStream(s *stream) *remote {
	if m := a.reports[reportKey{s.key.domain, s.key.ssrc, s.key.dst.Addr()}]; m != nil && (m.reported || m.rttCount > 0) {
		return m
	}
	// The receiver may report from an address that it moved to since.
	if m := a.reports[reportKey{domain: s.key.domain, ssrc: s.key.ssrc}]; m != nil && s.tied && m.callID == s.tie.call.CallID() {
		return m
	}
	return nil
}

func (a *Analyzer) rttOf(s *stream, at time.Time) (float64, bool) {
	m := a.remoteOfStream(s)
	if m == nil || m.rttCount == 0 || at.Sub(m.rttAt).Abs() > rttValidFor {
		return 0, false
	}
	return m.rttMs, true
}

// lossPct is the share of packets that the receiver says it lost: of those
// that the sender says it sent by its last report, else over the span of the
// receiver's reports.
func (m *remote) lossPct() (float64, bool) {
	if !m.reported {
		return 0, false
	}
	if m.sent > 0 {
		return 100 * float64(max(0, m.lost)) / float64(m.sent), true
	}
	return m.reception.LossPct()
}

func (a *Analyzer) sweepRemote(now time.Time) {
	for k, m := range a.reports {
		if now.Sub(m.seen) > remoteIdle {
			delete(a.reports, k)
		}
	}
}
