package thin

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/sip"
)

var hashed = Options{Mask: MaskHash, Key: []byte("0123456789abcdef")}

// TestStars masks header fields, each in a message of its own.
func TestStars(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`From: <sip:+4930123456@10.1.2.3:5060>;tag=123456`, `From: <sip:+*******456@10.1.2.3:5060>;tag=123456`},
		{`f: "Tel 030123456" <sip:030123456@a;transport=tcp>;tag=1`, `f: "Tel ******456" <sip:******456@a;transport=tcp>;tag=1`},
		{`From: 030123456 <sips:030123456:12345@a>;tag=1`, `From: ******456 <sips:******456:12345@a>;tag=1`},
		{`To: sip:030123456@a;tag=99999`, `To: sip:******456@a;tag=99999`},
		{`To: <tel:+49-30-(12)34.56;phone-context=+49999>`, `To: <tel:+**-**-(**)*4.56;phone-context=+49999>`},
		{`To: <sip:112@a>`, `To: <sip:112@a>`},
		{`To: <sip:1112@a>`, `To: <sip:*112@a>`},
		{`To: <sip:alice.smith@a100.example.com>`, `To: <sip:alice.smith@a100.example.com>`},
		{`To: <sip:user12345@a>`, `To: <sip:user**345@a>`},
		{`To: <sip:+493012345;npdi;rn=+4911@a;user=phone>`, `To: <sip:+******345;npdi;rn=+4911@a;user=phone>`},
		{`To: <sip:%2B4930%31%32345@a>`, `To: <sip:%2B****%2A%2A345@a>`},
		{`To: <sip:10.0.0.1:5060>`, `To: <sip:10.0.0.1:5060>`},
		{`To: <sip:[2001:db8::12345]:5060>`, `To: <sip:[2001:db8::12345]:5060>`},
		{`To: <sip:+493012345>`, `To: <sip:+******345>`},
		{`To: <sip:12345@corp.com@a>`, `To: <sip:**345@corp.com@a>`},
		{`Contact: <sip:12345@10.0.0.1;ob>;expires=12345, "98765" <sip:98765@10.0.0.2>`, `Contact: <sip:**345@10.0.0.1;ob>;expires=12345, "**765" <sip:**765@10.0.0.2>`},
		{`Contact: *`, `Contact: *`},
		{`P-Asserted-Identity: "12345" <sip:12345@a>, <tel:+12345>`, `P-Asserted-Identity: "**345" <sip:**345@a>, <tel:+**345>`},
		{`Remote-Party-ID: <sip:12345@a>;party=calling;id-type=subscriber`, `Remote-Party-ID: <sip:**345@a>;party=calling;id-type=subscriber`},
		{`Diversion: <sip:12345@a>;reason=unconditional;counter=12345`, `Diversion: <sip:**345@a>;reason=unconditional;counter=12345`},
		{`History-Info: <sip:12345@a?Reason=SIP%3Bcause%3D3021>;index=1.1234`, `History-Info: <sip:**345@a?Reason=SIP%3Bcause%3D3021>;index=1.1234`},
		{`Refer-To: <sip:12345@a?Replaces=98765%40b%3Bto-tag%3D12345>`, `Refer-To: <sip:**345@a?Replaces=98765%40b%3Bto-tag%3D12345>`},
		{`X-Charged: tel:12345`, `X-Charged: tel:**345`},
		{`Record-Route: <sip:12345@10.0.0.1;lr;r2=12345>`, `Record-Route: <sip:**345@10.0.0.1;lr;r2=12345>`},
		{`Call-ID: sip:12345@10.0.0.1`, `Call-ID: sip:12345@10.0.0.1`},
		{`In-Reply-To: sip:12345@10.0.0.1`, `In-Reply-To: sip:12345@10.0.0.1`},
		{`Replaces: sip:12345@10.0.0.1;to-tag=1`, `Replaces: sip:12345@10.0.0.1;to-tag=1`},
		{`Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK12345`, `Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK12345`},
		{`Authorization: Digest username="12345@a", uri="sip:98765@a", nonce="12345"`, `Authorization: Digest username="**345@a", uri="sip:**765@a", nonce="12345"`},
		{`Proxy-Authorization: Digest username="sip:12345@a", nonce="12345"`, `Proxy-Authorization: Digest username="sip:**345@a", nonce="12345"`},
		{`Identity: eyJhbGci.eyJkZXN0.c2ln;info=<https://a/12345>`, `Identity: **********************;info=<https://a/12345>`},
		{"To: <sip:12345@a>\r\n ;tag=1", "To: <sip:**345@a>\r\n ;tag=1"},
		{`Subject: 12345`, `Subject: 12345`},
	} {
		head, tail := "SIP/2.0 200 OK\r\n", "\r\nContent-Length: 0\r\n\r\n"
		f := New(Options{Mask: MaskStar, Keep: 3})
		r, got := take(f, phone, proxy, head+c.in+tail)
		if r != Kept || got != head+c.want+tail || (f.Counters.Masked == 1) != (c.in != c.want) || f.Counters.Hidden != 0 {
			t.Errorf("%s\n got %s\nwant %s\n%+v", c.in, got[len(head):], c.want, f.Counters)
		}
	}
}

// TestRequestURI: it is masked as To is, and so is that of what answers.
func TestRequestURI(t *testing.T) {
	f := New(hashed)
	_, got := take(f, phone, proxy, request("INVITE", "a", "sip:+493012345@a", "sip:alice@a", "tel:+49-30-12345"))
	var m sip.Message
	if !m.Parse([]byte(got)) {
		t.Fatal(got)
	}
	uri, _ := sip.ParseURI(m.RequestURI)
	to := strings.ReplaceAll(string(m.To().URI.User), "-", "")
	if string(uri.User) == "+493012345" || string(uri.User) != to {
		t.Errorf("Request-URI %s, To %s", uri.User, to)
	}
	// By openssl dgst -sha256 -hmac: of 3012345 e2 bd aa e7 46 a4 0e for the last
	// seven from behind, of 493012345 the eighth and the ninth byte, 14 and 0b.
	if want := "+104401096"; string(uri.User) != want {
		t.Errorf("%s, want %s", uri.User, want)
	}
}

// TestFormsOfANumber: legs are linked by the last seven digits, which have to be
// the same in all forms of a number, and different in different numbers.
func TestFormsOfANumber(t *testing.T) {
	f := New(hashed)
	masked := func(user string) string {
		b := []byte(user)
		f.numbers.mask(b)
		return strings.NewReplacer("+", "", "-", "").Replace(string(sip.AppendUnescaped(nil, b)))
	}
	last := func(s string) string { return s[len(s)-7:] }
	want := masked("+4930123456")
	for _, form := range []string{"030123456", "004930123456", "+49-30-123456", "0123456", "%3049301234%356"} {
		if got := masked(form); last(got) != last(want) || last(got) == "0123456" {
			t.Errorf("%s becomes %s, +4930123456 becomes %s", form, got, want)
		}
	}
	if other := masked("+4930123457"); last(other) == last(want) {
		t.Errorf("another number becomes %s, too", other)
	}
	if other := masked("+4330123456"); other == want {
		t.Errorf("a number of another country becomes %s, too", other)
	}
}

const sdp = "v=0\r\no=12345 98765 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0 101\r\n"

func TestBodies(t *testing.T) {
	stars := func(s string) string { return strings.Repeat("*", len(s)) }
	report := "VQSessionReport: CallTerm\r\nLocalID: \"12345\" <sip:12345@a>\r\nCallID: 12345@a\r\n"
	fragment := "INVITE sip:12345@a SIP/2.0\r\nTo: 98765 <sip:98765@a>\r\n"
	open := "--b\r\nContent-Type: application/sdp\r\n\r\n" + sdp + "\r\n--b\r\nContent-Type: application/isup;version=x\r\nContent-ID: 1\r\n\r\n"
	mask, only, both := Options{Mask: MaskStar, Keep: 3}, Options{SDPOnly: true}, Options{Mask: MaskStar, Keep: 3, SDPOnly: true}
	masked := strings.Replace(sdp, "o=12345", "o=**345", 1)
	for _, c := range []struct {
		name, contentType, in, want string
		opt                         Options
	}{
		{"SDP", "application/sdp", sdp, sdp, only},
		{"SDP, masked", "Application/SDP ; x=1", sdp, masked, mask},
		{"no type", "", sdp, masked, both},
		{"text", "text/plain", "call me:\r\n12345", "********\r\n*****", only},
		{"text, masked", "text/plain", "12345", "*****", mask},
		{"DTMF", "application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", "********\r\n************\r\n", only},
		{"report", "application/vq-rtcpxr", report, strings.ReplaceAll(strings.ReplaceAll(report, `"12345"`, `"**345"`), "sip:12345", "sip:**345"), mask},
		{"fragment", "message/sipfrag;version=2.0", fragment, "INVITE sip:**345@a SIP/2.0\r\nTo: **765 <sip:**765@a>\r\n", mask},
		{"fragment hidden", "message/sipfrag", "SIP/2.0 200 OK\r\n", stars("SIP/2.0 200 OK") + "\r\n", both},
		{"multipart", "multipart/mixed;boundary=b", open + "\x01\x02\r\n--b--\r\nend", open + "**\r\n--b--\r\n***", only},
		{"no delimiter", "multipart/mixed;boundary=b", "12345", "*****", mask},
		{"no blank line", "multipart/mixed;boundary=b", "--b\r\n12345\r\n--b--", "--b\r\n*****\r\n--b--", mask},
		{
			"nested", "multipart/mixed;boundary=b", "x\r\n--b\r\nc: multipart/mixed;boundary=c\r\n\r\n--c\r\nc: application/sdp\r\n\r\n" + sdp + "--c\r\n\r\ny\r\n--c--\r\n--b--",
			"*\r\n--b\r\nc: multipart/mixed;boundary=c\r\n\r\n--c\r\nc: application/sdp\r\n\r\n" + sdp + "--c\r\n\r\n*\r\n--c--\r\n--b--", only,
		},
	} {
		head := "INFO sip:a SIP/2.0\r\nContent-Length: " + strconv.Itoa(len(c.in)) + "\r\n"
		if c.contentType != "" {
			head += "Content-Type: " + c.contentType + "\r\n"
		}
		head += "\r\n"
		f := New(c.opt)
		if _, got := take(f, phone, proxy, head+c.in+"behind"); got != head+c.want+"******" || f.Counters.Hidden != 1 {
			t.Errorf("%s: got\n%s\nwant\n%s\n%+v", c.name, got[len(head):], c.want, f.Counters)
		}
	}
}

// FuzzMask: masking changes digits of users and nothing else, so that any
// reader finds the message that it was.
func FuzzMask(f *testing.F) {
	paths, err := filepath.Glob("../../internal/sip/testdata/torture/*.sip")
	if err != nil || len(paths) == 0 {
		f.Fatal("no torture messages", err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, uint8(len(b)%5))
	}
	f.Add([]byte(request("INVITE", "a@12345", "sip:+4930123456@a", "sip:%2B49%31@a", "tel:+49-30")), uint8(3))
	f.Add([]byte("SIP/2.0 200 OK\r\nf: \"12345\" <sips:12345:1@10.0.0.1>;tag=1\r\ny: e30.e30.c2ln;info=<https://a>\r\nm: sip:12345, tel:12345\r\n\r\n"), uint8(1))
	f.Add([]byte("INFO sip:a SIP/2.0\r\nc: multipart/mixed;boundary=b\r\n\r\n--b\r\nc: application/sdp\r\n\r\n"+sdp+"--b\r\n\r\n12345\r\n--b--"), uint8(2))
	f.Fuzz(func(t *testing.T, b []byte, keep uint8) {
		for _, opt := range []Options{{Mask: MaskStar, Keep: int(keep)}, {Mask: MaskHash, Key: hashed.Key, Keep: int(keep)}} {
			var was, is sip.Message
			p := packet.Packet{Payload: bytes.Clone(b), Src: phone, Dst: proxy}
			if !was.Parse(b) {
				return
			}
			if New(opt).Message(&p, &was) != Kept {
				return
			}
			if !is.Parse(p.Payload) {
				t.Fatalf("no SIP any more: %q", p.Payload)
			}
			same(t, b, p.Payload, &was, &is)
			if from, d := sip.ParseAddress(was.Get(sip.HeaderFrom)); opt.Mask == MaskStar && d == 0 && from.URI.IsSIP() && from.URI.Password == nil {
				user, _, _ := bytes.Cut(is.From().URI.User, []byte(";"))
				n := 0
				for range digits(user) {
					n++
				}
				if n > int(keep) {
					t.Fatalf("%d digits are left of %q: %q", n, from.URI.User, user)
				}
			}
		}
	})
}

// same compares two readings of a message.
func same(t *testing.T, b, masked []byte, was, is *sip.Message) {
	t.Helper()
	if len(b) != len(masked) {
		t.Fatalf("%d bytes became %d", len(b), len(masked))
	}
	header := len(b) - len(was.Body()) - len(was.Behind())
	tokens := bytes.Clone(b) // 0xff stands where a token may be hidden
	var m sip.Message
	m.Parse(tokens)
	for name, value := range m.Fields() {
		if sip.HeaderOf(name) == sip.HeaderIdentity {
			copy(value, bytes.Repeat([]byte{0xff}, len(value)))
		}
	}
	for i := range b[:header] {
		escaped := isEscape(b, i-2) || isEscape(b, i-1) && b[i] == '3' // "%35"
		if b[i] != masked[i] && tokens[i] != 0xff && !isDigit(b[i]) && !escaped {
			t.Fatalf("%q became %q at %d", b, masked, i)
		}
	}
	for i := range b { // lines stay lines
		if (b[i] == '\n' || b[i] == '\r') && masked[i] != b[i] {
			t.Fatalf("a line end is gone at %d", i)
		}
	}
	if was.Defects != is.Defects || was.Status != is.Status || string(was.Method) != string(is.Method) || string(was.CallID()) != string(is.CallID()) ||
		string(was.CSeqMethod()) != string(is.CSeqMethod()) || len(was.Body()) != len(is.Body()) || string(was.From().Tag) != string(is.From().Tag) ||
		string(was.Via().Branch) != string(is.Via().Branch) || was.Via().Port != is.Via().Port {
		t.Fatalf("%q became %q", b, masked)
	}
	vias := func(m *sip.Message) string { return fmt.Sprintf("%q", slices.Collect(m.Values(sip.HeaderVia))) }
	if vias(was) != vias(is) {
		t.Fatalf("Via %s became %s", vias(was), vias(is))
	}
	for _, h := range []sip.Header{sip.HeaderFrom, sip.HeaderTo, sip.HeaderContact} {
		before, after := slices.Collect(was.Values(h)), slices.Collect(is.Values(h))
		for i := range before {
			x, defects := sip.ParseAddress(before[i])
			y, _ := sip.ParseAddress(after[i])
			number := strings.Trim(string(x.URI.Host), "0123456789+-") == "" // in the place of the host
			if defects == 0 && x.URI.IsSIP() && (x.URI.Port != y.URI.Port || !number && !bytes.Equal(x.URI.Host, y.URI.Host)) {
				t.Fatalf("%s: %q became %q", h, before[i], after[i])
			}
		}
	}
	var x, y sip.SDP
	x.Parse(was.SDP())
	y.Parse(is.SDP())
	if len(x.Media) != len(y.Media) {
		t.Fatalf("%d media became %d", len(x.Media), len(y.Media))
	}
	for i := range x.Media {
		if x.Media[i].RTP() != y.Media[i].RTP() || len(x.Media[i].Formats) != len(y.Media[i].Formats) {
			t.Fatalf("%v became %v", x.Media[i].RTP(), y.Media[i].RTP())
		}
	}
}
