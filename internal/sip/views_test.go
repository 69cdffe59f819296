package sip

import (
	"testing"
	"unsafe"
)

// inside says whether view is a part of whole: a view into anything else would be a leak of one message into another.
func inside(whole, view []byte) bool {
	if len(view) == 0 {
		return true
	}
	start := uintptr(unsafe.Pointer(unsafe.SliceData(whole)))
	at := uintptr(unsafe.Pointer(unsafe.SliceData(view)))
	return at >= start && at+uintptr(len(view)) <= start+uintptr(len(whole))
}

// checkViews calls every accessor and iterator of a message, and sees that all they give lies in its payload.
func checkViews(t *testing.T, m *Message) {
	t.Helper()
	see := func(what string, views ...[]byte) {
		t.Helper()
		for _, v := range views {
			if !inside(m.Raw, v) {
				t.Fatalf("%s: %q is not a part of the payload", what, v)
			}
		}
	}
	uri := func(what string, u URI) {
		t.Helper()
		see(what, u.Scheme, u.User, u.Password, u.Host, u.Params, u.Headers)
		p, _ := u.Param("transport")
		h, _ := u.Header("Replaces")
		see(what, p, h)
	}
	address := func(what string, a Address) {
		t.Helper()
		see(what, a.Display, a.Tag, a.Params)
		p, _ := a.Param("expires")
		see(what, p)
		uri(what, a.URI)
	}
	via := func(v Via) {
		t.Helper()
		p, _ := v.Param("rport")
		see("Via", v.Transport, v.Host, v.Branch, v.Received, v.Params, p)
		v.Magic()
	}
	_, method := m.CSeq()
	see("start line", m.Method, m.RequestURI, m.Reason)
	see("accessors", method, m.CSeqMethod(), m.CallID(), m.Body(), m.SDP(), m.Part("application/isup"))
	u, _ := ParseURI(m.RequestURI)
	uri("Request-URI", u)
	address("From", m.From())
	address("To", m.To())
	address("Contact", m.Contact())
	via(m.Via())
	for v := range m.Vias() {
		via(v)
	}
	for name, value := range m.Fields() {
		see("Fields", name, value)
		see("GetName", m.GetName(string(name)))
	}
	for h := range headerCount {
		see("Get", m.Get(h))
		for v := range m.Values(h) {
			see("Values", v, DigestParam(v, "response"))
			protocol, _, text := ParseReason(v)
			see("Reason", protocol, text)
		}
		for a := range m.Addresses(h) {
			address(h.String(), a)
		}
	}
	for range m.ValuesName("x-none") {
		t.Fatal("a header that is not there has a value")
	}
}

// checkSDPViews sees that all that a description gives lies in its text, and that its tables are bounded.
func checkSDPViews(t *testing.T, whole []byte, s *SDP) {
	t.Helper()
	see := func(views ...[]byte) {
		t.Helper()
		for _, v := range views {
			if !inside(whole, v) {
				t.Fatalf("%q is not a part of the description", v)
			}
		}
	}
	see(s.Origin.Username, s.Origin.SessionID, s.Origin.Version, s.Origin.Address, s.SessionName, s.Fingerprint, s.Setup)
	see(s.Bundles...)
	if len(s.Media) > MaxMedia || len(s.Bundles) > maxLines {
		t.Fatalf("%d media, %d bundles", len(s.Media), len(s.Bundles))
	}
	for i := range s.Media {
		m := &s.Media[i]
		see(m.Type, m.Proto, m.Fingerprint, m.Setup, m.Mid, m.Label)
		see(m.CryptoLines...)
		if len(m.Formats) > MaxFormats || len(m.Candidates) > MaxCandidates || len(m.SSRCs) > MaxSSRCs || len(m.CryptoLines) > maxLines {
			t.Fatalf("medium %d is not bounded", i)
		}
		for _, f := range m.Formats {
			see(f.Text, f.Fmtp)
			if f.Mapped {
				see(f.Codec)
			}
			if f.PayloadType < -1 || f.PayloadType > 127 {
				t.Fatalf("payload type %d", f.PayloadType)
			}
		}
		for _, c := range m.Candidates {
			see(c.Transport, c.Type)
		}
		for _, c := range m.SSRCs {
			see(c.CName)
		}
		m.RTP()
		m.RTCP()
		m.Held()
		_ = m.Direction.String()
	}
}
