package scrub

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/earshot-voip/earshot/internal/sip"
)

// TestScrub: of each message the text between braces is hidden, and nothing
// else is changed.
func TestScrub(t *testing.T) {
	request := func(method string, headers ...string) string {
		return method + " sip:b@example.com SIP/2.0\r\nCall-ID: 1\r\nCSeq: 7 " + method + "\r\n" + strings.Join(headers, "\r\n") + "\r\n"
	}
	const digest = `Digest username="alice", realm="example.com", nonce="abc", uri="sip:example.com", `
	for _, c := range []struct {
		name, message string
		hid           []string
	}{
		{"credentials", request("INVITE", `Authorization: `+digest+`response="{0123456789abcdef0123456789abcdef}", nc={00000001}, cnonce="x"`), []string{"digest"}},
		{"of a proxy", request("INVITE", `proxy-authorization: `+digest+`response="{0123}"`), []string{"digest"}},
		{"folded", request("INVITE", "Authorization: Digest username=\"alice\",\r\n realm=\"example.com\",\r\n\tresponse=\r\n \"{0123}\",\r\n nc={00000001}"), []string{"digest"}},
		{"without quotes, in capitals", request("INVITE", `Authorization: Digest username=alice,RESPONSE={0123},NC = {1}`), []string{"digest"}},
		{"several of them", request("REGISTER", `Authorization: `+digest+`response="{01}"`, `Authorization: `+digest+`response="{23}"`, `Proxy-Authorization: `+digest+`response="{45}"`), []string{"digest"}},
		{"two in one header", request("REGISTER", `Authorization: Digest username="a", response="{01}", Digest username="b", response="{23}"`), []string{"digest"}},
		{"the words in a string are no parameters", request("INVITE", `Authorization: Digest username="nc=1, response=2", response="{01}"`), []string{"digest"}},
		{"a string without an end", request("INVITE", `Authorization: Digest username="alice", response="{0123}`), []string{"digest"}},
		{"the server's answer", "SIP/2.0 200 OK\r\nCall-ID: 1\r\nCSeq: 7 INVITE\r\nAuthentication-Info: rspauth=\"{0123}\", nc={1}\r\n", []string{"digest"}},
		{"a challenge has no secret", "SIP/2.0 401 Unauthorized\r\nCall-ID: 1\r\nCSeq: 7 INVITE\r\nWWW-Authenticate: Digest realm=\"x\", nonce=\"nc=00000001\"\r\n", nil},
		{"text", request("MESSAGE", "Content-Type: text/plain", "", "{meet me at}\r\n{the bridge}"), []string{"body"}},
		{"text in compact headers", request("MESSAGE", "c: text/plain", "l: 4", "", "{abcd}"), []string{"body"}},
		{"text under a wrong CSeq", "MESSAGE sip:b@example.com SIP/2.0\r\nCall-ID: 1\r\nCSeq: 7 INVITE\r\nContent-Type: text/plain\r\n\r\n{secret}", []string{"body"}},
		{"a digit", request("INFO", "Content-Type: application/dtmf-relay", "", "Signal={5}\r\nDuration=160\r\n"), []string{"dtmf"}},
		{"a digit, compact", request("INFO", "c: Application/DTMF-Relay;x=y", "", "signal= {#}\r\nduration=160"), []string{"dtmf"}},
		{"a bare digit", request("INFO", "Content-Type: application/dtmf", "", "{5}"), []string{"dtmf"}},
		{"a digit in parts", request("INFO", `Content-Type: multipart/mixed;boundary=q`, "", "--q\r\nContent-Type: text/plain\r\n\r\nhello\r\n--q\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal={5}\r\n--q--\r\n"), []string{"dtmf"}},
		{"keys", request("INVITE", "Content-Type: application/sdp", "", "v=0\r\nm=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz}|2^20|1:4 FEC_ORDER=FEC_SRTP\r\na=crypto:2 F8 inline:{MTIz};inline:{QUJD}\r\n"), []string{"sdes"}},
		{"keys in parts, in capitals", request("INVITE", "Content-Type: multipart/mixed;boundary=q", "", "--q\r\nContent-Type: application/sdp\r\n\r\nv=0\r\nA=CRYPTO:1 X INLINE:{abc}\r\n--q--\r\n"), []string{"sdes"}},
		{"bytes that are no text", request("INVITE", "Content-Type: application/sdp", "", "v=0\r\na=crypto:1 \xff\xfe\xff inline:{abc}\r\n"), []string{"sdes"}},
		{"all at once", request("INVITE", `Authorization: Digest response="{01}"`, "Content-Type: application/sdp", "", "v=0\r\na=crypto:1 X inline:{abc}\r\n"), []string{"digest", "sdes"}},
		{"nothing", request("INVITE", "Content-Type: application/sdp", "", "v=0\r\nm=audio 4000 RTP/AVP 0\r\na=rtpmap:0 inline:no\r\n"), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := c.message
			if !strings.Contains(text, "\r\n\r\n") {
				text += "\r\n"
			}
			plain := strings.NewReplacer("{", "", "}", "").Replace(text)
			var want strings.Builder
			inside := false
			for _, b := range []byte(text) {
				switch {
				case b == '{' || b == '}':
					inside = b == '{'
				case inside:
					want.WriteByte('*')
				default:
					want.WriteByte(b)
				}
			}
			var m sip.Message
			if !m.Parse([]byte(plain)) {
				t.Fatal("not SIP")
			}
			raw := bytes.Clone(m.Raw)
			hid := All().Hide(raw, &m)
			if string(raw) != want.String() {
				t.Errorf("stored is\n%q\nwant\n%q", raw, want.String())
			}
			if !slices.Equal(hid, c.hid) && len(hid)+len(c.hid) > 0 {
				t.Errorf("says that it hid %v, want %v", hid, c.hid)
			}
			if string(m.Raw) != plain {
				t.Error("wrote through the message")
			}
			raw = append([]byte("\r\n\r\n"), m.Raw...) // keep-alives before it
			if All().Hide(raw, &m); string(raw) != "\r\n\r\n"+want.String() {
				t.Errorf("behind CRLFs stored is\n%q\nwant\n%q", raw, want.String())
			}
			raw = bytes.Clone(m.Raw)
			if hid := (Rules{}).Hide(raw, &m); len(hid) > 0 || string(raw) != plain {
				t.Error("hid what it was told to leave")
			}
		})
	}
}

// FuzzScrub: lengths are kept, bytes only become stars, and nothing crashes.
func FuzzScrub(f *testing.F) {
	f.Add([]byte("INVITE sip:b SIP/2.0\r\nAuthorization: Digest response=\"01\", nc=1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\na=crypto:1 X inline:abc|1\r\n"))
	f.Add([]byte("INFO sip:b SIP/2.0\r\nCSeq: 1 INFO\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=5\r\n"))
	f.Add([]byte("MESSAGE sip:b SIP/2.0\nAuthorization: \"\\\n\nhello"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m sip.Message
		if !m.Parse(b) {
			return
		}
		raw := bytes.Clone(m.Raw)
		hid := All().Hide(raw, &m)
		changed := false
		for i := range raw {
			if raw[i] != m.Raw[i] {
				changed = true
				if raw[i] != '*' {
					t.Fatalf("byte %d became %q", i, raw[i])
				}
			}
		}
		if changed && len(hid) == 0 {
			t.Fatal("hid something and says nothing")
		}
	})
}
