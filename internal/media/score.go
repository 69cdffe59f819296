package media

import (
	"github.com/earshot-voip/earshot/internal/emodel"
)

// Score is the listening quality of one interval of one stream, or of a whole
// stream, by the E-model, and why it is what it is. There is none for a codec
// without impairment factors.
type Score struct {
	R, MOS      float64 // R-LQ on the scale's own range, and MOS-LQ clamped to 1..4.5
	Ceiling     float64 // the best R that the codec allows
	CodecCost   float64 // R points that the codec costs without loss
	LossCost    float64 // R points that loss on the network costs
	DiscardCost float64 // R points that packets cost which come too late to be played
	Scale       string  // NB, WB, FB
	Model       string  // G.107 ...
	Status      string  // std, derived, or assumed where a factor is in no standard
	PLCAssumed  bool    // the factors take a loss concealment for granted that nobody sees
	Configured  bool    // the factors are the configuration's, and so is what Status says of them
	Silent      bool    // no sequence number tells of its loss: LossCost is of silence

	scale emodel.Scale
}

// Codecs is the table of impairment factors with what configuration changed in
// it. A nil one is the built-in table.
type Codecs = emodel.Table

// Speech is what a score needs to know of a codec, and of its receiver.
type Speech struct {
	Encoding string // encoding name of the rtpmap
	Fmtp     string
	Head     uint16 // of Report; 0 when not known
	SRTP     bool   // neither sizes nor bytes of the payload are the codec's
	NoPLC    bool   // score G.711 without loss concealment
	Buffer   Buffer // the jitter-buffer model whose discards are lost, too
	Like     Like   // what its packets were like, for time in which none came
	Codecs   *Codecs
}

// Like is what packets of a stream were like; zero where nobody knows.
type Like struct {
	Packets, Bytes, Events, CN uint64
	PtimeMs                    float64
}

// codec finds the factors of what was counted, where something was.
func (s Speech) codec(c *Counts, ptimeMs float64) (emodel.Codec, bool) {
	if s.Encoding == "" || c.Expected == 0 {
		return emodel.Codec{}, false
	}
	return s.Codecs.Lookup(s.format(c, ptimeMs))
}

// ScoreOf scores an interval: by the share of its expected packets that was
// lost or came too late, by how much of that came in bursts, and by the
// codec's factors (ITU-T G.107 family, G.113).
func ScoreOf(s Speech, r *Report) (Score, bool) {
	return rate(s, &r.Delta, &r.Heard, r.PtimeMs, s.Buffer, 1)
}

// ScoreCounts scores what was counted over many intervals, as the jitter-buffer
// model b would play it. ptimeMs is 0 where it is not known. G.107 knows no time,
// and would have one loss of a second in a row take half of the points of a long
// call: a run spoils no more than an interval, or what it took away once more.
func ScoreCounts(s Speech, c *Counts, h *Heard, ptimeMs float64, b Buffer) (Score, bool) {
	most := 1.
	if runs := h.Runs[0]; runs > 0 && c.Expected > 0 {
		most = min(1, max(float64(runs)*perInterval(ptimeMs), 2*float64(c.Lost))/float64(c.Expected))
	}
	return rate(s, c, h, ptimeMs, b, most)
}

// rate is the score of counts, of whose points loss takes a share at most.
func rate(s Speech, c *Counts, h *Heard, ptimeMs float64, b Buffer, most float64) (Score, bool) {
	codec, ok := s.codec(c, ptimeMs)
	if !ok {
		return Score{}, false
	}
	lost := min(c.Lost, c.Expected)
	missing := lost
	if b != NoBuffer {
		missing = min(lost+h.Discarded[b], c.Expected)
	}
	cost := emodel.RCosts(codec, LossPct(lost, c.Expected), BurstR(lost, h.Runs[0], c.Expected), 0)
	discard := 0.
	if missing > lost {
		both := emodel.RCosts(codec, LossPct(missing, c.Expected), BurstR(missing, h.Runs[1+b], c.Expected), 0)
		discard = max(0, both.Loss-cost.Loss)
	}
	status := "assumed"
	if codec.Status() <= emodel.Derived {
		status = codec.Status().String()
	}
	// R is never below 0 (ITU-T G.107), whatever more the impairments would take.
	cost.Loss = min(cost.Loss, codec.Ceiling()*most)
	discard = min(discard, codec.Ceiling()-cost.Loss)
	rating := codec.Ceiling() - cost.Loss - discard
	return Score{
		R: rating, MOS: codec.Scale.MOS(rating), Ceiling: codec.Ceiling(), CodecCost: cost.Codec, LossCost: cost.Loss, DiscardCost: discard,
		Scale: codec.Scale.String(), Model: codec.Scale.Model(), Status: status, PLCAssumed: codec.PLCAssumed,
		Configured: codec.Configured, scale: codec.Scale,
	}, true
}

// perInterval is how many packets an Interval has.
func perInterval(ptimeMs float64) float64 {
	if ptimeMs <= 0 {
		ptimeMs = UsualPtimeMs
	}
	return float64(Interval) / 1e6 / ptimeMs
}

func (s Speech) format(c *Counts, ptimeMs float64) emodel.Format {
	if c.Packets == 0 && s.Like.Packets > 0 {
		c, ptimeMs = &Counts{Packets: s.Like.Packets, Bytes: s.Like.Bytes, Events: s.Like.Events, CN: s.Like.CN}, s.Like.PtimeMs
	}
	bytes, mixed := 0, false
	if speech := c.Packets - min(c.Packets, c.Events+c.CN); speech > 0 {
		sum := c.Bytes - min(c.Bytes, 4*c.Events) // an event has 4 bytes (RFC 4733 2.3)
		bytes, mixed = int(sum/speech), sum%speech != 0
	}
	f := emodel.Format{Encoding: s.Encoding, Fmtp: s.Fmtp, NoPLC: s.NoPLC}
	if !s.SRTP {
		f.PayloadBytes, f.PayloadMixed, f.PtimeMs = bytes, mixed, ptimeMs
		f.FirstByte, f.FirstByteKnown = uint8(s.Head), s.Head != 0
	}
	return f
}

// Conversational is the score with the delay from mouth to ear, ms: R-CQ,
// MOS-CQ, and the R points that the delay costs (Idd of G.107 7.4), which are
// no more than there are.
func (s *Score) Conversational(delayMs float64) (r, mos, cost float64) {
	cost = min(emodel.RCosts(emodel.Codec{Scale: s.scale}, 0, 1, delayMs).Delay, s.R)
	r = s.R - cost
	return r, s.scale.MOS(r), cost
}

// SimpleMOS is the simplified model that other tools show, clamped to 1..4.5;
// latency and jitter in ms.
func SimpleMOS(latency, jitter, lossPct float64) float64 {
	_, mos := emodel.Simple(latency, jitter, lossPct)
	return min(max(mos, 1), 4.5)
}

// LossPct is lost of expected packets in percent; 0 when none were expected.
func LossPct(lost, expected uint64) float64 {
	if expected == 0 {
		return 0
	}
	return 100 * float64(lost) / float64(expected)
}
