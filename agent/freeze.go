package agent

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/earshot-voip/earshot/agent/recorder"
	"github.com/earshot-voip/earshot/internal/media"
)

// judge has the call of s frozen when an interval of it was heard worse than
// the bound. An interval of less than a second of media says nothing: of three
// packets one lost is no 33 %.
func (a *Agent) judge(s *stream, r *media.Report) {
	if a.opt.FreezeBelow <= 0 || a.opt.Recorder == nil || s.frozen {
		return
	}
	ptime := r.PtimeMs
	if ptime <= 0 {
		ptime = media.UsualPtimeMs
	}
	if float64(r.Delta.Expected)*ptime < float64(time.Second/time.Millisecond) {
		return
	}
	speech := a.opt.Speech
	speech.Encoding, speech.SRTP = s.encoding(r.PayloadType)
	speech.Head = r.Head
	score, ok := media.ScoreOf(speech, r)
	if !ok || score.MOS >= a.opt.FreezeBelow {
		return
	}
	// Refused or not, and counted there: once a stream is enough.
	s.frozen = true
	_, _, _ = a.opt.Recorder.Freeze(recorder.Request{
		CallID: s.callID, Addrs: []netip.AddrPort{s.src, s.dst}, Why: recorder.ByMOS,
		Detail: fmt.Sprintf("MOS %.2f, below %.2f: %s to %s, SSRC %08x, the 5 s from %s, %d of %d packets lost",
			score.MOS, a.opt.FreezeBelow, s.src, s.dst, r.SSRC, r.Start.Format(time.RFC3339), r.Delta.Lost, r.Delta.Expected),
	})
}

// encoding is what a payload type of the stream means, to the receiver before
// the sender, and whether it may be encrypted.
func (s *stream) encoding(pt uint8) (name string, sealed bool) {
	for _, e := range [...]*announcement{s.from, s.to} {
		if e == nil {
			continue
		}
		sealed = sealed || e.sealed
		for _, p := range e.payloads {
			if p.pt == pt && !p.video {
				name = p.name
			}
		}
	}
	if name == "" {
		if p, ok := media.StaticPayloadType(pt); ok && p.Media == "audio" {
			name = p.Name
		}
	}
	return name, sealed
}
