package explain

import (
	"testing"

	"github.com/earshot-voip/earshot/internal/record"
)

func TestArose(t *testing.T) {
	for _, c := range []struct {
		st   record.Stream
		want string
	}{
		{record.Stream{SegmentLost: new(int64(3))}, "3 lost"},
		{record.Stream{SegmentLost: new(int64(0)), SegmentJitterMs: new(-0.5), SegmentDelayMs: new(2.)}, "0 lost, -0.5 ms of jitter, 2.0 ms of delay"},
		{record.Stream{SegmentLost: new(int64(-49))}, "49 more packets than the capture has there"},
	} {
		if got := arose(&c.st); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
