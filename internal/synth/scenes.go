package synth

import (
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

// lead is the time before the first packet, so that no scenario hangs on the
// alignment of intervals.
func (s *script) lead() time.Duration { return time.Duration(s.rng.IntN(1000)) * time.Millisecond }

func scenes() []scene {
	return []scene{
		{"answered", answered},
	}
}

// answered is one row: answered, with ring, answer and end times, hung up by
// the caller.
func answered(s *script) {
	d := s.call(s.alice, s.bob)
	c := d.connect()
	d.talk(6 * time.Second)
	bye := d.hangup(s.alice)
	s.row(d, record.Answered, row{start: c.invite, ring: c.ringing, answer: c.ok, end: bye, by: "caller"})
}
