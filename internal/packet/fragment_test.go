package packet

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// fragments4 cuts an IPv4 payload at the offsets (multiples of 8).
func fragments4(id uint16, payload []byte, cuts ...int) []*Frame {
	var out []*Frame
	cuts = append(append([]int{0}, cuts...), len(payload))
	for i := range len(cuts) - 1 {
		flags := uint16(cuts[i] / 8)
		if cuts[i+1] != len(payload) {
			flags |= 0x2000
		}
		out = append(out, frame(LinkEthernet, ether(etherIPv4, ip4Fragment(protoUDP, a4, b4, id, flags, payload[cuts[i]:cuts[i+1]]))))
	}
	return out
}

// fragments6 does the same for IPv6; next is the header that the payload begins with.
func fragments6(id uint32, next uint8, payload []byte, cuts ...int) []*Frame {
	var out []*Frame
	cuts = append(append([]int{0}, cuts...), len(payload))
	for i := range len(cuts) - 1 {
		flags := uint16(cuts[i])
		if cuts[i+1] != len(payload) {
			flags |= 1
		}
		h := be.AppendUint16([]byte{next, 0}, flags)
		h = be.AppendUint32(h, id)
		h = append(h, payload[cuts[i]:cuts[i+1]]...)
		out = append(out, frame(LinkEthernet, ether(etherIPv6, ip6(protoFragment, a6, b6, h))))
	}
	return out
}

func wire(frames ...*Frame) (sum int) {
	for _, f := range frames {
		sum += f.WireLen
	}
	return sum
}

func TestFragments(t *testing.T) {
	text := strings.Repeat("0123456789", 30)
	u := udpSegment(5060, 5062, []byte(text))
	destination := append([]byte{protoUDP, 0, 1, 4, 0, 0, 0, 0}, u...)
	for _, c := range []struct {
		name   string
		frames []*Frame
	}{
		{"ipv4", fragments4(7, u, 96, 200)},
		{"ipv6", fragments6(7, protoUDP, u, 96, 200)},
		{"ipv6 behind a destination header", fragments6(7, protoDestination, destination, 8, 200)},
	} {
		for _, order := range permutations(3) {
			t.Run(fmt.Sprint(c.name, order), func(t *testing.T) {
				d := NewDecoder(Options{})
				for i, n := range order {
					// Each one twice: a repeat neither completes nor spoils.
					ps := d.Decode(c.frames[n])
					if i < 2 {
						ps = slices.Concat(ps, d.Decode(c.frames[n]))
						if len(ps) != 0 {
							t.Fatalf("a packet of %d fragments", i+1)
						}
						continue
					}
					if len(ps) != 1 || string(ps[0].Payload) != text || ps[0].Src.Port() != 5060 ||
						ps[0].TTL != 61 || ps[0].DSCP != 46 || ps[0].WireLen != wire(c.frames...) {
						t.Fatalf("got %+v", ps)
					}
				}
				balanced(t, d)
				if s := d.Stats(); s.Held != 0 || s.Decoded != 3 || s.Undecoded[ReasonFragmentDuplicate] != 2 || d.datagramBytes != 0 {
					t.Errorf("%+v", s)
				}
			})
		}
	}
}

func TestAtomicFragment(t *testing.T) {
	d := NewDecoder(Options{})
	p := one(t, d, fragments6(1, protoUDP, udpSegment(1, 2, []byte("whole")))[0])
	if string(p.Payload) != "whole" {
		t.Errorf("%q", p.Payload)
	}
	if s := d.Stats(); s.FragmentsHeld != 0 {
		t.Errorf("%+v", s)
	}
}

// TestTwoDatagramsInterleaved has fragments of two ids in turn.
func TestTwoDatagramsInterleaved(t *testing.T) {
	d := NewDecoder(Options{})
	one := fragments4(7, udpSegment(1, 2, []byte(strings.Repeat("a", 100))), 48)
	two := fragments4(8, udpSegment(3, 4, []byte(strings.Repeat("b", 100))), 48)
	checkPayloads(t, payloads(d, false, one[0], two[1], two[0], one[1]), strings.Repeat("b", 100), strings.Repeat("a", 100))
}

func TestFragmentsThatContradict(t *testing.T) {
	at := func(start, end int, more bool) *Frame {
		flags := uint16(start / 8)
		if more {
			flags |= 0x2000
		}
		return frame(LinkEthernet, ether(etherIPv4, ip4Fragment(protoUDP, a4, b4, 9, flags, make([]byte, end-start))))
	}
	for _, c := range []struct {
		name   string
		frames []*Frame
		reason Reason
		count  uint64
	}{
		{"overlap", []*Frame{at(0, 64, true), at(56, 128, true)}, ReasonFragmentOverlap, 2},
		{"enclosing", []*Frame{at(8, 16, true), at(0, 64, true)}, ReasonFragmentOverlap, 2},
		{"two ends", []*Frame{at(64, 100, false), at(64, 120, false)}, ReasonFragmentOverlap, 2},
		{"beyond the end", []*Frame{at(64, 100, false), at(104, 112, true)}, ReasonFragmentOverlap, 2},
		{"an end before what is held", []*Frame{at(64, 128, true), at(8, 16, false)}, ReasonFragmentOverlap, 2},
		{"no multiple of 8", []*Frame{at(0, 61, true)}, ReasonMalformed, 1},
		{"empty", []*Frame{at(64, 64, true)}, ReasonMalformed, 1},
		{"beyond 65535", []*Frame{at(65528, 65544, false)}, ReasonMalformed, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := NewDecoder(Options{})
			checkPayloads(t, payloads(d, false, c.frames...))
			balanced(t, d)
			if s := d.Stats(); s.Undecoded[c.reason] != c.count || s.Held != 0 || d.datagramBytes != 0 || s.FragmentsHeld != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestFragmentsExpireAndAreBounded(t *testing.T) {
	u := udpSegment(1, 2, make([]byte, 192))
	d := NewDecoder(Options{})
	first, second := fragments4(7, u, 96)[0], fragments4(7, u, 96)[1]
	second.Time = epoch.Add(31 * time.Second)
	checkPayloads(t, payloads(d, false, first, second))
	balanced(t, d)
	if s := d.Stats(); s.Undecoded[ReasonFragmentExpired] != 1 || s.Held != 1 {
		t.Errorf("%+v", s)
	}
	d.Advance(epoch.Add(time.Hour))
	if s := d.Stats(); s.Undecoded[ReasonFragmentExpired] != 2 || s.Held != 0 {
		t.Errorf("%+v", s)
	}

	for _, o := range []Options{{Fragments: 10}, {FragmentBytes: 4000}} {
		d = NewDecoder(o)
		for id := range uint16(1000) {
			d.Decode(fragments4(id, u, 96)[0])
		}
		balanced(t, d)
		s := d.Stats()
		if s.FragmentsHeld < 5 || s.FragmentsHeld > 11 || s.Undecoded[ReasonFragmentEvicted] != 1000-s.FragmentsHeld ||
			d.datagramBytes > 4000 {
			t.Errorf("%+v: %+v, %d bytes", o, s, d.datagramBytes)
		}
		d.Flush()
		if s := d.Stats(); s.Held != 0 || s.FragmentsHeld != 0 || d.datagramBytes != 0 {
			t.Errorf("after Flush: %+v", s)
		}
	}
}

func TestCutFragmentIsTruncated(t *testing.T) {
	d := NewDecoder(Options{})
	f := fragments4(7, udpSegment(1, 2, make([]byte, 192)), 96)[0]
	f.Data = f.Data[:len(f.Data)-8]
	d.Decode(f)
	if u := d.Undecoded(); u[ReasonTruncated] != 1 {
		t.Errorf("%v", u)
	}
}

// TestFragmentsOfTCP has a SIP message in TCP in fragments.
func TestFragmentsOfTCP(t *testing.T) {
	k, d := newConn(), NewDecoder(Options{})
	m := request(1, 300)
	segment := k.at(0, m).Data[34:]
	var frames []*Frame
	for _, f := range fragments4(3, segment, 160, 240) {
		f.Data[14+9] = protoTCP
		frames = append(frames, f)
	}
	checkPayloads(t, payloads(d, false, frames...), m)
	balanced(t, d)
	if s := d.Stats(); s.Decoded != 3 {
		t.Errorf("%+v", s)
	}
}

// TestFragmentsInAnyOrder: any cut and order gives the datagram, once.
func TestFragmentsInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		payload := rapid.SliceOfN(rapid.Byte(), 1, 3000).Draw(t, "payload")
		u := udpSegment(1, 2, payload)
		cuts := rapid.SliceOfDistinct(rapid.IntRange(1, (len(u)-1)/8), rapid.ID[int]).Draw(t, "cuts")
		slices.Sort(cuts)
		for i := range cuts {
			cuts[i] *= 8
		}
		frames := fragments4(5, u, cuts...)
		if rapid.Bool().Draw(t, "v6") {
			frames = fragments6(5, protoUDP, u, cuts...)
		}
		if len(frames) > maxPieces {
			return
		}
		frames = rapid.Permutation(frames).Draw(t, "order")
		d := NewDecoder(Options{})
		for i, f := range frames {
			ps := d.Decode(f)
			if last := i == len(frames)-1; last != (len(ps) == 1) || last && string(ps[0].Payload) != string(payload) {
				t.Fatalf("fragment %d of %d: %d packets", i+1, len(frames), len(ps))
			}
		}
		balanced(t, d)
	})
}
