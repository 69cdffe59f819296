package isup

import (
	"strings"
	"testing"
)

// The bytes of the tests are laid out as Q.763 has them, one parameter a line,
// and were compared with what TShark 4.0 says of them.
var messages = []struct {
	name    string
	variant Variant
	b       []byte
	want    Message
}{
	{"IAM", ITU, []byte{
		0x01,             // IAM
		0x10,             // nature of connection: outgoing echo control
		0x60, 0x01, 0x0a, // forward call indicators; ordinary subscriber
		0x03,       // 3.1 kHz audio
		0x02, 0x0a, // pointers: called number, optional part
		0x08, 0x04, 0x10, 0x44, 0x02, 0x97, 0x64, 0x10, 0x32, // international, E.164, even
		0x0a, 0x08, 0x84, 0x13, 0x21, 0x20, 0x55, 0x05, 0x41, 0x02, // calling: odd, allowed, network provided
		0x0b, 0x07, 0x03, 0x14, 0x70, 0x49, 0x06, 0x21, 0x43, // redirecting: national, restricted
		0x28, 0x06, 0x03, 0x10, 0x70, 0x49, 0x06, 0x65, // original called
		0xc0, 0x08, 0x06, 0x03, 0x11, 0x70, 0x49, 0x06, 0x87, 0x09, // generic: additional calling, user provided and verified
		0x1d, 0x03, 0x80, 0x90, 0xa3, // user service information, of which nothing is read
		0x00, // end
	}, Message{
		Type: IAM, NatureOfConnection: 0x10, Category: 10,
		Called:            Number{"442079460123", International, E164, Allowed, 0},
		Calling:           Number{"12025550142", International, E164, Allowed, 3},
		Redirecting:       Number{"0794601234", National, E164, Restricted, 0},
		OriginalCalled:    Number{"07946056", National, E164, Allowed, 0},
		AdditionalCalling: Number{"0794607890", National, E164, Allowed, 1},
	}},
	{"IAM of T1.113", ANSI, []byte{
		0x01,
		0x00, 0x20, 0x01, 0x0a,
		0x03, 0x06, 0x0d, // pointers: user service information, called number, optional part
		0x03, 0x80, 0x90, 0xa2,
		0x07, 0x03, 0x10, 0x02, 0x52, 0x55, 0x10, 0x24, // national
		0x0a, 0x07, 0x03, 0x11, 0x02, 0x52, 0x55, 0x10, 0x77,
		0x00,
	}, Message{
		Type: IAM, Category: 10,
		Called:  Number{"2025550142", National, E164, Allowed, 0},
		Calling: Number{"2025550177", National, E164, Allowed, 1},
	}},
	{"IAM with ST and codes 11 and 12", ITU, []byte{
		0x01, 0x00, 0x60, 0x01, 0x0f, 0x03, 0x02, 0x00,
		0x07, 0x82, 0x90, 0xb1, 0x2c, 0x43, 0xf5, 0x99,
	}, Message{Type: IAM, Category: 15, Called: Number{"1BC2345", NatureUnknown, E164, Allowed, 0}}},
	{"IAM of a caller whose number is not available", ITU, []byte{
		0x01, 0x00, 0x60, 0x01, 0x0a, 0x03, 0x02, 0x06,
		0x04, 0x01, 0x10, 0x21, 0x43,
		0x0a, 0x02, 0x00, 0x0b, 0x00,
	}, Message{Type: IAM, Category: 10, Called: Number{"1234", Subscriber, E164, Allowed, 0}}},
	{"REL", ITU, []byte{0x0c, 0x02, 0x00, 0x02, 0x82, 0x91}, Message{Type: REL, Cause: Cause{CodingITU, 2, 17}}},
	{"REL with diagnostics", ITU, []byte{0x0c, 0x02, 0x07, 0x05, 0x84, 0x81, 0x01, 0x02, 0x03, 0x0b, 0x00}, Message{Type: REL, Cause: Cause{CodingITU, 4, 1}}},
	{"REL with a recommendation", ITU, []byte{0x0c, 0x02, 0x00, 0x03, 0x00, 0x83, 0x9f}, Message{Type: REL, Cause: Cause{CodingITU, 0, 31}}},
	{"REL of a nation", ANSI, []byte{0x0c, 0x02, 0x00, 0x02, 0xc3, 0x97}, Message{Type: REL, Cause: Cause{CodingNational, 3, 23}}},
	{"ACM of an announcement", ITU, []byte{0x06, 0x16, 0x04, 0x01, 0x29, 0x01, 0x01, 0x12, 0x02, 0x84, 0x81, 0x00}, Message{Type: ACM, Cause: Cause{CodingITU, 4, 1}}},
	{"ACM", ITU, []byte{0x06, 0x16, 0x04, 0x00}, Message{Type: ACM}},
	{"CPG", ITU, []byte{0x2c, 0x02, 0x01, 0x12, 0x02, 0x84, 0x92, 0x00}, Message{Type: CPG, Cause: Cause{CodingITU, 4, 18}}},
	{"ANM", ITU, []byte{0x09, 0x00}, Message{Type: ANM}},
	{"RLC", ITU, []byte{0x10, 0x00}, Message{Type: RLC}},
	// What is cut short.
	{"IAM without pointers", ITU, []byte{0x01, 0x00, 0x60, 0x01, 0x0a, 0x03}, Message{Type: IAM, Category: 10}},
	{"IAM that ends in its called number", ITU, []byte{
		0x01, 0x00, 0x60, 0x01, 0x0a, 0x03, 0x02, 0x09, 0x08, 0x04, 0x10, 0x44, 0x02,
	}, Message{Type: IAM, Category: 10, Called: Number{"4420", International, E164, Allowed, 0}}},
	{"IAM that points out of itself", ITU, []byte{0x01, 0x00, 0x60, 0x01, 0x0a, 0x03, 0xff, 0xff}, Message{Type: IAM, Category: 10}},
	{"REL that ends in its cause", ITU, []byte{0x0c, 0x02, 0x00, 0x02, 0x80}, Message{Type: REL}},
	{"REL of nothing", ITU, []byte{0x0c}, Message{Type: REL}},
}

func TestParse(t *testing.T) {
	for _, c := range messages {
		if got, ok := Parse(c.b, c.variant); !ok || got != c.want {
			t.Errorf("%s:\n%+v, want\n%+v", c.name, got, c.want)
		}
	}
	if _, ok := Parse(nil, ITU); ok {
		t.Error("nothing was a message")
	}
}

func TestNumberString(t *testing.T) {
	for want, n := range map[string]Number{
		"+442079460123": {Digits: "442079460123", Nature: International, Plan: E164},
		"2079460123":    {Digits: "2079460123", Nature: National, Plan: E164},
		"442079460123":  {Digits: "442079460123", Nature: International, Plan: 3},
		"":              {Nature: International, Plan: E164},
	} {
		if got := n.String(); got != want {
			t.Errorf("%+v is %q, want %q", n, got, want)
		}
	}
}

func TestVariantOf(t *testing.T) {
	for version, want := range map[string]Variant{
		"itu-t92+": ITU, "etsi356": ITU, "ttc87": ITU, "": ITU, "X-NetxProprietaryISUPv3": ITU, "ansi00": ANSI, "ANSI88": ANSI, "gr317": ANSI,
	} {
		if got := VariantOf(version); got != want {
			t.Errorf("%q is %d, want %d", version, got, want)
		}
	}
}

func FuzzISUP(f *testing.F) {
	for _, c := range messages {
		f.Add(c.b, c.variant == ANSI)
	}
	f.Fuzz(func(t *testing.T, b []byte, ansi bool) {
		v := ITU
		if ansi {
			v = ANSI
		}
		m, ok := Parse(b, v)
		if ok != (len(b) > 0) || ok && m.Type != Type(b[0]) {
			t.Fatalf("% x: %v, type %d", b, ok, m.Type)
		}
		for _, n := range []Number{m.Called, m.Calling, m.AdditionalCalling, m.OriginalCalled, m.Redirecting} {
			if len(n.Digits) > maxDigits || strings.Trim(n.String(), "+0123456789ABCDE") != "" || n.Plan > 7 || n.Nature > 0x7f {
				t.Fatalf("% x: %+v", b, n)
			}
		}
		if c := m.Cause; c.Value > 0x7f || c.Location > 0x0f || c.Value == 0 && c != (Cause{}) {
			t.Fatalf("% x: %+v", b, c)
		}
	})
}
