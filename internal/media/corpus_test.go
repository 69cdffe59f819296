package media

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
)

// truthStream is a row of `tshark -z rtp,streams`.
type truthStream struct {
	Src, Dst   string
	Sport      uint16
	Dport      uint16
	SSRC       string
	Payload    string
	Packets    uint64
	Lost       int64
	MeanJitter float64 `json:"mean_jitter_ms"`
	MaxJitter  float64 `json:"max_jitter_ms"`
}

type streamKey struct {
	src, dst netip.AddrPort
	ssrc     uint32
}

// acceptedJitter names the streams whose jitter may differ from TShark's, why,
// and who is right.
var acceptedJitter = map[string]string{
	"odedshimon+BruteShark/SIP_DTMF2.pcap 0x5711BF84":                    "TShark moves its arrival time on telephone events but not its timestamp, and so sees a step of 269 ms behind each digit; records.md leaves events out: ours",
	"odedshimon+BruteShark/FAX-Call-t38-CA-TDM-SIP-FB-1.pcap 0x17D90134": "the RTP timestamp starts again from 0 in mid-stream, which TShark takes for 43 s of delay; quality.md 4.7 begins anew: ours",
	"odedshimon+BruteShark/h263-over-rtp.pcap 0x5482ECE0":                "TShark leaves packets with a marker out of its mean but counts them in its weights, which bends video's; records.md takes every packet: ours",
	"generated/imp_video_vp8_loss2.pcap 0x069B6883":                      "markers of video, as h263-over-rtp",
	"generated/imp_video_vp8_loss2.pcap 0x93BD08B3":                      "markers of video, as h263-over-rtp",
	"ntop+nDPI/fuzz-2006-06-26-2594.pcap 0x3796CB71":                     "a broken byte makes one of three packets a payload type without a clock; TShark moves its arrival time on it but not its timestamp: ours",
	"ntop+nDPI/FAX-Call-t38-CA-TDM-SIP-FB-1.pcap 0x17D90134":             "TShark moves its running value on comfort noise, though it does not sample it; records.md leaves comfort noise out: ours",
}

// dynamicRate is the clock rate of what TShark calls a dynamic payload type.
var dynamicRate = map[string]uint32{
	"opus": 48000, "VP8": 90000, "iLBC": 8000, "AMR": 8000, "CLEARMODE": 8000, "G726-40": 8000, "G726-32": 8000,
	"G726-24": 8000, "G726-16": 8000, "AAL2-G726-40": 8000, "AAL2-G726-32": 8000, "AAL2-G726-24": 8000,
	"AAL2-G726-16": 8000, "telephone-event": 8000,
}

func corpusDir(t testing.TB) string {
	dir := os.Getenv("EARSHOT_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	if _, err := os.Stat(filepath.Join(dir, "_truth")); err != nil {
		t.Skip("the capture corpus is absent: set EARSHOT_CORPUS to test against what TShark says")
	}
	return dir
}

// TestCorpusStreams meters every stream that TShark tied to SDP and compares
// packets, loss and jitter.
func TestCorpusStreams(t *testing.T) {
	dir := corpusDir(t)
	files, err := filepath.Glob(filepath.Join(dir, "_truth", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var streams, exact, tunnelled int
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var truth struct {
			File    string
			Streams []truthStream `json:"rtp_streams_sdp_only"`
		}
		if err := json.Unmarshal(raw, &truth); err != nil || len(truth.Streams) == 0 {
			continue
		}
		counts := map[string]int{}
		for _, s := range truth.Streams {
			counts[s.key()]++
		}
		meters := meterCapture(t, filepath.Join(dir, truth.File), truth.Streams)
		for _, s := range truth.Streams {
			name := truth.File + " " + s.SSRC
			m := meters[s.streamKey()]
			if m == nil {
				tunnelled++ // the decoder does not open every tunnel
				continue
			}
			r := finalReport(m)
			// TShark splits a stream where a new SDP came and leaves out packets
			// before the first: then there is nothing to compare.
			if counts[s.key()] > 1 || r.Total.Packets != s.Packets {
				if counts[s.key()] == 1 && r.Total.Packets-s.Packets > 12 {
					t.Logf("%s: %d packets, TShark %d", name, r.Total.Packets, s.Packets)
				}
				continue
			}
			streams++
			if lost := r.Total.Expected - r.Total.Lost + r.Total.Duplicates; lost > r.Total.Packets {
				t.Errorf("%s: distinct and duplicates are more than the packets: %+v", name, r.Total)
			}
			if r.Total.Restarts == 0 && int64(r.Total.Lost)-int64(r.Total.Duplicates) != s.Lost {
				t.Errorf("%s: lost %d, duplicates %d, TShark's lost %d", name, r.Total.Lost, r.Total.Duplicates, s.Lost)
			}
			mean, maximum, _ := r.TotalJitterFor(0)
			if near(mean, s.MeanJitter) && near(maximum, s.MaxJitter) {
				exact++
				continue
			}
			if reason := acceptedJitter[name]; reason != "" {
				t.Logf("%s: jitter mean %.3f max %.3f, TShark %.3f %.3f: %s", name, mean, maximum, s.MeanJitter, s.MaxJitter, reason)
				continue
			}
			t.Errorf("%s %s: jitter mean %.3f max %.3f, TShark %.3f %.3f (%+v)", name, s.Payload, mean, maximum, s.MeanJitter, s.MaxJitter, r.Total)
		}
	}
	t.Logf("%d streams compared, jitter of %d within 2 %% or 0.05 ms; %d are in tunnels", streams, exact, tunnelled)
	if streams < 100 {
		t.Errorf("only %d streams were compared", streams)
	}
}

func near(got, want float64) bool { return math.Abs(got-want) <= max(0.05, 0.02*want) }

func (s truthStream) key() string {
	return fmt.Sprint(s.Src, s.Sport, s.Dst, s.Dport, s.SSRC)
}

func (s truthStream) streamKey() streamKey {
	src, _ := netip.ParseAddr(s.Src)
	dst, _ := netip.ParseAddr(s.Dst)
	ssrc, _ := strconv.ParseUint(strings.TrimPrefix(s.SSRC, "0x"), 16, 32)
	return streamKey{netip.AddrPortFrom(src, s.Sport), netip.AddrPortFrom(dst, s.Dport), uint32(ssrc)}
}

// tell gives the meter what TShark read in SDP.
func (s truthStream) tell(m *Meter, pt uint8) {
	for name := range strings.SplitSeq(s.Payload, ", ") {
		if rate := dynamicRate[name]; rate != 0 && pt >= 96 {
			m.SetPayload(pt, name, rate)
			return
		}
	}
}

func finalReport(m *Meter) Report {
	var r, last Report
	for m.Final(&r) {
		last = r
	}
	return last
}

func meterCapture(t testing.TB, path string, truth []truthStream) map[streamKey]*Meter {
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Logf("%s: %v", path, err)
		return nil
	}
	wanted := map[streamKey]truthStream{}
	for _, s := range truth {
		wanted[s.streamKey()] = s
	}
	meters := map[streamKey]*Meter{}
	d := packet.NewDecoder(packet.Options{})
	var h RTPHeader
	var r Report
	told := map[streamKey]map[uint8]bool{}
	eachFrame(raw, func(f *packet.Frame) {
		for _, p := range d.Decode(f) {
			if p.Transport != packet.UDP || !LooksLikeRTP(p.Payload) || !h.Parse(p.Payload) {
				continue
			}
			k := streamKey{p.Src, p.Dst, h.SSRC}
			s, ok := wanted[k]
			if !ok {
				continue
			}
			m := meters[k]
			if m == nil {
				m = NewMeter(h.SSRC, false)
				meters[k], told[k] = m, map[uint8]bool{}
			}
			if !told[k][h.PayloadType] {
				told[k][h.PayloadType] = true
				s.tell(m, h.PayloadType)
			}
			for now := p.Time.UnixNano(); m.Due(now) && m.Report(now, &r); {
			}
			m.Observe(&h, &p)
		}
	})
	return meters
}

// eachFrame reads pcap and the packet blocks of pcapng: enough for the corpus.
func eachFrame(b []byte, each func(*packet.Frame)) {
	if len(b) < 24 {
		return
	}
	if binary.LittleEndian.Uint32(b) == 0x0a0d0d0a {
		eachBlock(b, each)
		return
	}
	var order binary.ByteOrder = binary.LittleEndian
	unit := time.Microsecond
	switch magic := binary.LittleEndian.Uint32(b); magic {
	case 0xa1b2c3d4:
	case 0xa1b23c4d:
		unit = time.Nanosecond
	default:
		order = binary.BigEndian
		if binary.BigEndian.Uint32(b) == 0xa1b23c4d {
			unit = time.Nanosecond
		}
	}
	link := packet.LinkType(order.Uint32(b[20:]))
	for b = b[24:]; len(b) >= 16; {
		n := int(order.Uint32(b[8:]))
		if n < 0 || 16+n > len(b) {
			return
		}
		at := time.Unix(int64(order.Uint32(b)), int64(order.Uint32(b[4:]))*int64(unit)).UTC()
		each(&packet.Frame{Time: at, Link: link, WireLen: int(order.Uint32(b[12:])), Data: bytes.Clone(b[16 : 16+n])})
		b = b[16+n:]
	}
}

func eachBlock(b []byte, each func(*packet.Frame)) {
	order := binary.ByteOrder(binary.LittleEndian)
	if binary.BigEndian.Uint32(b[8:]) == 0x1a2b3c4d {
		order = binary.BigEndian
	}
	type iface struct {
		link packet.LinkType
		unit float64
	}
	var ifaces []iface
	for len(b) >= 12 {
		n := int(order.Uint32(b[4:]))
		if n < 12 || n > len(b) {
			return
		}
		body := b[8 : n-4]
		switch order.Uint32(b) {
		case 1:
			i := iface{packet.LinkType(order.Uint16(body)), 1e3}
			for o := body[8:]; len(o) >= 4; {
				code, l := order.Uint16(o), int(order.Uint16(o[2:]))
				if code == 9 && l == 1 && o[4] == 9 {
					i.unit = 1
				}
				o = o[min(len(o), 4+(l+3)/4*4):]
			}
			ifaces = append(ifaces, i)
		case 6:
			i := ifaces[order.Uint32(body)]
			ticks := uint64(order.Uint32(body[4:]))<<32 | uint64(order.Uint32(body[8:]))
			l := int(order.Uint32(body[12:]))
			each(&packet.Frame{
				Time: time.Unix(0, int64(ticks)*int64(i.unit)).UTC(), Link: i.link,
				WireLen: int(order.Uint32(body[16:])), Data: bytes.Clone(body[20 : 20+l]),
			})
		}
		b = b[n:]
	}
}
