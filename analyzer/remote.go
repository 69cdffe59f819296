package analyzer

import (
	"net/netip"
	"slices"
	"time"

	"github.com/earshot-voip/earshot/analyzer/dialog"
	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/record"
)

// reportKey is who says something about which stream where no call is known:
// RTCP that comes before it, or without one. What is said in a call stands
// with the call (callMedia), since nothing keeps two of them from using one
// SSRC.
type reportKey struct {
	domain   string
	ssrc     uint32
	receiver netip.Addr // a receiver is told by its host: RTCP has a port of its own
}

// remote is what the other end said by RTCP of one stream it receives.
type remote struct {
	ssrc      uint32
	receiver  netip.Addr
	reception media.Reception
	lost      int64
	reported  bool
	sent      uint32 // packets by the sender's own count, at its last SR
	rttMs     float64
	rttAt     time.Time
	rttSum    float64
	rttMin    float64 // ms, of rttCount, as rttMax
	rttMax    float64
	rttCount  uint32
	told      time.Time      // packet time of the latest word
	touched   time.Time      // when that arrived
	from      netip.AddrPort // of the reporter
}

// said reports whether a receiver said anything of the stream yet.
func (m *remote) said() bool { return m != nil && (m.reported || m.rttCount > 0) }

const (
	maxRemote   = 400_000
	remoteIdle  = 10 * time.Minute
	rttValidFor = 30 * time.Second
)

func (a *Analyzer) observeRTCP(p *packet.Packet) {
	a.Counters.RTCP++
	r := &a.rtcp
	err := media.ParseRTCPJSON(p.Payload, r)
	if err != nil && len(p.Payload) > 0 && p.Payload[0]>>6 == 2 { // some emitters of HEP send it as it was on the wire
		if err = media.ParseRTCP(p.Payload, r); err == nil {
			readable := *p
			readable.Payload = media.AppendRTCPJSON(nil, r)
			p = &readable
		}
	}
	if err != nil {
		a.Counters.Unread++
		a.emitRTCP(p, "")
		return
	}
	// What else a node captures tells which directions it sees, where it also
	// meters RTP. One that tells of its RTCP alone would not see the media either.
	if by := a.points[pointName{p.Domain, p.Node}]; by != nil {
		a.covered.add(by, p.Src.Addr(), p.Dst.Addr())
	}
	call := a.callOfRTCP(p)
	callID := string(p.CorrelationID)
	if call != nil {
		call.TouchMedia(p.Time)
		callID = call.CallID()
	}
	r.Blocks = slices.DeleteFunc(r.Blocks, func(b media.ReportBlock) bool {
		return b == media.ReportBlock{Reporter: b.Reporter} // emitters that had none to tell write zeros
	})
	receiver := a.mediaHost(p.Domain, p.Src)
	for i := range r.Blocks {
		b := &r.Blocks[i]
		if m := a.remote(p, call, b.SSRC, receiver); m != nil {
			m.reception.Observe(b)
			m.lost, m.reported = int64(b.Lost), true
			m.from = p.Src
		}
	}
	for i := range r.Senders {
		s := &r.Senders[i]
		// The sender's own count belongs to what its receiver reports of it.
		if m := a.remote(p, call, s.SSRC, a.mediaHost(p.Domain, p.Dst)); m != nil {
			m.sent = s.Packets
		}
	}
	var rtts []rttOfBlock
	a.rtt.Observe(p.Time, r, func(ssrc, _ uint32, rtt time.Duration) {
		rtts = append(rtts, rttOfBlock{ssrc, float64(rtt) / float64(time.Millisecond)})
		if m := a.remote(p, call, ssrc, receiver); m != nil {
			m.rttMs, m.rttAt = float64(rtt)/float64(time.Millisecond), p.Time
			m.rttSum += m.rttMs
			if m.rttCount == 0 || m.rttMs < m.rttMin {
				m.rttMin = m.rttMs
			}
			m.rttMax = max(m.rttMax, m.rttMs)
			m.rttCount++
		}
	})
	a.reportedByRTCP(p, r, call, rtts)
	a.emitRTCP(p, callID)
}

// maxCallReports bounds the streams of a call that RTCP may speak of.
const maxCallReports = 64

// remote is where to note what is said of a stream and its receiver; nil when
// there is no room.
func (a *Analyzer) remote(p *packet.Packet, call *dialog.Call, ssrc uint32, receiver netip.Addr) *remote {
	var m *remote
	if call != nil {
		cm := a.mediaOf(call)
		if m = cm.heard(ssrc, receiver); m == nil && len(cm.remotes) < maxCallReports {
			m = &remote{ssrc: ssrc, receiver: receiver}
			cm.remotes = append(cm.remotes, m)
		}
	} else {
		k := reportKey{p.Domain, ssrc, receiver}
		if m = a.reports[k]; m == nil && len(a.reports) < maxRemote {
			m = &remote{ssrc: ssrc, receiver: receiver}
			a.reports[k] = m
		}
	}
	if m == nil {
		a.Counters.RTCPRefused++
		return nil
	}
	m.told, m.touched = p.Time, a.clock.arrival
	return m
}

// heard is what a receiver said of a stream in the call.
func (m *callMedia) heard(ssrc uint32, receiver netip.Addr) *remote {
	for _, r := range m.remotes {
		if r.ssrc == ssrc && r.receiver == receiver {
			return r
		}
	}
	return nil
}

// mediaHost is the host that receives the media which RTCP at an address is
// about: SDP may put RTCP on a host of its own (a=rtcp, RFC 3605).
func (a *Analyzer) mediaHost(domain string, rtcp netip.AddrPort) netip.Addr {
	a.ends[0] = a.appendRTCPEnds(a.ends[0][:0], domain, rtcp)
	if eps := a.ends[0]; len(eps) > 0 {
		return eps[len(eps)-1].Addr.Addr()
	}
	return rtcp.Addr()
}

// callOfRTCP finds the call by the Call-ID that the emitter told, and by the
// RTCP addresses that SDP announced: both ends tell more than one. Where
// several calls are as likely, it is none of them.
func (a *Analyzer) callOfRTCP(p *packet.Packet) *dialog.Call {
	var named []*dialog.Call
	if len(p.CorrelationID) > 0 {
		if named = a.dialogs.Find(p.Domain, p.CorrelationID); len(named) == 1 {
			return named[0]
		}
	}
	a.ends[0] = a.appendRTCPEnds(a.ends[0][:0], p.Domain, p.Dst)
	a.ends[1] = a.appendRTCPEnds(a.ends[1][:0], p.Domain, p.Src)
	ends := a.ends
	var best *dialog.Call
	rank, several := 0, false
	for i, eps := range ends {
		for _, ep := range eps {
			if len(named) > 0 && !slices.Contains(named, ep.Call) {
				continue
			}
			is := 1
			if slices.ContainsFunc(ends[1-i], func(o *dialog.Endpoint) bool { return o.Call == ep.Call && o.Owner != ep.Owner }) {
				is += 2 // both ends
			}
			if !over(ep.Call, p.Time) {
				is++
			}
			switch {
			case is > rank:
				best, rank, several = ep.Call, is, false
			case is == rank && ep.Call != best:
				several = true
			}
		}
	}
	if best != nil && (!several || rank > 2) { // legs with the same ends: the first one has it, as with streams
		return best
	}
	if len(named) > 0 { // a Call-ID that was used twice
		return named[0]
	}
	return nil
}

// remoteOfStream is what the receiver of a stream said of it; whichever also
// takes the word of another host.
func (a *Analyzer) remoteOfStream(s *stream, whichever bool) *remote {
	var m *callMedia
	if s.tied {
		m = a.calls[s.tie.call]
	}
	if m != nil {
		if r := m.heard(s.key.ssrc, s.key.dst.Addr()); r.said() {
			return r
		}
	}
	if r := a.reports[reportKey{s.key.domain, s.key.ssrc, s.key.dst.Addr()}]; r.said() {
		return r
	}
	var latest *remote
	if m != nil && whichever { // the receiver may report from an address that it moved to
		for _, r := range m.remotes {
			if r.ssrc == s.key.ssrc && r.said() && (latest == nil || r.told.After(latest.told)) {
				latest = r
			}
		}
	}
	return latest
}

func (a *Analyzer) rttOf(s *stream, at time.Time) (float64, bool) {
	m := a.remoteOfStream(s, true)
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

// heard is what was said of one stream, with the weight that it has among
// those of its direction.
type heard struct {
	*remote
	clock  uint32 // Hz, of the stream
	weight float64
}

// heardOf is what receivers said of the streams of a direction, each word
// once: an SSRC that moved to another address is reported on as one.
func (a *Analyzer) heardOf(streams []*stream) []heard {
	var out []heard
	var known []uint32
	for _, whichever := range [...]bool{false, true} {
		for _, s := range streams {
			if whichever && slices.Contains(known, s.key.ssrc) {
				continue
			}
			m := a.remoteOfStream(s, whichever)
			if m == nil {
				continue
			}
			known = append(known, s.key.ssrc)
			weight := float64(max(1, s.counts.Packets))
			if i := slices.IndexFunc(out, func(h heard) bool { return h.remote == m }); i >= 0 {
				out[i].weight += weight
				continue
			}
			out = append(out, heard{m, s.payload.clock, weight})
		}
	}
	return out
}

// fillRemote puts what receivers said into a row: losses add up, shares and
// jitter are means by the packets of each stream, round-trip times by report.
func fillRemote(out *record.Side, all []heard) {
	var lost int64
	var reports uint64
	var pct, jitter, rtt mean
	var losses, jitters, rtts extremes
	for _, h := range all {
		if h.reported {
			lost += h.lost
			reports += h.reception.Reports
			out.RtcpLost, out.RtcpReports = new(lost), new(reports)
			losses.add(100 * h.reception.FractionMax)
			if v, ok := h.lossPct(); ok {
				pct.add(v, h.weight)
			}
			if v, most, _, ok := h.reception.JitterMs(h.clock); ok {
				jitter.add(v, h.weight)
				jitters.add(most)
			}
		}
		if h.rttCount > 0 {
			rtt.add(h.rttSum/float64(h.rttCount), float64(h.rttCount))
			rtts.add(h.rttMin)
			rtts.add(h.rttMax)
		}
	}
	out.RtcpLossPct, out.RtcpJitterMs, out.RttMs = pct.value(), jitter.value(), rtt.value()
	out.RtcpLossPctMax, out.RtcpJitterMaxMs = losses.most, jitters.most
	out.RttMinMs, out.RttMaxMs = rtts.least, rtts.most
}

// extremes are the least and the greatest of some values, nil where there are none.
type extremes struct{ least, most *float64 }

func (x *extremes) add(v float64) {
	r := rounded(v)
	if x.least == nil || *r < *x.least {
		x.least = r
	}
	if x.most == nil || *r > *x.most {
		x.most = r
	}
}

// mean is a weighted mean.
type mean struct{ sum, weight float64 }

func (m *mean) add(v, weight float64) {
	m.sum += v * weight
	m.weight += weight
}

func (m *mean) value() *float64 {
	if m.weight == 0 {
		return nil
	}
	return rounded(m.sum / m.weight)
}

// sweepRemote forgets what was said long ago outside of calls.
func (a *Analyzer) sweepRemote(now time.Time) {
	for k, m := range a.reports {
		if now.Sub(m.touched) > remoteIdle {
			delete(a.reports, k)
		}
	}
}
