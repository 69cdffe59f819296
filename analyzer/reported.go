package analyzer

import (
	"bytes"
	"hash/maphash"
	"time"

	"github.com/earshot-voip/earshot/analyzer/dialog"
	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/sip"
)

// vqType is the content type of RFC 6035 reports.
var vqType = []byte("application/vq-rtcpxr")

// toldAgain is how long the same body is the same report: at the next hop, or
// sent again with credentials. Reports name their times, so that no two of one
// call have the same body.
const toldAgain = time.Minute

// Hashes are compared within one process only, never written.
var seed = maphash.MakeSeed()

func hashOf(domain string, body []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	h.WriteString(domain)
	h.WriteByte(0)
	h.Write(body)
	return h.Sum64()
}

// reportedBySIP writes what a PUBLISH or NOTIFY says of a call's quality. The
// call is the one that the body names: its row may be written already.
func (a *Analyzer) reportedBySIP(p *packet.Packet, m *sip.Message, repeat bool) {
	if !m.Request || repeat {
		return
	}
	source := ""
	switch string(m.Method) {
	case "PUBLISH":
		source = "vq_rtcpxr_publish"
	case "NOTIFY":
		source = "vq_rtcpxr_notify"
	default:
		return
	}
	if kind := m.Get(sip.HeaderContentType); len(kind) < len(vqType) || !bytes.EqualFold(kind[:len(vqType)], vqType) {
		return
	}
	body := m.Body()
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
		a.emitReport(p, r)
	}
}

// reportedByXR writes the VoIP metrics of an RTCP extended report.
func (a *Analyzer) reportedByXR(p *packet.Packet, r *media.RTCP, call *dialog.Call) {
	for i := range r.VoIP {
		row := r.VoIP[i].Row()
		if call != nil {
			row.CallID = new(call.CallID())
		} else if len(p.CorrelationID) > 0 {
			row.CallID = new(string(p.CorrelationID))
		}
		a.emitReport(p, &row)
	}
}

func (a *Analyzer) emitReport(p *packet.Packet, r *record.Report) {
	r.Domain, r.Node, r.FirstSeen, r.Time, r.ReporterIP = p.Domain, p.Node, micro(p.Time), micro(p.Time), p.Src.Addr()
	a.Counters.Reported++
	a.emit(r)
}
