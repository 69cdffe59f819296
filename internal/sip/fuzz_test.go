package sip

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

func addTorture(f *testing.F) {
	paths, _ := filepath.Glob(filepath.Join("testdata", "torture", "*.sip"))
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
}

func FuzzParse(f *testing.F) {
	addTorture(f)
	f.Add([]byte(inviteOffer))
	var m, again Message
	var s SDP
	f.Fuzz(func(t *testing.T, b []byte) {
		before := string(b)
		ok := m.Parse(b)
		if ok != IsSIP(b) {
			t.Fatalf("Parse %v, IsSIP %v", ok, IsSIP(b))
		}
		if !ok {
			if m.Raw != nil || m.Defects != 0 || len(m.Body()) != 0 {
				t.Fatal("what is no SIP leaves something behind")
			}
			checkViews(t, &m)
			return
		}
		d := m.Check()
		if !d.Has(m.Defects) || m.Check() != d {
			t.Fatal("Check is not stable")
		}
		checkViews(t, &m)
		if part := m.Part("application/sdp"); len(part) > 0 && leaf(&m, "application/sdp") != string(part) {
			t.Fatalf("Part gives %q, Parts %q", part, leaf(&m, "application/sdp"))
		}
		if body := m.SDP(); body != nil {
			s.Parse(body)
			checkSDPViews(t, body, &s)
		}
		if m.Status != 0 && (m.Status < 100 || m.Status > 699) || m.Request && m.Status != 0 {
			t.Fatalf("status %d", m.Status)
		}
		if string(b) != before {
			t.Fatal("the payload was written to")
		}
		// A view that was used before gives what a fresh one gives.
		again = Message{}
		again.Parse(b)
		again.Check()
		if string(again.CallID()) != string(m.CallID()) || again.Defects != m.Defects || again.fieldCount != m.fieldCount {
			t.Fatal("a reused message differs from a fresh one")
		}
	})
}

func FuzzSDP(f *testing.F) {
	f.Add([]byte(offer))
	f.Add([]byte(webOffer))
	f.Add([]byte(faxAnswer))
	var s SDP
	f.Fuzz(func(t *testing.T, b []byte) {
		s.Parse(b)
		checkSDPViews(t, b, &s)
		media, defects := len(s.Media), s.Defects
		s.Parse(b)
		if len(s.Media) != media || s.Defects != defects {
			t.Fatal("a reused description differs")
		}
	})
}

func FuzzURI(f *testing.F) {
	for _, text := range []string{
		"sip:alice:secret@example.com:5060;transport=tcp?subject=x&priority=urgent", "sips:[2001:db8::1]:5061;lr",
		"tel:+1-201-555-0123;phone-context=example.com", "urn:service:sos", "*", "alice@example.com", "sip:2001:db8::10",
		"\"A\" <sip:a@b?x=y>;tag=1", "SIP/2.0/UDP [::1]:5060;rport;branch=z9hG4bK1;received=192.0.2.1",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		u, _ := ParseURI(b)
		a, _ := ParseAddress(b)
		v, _ := ParseVia(b)
		for _, view := range [][]byte{
			u.Scheme, u.User, u.Password, u.Host, u.Params, u.Headers, a.Display, a.Tag, a.Params, a.URI.Host, a.URI.User,
			v.Transport, v.Host, v.Branch, v.Received, v.Params,
		} {
			if !inside(b, view) {
				t.Fatalf("%q is not a part of %q", view, b)
			}
		}
		if n := len(AppendUnescaped(nil, b)); n > len(b) {
			t.Fatal("unescaping made it longer")
		}
		if n := len(AppendUnquoted(nil, b)); n > len(b) {
			t.Fatal("unquoting made it longer")
		}
	})
}

// FuzzAddr holds the reader of addresses against that of net/netip.
func FuzzAddr(f *testing.F) {
	for _, text := range []string{
		"192.0.2.1", "255.255.255.255", "1.2.3", "01.2.3.4", "::", "::1", "2001:db8::1", "1:2:3:4:5:6:7:8", "1::", "::ffff:192.0.2.1",
		"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:7::", "2001:db8:::1", "1:", ":1", "fe80::1%eth0", "1::2::3", "12345::",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want, err := netip.ParseAddr(text)
		if want.Zone() != "" || len(text) > 2 && text[0] == '[' {
			return // SDP and SIP have no zones
		}
		got, ok := ParseAddr([]byte(text))
		if ok != (err == nil) || ok && got != want {
			t.Fatalf("%q: %v %v, want %v (%v)", text, got, ok, want, err)
		}
	})
}
