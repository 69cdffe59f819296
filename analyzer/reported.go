package analyzer

import (
	"hash/maphash"
	"strconv"
	"time"

	"github.com/earshot-voip/earshot/analyzer/dialog"
	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/sip"
)

// toldAgain is how long the same body is the same report: at the next hop, or
// sent again with credentials. Reports name their times, so that no two of one
// call have the same body.
const toldAgain = time.Minute

// Hashes are compared within one process only, never written.
var seed = maphash.MakeSeed()

func hashOf(domain string, parts ...[]byte) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	h.WriteString(domain)
	for _, b := range parts {
		h.WriteByte(0)
		h.Write(b)
	}
	return h.Sum64()
}

// reportedBySIP writes what a message says of a call's quality: a body of RFC
// 6035 in PUBLISH and NOTIFY, a header in BYE and in the 2xx that answers it.
func (a *Analyzer) reportedBySIP(p *packet.Packet, m *sip.Message, call *dialog.Call) {
	switch {
	case m.Request && string(m.Method) == "PUBLISH":
		a.reportedByBody(p, m, "vq_rtcpxr_publish")
	case m.Request && string(m.Method) == "NOTIFY":
		a.reportedByBody(p, m, "vq_rtcpxr_notify")
	case m.Request && string(m.Method) == "BYE", !m.Request && m.Status/100 == 2 && string(m.CSeqMethod()) == "BYE":
		a.reportedByHeader(p, m, call, "x_rtp_stat", "X-RTP-Stat")
		a.reportedByHeader(p, m, call, "p_rtp_stat", "P-RTP-Stat")
	}
}

// reportedByBody takes a body of RFC 6035. The call is the one that it names,
// whose row may be written already, else the one that the message is of.
func (a *Analyzer) reportedByBody(p *packet.Packet, m *sip.Message, source string) {
	body := m.Part("application/vq-rtcpxr")
	if body == nil {
		return
	}
	rows, ok := media.ParseVQReport(body)
	if !ok {
		a.Counters.Unread++
		return
	}
	if a.told.Seen(hashOf(p.Domain, body), p.Time) {
		a.Counters.ReportedAgain++
		return
	}
	for i := range rows {
		r := &rows[i]
		r.Source = source
		if r.CallID == nil && len(a.dialogs.Find(p.Domain, m.CallID())) > 0 {
			r.CallID = new(string(m.CallID()))
		}
		a.emitReport(p, r, a.placeByCallID(p.Domain, r))
	}
}

// reportedByHeader takes a header in which an end tells at the end of a call
// what it received, and from whom.
func (a *Analyzer) reportedByHeader(p *packet.Packet, m *sip.Message, call *dialog.Call, source, header string) {
	v := m.GetName(header)
	if len(v) == 0 {
		return
	}
	r, ok := media.ParseRTPStat(v)
	if !ok {
		a.Counters.Unread++
		return
	}
	from, to := m.From().Tag, m.To().Tag
	who := from
	if !m.Request {
		who = to
	}
	if a.told.Seen(hashOf(p.Domain, m.CallID(), who, []byte(source), v), p.Time) {
		a.Counters.ReportedAgain++
		return
	}
	r.Source, r.Kind, r.Metrics = source, new("session"), new("local")
	if id := m.CallID(); len(id) > 0 {
		r.CallID = new(string(id))
	}
	if call != nil {
		r.CallID = new(call.CallID())
		switch caller := call.FromTag(); caller { // who tells it received what the other one sent
		case string(who):
			r.Direction = new(dialog.B.String())
		case string(from), string(to):
			r.Direction = new(dialog.A.String())
		}
	}
	a.emitReport(p, &r, call)
}

// reportedByHEP takes what another emitter of HEP tells, and reports whether it
// could be read.
func (a *Analyzer) reportedByHEP(p *packet.Packet) bool {
	var rows []record.Report
	var ok bool
	isJSON := media.IsJSONObject(p.Payload)
	if isJSON {
		rows, ok = media.ParseToldJSON(p.Payload, uint8(p.Kind))
	} else if p.Kind == packet.KindXRReport {
		rows, ok = media.ParseVQReport(p.Payload)
	}
	if !ok {
		return false
	}
	for i := range rows {
		r := &rows[i]
		r.Source = "hep_" + strconv.Itoa(int(p.Kind))
		if r.CallID == nil && len(p.CorrelationID) > 0 {
			r.CallID = new(string(p.CorrelationID))
		}
		call := a.placeByCallID(p.Domain, r)
		if call != nil && r.Direction == nil && isJSON && (p.Kind == packet.KindReport || p.Kind == packet.KindXRReport) {
			r.Direction = between(call, p.Src, p.Dst).direction() // these packets have the addresses of the stream
		}
		a.emitReport(p, r, call)
	}
	return true
}

// maxToldByRTCP bounds the rows of one kind that an RTCP packet gives.
const maxToldByRTCP = 32

// reportedByRTCP writes what an RTCP packet says of streams that its sender
// hears: report blocks, with the round trips that they gave, VoIP metrics and
// MOS.
func (a *Analyzer) reportedByRTCP(p *packet.Packet, r *media.RTCP, call *dialog.Call, rtts []rttOfBlock) {
	emit := func(row *record.Report) {
		if call != nil {
			row.CallID = new(call.CallID())
		} else if len(p.CorrelationID) > 0 {
			row.CallID = new(string(p.CorrelationID))
		}
		if call != nil && !a.place(call, row) {
			row.Direction = a.heardAt(call, p).direction()
		}
		a.emitReport(p, row, call)
	}
	for i := range bounded(a, r.Blocks) {
		b := &r.Blocks[i]
		row := record.Report{
			Source: "rtcp_rr", Kind: new("interval"), Metrics: new("local"), SSRC: new(b.SSRC), RemoteSSRC: new(b.SSRC), LocalSSRC: new(b.Reporter), Other: map[string]string{},
			NLRPct: rounded(100 * float64(b.FractionLost) / 256), PacketsLost: new(int64(b.Lost)),
		}
		if s := a.streamOf(call, b.SSRC); s != nil && s.payload.clock > 0 {
			row.IAJMs = rounded(1000 * float64(b.Jitter) / float64(s.payload.clock))
		}
		for _, x := range rtts {
			if x.ssrc == b.SSRC {
				row.RTDMs = rounded(x.ms)
			}
		}
		emit(&row)
	}
	for i := range bounded(a, r.VoIP) {
		row := r.VoIP[i].Row()
		emit(&row)
	}
	for i := range bounded(a, r.MOS) {
		if row, ok := r.MOS[i].Row(); ok {
			emit(&row)
		} else {
			a.Counters.Unread++
		}
	}
}

// rttOfBlock is the round trip that a report block on a stream gave.
type rttOfBlock struct {
	ssrc uint32
	ms   float64
}

// bounded counts what is left out.
func bounded[T any](a *Analyzer, all []T) []T {
	if more := len(all) - maxToldByRTCP; more > 0 {
		a.Counters.RTCPRefused += uint64(more)
		return all[:maxToldByRTCP]
	}
	return all
}

// emitReport writes a report. One that names no stream waits until all streams
// of its call are known.
func (a *Analyzer) emitReport(p *packet.Packet, r *record.Report, call *dialog.Call) {
	r.Domain, r.Node, r.FirstSeen, r.Time, r.ReporterIP = p.Domain, p.Node, micro(p.Time), micro(p.Time), p.Src.Addr()
	a.Counters.Reported++
	if r.SSRC == nil && call != nil && a.keepReport(call, r) {
		return
	}
	a.emit(r)
}
