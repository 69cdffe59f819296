package analyzer

import (
	"bytes"

	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/sip"
)

// emitMessage writes the row of one SIP message.
func (a *Analyzer) emitMessage(p *packet.Packet, m *sip.Message, repeat bool) {
	num, method := m.CSeq()
	if len(method) == 0 {
		method = m.Method
	}
	row := record.Message{
		Domain: p.Domain, FirstSeen: micro(p.Time), Time: micro(p.Time), CallID: string(m.CallID()), Node: p.Node, Kind: "sip",
		Method: string(method), Branch: string(m.Via().Branch), FromUser: string(m.From().URI.User), ToUser: string(m.To().URI.User),
		SrcIP: p.Src.Addr(), SrcPort: p.Src.Port(), DstIP: p.Dst.Addr(), DstPort: p.Dst.Port(), Transport: p.Transport.String(),
		Retransmission: repeat,
	}
	defects := m.Check()
	if body := m.SDP(); len(body) > 0 {
		a.sdp.Parse(body)
		defects |= a.sdp.Defects
	}
	row.Defects = defects.Names()
	if m.Request {
		row.Method = string(m.Method) // an ACK's CSeq may name another
	} else {
		row.Status = new(uint16(m.Status))
	}
	if len(m.Get(sip.HeaderCSeq)) > 0 {
		row.CSeq = new(num)
	}
	if v := m.Get(sip.HeaderUserAgent); len(v) > 0 {
		row.AgentHeader = string(v)
	} else {
		row.AgentHeader = string(m.Get(sip.HeaderServer))
	}
	raw := bytes.Clone(p.Payload)
	row.Scrubbed = a.opt.Scrub.Hide(raw, m)
	row.Raw = string(raw)
	a.emit(&row)
}

// emitRTCP writes the row of one RTCP report.
func (a *Analyzer) emitRTCP(p *packet.Packet, callID string) {
	if callID == "" {
		callID = string(p.CorrelationID)
	}
	a.emit(&record.Message{
		Domain: p.Domain, FirstSeen: micro(p.Time), Time: micro(p.Time), CallID: callID, Node: p.Node, Kind: "rtcp",
		SrcIP: p.Src.Addr(), SrcPort: p.Src.Port(), DstIP: p.Dst.Addr(), DstPort: p.Dst.Port(), Transport: p.Transport.String(),
		Raw: string(p.Payload),
	})
}
