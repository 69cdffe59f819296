package dialog

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

// said is the columns of a row that packages sip and isup fill, by name.
func said(r *record.Call) string {
	var out []string
	v := reflect.ValueOf(r).Elem()
	in := false
	for _, f := range record.Fields(v.Type()) {
		in = (in || f.Name == "preferred_identity") && f.Name != "headers"
		if value := v.FieldByIndex(f.Index); (in || f.Name == "asserted_number" || f.Name == "cause_location") && !value.IsNil() {
			out = append(out, fmt.Sprint(f.Name, "=", value.Elem()))
		}
	}
	return strings.Join(out, " ")
}

// with puts headers and a body into the message of a script's line.
func (s seen) with(body string, headers ...string) seen {
	head, _, _ := bytes.Cut(s.raw, []byte("Content-Length"))
	s.raw = fmt.Appendf(nil, "%s%sContent-Length: %d\r\n\r\n%s", head, strings.Join(append(headers, ""), "\r\n"), len(body), body)
	return s
}

// An IAM that calls +442079460123, and one of fewer digits.
const (
	iam     = "\x01\x00\x60\x01\x0a\x03\x02\x0a\x08\x04\x10\x44\x02\x97\x64\x10\x32\x0a\x07\x03\x17\x02\x52\x55\x10\x24\x00"
	overlap = "\x01\x00\x60\x01\x0a\x03\x02\x00\x05\x84\x10\x44\x02\x07"
	// An IAM of T1.113 that calls 2025550142.
	ansiIAM = "\x01\x00\x20\x01\x0a\x03\x06\x00\x03\x80\x90\xa2\x07\x03\x10\x02\x52\x55\x10\x24"
)

func TestNetworkOfINVITE(t *testing.T) {
	const icid = `P-Charging-Vector: icid-value="a;b"; icid-generated-at=192.0.2.1; orig-ioi="home.example" ;Term-IOI=far.example`
	for _, c := range []struct {
		name    string
		headers []string
		body    string
		want    string
	}{
		{"nothing", nil, "", ""},
		{"charging", []string{icid}, "", "icid=a;b orig_ioi=home.example term_ioi=far.example"},
		{"a sip and a tel URI", []string{`P-Asserted-Identity: "A, B" <sip:alice@example.com>, <tel:+1-202-555-0142;cpc=ordinary>`}, "", "asserted_number=+1-202-555-0142"},
		{"two fields", []string{"P-Asserted-Identity: <sip:alice@example.com>", "P-Asserted-Identity: <tel:+12025550142>"}, "", "asserted_number=+12025550142"},
		{"a tel URI", []string{"P-Asserted-Identity: tel:+12025550142"}, "", "asserted_number=+12025550142"},
		{"a number in a sip URI", []string{"P-Asserted-Identity: <sip:+12025550142;npdi@example.com;user=phone>"}, "", "asserted_number=+12025550142"},
		{"no number", []string{"P-Asserted-Identity: <sip:alice1@example.com>"}, "", ""},
		{"identities", []string{
			"P-Preferred-Identity: <sip:alice:secret@example.com:5070;x=y>", "P-Served-User: <sip:+44@example.com>;sescase=term", "P-Called-Party-ID: tel:+442079460123;x=y",
		}, "", "preferred_identity=sip:alice@example.com served_user=sip:+44@example.com called_party_id=tel:+442079460123"},
		{"identities that are none", []string{"P-Preferred-Identity: <>", "P-Served-User: x", "P-Called-Party-ID:"}, "", ""},
		{"visited network", []string{`P-Visited-Network-ID: "Visited, network; 1", other.net`}, "", "visited_network=Visited, network; 1"},
		{"visited network as a token", []string{`P-Visited-Network-ID: other.net;x`}, "", "visited_network=other.net"},
		{"access", []string{"P-Access-Network-Info: IEEE-802.11; i-wlan-node-id=00005e0053c4"}, "", "caller_access_network=IEEE-802.11 caller_cell=00005e0053c4"},
		{"access that the network tells, too", []string{
			"P-Access-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=1, 3GPP-NR-FDD;utran-cell-id-3gpp=2;network-provided, 3GPP-GERAN;cgi-3gpp=3;network-provided",
		}, "", "caller_access_network=3GPP-NR-FDD caller_cell=2"},
		{"ISUP", []string{"Content-Type: application/ISUP;version=itu-t92+"}, iam, "isup_called=+442079460123 isup_calling=2025550142 isup_category=10"},
		{"ISUP of T1.113", []string{"Content-Type: application/isup;version=ansi00"}, ansiIAM, "isup_called=2025550142 isup_category=10"},
		{"ISUP by its base", []string{"Content-Type: application/isup;version=X-vendor;base=ansi88"}, ansiIAM, "isup_called=2025550142 isup_category=10"},
		{"ISUP in a part", []string{"Content-Type: multipart/mixed;boundary=b"}, "--b\r\nContent-Type: application/isup\r\n\r\n" + iam + "\r\n--b--\r\n", "isup_called=+442079460123 isup_calling=2025550142 isup_category=10"},
		{"an empty ISUP", []string{"Content-Type: application/isup"}, "\x01", ""},
	} {
		x := newTable()
		one := parse(t, `0 a>b INVITE A/ 1`)[0].with(c.body, c.headers...)
		x.see(&one)
		if got := said(x.rows(time.Time{})[0]); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestNetworkOfHops: each hop and each side adds what it knows.
func TestNetworkOfHops(t *testing.T) {
	x := newTable()
	x.play(parse(t, `
0    a>p INVITE A/  1 via=x h=P-Access-Network-Info:_3GPP-NR-FDD;utran-cell-id-3gpp=1 h=P-Preferred-Identity:_<sip:a@example.com>
0.02 p>b INVITE A/  1 via=y|x h=P-Charging-Vector:_icid-value=i;orig-ioi=home h=P-Asserted-Identity:_<sip:a@example.com>,<tel:+1>
0.05 b>p 180    A/B 1INVITE via=y|x h=P-Charging-Vector:_icid-value=i;orig-ioi=home;term-ioi=far h=P-Access-Network-Info:_DSL;dsl-location=2
0.06 p>a 180    A/B 1INVITE via=x
1    b>p 200    A/B 1INVITE via=y|x h=P-Charging-Vector:_icid-value=j;orig-ioi=k;term-ioi=l
1.01 p>a 200    A/B 1INVITE via=x
1.02 a>b ACK    A/B 1ACK
9    a>b BYE    A/B 2 h=P-Access-Network-Info:_3GPP-NR-FDD;utran-cell-id-3gpp=3`))
	const want = "asserted_number=+1 preferred_identity=sip:a@example.com icid=i orig_ioi=home term_ioi=far " +
		"caller_access_network=3GPP-NR-FDD callee_access_network=DSL caller_cell=1 callee_cell=2"
	if got := said(x.rows(time.Time{})[0]); got != want {
		t.Errorf("%q, want\n%q", got, want)
	}
}

// TestOverlap: an INVITE with more digits (RFC 3578) says the whole number.
func TestOverlap(t *testing.T) {
	x := newTable()
	invites := parse(t, "0 a>b INVITE A/ 1\n1 a>b INVITE A/ 2\n2 a>b INVITE A/ 3")
	for i, body := range []string{overlap, iam, overlap} {
		one := invites[i].with(body, "Content-Type: application/isup")
		x.see(&one)
	}
	if r := x.rows(time.Time{})[0]; r.ISUPCalled == nil || *r.ISUPCalled != "+442079460123" {
		t.Errorf("isup_called of %s", said(r))
	}
}

// TestCausesOfISUP: of Reason headers and ISUP, and where they come from.
func TestCausesOfISUP(t *testing.T) {
	const rel = "\x0c\x02\x00\x02\x84\x91" // user busy, from the public network that serves the remote user
	isup := "Content-Type: application/isup"
	for _, c := range []struct {
		name    string
		body    string
		headers []string
		want    string
	}{
		{"nothing", "", nil, "- -"},
		{"REL", rel, []string{isup}, "17 RLN"},
		{"Reason", "", []string{"Reason: Q.850;cause=34"}, "34 -"},
		{"Reason with its location", "", []string{"Reason: SIP;cause=503, q.850; cause=34; Location=intl"}, "34 INTL"},
		{"both", rel, []string{"Reason: Q.850;cause=17", isup}, "17 RLN"},
		{"both with a location", rel, []string{"Reason: Q.850;cause=17;location=U", isup}, "17 U"},
		{"both, and they differ", rel, []string{"Reason: Q.850;cause=31", isup}, "31 -"},
		{"a nation's own", "\x0c\x02\x00\x02\xc3\x97", []string{isup + ";version=ansi00"}, "- -"},
		{"no release", "\x10\x00", []string{isup}, "- -"},
		{"cut short", rel[:5], []string{isup}, "- -"},
		{"a location of nobody's", "", []string{"Reason: Q.850;cause=34;location="}, "34 -"},
	} {
		x := newTable()
		x.play(parse(t, basicWithout("BYE")))
		bye := parse(t, `9 b>a BYE B/A 9`)[0].with(c.body, c.headers...)
		x.see(&bye)
		r := x.rows(time.Time{})[0]
		got := "-"
		if r.CauseQ850 != nil {
			got = fmt.Sprint(*r.CauseQ850)
		}
		if r.CauseLocation != nil {
			got += " " + *r.CauseLocation
		} else {
			got += " -"
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	// An announcement says why before the call is given up.
	x := newTable()
	x.play(parse(t, `0 a>b INVITE A/ 1`))
	acm := parse(t, `1 b>a 183 A/B 1INVITE`)[0].with("\x06\x16\x04\x01\x29\x01\x01\x12\x02\x84\x81\x00", isup)
	x.see(&acm)
	x.play(parse(t, "9 a>b CANCEL A/ 1\n9.1 b>a 487 A/B 1INVITE"))
	if r := x.rows(time.Time{})[0]; r.CauseQ850 == nil || *r.CauseQ850 != 1 || r.CauseLocation == nil || *r.CauseLocation != "RLN" {
		t.Errorf("cause of an announcement: %s", said(r))
	}
}
