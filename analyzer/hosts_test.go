package analyzer

import (
	"fmt"
	"testing"

	"github.com/earshot-voip/earshot/internal/record"
)

// TestLikelyB2BUA: a box whose legs are tied together by less than what joins them is
// a B2BUA where that comes again and again, less surely than one whose legs are joined.
func TestLikelyB2BUA(t *testing.T) {
	for _, c := range []struct {
		minConfidence float64
		calls         int
		class         string
		confidence    float64
	}{
		{0.8, 8, "b2bua", 0.889},
		{0.99, 8, "b2bua", 0.667},
		{0.99, 1, "phone", 0.667},
	} {
		f := newFeed(func(o *Options) { o.Link.MinConfidence = c.minConfidence })
		for i := range c.calls {
			at := float64(10 * i)
			in, out := newDialled(fmt.Sprint("in", i)), newDialled(fmt.Sprint("out", i))
			in.b, out.a = boxSIP, boxSIP
			in.bRTP, out.aRTP = fmt.Sprintf("192.0.2.30:%d", 6000+i), fmt.Sprintf("192.0.2.30:%d", 8000+i)
			f.invite(at, in)
			f.invite(at+0.02, out)
			f.answer(at+1, out)
			f.answer(at+1.02, in)
			f.bye(at+5, in)
			f.bye(at+5.02, out)
		}
		f.end()
		var box *record.Host
		for _, h := range f.hosts {
			if h.IP == boxSIP.Addr() {
				box = h
			}
		}
		if box == nil || box.Class != c.class || box.Confidence != c.confidence {
			t.Errorf("merged from %v on, %d calls: %+v, want %s %v", c.minConfidence, c.calls, box, c.class, c.confidence)
		}
	}
}
