package agent

import (
	"bytes"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
)

// TestCutRTP meters packets of which the capture kept the first bytes only as
// those it kept whole.
func TestCutRTP(t *testing.T) {
	whole, cut := newTap(), newTap()
	for _, x := range []*tap{whole, cut} {
		x.invite(0, "call-1", alice)
		x.invite(0, "call-1", bob)
		for i := range 600 {
			b := rtp(1, uint16(i), byte([...]int{0, 96, 111}[i/200]))
			if i%3 == 0 { // an extension of one word
				b[0] |= 0x10
				copy(b[12:], []byte{0xbe, 0xde, 0, 1, 0x10, 0, 0, 0})
			}
			p := packet.Packet{Time: began.Add(time.Duration(i) * 20 * time.Millisecond), Src: bob, Dst: alice, Transport: packet.UDP, Payload: b[:len(b)-i%40]}
			if x == cut {
				p.Cut = uint16(len(p.Payload) - 40)
				p.Payload = p.Payload[:40]
			}
			x.Observe(&p)
		}
		x.Close()
	}
	if len(whole.out) != len(cut.out) || len(whole.reports) < 3 {
		t.Fatalf("%d packets of whole ones, %d of cut ones", len(whole.out), len(cut.out))
	}
	for i := range whole.out {
		if !bytes.Equal(whole.out[i].Payload, cut.out[i].Payload) {
			t.Errorf("whole: %s\n  cut: %s", whole.out[i].Payload, cut.out[i].Payload)
		}
	}
}
