package dialog

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestHold(t *testing.T) {
	for _, c := range []struct {
		name, script string
		a, b         float64
		flag         bool
	}{
		{"never", basic, 0, 0, false},
		{"by re-INVITE", basicWithout("BYE") + `
4    a>b INVITE A/B 2 sdp=sendonly
4.1  b>a 200    A/B 2INVITE sdp=recvonly
4.2  a>b ACK    A/B 2ACK
7    a>b INVITE A/B 3 sdp=sendrecv
7.1  b>a 200    A/B 3INVITE sdp=sendrecv
7.2  a>b ACK    A/B 3ACK
9    b>a BYE    B/A 1`, 0, 3000, true},
		{"by UPDATE, until the end", basicWithout("BYE") + `
4    b>a UPDATE B/A 1 sdp=inactive
4.1  a>b 200    B/A 1UPDATE sdp=inactive
9    b>a BYE    B/A 2`, 4900, 4900, true},
		{"as RFC 2543 has it", basicWithout("BYE") + `
4    a>b INVITE A/B 2 sdp=none
4.1  b>a 200    A/B 2INVITE sdp=sendrecv
9    b>a BYE    B/A 1`, 0, 4900, true},
		{"refused", basicWithout("BYE") + `
4    a>b INVITE A/B 2 sdp=sendonly
4.1  b>a 488    A/B 2INVITE
9    b>a BYE    B/A 1`, 0, 0, false},
		{"a copy of the hold seen late, at another hop, does not hold again", basicWithout("BYE") + `
4    a>b INVITE A/B 2 sdp=sendonly
4.1  b>a 200    A/B 2INVITE sdp=recvonly
5    a>b INVITE A/B 3 sdp=sendrecv
5.1  b>a 200    A/B 3INVITE sdp=sendrecv
4.11 b>p 200    A/B 2INVITE sdp=recvonly via=z|INVITE2A
9    b>a BYE    B/A 1`, 0, 1000, true},
		{"one way from its first offer: nobody was put on hold", `
0    a>b INVITE A/  1 sdp=recvonly
2    b>a 200    A/B 1INVITE sdp=sendonly
2.1  a>b ACK    A/B 1ACK
9    b>a BYE    B/A 1`, 7000, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newTable()
			x.play(parse(t, c.script))
			rows := x.rows(time.Time{})
			l := x.over[0].legs[0]
			if a, b := l.HoldMs(A), l.HoldMs(B); a != c.a || b != c.b {
				t.Errorf("held %v ms and %v ms, want %v and %v", a, b, c.a, c.b)
			}
			if got := strings.Contains(brief(rows[0]), "on_hold"); got != c.flag {
				t.Errorf("on_hold is %v", got)
			}
		})
	}
}

// TestOfferIsNoAgreement: video and fax that were offered and refused are no
// part of the call.
func TestOfferIsNoAgreement(t *testing.T) {
	f := func(offer, answer, want string) {
		t.Helper()
		script := strings.Replace(basic, "1 sdp=sendrecv", "1 sdp="+offer, 1)
		script = strings.Replace(script, "1INVITE sdp=sendrecv", "1INVITE sdp="+answer, 1)
		x := newTable()
		x.play(parse(t, script))
		if got := brief(x.rows(time.Time{})[0]); got != strings.TrimSpace(basicRow+" "+want) {
			t.Errorf("offer %s, answer %s: row is %s", offer, answer, got)
		}
	}
	f("video", "video", "video")
	f("video", "novideo", "")
	f("image", "image", "t38")
	f("sendrecv", "sendrecv", "")
}

// TestIdle: who holds has nothing to send either; who was never to send holds
// nobody. Spans are bounded, and then err on the side of idle.
func TestIdle(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	var h hold
	h.set(at(0), true, false)
	h.set(at(2), false, false)
	h.spoke = [2]bool{true, true}
	h.set(at(5), false, true)
	h.end(at(9))
	h.set(at(12), true, false)
	h.end(at(11)) // ended before it began
	l := Leg{hold: h}
	if got, want := l.Idle(A), []Span{{at(0), at(2)}, {at(5), at(9)}}; !slices.Equal(got, want) {
		t.Errorf("a was idle %v", got)
	}
	if got, want := l.Idle(B), []Span{{at(5), at(9)}}; !slices.Equal(got, want) {
		t.Errorf("b was idle %v", got)
	}
	for i := range 1000 {
		h.set(at(20+2*i), true, true)
		h.end(at(21 + 2*i))
	}
	spans := h.idle[A]
	if len(spans) != maxHolds || !spans[maxHolds-1].To.Equal(at(20+2*999+1)) || h.total[A] != 1002*time.Second {
		t.Errorf("%d spans, total %v", len(spans), h.total[A])
	}
}
