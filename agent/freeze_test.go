package agent

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/agent/recorder"
	"github.com/earshot-voip/earshot/internal/media"
)

// TestFreezeByMOS: the call of a stream that had five bad seconds is frozen,
// once, with all that came before; others are not.
func TestFreezeByMOS(t *testing.T) {
	for _, c := range []struct {
		name  string
		below float64
		keep  int // of 10 packets
		n     int
		want  int
	}{
		{"bad", 3, 7, 700, 1},
		{"good", 3, 10, 700, 0},
		{"bad, but nobody minds", 0, 7, 700, 0},
		{"half a second of it", 3, 7, 25, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := recorder.New(recorder.Options{Dir: t.TempDir(), Memory: 4 << 20, Span: time.Hour, Keep: 64 << 20}, slog.New(slog.DiscardHandler))
			ended := make(chan error, 1)
			go func() { ended <- r.Run(context.Background()) }()
			x := newTap(func(o *Options) {
				o.Recorder, o.FreezeBelow, o.Speech = r, c.below, media.Speech{Buffer: media.Adaptive}
			})
			x.invite(0, "it", alice)
			x.invite(0, "it", bob)
			sent := 0
			for i := range c.n {
				at := time.Second + time.Duration(i)*20*time.Millisecond
				x.udp(at, bob, alice, rtp(2, uint16(i), 0))
				if i*7%10 < c.keep {
					x.udp(at, alice, bob, rtp(1, uint16(i), 0))
					sent++
				}
			}
			x.Close()
			r.Close()
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			all := r.Frozen()
			if len(all) != c.want {
				t.Fatalf("frozen are %+v", all)
			}
			for _, f := range all {
				if f.CallID != "it" || f.Why != recorder.ByMOS || f.SIP != 2 || int(f.RTP) != c.n+sent || !strings.Contains(f.Detail, "198.51.100.1:4000 to 203.0.113.1:6000, SSRC 00000001") {
					t.Errorf("frozen is %+v", f)
				}
			}
		})
	}
}
