package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// TestSCTPAgainstTShark reads the messages of an association as TShark does:
// whole ones and fragments, bundled, on several streams, ordered and unordered,
// sent again and across the wrap of the TSN.
func TestSCTPAgainstTShark(t *testing.T) {
	for _, idata := range []bool{false, true} {
		t.Run(fmt.Sprintf("idata %v", idata), func(t *testing.T) {
			w := newWire()
			r := rand.New(rand.NewPCG(1, 2))
			src, dst := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
			send := func(chunks []byte) {
				b := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, 5060), 5060)
				b = binary.BigEndian.AppendUint32(b, 0x1234)
				w.add(132, src, dst, append(append(b, 0, 0, 0, 0), chunks...))
			}
			tsn := uint32(0xffffff80)
			var want []string
			var ssn, mid [3][2]uint16 // by stream, ordered and unordered
			var bundle []byte
			for i := range 150 {
				id := fmt.Sprintf("sctp-%03d", i)
				want = append(want, id)
				body := strings.Repeat("v", r.IntN(400))
				m := fmt.Sprintf("MESSAGE sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/SCTP h;branch=z9hG4bK%[1]s\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: %[1]s\r\nCSeq: 1 MESSAGE\r\nContent-Type: text/plain\r\nContent-Length: %[2]d\r\n\r\n%[3]s", id, len(body), body)
				stream, unordered := r.IntN(3), r.IntN(2)
				pieces := 1 + r.IntN(3)
				for p := range pieces {
					part := m[len(m)*p/pieces : len(m)*(p+1)/pieces]
					flags := byte(unordered << 2)
					if p == 0 {
						flags |= 2
					}
					if p == pieces-1 {
						flags |= 1
					}
					c := chunkOf(idata, flags, tsn, uint16(stream), ssn[stream][0], uint32(mid[stream][unordered]), uint32(p), part)
					tsn++
					bundle = append(bundle, c...)
					if r.IntN(2) == 0 || len(bundle) > 900 {
						send(bundle)
						if r.IntN(5) == 0 {
							send(bundle) // again
						}
						bundle = nil
					}
				}
				if mid[stream][unordered]++; unordered == 0 {
					ssn[stream][0]++
				}
			}
			if len(bundle) > 0 {
				send(bundle)
			}
			path := w.save(t)
			got, undecoded := sipOf(t, path, "")
			for i := range got {
				got[i] = strings.TrimSuffix(got[i], " sctp")
			}
			if !slices.Equal(got, want) || len(undecoded) != 0 {
				t.Errorf("got  %q, %v\nwant %q", got, undecoded, want)
			}
			// TShark shows what is sent again, too.
			if theirs := slices.Compact(tsharkSIP(t, path, "-o", "sctp.reassembly:TRUE")); !slices.Equal(unique(theirs), want) {
				t.Errorf("TShark reads %q", theirs)
			}
		})
	}
}

// unique drops what came before.
func unique(all []string) (once []string) {
	seen := map[string]bool{}
	for _, s := range all {
		if !seen[s] {
			once = append(once, s)
		}
		seen[s] = true
	}
	return once
}

// chunkOf makes a DATA chunk (RFC 9260 section 3.3.1) or one of I-DATA (RFC 8260
// section 2.1).
func chunkOf(idata bool, flags byte, tsn uint32, stream, ssn uint16, mid, fsn uint32, part string) []byte {
	b := []byte{0, flags, 0, 0}
	b = binary.BigEndian.AppendUint32(b, tsn)
	b = binary.BigEndian.AppendUint16(b, stream)
	if idata {
		b[0] = 64
		b = append(b, 0, 0)
		b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, mid), fsn)
	} else {
		b = binary.BigEndian.AppendUint16(b, ssn)
		b = append(b, 0, 0, 0, 0)
	}
	b = append(b, part...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}
