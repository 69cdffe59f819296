package sip

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestIsSIP(t *testing.T) {
	f := func(text string, want bool) {
		t.Helper()
		var m Message
		if got, parsed := IsSIP([]byte(text)), m.Parse([]byte(text)); got != want || parsed != want {
			t.Errorf("%.60q: IsSIP %v, Parse %v, want %v", text, got, parsed, want)
		}
	}
	f("INVITE sip:a@b SIP/2.0\r\n", true)
	f("\r\n\r\nINVITE sip:a@b SIP/2.0\r\n", true)
	f("INVITE sip:a@b SIP/2.0", true)
	f("sip/2.0 200 OK\r\n", true)
	f("SIP/2.0 200 OK", true)
	f("SIP/7.0 200 OK\r\n", true)
	f("NEW.METHOD_1 xyz:1 SIP/2.0\r\n", true)
	f("REGISTER sip:a", true) // cut off, and no doubt about it
	f("MESSAGE tel:+1 \r\n", true)
	f("", false)
	f("\r\n\r\n", false)
	f("\x00\x00\x00\x00", false)
	f("SIP/2.0", false)
	f("SIP/2.0\r\n", false)
	f("GET / HTTP/1.1\r\n", false)
	f("OPTIONS rtsp://a RTSP/1.0\r\n", false)
	f("OPTIONS * HTTP/1.1\r\n", false)
	f("invite sip:a@b\r\n", false) // neither a method that is known nor a version
	f("jaK", false)
	f("\x80\x00\x12\x34SIP/2.0", false)
	f("IN\x80ITE sip:a@b SIP/2.0\r\n", false)
	f(strings.Repeat("A", maxMethod)+" x SIP/2.0", true)
	f(strings.Repeat("A", maxMethod+1)+" x SIP/2.0", false)
}

func TestStartLine(t *testing.T) {
	f := func(text, method, uri string, status int, reason string, want Defects) {
		t.Helper()
		var m Message
		m.Parse([]byte(text + "\r\nVia: x\r\n\r\n"))
		got := m.Defects & (BadStartLine | BadVersion | BadURI | BadStatus)
		if string(m.Method) != method || string(m.RequestURI) != uri || m.Status != status || string(m.Reason) != reason ||
			got != want || m.Request != (method != "") {
			t.Errorf("%q: %q %q %d %q %v", text, m.Method, m.RequestURI, m.Status, m.Reason, got)
		}
	}
	f("INVITE sip:a@b SIP/2.0", "INVITE", "sip:a@b", 0, "", 0)
	f("INVITE  sip:a@b  SIP/2.0", "INVITE", "sip:a@b", 0, "", BadStartLine)
	f("INVITE sip:a@b SIP/2.0 ", "INVITE", "sip:a@b", 0, "", BadStartLine)
	f("INVITE sip:a@b; lr SIP/2.0", "INVITE", "sip:a@b; lr", 0, "", BadURI)
	f("INVITE <sip:a@b> SIP/2.0", "INVITE", "<sip:a@b>", 0, "", BadURI)
	f("INVITE  SIP/2.0", "INVITE", "", 0, "", BadURI)
	f("INVITE sip:a@b SIP/2.1", "INVITE", "sip:a@b", 0, "", BadVersion)
	f("INVITE sip:a@b", "INVITE", "sip:a@b", 0, "", BadStartLine)
	f("SIP/2.0 200 OK", "", "", 200, "OK", 0)
	f("SIP/2.0 404 Not  Found ", "", "", 404, "Not  Found", 0)
	f("SIP/2.0 100 ", "", "", 100, "", 0)
	f("SIP/2.0 100", "", "", 100, "", BadStartLine)
	f("SIP/2.0  200 OK", "", "", 200, "OK", BadStartLine)
	f("SIP/2.0 4294967301 x", "", "", 0, "x", BadStatus)
	f("SIP/2.0 0200 x", "", "", 0, "x", BadStatus)
	f("SIP/2.0 20x x", "", "", 0, "x", BadStatus)
}

func TestHeadersByAnyName(t *testing.T) {
	var m Message
	for h := HeaderOther + 1; h < headerCount; h++ {
		name := h.String()
		forms := []string{name, strings.ToLower(name), strings.ToUpper(name)}
		if c := headerNames[h].compact; c != 0 {
			forms = append(forms, string(c), strings.ToUpper(string(c)))
		}
		for _, form := range forms {
			m.Parse([]byte("SIP/2.0 200 OK\r\n" + form + ": first\r\nX-Other: other\r\n" + form + " :second\r\n\r\n"))
			if got := m.Get(h); string(got) != "first" {
				t.Errorf("%s: Get gives %q", form, got)
			}
			if got := m.GetName(name); string(got) != "first" {
				t.Errorf("%s: GetName gives %q", form, got)
			}
			var all []string
			for v := range m.Values(h) {
				all = append(all, string(v))
			}
			if !slices.Equal(all, []string{"first", "second"}) {
				t.Errorf("%s: Values gives %q", form, all)
			}
		}
		if got := m.GetName("x-OTHER"); string(got) != "other" {
			t.Errorf("GetName of an unknown header gives %q", got)
		}
	}
	// The long s and the Kelvin sign fold to ASCII letters in Unicode, and are none here; nor is CR a hyphen.
	m.Parse([]byte("SIP/2.0 200 OK\r\nCall\rID: x\r\n\u017fupported: x\r\n\u212a: x\r\n\r\n"))
	if m.CallID() != nil || m.Get(HeaderSupported) != nil || !m.Defects.Has(BadHeaderLine) {
		t.Error("a name that only looks alike is taken")
	}
}

func TestValues(t *testing.T) {
	f := func(h Header, value string, want ...string) {
		t.Helper()
		var m Message
		m.Parse([]byte("SIP/2.0 200 OK\r\n" + h.String() + ": " + value + "\r\n\r\n"))
		var got []string
		for v := range m.Values(h) {
			got = append(got, string(v))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v %q: %q, want %q", h, value, got, want)
		}
	}
	f(HeaderContact, `"a, b" <sip:a@b;x="1,2">, <sip:c,d@e>;q=1`, `"a, b" <sip:a@b;x="1,2">`, `<sip:c,d@e>;q=1`)
	f(HeaderContact, `"a \", b" <sip:a@b>,<sip:c@d>`, `"a \", b" <sip:a@b>`, `<sip:c@d>`)
	f(HeaderContact, `"never ends, <sip:a@b>`, `"never ends, <sip:a@b>`)
	f(HeaderRequire, ",, a ,, b ,", "a", "b")
	f(HeaderRequire, "")
	f(HeaderDate, "Sat, 13 Nov 2010 23:29:00 GMT", "Sat, 13 Nov 2010 23:29:00 GMT")
	f(HeaderUserAgent, "a, b", "a, b")
	f(HeaderReason, `SIP;cause=200;text="a, b", Q.850;cause=16`, `SIP;cause=200;text="a, b"`, "Q.850;cause=16")
	// A consumer may stop, and an absent header has no values.
	var m Message
	m.Parse([]byte("SIP/2.0 200 OK\r\nRequire: a, b\r\nRequire: c\r\n\r\n"))
	n := 0
	for range m.Values(HeaderRequire) {
		if n++; n == 2 {
			break
		}
	}
	for range m.Values(HeaderVia) {
		t.Error("a value of nothing")
	}
	if m.Get(HeaderVia) != nil || m.Get(HeaderOther) != nil || m.Get(headerCount) != nil || m.Via().Branch != nil || m.From().Tag != nil {
		t.Error("an absent header gives something")
	}
}

func TestPartParams(t *testing.T) {
	var m Message
	m.Parse([]byte("INVITE sip:a@b SIP/2.0\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n" +
		"--b\r\nContent-Type: application/ISUP ; version=\"ansi00\";base=ansi88;x\r\n\r\n\x0c\r\n--b--\r\n"))
	part, params := m.PartParams("application/isup")
	if string(part) != "\x0c" || string(Param(params, "Version")) != "ansi00" || string(Param(params, "base")) != "ansi88" {
		t.Errorf("%q with %q", part, params)
	}
	if !HasParam(params, "x") || HasParam(params, "y") || Param(params, "y") != nil {
		t.Errorf("parameters of %q", params)
	}
	if part, params := m.PartParams("text/plain"); part != nil || params != nil {
		t.Errorf("%q with %q of nothing", part, params)
	}
}

// leaf is the first of Parts with a type.
func leaf(m *Message, want string) string {
	for contentType, content := range m.Parts() {
		if name, _ := mediaType(contentType); equalFoldAny(name, want) {
			return string(content)
		}
	}
	return ""
}

// TestParts: nothing of a body but delimiters and headers is in no part.
func TestParts(t *testing.T) {
	f := func(headers, body string, want ...string) {
		t.Helper()
		var m Message
		m.Parse([]byte("SIP/2.0 200 OK\r\n" + headers + "\r\n" + body))
		var got []string
		for contentType, content := range m.Parts() {
			got = append(got, string(contentType)+"|"+string(content))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", body, got, want)
		}
	}
	const mixed = "c: multipart/mixed;boundary=b\r\n"
	f("", "")
	f("", "v=0", "|v=0")
	f("c: text/plain\r\n", "--b\r\n", "text/plain|--b\r\n")
	f(mixed, "hello", "|hello")
	f(mixed, "before\r\n--b\r\nc: x\r\nA: 1\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\nbehind", "|before", "x|one", "|two", "|behind")
	f(mixed, "--b\r\nno empty line\r\n--b--", "|no empty line")
	f(mixed, "--b\r\nc: x\r\n\r\nno end", "x|no end")
	f(mixed, "--b\r\n--b\r\n--b--")
}

func TestBodyAndParts(t *testing.T) {
	const isup = "\x01\x11\x00\r\n--x\x00"
	mixed := "preamble\r\n--b1\r\nContent-Type: application/isup;version=ansi\r\nContent-Disposition: signal\r\n\r\n" + isup +
		"\r\n--b1 \r\nContent-Type: multipart/alternative;\r\n boundary=\"in ner\"\r\n\r\n--in ner\r\nc:Application/SDP\r\n\r\n" + offer +
		"\r\n--in ner--\r\n\r\n--b1--\r\nepilogue"
	f := func(headers, body, wantSDP, wantISUP string) {
		t.Helper()
		var m Message
		m.Parse([]byte("SIP/2.0 200 OK\r\n" + headers + "\r\n" + body))
		if got := string(m.SDP()); got != wantSDP {
			t.Errorf("%q: SDP %q, want %q", headers, got, wantSDP)
		}
		if got := leaf(&m, "application/isup"); got != wantISUP {
			t.Errorf("%q: Parts has ISUP %q, want %q", headers, got, wantISUP)
		}
		if got := string(m.Part("application/isup")); got != wantISUP {
			t.Errorf("%q: ISUP %q, want %q", headers, got, wantISUP)
		}
	}
	f("Content-Type: application/sdp\r\n", offer, offer, "")
	f("c : APPLICATION/SDP ; charset=utf-8\r\n", offer, offer, "")
	f("Content-Type: application/sdp\r\nl: 5\r\n", offer, offer[:5], "")
	f("Content-Type: application/sdp\r\nl: 99999\r\n", offer, offer, "")
	f("Content-Type: application/sdp\r\nl: -1\r\n", offer, offer, "")
	f("", offer, offer, "")
	f("", "hello", "", "")
	f("Content-Type: text/plain\r\n", offer, "", "")
	f("Content-Type: multipart/mixed;boundary=b1\r\n", mixed, offer, isup)
	f("Content-Type: multipart/mixed;\r\n\tboundary=\"b1\"\r\n", strings.ReplaceAll(mixed, "\r\n--b1", "\n--b1"), offer, isup)
	f("Content-Type: multipart/mixed\r\n", strings.TrimPrefix(mixed, "preamble\r\n"), offer, isup)
	f("Content-Type: multipart/mixed;boundary=other\r\n", mixed, "", "")
	f("Content-Type: multipart/mixed;boundary=b\r\n", "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n", "v=0\r\n", "")
	// Too deep to follow, and no harm done.
	for depth, want := range map[int]string{maxNesting: "v=0", maxNesting + 1: ""} {
		body := ""
		for i := range depth {
			body += fmt.Sprintf("--b%d\r\nContent-Type: multipart/mixed;boundary=b%d\r\n\r\n", i, i+1)
		}
		body = strings.Replace(body, fmt.Sprintf("multipart/mixed;boundary=b%d", depth), "application/sdp", 1) + "v=0"
		f("Content-Type: multipart/mixed;boundary=b0\r\n", body, want, "")
	}
}

func TestURI(t *testing.T) {
	f := func(text, scheme, user, password, host string, port uint16, params, headers string, want Defects) {
		t.Helper()
		u, got := ParseURI([]byte(text))
		if string(u.Scheme) != scheme || string(u.User) != user || string(u.Password) != password || string(u.Host) != host ||
			u.Port != port || string(u.Params) != params || string(u.Headers) != headers || got != want {
			t.Errorf("%q: %q %q %q %q %d %q %q %v", text, u.Scheme, u.User, u.Password, u.Host, u.Port, u.Params, u.Headers, got)
		}
	}
	f("sip:alice@example.com", "sip", "alice", "", "example.com", 0, "", "", 0)
	f("SIPS:alice:s:x@192.0.2.1:5061;a=b;lr?x=y&z=%20", "SIPS", "alice", "s:x", "192.0.2.1", 5061, "a=b;lr", "x=y&z=%20", 0)
	f("sip:example.com", "sip", "", "", "example.com", 0, "", "", 0)
	f("sip:[2001:db8::10]:5070;lr", "sip", "", "", "2001:db8::10", 5070, "lr", "", 0)
	f("sip:[2001:db8::10:5070]", "sip", "", "", "2001:db8::10:5070", 0, "", "", 0)
	f("sip:[2001:db8:::192.0.2.1]", "sip", "", "", "2001:db8:::192.0.2.1", 0, "", "", LooseIPv6)
	f("sip:2001:db8::10", "sip", "", "", "2001:db8::10", 0, "", "", BadURI)
	f("sip:[::1", "sip", "", "", "::1", 0, "", "", BadURI)
	f("sip:[::1]x", "sip", "", "", "::1", 0, "", "", BadURI)
	f("sip:user;par=u%40example.net@example.com", "sip", "user;par=u%40example.net", "", "example.com", 0, "", "", 0)
	f("sip:a@b@c", "sip", "a@b", "", "c", 0, "", "", BadURI)
	f("sip:@c", "sip", "", "", "c", 0, "", "", BadURI)
	f("sip:a@b:", "sip", "a", "", "b", 0, "", "", BadURI)
	f("sip:a@b:0x1", "sip", "a", "", "b", 0, "", "", BadURI)
	f("sip:a@b?to=c@d", "sip", "a", "", "b", 0, "", "to=c@d", 0)
	f("tel:+1-201-555-0123;phone-context=x", "tel", "+1-201-555-0123", "", "", 0, "phone-context=x", "", 0)
	f("tel:", "tel", "", "", "", 0, "", "", BadURI)
	f("urn:service:sos.police", "urn", "", "", "service:sos.police", 0, "", "", 0)
	f("http://example.com/a;b", "http", "", "", "//example.com/a;b", 0, "", "", UnknownScheme)
	f("*", "", "", "", "*", 0, "", "", 0)
	f("alice@example.com", "", "alice", "", "example.com", 0, "", "", BadURI)
	f(" sip:a@b ", "sip", "a", "", "b", 0, "", "", BadURI)
	f("<sip:a@b>", "sip", "a", "", "b", 0, "", "", BadURI)
	f("", "", "", "", "", 0, "", "", BadURI)
	u, _ := ParseURI([]byte("sip:a@b;Transport=TCP;lr?Replaces=1%40x&y=z"))
	if v, ok := u.Param("transport"); !ok || string(v) != "TCP" {
		t.Errorf("transport %q %v", v, ok)
	}
	if v, ok := u.Param("LR"); !ok || len(v) != 0 {
		t.Errorf("lr %q %v", v, ok)
	}
	if _, ok := u.Param("none"); ok {
		t.Error("a parameter that is not there")
	}
	if v, ok := u.Header("replaces"); !ok || string(AppendUnescaped(nil, v)) != "1@x" {
		t.Errorf("Replaces %q %v", v, ok)
	}
	if got := string(AppendUnescaped(nil, []byte("%41%zz%4"))); got != "A%zz%4" {
		t.Errorf("AppendUnescaped: %q", got)
	}
}

func TestAddress(t *testing.T) {
	f := func(text, display, user, tag, params string, want Defects) {
		t.Helper()
		a, got := ParseAddress([]byte(text))
		if string(a.Display) != display || string(a.URI.User) != user || string(a.Tag) != tag || string(a.Params) != params || got != want {
			t.Errorf("%q: %q %q %q %q %v", text, a.Display, a.URI.User, a.Tag, a.Params, got)
		}
	}
	f(`"Bell, \"A\"" <sip:a@b;tag=no>;tag=yes;x`, `Bell, \"A\"`, "a", "yes", "tag=yes;x", 0)
	f("Bob Smith <sip:a@b>", "Bob Smith", "a", "", "", 0)
	f("caller<sip:a@b> ; tag\r\n = 1", "caller", "a", "1", "tag\r\n = 1", 0)
	f("sip:a@b;tag=1;user=phone", "", "a", "1", "tag=1;user=phone", 0)
	f("<tel:+1555;phone-context=+1>;TAG=1", "", "+1555", "1", "TAG=1", 0)
	f("Bell, A <sip:a@b>;tag=1", "Bell, A", "a", "1", "tag=1", BadAddress)
	f(`"Mr. J. User <sip:a@b>;tag=1`, "Mr. J. User", "a", "1", "tag=1", UnterminatedQuote)
	f("<sip:a@b", "", "a", "", "", BadAddress)
	f("<sip:a@b>tag=1", "", "a", "1", "tag=1", BadAddress)
	f("sip:a@b?x=y", "", "a", "", "", UnbracketedURI)
	f("< sip:a@b >", "", "a", "", "", BadURI)
	f(`"" <sip:a@b>`, "", "a", "", "", 0)
	a, _ := ParseAddress([]byte(`<sip:a@b>;+sip.instance="<urn:uuid:1;2>";expires=60`))
	if v, _ := a.Param("+SIP.instance"); string(v) != "<urn:uuid:1;2>" {
		t.Errorf("+sip.instance %q", v)
	}
	if v, _ := a.Param("expires"); string(v) != "60" {
		t.Errorf("expires %q", v)
	}
	if got := string(AppendUnquoted(nil, []byte(`Bell, \"A\\`))); got != `Bell, "A\` {
		t.Errorf("AppendUnquoted: %q", got)
	}
}

func TestVia(t *testing.T) {
	f := func(text, transport, host string, port uint16, branch, received string, rport uint16, magic bool, want Defects) {
		t.Helper()
		v, got := ParseVia([]byte(text))
		if string(v.Transport) != transport || string(v.Host) != host || v.Port != port || string(v.Branch) != branch ||
			string(v.Received) != received || v.RPort != rport || v.Magic() != magic || got != want {
			t.Errorf("%q: %+v %v", text, v, got)
		}
	}
	f("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;received=198.51.100.1;rport=5062", "UDP", "192.0.2.1", 5060, "z9hG4bK1", "198.51.100.1", 5062, true, 0)
	f("SIP / 2.0\r\n / TCP   a . ;branch = x ", "TCP", "a .", 0, "x", "", 0, false, BadVia)
	f("SIP / 2.0 / TCP \t[::1] : 5061 ; rport ;branch=\r\n z9hG4bKa", "TCP", "::1", 5061, "z9hG4bKa", "", 0, true, 0)
	f("SIP/2.0/UDP a;received=[2001:db8::1]", "UDP", "a", 0, "", "2001:db8::1", 0, false, LooseIPv6)
	f("SIP/2.0/UDP a;branch=1;;", "UDP", "a", 0, "1", "", 0, false, BadVia)
	f("SIP/2.0/UDP a:70000;branch=1", "UDP", "a", 0, "1", "", 0, false, BadVia)
	f("SIP/2.0/UDP ;branch=z9hG4bK1", "UDP", "", 0, "z9hG4bK1", "", 0, true, BadVia)
	f("UDP a;branch=1", "", "", 0, "1", "", 0, false, BadVia)
	f("", "", "", 0, "", "", 0, false, BadVia)
	v, _ := ParseVia([]byte("SIP/2.0/UDP a;rport;alias"))
	if value, ok := v.Param("rport"); !ok || len(value) != 0 {
		t.Errorf("rport without a value: %q %v", value, ok)
	}
}

func TestReasonAndDigest(t *testing.T) {
	f := func(text, protocol string, cause int, reason string) {
		t.Helper()
		p, c, r := ParseReason([]byte(text))
		if string(p) != protocol || c != cause || string(r) != reason {
			t.Errorf("%q: %q %d %q", text, p, c, r)
		}
	}
	f(`Q.850;cause=16;text="Normal call clearing"`, "Q.850", 16, "Normal call clearing")
	f(`SIP ; cause = 200 ; text = "Call; completed"`, "SIP", 200, "Call; completed")
	f("SIP", "SIP", 0, "")
	f("Q.850;cause=99999999999", "Q.850", 0, "")
	f("Q.850;cause=-1", "Q.850", 0, "")
	const credentials = `Digest username="bob, \"x\"",realm="a=b",nonce=abc, uri="sip:a@b;c=d",` + "\r\n " + `response = "0123" ,qop=auth`
	for name, want := range map[string]string{
		"username": `bob, \"x\"`, "realm": "a=b", "NONCE": "abc", "uri": "sip:a@b;c=d", "response": "0123", "qop": "auth", "opaque": "",
	} {
		if got := string(DigestParam([]byte(credentials), name)); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if DigestParam([]byte("Digest"), "realm") != nil || DigestParam(nil, "realm") != nil {
		t.Error("a parameter of nothing")
	}
}
