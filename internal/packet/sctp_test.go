package packet

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// sctpPacket makes a packet of chunks from port 5070 to 5060.
func sctpPacket(tag uint32, chunks ...string) string {
	b := be.AppendUint16(be.AppendUint16(nil, 5070), 5060)
	b = be.AppendUint32(be.AppendUint32(b, tag), 0)
	return string(b) + strings.Join(chunks, "")
}

// rawChunk makes a chunk, padded.
func rawChunk(kind, flags byte, value string) string {
	b := be.AppendUint16([]byte{kind, flags}, uint16(4+len(value)))
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return string(b)
}

func dataChunk(tsn uint32, flags byte, stream uint16, data string) string {
	b := be.AppendUint16(be.AppendUint32(nil, tsn), stream)
	b = append(b, 0, 0, 0, 0, 0, 0) // SSN, PPID
	return rawChunk(chunkDATA, flags, string(b)+data)
}

func idataChunk(tsn uint32, flags byte, stream uint16, mid, fsn uint32, data string) string {
	b := be.AppendUint16(be.AppendUint32(nil, tsn), stream)
	b = be.AppendUint32(be.AppendUint32(append(b, 0, 0), mid), fsn)
	return rawChunk(chunkIDATA, flags, string(b)+data)
}

func sctpFrame(at time.Duration, b string) *Frame {
	f := frame(LinkEthernet, ether(etherIPv4, ip4(protoSCTP, a4, b4, []byte(b))))
	f.Time = epoch.Add(at)
	return f
}

func TestSIPOverSCTP(t *testing.T) {
	const whole, first, middle, last = flagBegin | flagEnd, flagBegin, 0, flagEnd
	m1, m2, long := request(1, 0), request(2, 33), request(3, 1000)
	sack, heartbeat := rawChunk(3, 0, strings.Repeat("\x00", 12)), rawChunk(4, 0, "\x00\x01\x00\x04")
	data := dataChunk
	for _, c := range []struct {
		name    string
		packets []string // without their header
		want    []string
	}{
		{"one", []string{data(1, whole, 0, m1)}, []string{m1}},
		{"bundled", []string{sack + data(1, whole, 0, m1) + heartbeat + data(2, whole, 1, m2)}, []string{m1, m2}},
		{"unordered", []string{data(1, whole|flagUnordered, 0, m1), data(2, whole|flagUnordered, 0, m2)}, []string{m1, m2}},
		{"not in order", []string{data(2, whole, 0, m2), data(1, whole, 0, m1)}, []string{m2, m1}},
		{"sent again", []string{data(1, whole, 0, m1), data(1, whole, 0, m1), data(2, whole, 0, m1)}, []string{m1, m1}},
		{"fragments", []string{data(1, first, 0, long[:400]), data(2, middle, 0, long[400:800]), data(3, last, 0, long[800:])}, []string{long}},
		{"fragments in one packet", []string{data(1, first, 0, long[:400]) + data(2, middle, 0, long[400:800]) + data(3, last, 0, long[800:])}, []string{long}},
		{"fragments, not in order, sent again", []string{data(3, last, 0, long[800:]), data(1, first, 0, long[:400]), data(1, first, 0, long[:400]), data(2, middle, 0, long[400:800])}, []string{long}},
		{"two fragmented messages in a row", []string{data(1, first, 0, long[:400]), data(4, last, 0, m2[20:]), data(3, first, 0, m2[:20]), data(2, last, 0, long[400:])}, []string{m2, long}},
		{"across the wrap", []string{data(0xffffffff, first, 0, long[:400]), data(1, last, 0, long[800:]), data(0, middle, 0, long[400:800]), data(2, whole, 0, m1)}, []string{long, m1}},
		{"keep-alive", []string{data(1, whole, 0, "\r\n\r\n"), data(2, whole, 0, m1)}, []string{m1}},
		{"not SIP", []string{data(1, whole, 0, "\x01\x00\x01\x01"), data(2, whole, 0, m1)}, []string{m1}},
		{"interleaved", []string{idataChunk(1, first, 0, 7, 0, long[:400]), idataChunk(2, first, 1, 7, 0, m2[:9]), idataChunk(3, last, 0, 7, 1, long[400:]), idataChunk(4, last, 1, 7, 1, m2[9:])}, []string{long, m2}},
		{"interleaved, ordered and not", []string{idataChunk(1, first, 0, 7, 0, long[:400]), idataChunk(2, first|flagUnordered, 0, 7, 0, m2[:9]), idataChunk(4, last|flagUnordered, 0, 7, 1, m2[9:]), idataChunk(3, last, 0, 7, 1, long[400:])}, []string{m2, long}},
		{"rest lost", []string{data(1, first, 0, long[:400]), data(3, last, 0, long[800:]), data(4, whole, 0, m1)}, []string{m1, long[:400]}},
		{"begin lost", []string{data(2, middle, 0, long[400:800]), data(3, last, 0, long[800:])}, nil},
		{"a chunk of no length", []string{"\x00\x03\x00\x00" + data(1, whole, 0, m1)}, nil},
		{"a chunk without data", []string{data(1, whole, 0, ""), data(2, whole, 0, m1)}, []string{m1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := NewDecoder(Options{})
			var frames []*Frame
			for i, p := range c.packets {
				frames = append(frames, sctpFrame(time.Duration(i)*time.Millisecond, sctpPacket(7, p)))
			}
			checkPayloads(t, payloads(d, true, frames...), c.want...)
			balanced(t, d)
			if s := d.Stats(); s.Held != 0 || d.assoc.bytes != 0 || len(d.assoc.byKey) != 0 {
				t.Errorf("held after Flush: %+v, %+v", s, d.assoc)
			}
		})
	}
}

func TestSCTPPacketFields(t *testing.T) {
	d := NewDecoder(Options{})
	f := sctpFrame(0, sctpPacket(7, dataChunk(1, flagBegin|flagEnd, 0, request(1, 1))))
	p := one(t, d, f)
	if !p.Time.Equal(f.Time) || p.Transport != SCTP || p.Kind != KindSIP || p.TTL != 61 || p.DSCP != 46 ||
		p.Src.String() != a4+":5070" || p.Dst.String() != b4+":5060" {
		t.Errorf("%+v", p)
	}
}

// TestSCTPGapIsGivenUp: a message whose rest does not come is given after
// GapWait with what there is of it, and counted where its headers are not whole.
func TestSCTPGapIsGivenUp(t *testing.T) {
	d := NewDecoder(Options{})
	m := request(1, 1000)
	got := payloads(d, false,
		sctpFrame(0, sctpPacket(7, dataChunk(1, flagBegin, 0, m[:300]))),
		sctpFrame(time.Second, sctpPacket(8, dataChunk(1, flagBegin, 0, m[:30]))),
		sctpFrame(time.Second, sctpPacket(9, dataChunk(1, flagBegin|flagEnd, 0, "\x00\x01"))))
	checkPayloads(t, got)
	if ps := d.Advance(epoch.Add(1500 * time.Millisecond)); len(ps) != 0 {
		t.Errorf("given up too early: %q", ps[0].Payload)
	}
	var late []string
	for _, p := range d.Advance(epoch.Add(4 * time.Second)) {
		late = append(late, string(p.Payload))
	}
	checkPayloads(t, late, m[:300])
	balanced(t, d)
	if s := d.Stats(); s.Cut != 1 || s.Decoded != 1 || s.Undecoded[ReasonSCTPIncomplete] != 1 || s.Undecoded[ReasonSCTP] != 1 || s.Held != 0 {
		t.Errorf("%+v", s)
	}
}

// TestSCTPSnapLength cuts packets: a message whose headers are there is given.
func TestSCTPSnapLength(t *testing.T) {
	d := NewDecoder(Options{})
	m := request(1, 500)
	for i, n := range []int{100, 540} {
		f := sctpFrame(0, sctpPacket(7, dataChunk(uint32(1+i), flagBegin|flagEnd, 0, m)))
		f.Data = f.Data[:len(f.Data)-n]
		d.Decode(f)
	}
	balanced(t, d)
	if s := d.Stats(); s.Decoded != 1 || s.Cut != 1 || s.Undecoded[ReasonTruncated] != 1 {
		t.Errorf("%+v", s)
	}
}

func TestSCTPBudgets(t *testing.T) {
	d := NewDecoder(Options{Streams: 50, AllStreamBytes: 20000, StreamBytes: 4000})
	for i := range 5000 {
		d.Decode(sctpFrame(0, sctpPacket(uint32(i%60), dataChunk(uint32(i*2), 0, 0, strings.Repeat("x", 500)))))
		if d.assoc.bytes > 20000 || len(d.assoc.byKey) > 50 {
			t.Fatalf("%d bytes, %d associations held", d.assoc.bytes, len(d.assoc.byKey))
		}
	}
	balanced(t, d)
	d.Advance(epoch.Add(11 * time.Minute))
	if s := d.Stats(); s.Held != 0 || len(d.assoc.byKey) != 0 {
		t.Errorf("%+v", s)
	}
}

// TestSCTPAnyOrder: fragments of several streams in any order within the window,
// bundled and repeated, give each message once.
func TestSCTPAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		idata := rapid.Bool().Draw(t, "idata")
		tsn := rapid.Uint32().Draw(t, "tsn")
		var chunks, want []string
		for i := range rapid.IntRange(1, 8).Draw(t, "messages") {
			m := request(i, rapid.IntRange(0, 200).Draw(t, "body"))
			want = append(want, m)
			stream := uint16(rapid.IntRange(0, 2).Draw(t, "stream"))
			flags := byte(flagBegin | rapid.SampledFrom([]int{0, flagUnordered}).Draw(t, "unordered"))
			for fsn := uint32(0); m != ""; fsn++ {
				n := rapid.IntRange(1, len(m)).Draw(t, "fragment")
				if n == len(m) {
					flags |= flagEnd
				}
				c := dataChunk(tsn, flags, stream, m[:n])
				if idata {
					c = idataChunk(tsn, flags, stream, uint32(i), fsn, m[:n])
				}
				chunks = append(chunks, c)
				if rapid.IntRange(0, 3).Draw(t, "again") == 0 {
					chunks = append(chunks, c)
				}
				m, flags = m[n:], flags&^flagBegin
				tsn++
			}
		}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 4))
		r.Shuffle(len(chunks), func(i, j int) { chunks[i], chunks[j] = chunks[j], chunks[i] })
		d := NewDecoder(Options{})
		var got []string
		for len(chunks) > 0 {
			n := min(len(chunks), 1+r.IntN(3))
			got = append(got, payloads(d, false, sctpFrame(0, sctpPacket(7, chunks[:n]...)))...)
			chunks = chunks[n:]
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("got  %q\nwant %q", got, want)
		}
		if s := d.Stats(); s.Held != 0 || d.assoc.bytes != 0 {
			t.Fatalf("%+v, %d bytes", s, d.assoc.bytes)
		}
		balanced(t, d)
	})
}

// FuzzSCTP: any chunks are counted once and bounded.
func FuzzSCTP(f *testing.F) {
	m := request(1, 9)
	f.Add([]byte(dataChunk(1, flagBegin|flagEnd, 0, m)), uint16(40))
	f.Add([]byte(dataChunk(1, flagBegin, 0, m[:20])+dataChunk(2, flagEnd, 0, m[20:])), uint16(60))
	f.Add([]byte(idataChunk(1, flagBegin, 0, 1, 0, m[:20])+idataChunk(2, flagEnd, 0, 1, 1, m[20:])), uint16(44))
	f.Add([]byte("\x00\x03\xff\xff"), uint16(4))
	f.Fuzz(func(t *testing.T, chunks []byte, size uint16) {
		d := NewDecoder(Options{Streams: 4, AllStreamBytes: 2048, StreamBytes: 1024})
		for i := 0; len(chunks) > 0; i++ {
			n := min(len(chunks), int(size%1400)+4)
			fr := sctpFrame(time.Duration(i)*time.Second/2, sctpPacket(uint32(chunks[0])%8, string(chunks[:n])))
			fr.Data = fr.Data[:len(fr.Data)-min(n, int(size>>11))]
			d.Decode(fr)
			chunks = chunks[n:]
			balanced(t, d)
			if d.assoc.bytes > 2048 || d.assoc.bytes < 0 || len(d.assoc.byKey) > 4 {
				t.Fatalf("%d bytes, %d associations", d.assoc.bytes, len(d.assoc.byKey))
			}
		}
		d.Flush()
		balanced(t, d)
		if s := d.Stats(); s.Held != 0 || d.assoc.bytes != 0 || d.assoc.waiting.Len() != 0 {
			t.Fatalf("after Flush: %+v, %d", s, d.assoc.bytes)
		}
	})
}
