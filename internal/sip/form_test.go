package sip

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// drawn is a well-formed message before it has a form: names in full, one line a header.
type drawn struct {
	start   string
	headers [][2]string // the value's spaces are where a fold may stand
	body    string
}

// awkwardName has all that a quoted string may hold and a careless reader stumbles over.
const awkwardName = `"a \" < > ; , b" `

var (
	anyToken  = rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9.!%*_+~-]{0,15}`)
	anyUser   = rapid.StringMatching(`(\+?[0-9]{3,15}|[a-z][a-z0-9._-]{0,12})`)
	anyHost   = rapid.SampledFrom([]string{"example.com", "192.0.2.1", "[2001:db8::1]", "sip.example.net", "a"})
	anyPort   = rapid.SampledFrom([]string{"", ":5060", ":65535", ":1"})
	anyMethod = rapid.SampledFrom([]string{"INVITE", "ACK", "BYE", "REGISTER", "OPTIONS", "NEWMETHOD"})
	anyQuoted = rapid.SampledFrom([]string{"", "Bob ", `"Bell, Alexander" `, awkwardName, `"" `})
)

func drawAddress(t *rapid.T, tag bool) string {
	address := anyQuoted.Draw(t, "display") + "<sip:" + anyUser.Draw(t, "user") + "@" + anyHost.Draw(t, "host") + anyPort.Draw(t, "port") +
		rapid.SampledFrom([]string{"", ";user=phone", ";transport=tcp;lr"}).Draw(t, "uri parameters") + ">"
	if tag {
		address += ";tag=" + anyToken.Draw(t, "tag")
	}
	return address
}

func drawMessage(t *rapid.T) drawn {
	method := anyMethod.Draw(t, "method")
	var d drawn
	if rapid.Bool().Draw(t, "request") {
		d.start = method + " sip:" + anyUser.Draw(t, "user") + "@" + anyHost.Draw(t, "host") + " SIP/2.0"
	} else {
		d.start = fmt.Sprintf("SIP/2.0 %d %s", rapid.IntRange(100, 699).Draw(t, "status"), rapid.SampledFrom([]string{"OK", "Not Found", "Ça va"}).Draw(t, "reason"))
	}
	for range rapid.IntRange(1, 4).Draw(t, "vias") {
		d.headers = append(d.headers, [2]string{"Via", "SIP/2.0/" + rapid.SampledFrom([]string{"UDP", "TCP", "TLS", "WSS"}).Draw(t, "transport") +
			" " + anyHost.Draw(t, "host") + anyPort.Draw(t, "port") + ";branch=z9hG4bK" + anyToken.Draw(t, "branch")})
	}
	d.headers = append(d.headers,
		[2]string{"From", drawAddress(t, true)},
		[2]string{"To", drawAddress(t, rapid.Bool().Draw(t, "dialog"))},
		[2]string{"Call-ID", anyToken.Draw(t, "call-id") + "@" + anyToken.Draw(t, "call-id host")},
		[2]string{"CSeq", fmt.Sprint(rapid.Uint32Range(0, 1<<31-1).Draw(t, "cseq")) + " " + method},
		[2]string{"Max-Forwards", "70"})
	for range rapid.IntRange(0, 3).Draw(t, "contacts") {
		d.headers = append(d.headers, [2]string{"Contact", drawAddress(t, false)})
	}
	if rapid.Bool().Draw(t, "supported") {
		d.headers = append(d.headers, [2]string{"Supported", "replaces, timer, 100rel"}, [2]string{"X-Site", "north wing"})
	}
	d.body = rapid.SampledFrom([]string{"", "v=0\r\n", offer}).Draw(t, "body")
	d.headers = append(d.headers, [2]string{"Content-Type", "application/sdp"}, [2]string{"Content-Length", fmt.Sprint(len(d.body))})
	return d
}

// plain is the message as an orderly peer writes it.
func (d drawn) plain() []byte {
	text := d.start + "\r\n"
	for _, h := range d.headers {
		text += h[0] + ": " + h[1] + "\r\n"
	}
	return []byte(text + "\r\n" + d.body)
}

// odd is the same message in a form that RFC 3261 section 7.3.1 calls equal, with LF for CRLF here and there.
func (d drawn) odd(t *rapid.T) []byte {
	var text strings.Builder
	end := func() string { return rapid.SampledFrom([]string{"\r\n", "\r\n", "\n"}).Draw(t, "line end") }
	text.WriteString(rapid.SampledFrom([]string{"", "\r\n", "\r\n\r\n", "\n"}).Draw(t, "before") + d.start + end())
	for _, h := range d.headers {
		name, value := h[0], h[1]
		if known := headerNames[lookupHeader(name)]; known.compact != 0 && rapid.Bool().Draw(t, "compact") {
			name = string(known.compact)
		}
		switch rapid.IntRange(0, 2).Draw(t, "case") {
		case 1:
			name = strings.ToLower(name)
		case 2:
			name = strings.ToUpper(name)
		}
		text.WriteString(name + rapid.SampledFrom([]string{":", " : ", "\t:  ", ":" + end() + " "}).Draw(t, "colon"))
		for i, word := range strings.Split(value, " ") {
			if i > 0 {
				text.WriteString(rapid.SampledFrom([]string{" ", end() + " ", end() + "\t"}).Draw(t, "space"))
			}
			text.WriteString(word)
		}
		text.WriteString(rapid.SampledFrom([]string{"", " ", "\t"}).Draw(t, "after") + end())
	}
	text.WriteString(end())
	return []byte(text.String() + d.body)
}

// reading is all that the accessors say of a message, white space made equal.
func reading(m *Message) []string {
	var out []string
	say := func(what string, values ...any) {
		line := what
		for _, v := range values {
			if b, ok := v.([]byte); ok {
				v = strings.Join(strings.Fields(string(b)), " ")
			}
			line += fmt.Sprintf(" %v", v)
		}
		out = append(out, line)
	}
	address := func(what string, a Address) {
		say(what, a.Display, a.URI.Scheme, a.URI.User, a.URI.Host, a.URI.Port, a.URI.Params, a.Tag, a.Params)
	}
	number, method := m.CSeq()
	say("start", m.Request, m.Method, m.RequestURI, m.Status, m.Reason)
	say("cseq", number, method, m.CSeqMethod())
	say("call-id", m.CallID())
	address("from", m.From())
	address("to", m.To())
	for a := range m.Addresses(HeaderContact) {
		address("contact", a)
	}
	for v := range m.Vias() {
		say("via", v.Transport, v.Host, v.Port, v.Branch, v.Magic())
	}
	for v := range m.Values(HeaderSupported) {
		say("supported", v)
	}
	say("other", m.GetName("x-site"), m.Get(HeaderMaxForwards))
	say("body", m.Body())
	say("sdp", m.SDP())
	return out
}

func TestFormDoesNotChangeMeaning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawMessage(t)
		var plain, odd Message
		text := d.odd(t)
		if !plain.Parse(d.plain()) || !odd.Parse(text) {
			t.Fatalf("not recognised: %q", text)
		}
		if got := plain.Check(); got != 0 {
			t.Fatalf("a good message has %v: %q", got, plain.Raw)
		}
		if got := odd.Check() &^ BareLF; got != 0 {
			t.Fatalf("an odd message has %v: %q", got, text)
		}
		want, got := reading(&plain), reading(&odd)
		if !slices.Equal(want, got) {
			for i := range min(len(want), len(got)) {
				if want[i] != got[i] {
					t.Errorf("%s\nbecame\n%s", want[i], got[i])
				}
			}
			t.Fatalf("plain %q\nodd %q", plain.Raw, text)
		}
	})
}

// TestListsAreOneOrMany puts repeated headers into one, divided by commas (RFC 3261 section 7.3.1).
func TestListsAreOneOrMany(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawMessage(t)
		joined := drawn{start: d.start, body: d.body}
		for _, h := range d.headers {
			if n := len(joined.headers); n > 0 && joined.headers[n-1][0] == h[0] && headerNames[lookupHeader(h[0])].list {
				joined.headers[n-1][1] += rapid.SampledFrom([]string{",", ", ", " , "}).Draw(t, "comma") + h[1]
			} else {
				joined.headers = append(joined.headers, h)
			}
		}
		var many, one Message
		many.Parse(d.plain())
		one.Parse(joined.plain())
		if want, got := reading(&many), reading(&one); !slices.Equal(want, got) {
			t.Fatalf("%q\nbecame\n%q", want, got)
		}
	})
}
