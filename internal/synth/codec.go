package synth

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// codec is how a payload format travels: RFC 3551 and the format's own RFC.
type codec struct {
	name   string // as records.md writes it: the rtpmap's encoding name
	pt     uint8
	rtpmap string // encoding/clock[/channels]
	clock  uint32 // of RTP timestamps; G.722 says 8000 though it samples at 16 kHz (RFC 3551 4.5.2)
	ptime  time.Duration
	size   int    // payload bytes of a packet
	lead   []byte // first bytes of each payload: table of contents or frame signature
	fmtp   string
}

// step is a packet's media time in RTP clock units.
func (c codec) step() uint32 { return uint32(uint64(c.clock) * uint64(c.ptime) / uint64(time.Second)) }

const frame20 = 20 * time.Millisecond

var (
	pcmu = codec{name: "PCMU", pt: 0, rtpmap: "PCMU/8000", clock: 8000, ptime: frame20, size: 160}
	pcma = codec{name: "PCMA", pt: 8, rtpmap: "PCMA/8000", clock: 8000, ptime: frame20, size: 160}
	gsm  = codec{name: "GSM", pt: 3, rtpmap: "GSM/8000", clock: 8000, ptime: frame20, size: 33, lead: []byte{0xd6}} // signature 0xd: RFC 3551 4.5.8.1
	g722 = codec{name: "G722", pt: 9, rtpmap: "G722/8000", clock: 8000, ptime: frame20, size: 160}
	g729 = codec{name: "G729", pt: 18, rtpmap: "G729/8000", clock: 8000, ptime: frame20, size: 20, fmtp: "annexb=no"}
	// iLBC in 30 ms mode, the default of RFC 3952.
	ilbc = codec{name: "iLBC", pt: 97, rtpmap: "iLBC/8000", clock: 8000, ptime: 30 * time.Millisecond, size: 50, fmtp: "mode=30"}
	// AMR 12.2, octet-aligned (RFC 4867 4.4): CMR 15, one entry of type 7, 31 bytes of speech.
	amr = codec{name: "AMR", pt: 98, rtpmap: "AMR/8000", clock: 8000, ptime: frame20, size: 33, lead: []byte{0xf0, 0x3c}, fmtp: "octet-align=1;mode-set=7"}
	// Opus at 32 kbit/s: TOC of one 20 ms wideband SILK-only frame, mono (RFC 6716 3.1).
	opus = codec{name: "opus", pt: 111, rtpmap: "opus/48000/2", clock: 48000, ptime: frame20, size: 80, lead: []byte{0x48}, fmtp: "minptime=10;useinbandfec=1"}
	// VP8 (RFC 7741): X=0, S=1 in the first packet of a frame; see part.
	vp8 = codec{name: "VP8", pt: 96, rtpmap: "VP8/90000", clock: 90000, ptime: 100 * time.Millisecond, size: 700}

	telephoneEvent = codec{name: "telephone-event", pt: 101, rtpmap: "telephone-event/8000", clock: 8000, ptime: frame20, fmtp: "0-16"}
	comfortNoise   = codec{name: "CN", pt: 13, rtpmap: "CN/8000", clock: 8000, ptime: frame20, size: 1}
)

var audioCodecs = []codec{pcmu, pcma, g729, gsm, g722, ilbc, opus, amr}

// Codecs names the codecs that Calls can send.
func Codecs() []string {
	var names []string
	for _, c := range audioCodecs {
		names = append(names, c.name)
	}
	return names
}

func codecByName(name string) (codec, error) {
	for _, c := range audioCodecs {
		if strings.EqualFold(c.name, name) {
			return c, nil
		}
	}
	return codec{}, fmt.Errorf("codec %q is not one of %s", name, strings.Join(Codecs(), ", "))
}

// tones gives one second of a 440 Hz tone in mu-law and A-law, so that a
// capture can be listened to.
func tones() [2][]byte {
	var out [2][]byte
	for i := range 8000 {
		v := int(8000 * math.Sin(2*math.Pi*440*float64(i)/8000))
		out[0] = append(out[0], muLaw(v))
		out[1] = append(out[1], aLaw(v))
	}
	return out
}

// muLaw encodes a 16-bit sample (ITU-T G.711).
func muLaw(v int) byte {
	sign := byte(0)
	if v < 0 {
		sign, v = 0x80, -v
	}
	v = min(v, 32635) + 132
	exponent := 7
	for bit := 0x4000; exponent > 0 && v&bit == 0; bit >>= 1 {
		exponent--
	}
	return ^(sign | byte(exponent<<4) | byte(v>>(exponent+3)&0xf))
}

// aLaw encodes a 16-bit sample (ITU-T G.711), even bits inverted.
func aLaw(v int) byte {
	sign := byte(0x80)
	if v < 0 {
		sign, v = 0, -v-1
	}
	v = min(v, 32767)
	if v < 256 {
		return (sign | byte(v>>4)) ^ 0x55
	}
	exponent := 7
	for bit := 0x4000; exponent > 1 && v&bit == 0; bit >>= 1 {
		exponent--
	}
	return (sign | byte(exponent<<4) | byte(v>>(exponent+3)&0xf)) ^ 0x55
}

// appendPayload appends n bytes of c's payload for the packet with extended
// sequence number ext.
func (c codec) appendPayload(dst []byte, r *run, ext uint32, n int) []byte {
	if c.pt == 0 || c.pt == 8 {
		if r.tone[0] == nil {
			r.tone = tones()
		}
		tone := r.tone[0]
		if c.pt == 8 {
			tone = r.tone[1]
		}
		from := int(ext) * 160 % 8000
		return append(dst, tone[from:min(from+n, 8000)]...)
	}
	dst = append(dst, c.lead[:min(len(c.lead), n)]...)
	n -= len(c.lead)
	for state := uint64(ext)<<32 | 0x9e3779b9; n > 0; n-- {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		dst = append(dst, byte(state>>32))
	}
	return dst
}
