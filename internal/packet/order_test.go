package packet

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestOutOfOrder gives every order of four segments, across the wrap of the
// sequence number.
func TestOutOfOrder(t *testing.T) {
	text := request(1, 60) + request(2, 30)
	cuts := []int{0, 50, 110, 150, len(text)}
	for _, isn := range []uint32{1000, 0xffffffff - 80, 0xffffffff, 0x7fffffff - 60} {
		for _, order := range permutations(4) {
			k, d := newConn(), NewDecoder(Options{})
			k.isn = isn
			frames := []*Frame{k.syn()}
			for _, i := range order {
				frames = append(frames, k.at(cuts[i], text[cuts[i]:cuts[i+1]]))
			}
			checkPayloads(t, payloads(d, false, frames...), request(1, 60), request(2, 30))
			balanced(t, d)
			if s := d.Stats(); s.Held != 0 || s.TCPGaps != 0 {
				t.Errorf("order %v: %+v", order, s)
			}
		}
	}
}

func permutations(n int) [][]int {
	if n == 0 {
		return [][]int{nil}
	}
	var all [][]int
	for _, p := range permutations(n - 1) {
		for i := range n {
			all = append(all, slices.Insert(slices.Clone(p), i, n-1))
		}
	}
	return all
}

// TestAnyOrder: segments of any cut, in any order within a window, with
// repeats and overlaps, give what the same bytes in order give.
func TestAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var text strings.Builder
		var want []string
		for i := range rapid.IntRange(1, 6).Draw(t, "messages") {
			m := request(i, rapid.IntRange(0, 300).Draw(t, "body"))
			want = append(want, m)
			text.WriteString(m)
			text.WriteString(strings.Repeat("\r\n", rapid.IntRange(0, 2).Draw(t, "keep-alives")))
		}
		k, d := newConn(), NewDecoder(Options{})
		k.isn = rapid.Uint32().Draw(t, "isn")
		anyOrder(t, k, d, text.String(), want, rapid.Uint64().Draw(t, "seed"))
	})
}

// failer is what tests and rapid's share.
type failer interface {
	Helper()
	Fatalf(string, ...any)
}

// anyOrder cuts text by seed and checks what comes out.
func anyOrder(t failer, k *conn, d *Decoder, text string, want []string, seed uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	var frames []*Frame
	for at := 0; at < len(text); {
		end := min(len(text), at+1+r.IntN(200))
		from := max(0, at-r.IntN(50)) // overlap
		frames = append(frames, k.at(from, text[from:end]))
		if r.IntN(4) == 0 {
			frames = append(frames, k.at(from, text[from:end]))
		}
		at = end
	}
	r.Shuffle(len(frames), func(i, j int) { frames[i], frames[j] = frames[j], frames[i] })
	got := payloads(d, false, append([]*Frame{k.syn()}, frames...)...)
	if !slices.Equal(got, want) {
		t.Fatalf("got  %q\nwant %q", got, want)
	}
	balanced(t, d)
	if s := d.Stats(); s.Held != 0 || d.streamBytes != 0 {
		t.Fatalf("held %d frames, %d bytes", s.Held, d.streamBytes)
	}
}

// FuzzTCP: any bytes after a first message give the same with their segments
// in any order as in order. (How they are cut may matter: where a stream went
// wrong, the begin of a segment is a hint where a message begins.)
func FuzzTCP(f *testing.F) {
	f.Add([]byte(request(1, 30)+request(2, 0)), uint64(1))
	f.Add([]byte("\r\n\r\nSIP/2.0 200 OK\r\nl: 5\r\n\r\nhello\r\n"), uint64(2))
	f.Add([]byte("INVITE sip:a SIP/2.0\nContent-Length :\r\n 9\n\nabc"), uint64(3))
	f.Add([]byte("garbage\r\nBYE sip:b SIP/2.0\r\n\r\n"), uint64(4))
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		if len(text) > 8000 {
			return // stay within what a stream may hold
		}
		prefix := request(0, 0)
		k := newConn()
		k.isn = uint32(seed)
		frames := []*Frame{k.syn(), k.at(0, prefix)}
		r := rand.New(rand.NewPCG(seed, 2))
		for at := 0; at < len(text); {
			end := min(len(text), at+1+r.IntN(200))
			frames = append(frames, k.at(len(prefix)+at, string(text[at:end])))
			at = end
		}
		if len(frames) > maxQueue {
			return
		}
		d := NewDecoder(Options{})
		want := payloads(d, true, frames...)
		balanced(t, d)

		d = NewDecoder(Options{})
		r.Shuffle(len(frames)-1, func(i, j int) { frames[i+1], frames[j+1] = frames[j+1], frames[i+1] })
		got := payloads(d, true, frames...)
		balanced(t, d)
		if s := d.Stats(); !slices.Equal(got, want) || s.TCPGaps != 0 || s.Held != 0 {
			t.Fatalf("got  %q\nwant %q\n%+v", got, want, s)
		}
	})
}
