package analyzer

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/record"
)

func shown[T any](v *T) string {
	if v == nil {
		return "NULL"
	}
	return fmt.Sprint(*v)
}

// placed is to which call and stream a report was tied.
func placed(r *record.Report) string {
	return fmt.Sprintf("%s %s %s %s", r.Source, shown(r.CallID), shown(r.Direction), shown(r.SSRC))
}

func (f *feed) wantTold(t *testing.T, want ...string) {
	t.Helper()
	for i, r := range f.toldRows {
		if got := placed(r); i >= len(want) || got != want[i] {
			t.Errorf("row %d: %s", i, got)
		}
		if r.Domain != "default" || r.Node != "tap" || r.Time.IsZero() || r.FirstSeen != r.Time || !r.ReporterIP.IsValid() {
			t.Errorf("row %d: %+v", i, r)
		}
	}
	if len(f.toldRows) != len(want) || f.Counters.Reported != uint64(len(want)) {
		t.Errorf("%d rows, want %d; %+v", len(f.toldRows), len(want), f.Counters)
	}
}

const callBody = "VQSessionReport: CallTerm\r\nCallID:%s\r\nLocalAddr:IP=%s PORT=%d SSRC=1\r\nRemoteAddr:IP=%s PORT=%d SSRC=2\r\nLocalMetrics:\r\nQualityEst:MOSLQ=4.1\r\nRemoteMetrics:\r\nQualityEst:MOSLQ=3.9\r\n"

func vqOf(id string, local, remote netip.AddrPort) string {
	return fmt.Sprintf(callBody, id, local.Addr(), local.Port(), remote.Addr(), remote.Port())
}

// TestPublishedDirection: what a phone publishes while its call goes on, after
// it, and of a call that nobody saw.
func TestPublishedDirection(t *testing.T) {
	f := newFeed()
	d := newDialled("one")
	f.connect(0, d)
	f.publish(5, 1, vqOf("one", aliceRTP, bobRTP))
	f.bye(10, d)
	f.publish(10.2, 2, vqOf("one", bobRTP, aliceRTP))
	f.publish(11, 3, vqOf("unseen", bobRTP, aliceRTP))
	f.end()
	f.publish(5000, 4, vqOf("one", bobRTP, aliceRTP)) // too late for its direction
	f.wantTold(t,
		"vq_rtcpxr_publish one b 2", "vq_rtcpxr_publish one a 1", "vq_rtcpxr_publish one a 2", "vq_rtcpxr_publish one b 1",
		"vq_rtcpxr_publish unseen NULL 2", "vq_rtcpxr_publish unseen NULL 1", "vq_rtcpxr_publish one NULL 2", "vq_rtcpxr_publish one NULL 1")
}

func (f *feed) hangUp(when float64, d *dialled, callee bool, header, answer string) {
	tags := "From: <sip:alice@example.com>;tag=A%[1]s\r\nTo: <sip:bob@example.com>;tag=B%[1]s\r\n"
	src, dst := d.a, d.b
	if callee {
		tags = "From: <sip:bob@example.com>;tag=B%[1]s\r\nTo: <sip:alice@example.com>;tag=A%[1]s\r\n"
		src, dst = d.b, d.a
	}
	rest := "Via: SIP/2.0/UDP x;branch=z9hG4bKbye\r\n" + fmt.Sprintf(tags, d.id) + "Call-ID: " + d.id + "\r\nCSeq: 7 BYE\r\n%sContent-Length: 0\r\n\r\n"
	for _, again := range []float64{0, 0.5} {
		f.packet(when+again, packet.KindSIP, src, dst, fmt.Appendf(nil, "BYE sip:x@example.com SIP/2.0\r\nMax-Forwards: 70\r\n"+rest, header))
	}
	f.packet(when+0.6, packet.KindSIP, dst, src, fmt.Appendf(nil, "SIP/2.0 200 OK\r\n"+rest, answer))
}

// TestToldInHeaders: both ends tell of a call in its last transaction, and each
// row is of what its teller heard, with the stream that only comes later.
func TestToldInHeaders(t *testing.T) {
	for _, callee := range []bool{false, true} {
		f := newFeed()
		d := newDialled("one")
		f.connect(0, d)
		f.hangUp(3, d, callee, "X-RTP-Stat: PS=5,PR=4,PL=1,JI=2\r\n", "P-RTP-Stat: PS=4;PR=5;PL=0\r\n")
		for _, k := range []*talk{newTalk(aliceRTP, bobRTP, 7, 1), newTalk(bobRTP, aliceRTP, 8, 1)} {
			f.report(5.2, k, k.next(100, 0))
			f.report(5.3, k, k.final())
		}
		f.end()
		if callee {
			f.wantTold(t, "x_rtp_stat one a 7", "p_rtp_stat one b 8")
		} else {
			f.wantTold(t, "x_rtp_stat one b 8", "p_rtp_stat one a 7")
		}
		if r := f.toldRows[0]; *r.PacketsReceived != 4 || *r.PacketsLost != 1 || *r.JitterMs != 2 || f.toldLate != 0 {
			t.Errorf("%+v, %d wait", r, f.toldLate)
		}
	}
}

// TestToldOfOneOfTwoStreams: the addresses of the header say which; without
// them nobody knows.
func TestToldOfOneOfTwoStreams(t *testing.T) {
	f := newFeed()
	d := newDialled("one")
	f.connect(0, d)
	other := addr("203.0.113.1:6002")
	for _, k := range []*talk{newTalk(bobRTP, aliceRTP, 8, 1), newTalk(other, aliceRTP, 9, 1)} {
		f.report(5.2, k, k.next(100, 0))
	}
	f.hangUp(6, d, false, fmt.Sprintf("X-RTP-Stat: EX=BareSip;PR=4;IP=0.0.0.0:%d,%s\r\n", aliceRTP.Port(), other), "")
	f.end()
	f.wantTold(t, "x_rtp_stat one b 9")
	f = newFeed()
	d = newDialled("one")
	f.connect(0, d)
	for _, k := range []*talk{newTalk(bobRTP, aliceRTP, 8, 1), newTalk(other, aliceRTP, 9, 1)} {
		f.report(5.2, k, k.next(100, 0))
	}
	f.hangUp(6, d, false, "X-RTP-Stat: PR=4\r\n", "")
	f.end()
	f.wantTold(t, "x_rtp_stat one b NULL")
}

// TestHeadersElsewhere: of no call, broken, and where they do not belong.
func TestHeadersElsewhere(t *testing.T) {
	f := newFeed()
	for i, start := range []string{"BYE sip:a@b SIP/2.0|BYE|PR=1", "BYE sip:a@b SIP/2.0|BYE|hello", "INVITE sip:a@b SIP/2.0|INVITE|PR=1", "SIP/2.0 481 Gone|BYE|PR=1"} {
		s := strings.Split(start, "|")
		f.packet(float64(i), packet.KindSIP, aliceSIP, bobSIP, fmt.Appendf(nil, "%s\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK%d\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: c%d\r\nCSeq: 1 %s\r\nX-RTP-Stat: %s\r\nContent-Length: 0\r\n\r\n", s[0], i, i, s[1], s[2]))
	}
	f.end()
	f.wantTold(t, "x_rtp_stat c0 b NULL") // as its row has it: who is taken for the caller is a
	if f.Counters.Unread != 1 {
		t.Errorf("%d unread", f.Counters.Unread)
	}
}

// TestManyHeaders: who sends many BYE fills no memory, and loses no row.
func TestManyHeaders(t *testing.T) {
	f := newFeed()
	d := newDialled("one")
	f.connect(0, d)
	for i := range 20 {
		d.cseq = 10 + i
		f.packet(3+float64(i)/10, packet.KindSIP, d.a, d.b, fmt.Appendf(nil, "BYE sip:x@example.com SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bKb%d\r\nFrom: <sip:a@b>;tag=Aone\r\nTo: <sip:a@b>;tag=Bone\r\nCall-ID: one\r\nCSeq: %d BYE\r\nX-RTP-Stat: PR=%d\r\nContent-Length: 0\r\n\r\n", i, d.cseq, i))
	}
	if f.toldLate > maxCallTold {
		t.Errorf("%d wait", f.toldLate)
	}
	f.end()
	if len(f.toldRows) != 20 || f.toldLate != 0 {
		t.Errorf("%d rows, %d wait", len(f.toldRows), f.toldLate)
	}
}

// TestToldByRTCP: report blocks, VoIP metrics and MOS, tied by SSRC where the
// stream is known, else by who reports.
func TestToldByRTCP(t *testing.T) {
	f := newFeed()
	f.connect(0, newDialled("one"))
	x := media.RTCP{
		SSRC: 2, Types: []uint8{media.TypeRR, media.TypeXR},
		Blocks: []media.ReportBlock{{Reporter: 2, SSRC: 1, FractionLost: 64, Lost: 5, Jitter: 80}},
		VoIP:   []media.VoIPMetrics{{Reporter: 2, SSRC: 1, LossRate: 64, RFactor: 93, MOSLQ: 43, MOSCQ: 127, Gmin: 16, SignalLevel: 127, RERL: 127, NoiseLevel: -50}},
		MOS:    []media.MOSBlock{{Reporter: 2, SSRC: 1, Interval: 3, Segment: 4<<9 | 8<<16 | 3<<23}, {SSRC: 1, Interval: 1}},
	}
	b := media.AppendRTCPJSON(nil, &x)
	f.packet(5, packet.KindRTCP, rtcpOf(bobRTP), rtcpOf(aliceRTP), b)
	f.packet(6, packet.KindRTCP, rtcpOf(aliceRTP), rtcpOf(bobRTP), b)
	f.packet(7, packet.KindRTCP, addr("192.0.2.1:1"), addr("192.0.2.2:1"), b)
	k := newTalk(bobRTP, aliceRTP, 1, 7)
	f.report(10.2, k, k.next(100, 0))
	f.packet(11, packet.KindRTCP, rtcpOf(bobRTP), rtcpOf(aliceRTP), b) // whoever reports, bob sends 1
	var want []string
	for _, of := range []string{"one a", "one b", "NULL NULL", "one b"} {
		for _, source := range []string{"rtcp_rr", "rtcp_xr", "rtcp_xr_mos"} {
			want = append(want, source+" "+of+" 1")
		}
	}
	f.wantTold(t, want...)
	if f.Counters.Unread != 4 { // the sampled values
		t.Errorf("%d unread", f.Counters.Unread)
	}
	if r := f.toldRows[0]; *r.NLRPct != 25 || *r.PacketsLost != 5 || r.IAJMs != nil {
		t.Errorf("%+v", r)
	}
	if r := f.toldRows[1]; *r.NLRPct != 25 || *r.RLQ != 93 || *r.MOSLQ != 4.3 || r.MOSCQ != nil || r.RERLDB != nil || r.SLDBm != nil || *r.NLDBm != -50 {
		t.Errorf("%+v", r)
	}
	if r := f.toldRows[2]; *r.MOSCQ != 4 || *r.PayloadType != 8 || r.Other["calg_id"] != "3" {
		t.Errorf("%+v", r)
	}
	if r := f.toldRows[9]; *r.IAJMs != 10 { // the clock is known now
		t.Errorf("jitter %v ms", *r.IAJMs)
	}
	many := media.RTCP{SSRC: 2, VoIP: make([]media.VoIPMetrics, 100), Types: []uint8{media.TypeXR}}
	for i := range many.VoIP {
		many.VoIP[i] = media.VoIPMetrics{Reporter: 2, SSRC: 1, LossRate: 1}
	}
	f.packet(13, packet.KindRTCP, rtcpOf(bobRTP), rtcpOf(aliceRTP), media.AppendRTCPJSON(nil, &many))
	if n := len(f.toldRows) - len(want); n != maxToldByRTCP || f.Counters.RTCPRefused != uint64(100-maxToldByRTCP) {
		t.Errorf("%d rows of one packet, %d refused", n, f.Counters.RTCPRefused)
	}
}

// TestToldByHEP: JSON of other emitters; our own reports are what they were.
func TestToldByHEP(t *testing.T) {
	f := newFeed()
	d := newDialled("one")
	f.connect(0, d)
	k := newTalk(aliceRTP, bobRTP, 7, 1)
	f.report(5.2, k, k.next(200, 0))
	tell := func(kind packet.Kind, payload string) {
		f.Observe(&packet.Packet{Time: at(6), Src: bobRTP, Dst: aliceRTP, Transport: packet.UDP, Kind: kind, Node: "tap", CorrelationID: []byte("one"), Payload: []byte(payload)})
	}
	tell(packet.KindReport, `{"SSRC":"0x7","MOS":4.4,"JITTER":0.5,"PACKET_LOSS":3,"RTP_SIP_CALL_ID":"one"}`)
	tell(packet.KindReport, `{"SSRC":9,"MOS":4.4}`) // by the addresses of its packet
	tell(packet.KindRTPStat, `{"ssrc":7,"mos":4.4,"fraction_lost":0.5}`)
	tell(packet.KindXRReport, vqOf("one", bobRTP, aliceRTP))
	tell(packet.KindXRReport, `{"SSRC":7,"MOS":4.2}`)
	tell(packet.KindQoS, `{"INC_MOS":"430","INC_ID":"one","OUT_MOS":420,"OUT_ID":"two"}`)
	for i, bad := range []packet.Kind{packet.KindRTPStat, packet.KindXRReport, packet.KindQoS, packet.KindReport} {
		for _, payload := range []string{"", "{", "[]", "hello", "{}"} {
			tell(bad, payload)
		}
		if f.Counters.Unread != uint64(5*(i+1)) {
			t.Errorf("kind %d: %d unread", bad, f.Counters.Unread)
		}
	}
	f.bye(20, d)
	f.end()
	f.wantTold(t, "hep_34 one a 7", "hep_34 one b 9", "hep_32 one a 7", "hep_35 one a 2", "hep_35 one b 1", "hep_35 one a 7", "hep_38 two NULL NULL", "hep_38 one NULL NULL")
	if s := f.stream(t, 7); s.Packets != 200 || f.Counters.Reports != 1 {
		t.Errorf("%d packets, %d reports", s.Packets, f.Counters.Reports)
	}
}

// TestRTCPOnTheWire: RTCP that an emitter did not make JSON of.
func TestRTCPOnTheWire(t *testing.T) {
	f := newFeed()
	var raw string
	rest := f.emit
	f.emit = func(row any) {
		if m, ok := row.(*record.Message); ok && m.Kind == "rtcp" {
			raw = m.Raw
		}
		rest(row)
	}
	f.connect(0, newDialled("one"))
	rr := []byte{0x81, 201, 0, 7, 0, 0, 0, 2, 0, 0, 0, 1, 128, 0, 0, 9, 0, 0, 1, 0, 0, 0, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0}
	f.packet(5, packet.KindRTCP, rtcpOf(bobRTP), rtcpOf(aliceRTP), rr)
	f.wantTold(t, "rtcp_rr one a 1")
	if r := f.toldRows[0]; *r.NLRPct != 50 || *r.PacketsLost != 9 || !strings.Contains(raw, `"source_ssrc":1`) {
		t.Errorf("%+v; %s", r, raw)
	}
	f.packet(5, packet.KindRTCP, rtcpOf(bobRTP), rtcpOf(aliceRTP), []byte(`{"ssrc":2,"type":201,"report_count":1,"report_blocks":[{"source_ssrc":0,"fraction_lost":0,"packets_lost":0}],"report_blocks_xr":{"type":0,"id":0,"fraction_lost":0}}`))
	f.packet(6, packet.KindRTCP, rtcpOf(bobRTP), rtcpOf(aliceRTP), rr[:12])
	if f.Counters.Unread != 1 || len(f.toldRows) != 1 {
		t.Errorf("%d unread, %d rows", f.Counters.Unread, len(f.toldRows))
	}
}
