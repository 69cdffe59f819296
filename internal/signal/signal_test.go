package signal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"unsafe"
)

// ffmpeg runs an independent codec: in is raw audio of one format, the result
// of another. The test is skipped where it is not installed.
func ffmpeg(t *testing.T, in []byte, args ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed")
	}
	cmd := exec.CommandContext(t.Context(), "ffmpeg", append(append([]string{"-v", "error", "-nostdin"}, args...), "pipe:1")...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, &stderr)
	}
	return out
}

func samplesOf(b []byte) []int32 {
	out := make([]int32, len(b)/2)
	for i := range out {
		out[i] = int32(int16(binary.LittleEndian.Uint16(b[2*i:])))
	}
	return out
}

func bytesOf(samples []float64) []byte {
	var b []byte
	for _, v := range samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(math.Round(min(max(v, -32768), 32767)))))
	}
	return b
}

// TestTablesOfG711 compares every code with ffmpeg's decoder.
func TestTablesOfG711(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for format, decode := range map[string]func(byte) int32{"mulaw": muLaw, "alaw": aLaw} {
		t.Run(format, func(t *testing.T) {
			for code, want := range samplesOf(ffmpeg(t, all, "-f", format, "-ar", "8000", "-i", "pipe:0", "-f", "s16le")) {
				if got := decode(byte(code)); got != want {
					t.Errorf("code %#02x is %d, ffmpeg says %d", code, got, want)
				}
			}
		})
	}
}

// TestEndsOfG711 are the values of ITU-T G.711's tables that one can look up:
// the loudest codes, and digital silence.
func TestEndsOfG711(t *testing.T) {
	for _, c := range []struct {
		got, want int32
	}{
		{muLaw(0x80), 4 * 8031},
		{muLaw(0x00), -4 * 8031},
		{muLaw(0xff), 0},
		{muLaw(0x7f), 0},
		{muLaw(0xfe), 4 * 2},
		{aLaw(0xaa), 8 * 4032},
		{aLaw(0x2a), -8 * 4032},
		{aLaw(0xd5), 8},
		{aLaw(0x55), -8},
	} {
		if c.got != c.want {
			t.Errorf("%d, want %d", c.got, c.want)
		}
	}
}

// TestExponentsOfG722: the table is 2^11 times the powers of the 32nd root of
// two, cut off where the standard does; no step is off by more than one.
func TestExponentsOfG722(t *testing.T) {
	for i, v := range exponents {
		if want := 2048 * math.Exp2(float64(i)/32); math.Abs(float64(v)-want) > 1 {
			t.Errorf("exponent %d is %d, want %.1f", i, v, want)
		}
	}
}

func levelOf(c Codec, payload []byte) float64 {
	var d Decoder
	var s Sums
	for p := range bytesIn(payload, 160) {
		m := d.Measure(c, p)
		s.Count(c, &m)
	}
	level, ok := s.LevelDBov()
	if !ok {
		level, _ = s.NoiseDBov()
	}
	return level
}

func bytesIn(all []byte, size int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(all) > 0 {
			n := min(size, len(all))
			if !yield(all[:n]) {
				return
			}
			all = all[n:]
		}
	}
}

// rms is the level of samples in dBov, the plain way.
func rms(samples []int32) float64 {
	sum := 0.
	for _, v := range samples {
		sum += float64(v) * float64(v)
	}
	return 10 * math.Log10(sum/float64(len(samples))/(1<<30))
}

// through has ffmpeg encode samples, and decode again what that gave.
func through(t *testing.T, format string, rate int, samples []float64) (payload []byte, decoded []int32) {
	t.Helper()
	raw := []string{"-f", "s16le", "-ar", fmt.Sprint(rate), "-ac", "1"}
	payload = ffmpeg(t, bytesOf(samples), append(append(raw, "-i", "pipe:0"), "-f", format)...)
	coded := []string{"-f", format}
	if format != "g722" { // which has one rate, and no option for it
		coded = append(coded, "-ar", fmt.Sprint(rate))
	}
	return payload, samplesOf(ffmpeg(t, payload, append(append(coded, "-i", "pipe:0"), raw...)...))
}

// TestLevelAgainstFFmpeg has ffmpeg encode and decode tones and noise: our
// level of its payload must be that of its samples. Of G.722 it is that of the
// band up to 4 kHz, where all of the sound is.
func TestLevelAgainstFFmpeg(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	type sound struct {
		name string
		at   func(seconds float64) float64
	}
	var sounds []sound
	for _, hz := range []float64{200, 1000, 2500} {
		for _, level := range []float64{-6, -20, -40, -50, -60} {
			amplitude := 32768 * math.Sqrt2 * math.Pow(10, level/20)
			sounds = append(sounds, sound{fmt.Sprintf("%g Hz at %g dBov", hz, level), func(at float64) float64 { return amplitude * math.Sin(2*math.Pi*hz*at) }})
		}
	}
	var poles [4]float64
	sounds = append(sounds, sound{"noise of the lower band", func(float64) float64 {
		v := random.NormFloat64() * 10000
		for k := range poles {
			poles[k] += 0.35 * (v - poles[k])
			v = poles[k]
		}
		return v
	}})
	for _, f := range []struct {
		codec  Codec
		format string
		rate   int
		within float64
	}{{PCMU, "mulaw", 8000, 0.001}, {PCMA, "alaw", 8000, 0.001}, {G722, "g722", 16000, 0.35}} {
		t.Run(f.format, func(t *testing.T) {
			var samples []float64
			length := 2 * f.rate // of a sound
			for _, s := range sounds {
				for i := range length {
					samples = append(samples, s.at(float64(i)/float64(f.rate)))
				}
			}
			payload, decoded := through(t, f.format, f.rate, samples)
			for i, s := range sounds {
				from, to := i*length+length/10, (i+1)*length // behind the change
				octets := payload[from*SampleRate/f.rate : to*SampleRate/f.rate]
				if got, want := levelOf(f.codec, octets), rms(decoded[from:to]); math.Abs(got-want) > f.within {
					t.Errorf("%s: %.3f dBov, ffmpeg's samples have %.3f", s.name, got, want)
				}
			}
		})
	}
}

// TestG722AgainstFFmpeg compares every sample with ffmpeg's decoder. The upper
// band gets its least positive code all the time, which gives 0; the filter
// that joins the bands (ITU-T G.722 section 4, RECA to ACCUMD) is done here.
func TestG722AgainstFFmpeg(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	samples := make([]float64, 64000)
	for i := range samples {
		at := float64(i) / 16000
		samples[i] = 12000*math.Sin(2*math.Pi*300*at)*math.Sin(2*math.Pi*at) + 900*random.NormFloat64()
		if i > 48000 {
			samples[i] *= 5 // beyond full scale: the limits are tested, too
		}
	}
	payload, _ := through(t, "g722", 16000, samples)
	for i := range payload {
		payload[i] = payload[i]&0x3f | 0xc0
	}
	want := samplesOf(ffmpeg(t, payload, "-f", "g722", "-i", "pipe:0", "-f", "s16le"))
	filter := [12]int32{3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11}
	x, heard, wrong := newBand(), [12]int32{}, 0
	for i, octet := range payload {
		copy(heard[:], heard[1:])
		heard[11] = x.next(octet & 0x3f)
		var out [2]int32
		for k, v := range heard {
			out[0] += v * filter[11-k]
			out[1] += v * filter[k]
		}
		for k, sum := range out {
			got := saturate(sum >> 11)
			if got != want[2*i+k] {
				if wrong++; wrong < 10 {
					t.Errorf("sample %d is %d, ffmpeg says %d", 2*i+k, got, want[2*i+k])
				}
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d samples differ", wrong)
	}
}

// TestBounds: silence, the loudest square, and what no codec decodes.
func TestBounds(t *testing.T) {
	for _, c := range []struct {
		name    string
		codec   Codec
		payload []byte
		level   float64
		silent  bool
		clipped bool
	}{
		{"mu-law silence", PCMU, bytes.Repeat([]byte{0xff}, 160), -127, true, false},
		{"A-law silence", PCMA, bytes.Repeat([]byte{0xd5}, 160), -72.25, true, false},
		{"the loudest mu-law", PCMU, bytes.Repeat([]byte{0x80}, 160), -0.17, false, true},
		{"the loudest A-law", PCMA, bytes.Repeat([]byte{0x2a}, 160), -0.14, false, true},
		{"a peak of two", PCMU, []byte{0xff, 0x80, 0x80, 0xff}, -3.18, false, false},
		{"both ends in turn", PCMA, bytes.Repeat([]byte{0x2a, 0xaa}, 80), -0.14, false, false},
		{"one packet of three", PCMU, []byte{0x80, 0x80, 0x80}, -0.17, false, true},
	} {
		var d Decoder
		var s Sums
		p := d.Measure(c.codec, c.payload)
		s.Count(c.codec, &p)
		level, ok := s.LevelDBov()
		if !ok {
			level, _ = s.NoiseDBov()
		}
		if math.Abs(level-c.level) > 0.01 || p.Silent() != c.silent || p.Clipped != c.clipped || !s.Plausible() {
			t.Errorf("%s: %.2f dBov, silent %v, clipped %v", c.name, level, p.Silent(), p.Clipped)
		}
	}
	var d Decoder
	if p := d.Measure(None, []byte{1, 2, 3}); p != (Packet{}) {
		t.Errorf("what nobody decodes gives %v", p)
	}
	var s Sums
	for _, f := range []func() (float64, bool){s.LevelDBov, s.NoiseDBov, s.SilencePct, s.ClippingPct} {
		if _, ok := f(); ok {
			t.Error("nothing is known of nothing")
		}
	}
	p := d.Measure(G722, make([]byte, 160))
	s.Count(G722, &p)
	if _, ok := s.ClippingPct(); ok {
		t.Error("G.722 shows no clipping")
	}
}

func TestCodecOf(t *testing.T) {
	for _, c := range []struct {
		name  string
		clock uint32
		want  Codec
	}{{"PCMU", 8000, PCMU}, {"pcma", 8000, PCMA}, {"G722", 8000, G722}, {"G722", 16000, None}, {"PCMU", 16000, None}, {"opus", 48000, None}, {"", 0, None}} {
		if got := CodecOf(c.name, c.clock); got != c.want {
			t.Errorf("%s/%d is %d, want %d", c.name, c.clock, got, c.want)
		}
	}
}

// TestSilenceIsRelearned: G.722 decoded from the middle on, or over a hole,
// has the right level soon.
func TestSilenceIsRelearned(t *testing.T) {
	samples := make([]float64, 64000)
	for i := range samples {
		samples[i] = 5000 * math.Sin(2*math.Pi*500*float64(i)/16000)
	}
	payload, _ := through(t, "g722", 16000, samples)
	var whole, part Decoder
	want := whole.Measure(G722, payload)
	part.Measure(G722, bytes.Repeat([]byte{0x3f}, 160))
	half := part.Measure(G722, payload[16000:])
	if diff := 10 * math.Log10(float64(half.Energy)/float64(half.Samples)*float64(want.Samples)/float64(want.Energy)); math.Abs(diff) > 0.2 {
		t.Errorf("from the middle on it is off by %.2f dB", diff)
	}
}

func TestDecoderIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(band{}); n > 128 {
		t.Errorf("the decoder of G.722 takes %d bytes", n)
	}
}

func TestNothingIsAllocated(t *testing.T) {
	payload := bytes.Repeat([]byte{0x12, 0x9a}, 80)
	var d Decoder
	d.Measure(G722, payload)
	var s Sums
	for _, c := range []Codec{PCMU, PCMA, G722} {
		if n := testing.AllocsPerRun(100, func() {
			p := d.Measure(c, payload)
			s.Count(c, &p)
		}); n > 0 {
			t.Errorf("codec %d: %g allocations a packet", c, n)
		}
	}
}

// FuzzMeasure: whatever bytes come, the sums are sound.
func FuzzMeasure(f *testing.F) {
	f.Add(byte(PCMU), []byte{0x80, 0, 0xff})
	f.Add(byte(PCMA), []byte{0x2a, 0xaa, 0xd5})
	f.Add(byte(G722), []byte(strings.Repeat("\x04\x24", 80)))
	f.Fuzz(func(t *testing.T, c byte, payload []byte) {
		codec := Codec(c % 4)
		var d Decoder
		var s Sums
		for p := range bytesIn(payload, 160) {
			m := d.Measure(codec, p)
			s.Count(codec, &m)
		}
		if !s.Plausible() {
			t.Fatalf("%+v", s)
		}
		if level, ok := s.LevelDBov(); ok && (level < SilenceDBov-0.01 || level > 0) {
			t.Fatalf("%g dBov", level)
		}
	})
}

// BenchmarkMeasure decodes packets of 20 ms.
func BenchmarkMeasure(b *testing.B) {
	random := rand.New(rand.NewPCG(3, 4))
	payload := make([]byte, 160)
	for i := range payload {
		payload[i] = byte(random.Uint32())
	}
	for name, c := range map[string]Codec{"PCMU": PCMU, "PCMA": PCMA, "G722": G722} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			var d Decoder
			var s Sums
			for b.Loop() {
				p := d.Measure(c, payload)
				s.Count(c, &p)
			}
		})
	}
}
