package synth

import (
	"fmt"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

// isup wraps an ISUP message beside an optional SDP (RFC 3204).
func isup(message []byte, x *sdp) mod {
	const boundary = "unique-boundary-1"
	body := ""
	if x != nil {
		body = "--" + boundary + "\r\nContent-Type: application/sdp\r\n\r\n" + x.String() + "\r\n"
	}
	body += "--" + boundary + "\r\nContent-Type: application/isup;version=itu-t92+;base=itu-t92+\r\n" +
		"Content-Disposition: signal;handling=optional\r\n\r\n" + string(message) + "\r\n--" + boundary + "--\r\n"
	return withBody("multipart/mixed;boundary="+boundary, body)
}

// The ISUP messages, in the form of ITU-T Q.763: see internal/isup.
var (
	// The caller's number is withheld: From has none, ISUP has.
	isupIAM = []byte{
		0x01,             // initial address
		0x00,             // nature of connection: no satellite, no continuity check
		0x60, 0x01, 0x0a, // forward call indicators; category: ordinary
		0x03,       // 3.1 kHz audio
		0x02, 0x0a, // pointers: called party number, optional part
		0x08, 0x04, 0x10, 0x44, 0x02, 0x97, 0x64, 0x10, 0x32, // called: international, E.164, 442079460123
		0x0a, 0x08, 0x84, 0x17, 0x21, 0x20, 0x55, 0x05, 0x41, 0x02, // calling: odd, international, restricted, network provided, 12025550142
		0x0b, 0x07, 0x03, 0x10, 0x02, 0x97, 0x64, 0x10, 0x77, // redirecting: national, 2079460177
		0x00, // end of optional parameters
	}
	isupACM = []byte{0x06, 0x14, 0x04, 0x00} // backward call indicators: subscriber free
	isupANM = []byte{0x09, 0x00}
	isupREL = []byte{0x0c, 0x02, 0x00, 0x02, 0x84, 0x80 | 16} // ITU, public network serving the remote user; normal call clearing
	isupRLC = []byte{0x10, 0x00}
)

// isupBody: multipart/mixed with application/isup and SDP. SDP found, numbers
// from the IAM, Q.850 cause 16 and its location from the REL.
func isupBody(s *script) {
	s.alice.user, s.alice.display = "anonymous", "Anonymous"
	s.alice.agent, s.bob.agent = "Cisco-SIPGateway/IOS-17.6", "Sonus SBC 5400"
	d := s.call(s.alice, s.bob)
	mime := with("MIME-Version", "1.0")
	inv := d.request(s.alice, "INVITE", mime, isup(isupIAM, s.alice.sdp(d.codecs...)))
	d.trying(inv)
	s.wait(300 * time.Millisecond)
	ringing := d.reply(inv, 180, mime, isup(isupACM, nil))
	s.wait(1500 * time.Millisecond)
	ok := d.reply(inv, 200, mime, isup(isupANM, s.bob.sdp(d.codecs...)))
	d.ack(inv, ok)
	d.talk(4 * time.Second)
	bye := d.request(s.bob, "BYE", mime, isup(isupREL, nil))
	d.reply(bye, 200, mime, isup(isupRLC, nil))
	s.row(d, record.Answered, row{start: inv, ring: ringing, answer: ok, end: bye, by: "callee", q850: cause(16), text: map[string]string{
		"isup_calling": "+12025550142", "isup_called": "+442079460123", "isup_redirecting": "2079460177", "cause_location": "RLN",
	}})
}

// compactHeaders: i, f, t, v, m, c, l, k. As the long forms.
func compactHeaders(s *script) {
	d := s.call(s.alice, s.bob)
	d.compact = true
	c := d.connect()
	d.talk(3 * time.Second)
	d.ended(c)
}

// rfc2543Peer: the caller writes no From tag and no z9hG4bK branch.
// Correlated by Call-ID, CSeq and addresses.
func rfc2543Peer(s *script) {
	s.alice.old, s.alice.agent = true, "Cisco ATA 186  v2.12 ata18x (020816a)"
	d := s.call(s.alice, s.bob)
	c := d.connect()
	d.talk(3 * time.Second)
	bye := d.hangup(s.bob)
	s.row(d, record.Answered, row{start: c.invite, ring: c.ringing, answer: c.ok, end: bye, by: "callee"})
}

// methodStorm: REGISTER, OPTIONS, SUBSCRIBE, NOTIFY, MESSAGE and PUBLISH, in
// and out of dialogs. No calls rows.
func methodStorm(s *script) {
	for i := range 12 {
		outside := func(from, to *party, method string, mods ...mod) (*dialog, *msg) {
			d := s.call(from, to)
			d.invited = &msg{}
			return d, d.request(from, method, append([]mod{replaced("To", to.name())}, mods...)...)
		}
		d, m := outside(s.alice, s.proxy, "REGISTER", replaced("To", s.alice.name()), with("Expires", "300"), to("sip:example.com"))
		d.reply(m, 200, with("Contact", "<"+s.alice.contactURI()+">;expires=300"))
		d, m = outside(s.proxy, s.alice, "OPTIONS", with("Accept", "application/sdp"))
		d.reply(m, 200, with("Allow", allow))
		d, m = outside(s.alice, s.bob, "MESSAGE", withBody("text/plain", fmt.Sprintf("hello number %d", i)))
		d.reply(m, 200)
		d, m = outside(s.alice, s.proxy, "PUBLISH", with("Event", "presence"), with("Expires", "3600"),
			withBody("application/pidf+xml", `<?xml version="1.0" encoding="UTF-8"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:a@example.com"/>`))
		d.reply(m, 200, with("SIP-ETag", s.hex(6)), with("Expires", "3600"))
		d, m = outside(s.alice, s.bob, "SUBSCRIBE", with("Event", "dialog"), with("Expires", "600"))
		d.reply(m, 200, with("Expires", "600"))
		notify := d.request(s.bob, "NOTIFY", with("Event", "dialog"), with("Subscription-State", "active;expires=600"),
			withBody("application/dialog-info+xml", `<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" state="full" entity="sip:b@example.com"/>`))
		d.reply(notify, 200)
		for _, method := range []string{"OPTIONS", "MESSAGE", "SUBSCRIBE"} {
			var in *msg
			switch method {
			case "MESSAGE":
				in = d.request(s.bob, method, withBody("text/plain", "within the subscription"))
			default:
				in = d.request(s.alice, method, with("Event", "dialog"), with("Expires", "0"))
			}
			d.reply(in, 200)
		}
		s.wait(200 * time.Millisecond)
	}
}
