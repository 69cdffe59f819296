package synth

import (
	"fmt"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

// ims: a phone calls through P-CSCF and S-CSCF, which is a back-to-back user
// agent to the callee. The icid ties both legs; operators, access networks and
// identities stand on different hops (RFC 7315, 3GPP TS 24.229).
func ims(s *script) {
	pcscf, scscf := s.party("pcscf", "", "192.0.2.10", "P-CSCF"), s.party("scscf", "", "192.0.2.30", "S-CSCF")
	in, out := s.call(s.alice, s.front(s.bob, scscf)), s.call(s.front(s.alice, scscf), s.bob)
	in.path = []*party{pcscf}
	icid := s.hex(16)
	charging := fmt.Sprintf(`icid-value="%s";icid-generated-at=192.0.2.10;orig-ioi=home.example.com`, icid)
	const public = "<sip:alice.adams@example.com>, <tel:+12025550142>"
	in.edit = func(m *msg, hop *party) {
		switch {
		case hop == pcscf && m.method == "INVITE" && m.status == 0:
			m.drop("P-Preferred-Identity")
			m.head = append(m.head, field{"P-Asserted-Identity", public}, field{"P-Charging-Vector", charging})
		case hop == pcscf && m.status != 0: // nothing of it leaves the network
			m.drop("P-Charging-Vector")
		}
	}
	answer := with("P-Charging-Vector", charging+";term-ioi=far.example.net")
	there := with("P-Access-Network-Info", "IEEE-802.11;i-wlan-node-id=00005e0053c4")

	inv := in.invite(with("P-Preferred-Identity", "<sip:alice.adams@example.com>"),
		with("P-Access-Network-Info", "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=0010100010019b01"))
	in.trying(inv)
	outInv := out.invite(with("P-Asserted-Identity", public), with("P-Charging-Vector", charging),
		with("P-Served-User", "<sip:+442079460123@example.com;user=phone>;sescase=term;regstate=reg"),
		with("P-Called-Party-ID", "<sip:+442079460123@example.com;user=phone>"), to("sip:7f3a@"+s.bob.sip.String()))
	out.trying(outInv)
	s.wait(250 * time.Millisecond)
	outRinging := out.reply(outInv, 180, there)
	ringing := in.reply(inv, 180, answer)
	s.wait(1500 * time.Millisecond)
	outOK := out.reply(outInv, 200, withSDP(out.b.sdp(out.codecs...)), there)
	out.ack(outInv, outOK)
	ok := in.reply(inv, 200, withSDP(in.b.sdp(in.codecs...)), answer)
	in.ack(inv, ok)
	s.wait(20 * time.Millisecond)
	const length = 3 * time.Second
	in.speak(length)
	s.wait(time.Millisecond)
	out.speak(length)
	s.wait(length + 30*time.Millisecond)
	why := with("Reason", "Q.850;cause=16;location=LPN") // RFC 8606
	bye, outBye := in.hangup(in.a, why), out.hangup(out.a, why)
	s.row(in, record.Answered, row{start: inv, ring: ringing, answer: ok, end: bye, by: "caller", q850: cause(16), text: map[string]string{
		"cause_location": "LPN", "icid": icid, "orig_ioi": "home.example.com", "term_ioi": "far.example.net",
		"preferred_identity": "sip:alice.adams@example.com", "asserted_number": "+12025550142",
		"caller_access_network": "3GPP-E-UTRAN-FDD", "caller_cell": "0010100010019b01",
	}})
	s.row(out, record.Answered, row{start: outInv, ring: outRinging, answer: outOK, end: outBye, by: "caller", session: in, q850: cause(16), text: map[string]string{
		"icid": icid, "orig_ioi": "home.example.com", "asserted_number": "+12025550142",
		"served_user": "sip:+442079460123@example.com", "called_party_id": "sip:+442079460123@example.com",
		"callee_access_network": "IEEE-802.11", "callee_cell": "00005e0053c4",
	}})
}
