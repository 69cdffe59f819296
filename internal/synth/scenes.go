package synth

import (
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

// lead is the time before the first packet, so that no scenario hangs on the
// alignment of intervals.
func (s *script) lead() time.Duration { return time.Duration(s.rng.IntN(1000)) * time.Millisecond }

// scenes are the scenarios in the order of the reference of calls.
func scenes() []scene {
	return []scene{
		{"answered", answered},
		{"answered-no-ringing", answeredNoRinging},
		{"early-media", earlyMedia},
		{"busy", refused(486, record.Busy, true, with("Reason", `Q.850;cause=17;text="User busy"`))},
		{"declined", refused(603, record.Rejected, true)},
		{"not-found", refused(404, record.Rejected, false)},
		{"unavailable", refused(480, record.Rejected, true)},
		{"server-error", refused(503, record.Failed, false, with("Retry-After", "30"))},
		{"timeout-408", refused(408, record.Failed, true)},
		{"no-answer-at-all", noAnswerAtAll},
		{"trying-only", tryingOnly},
		{"cancelled", cancelled},
		{"cancel-race", cancelRace},
		{"cancel-unfinished", cancelUnfinished},
		{"challenged", challenged},
		{"challenge-unanswered", challengeUnanswered},
		{"stale-nonce", staleNonce},
		{"redirected", redirected},
		{"forked-one-answer", forkedOneAnswer},
		{"forked-two-answers", forkedTwoAnswers},
		{"parallel-ring-487", parallelRing487},
		{"serial-fork", serialFork},
		{"delayed-offer", delayedOffer},
		{"prack", pracked},
		{"update-before-answer", updateBeforeAnswer},
		{"hold-resume", holdResume},
		{"moved-media", movedMedia},
		{"glare", glare},
		{"session-timer", sessionTimer},
		{"lost-ack", lostAck},
		{"lost-bye-answer", lostByeAnswer},
		{"bye-481", bye481},
		{"bye-crossing", byeCrossing},
		{"no-bye", noBye},
		{"blind-transfer", blindTransfer},
		{"attended-transfer", attendedTransfer},
		{"call-id-reused", callIDReused},
		{"proxy-hops", proxyHops},
		{"proxy-with-media-relay", proxyWithMediaRelay},
		{"spiral", spiral},
		{"same-call-id-b2bua", sameCallIDB2BUA},
		{"mirrored-twice", mirroredTwice},
		{"b2bua", b2bua},
		{"out-of-order", outOfOrder},
		{"mid-call-start", midCallStart},
		{"mid-call-end", midCallEnd},
		{"transport-switch", transportSwitch},
		{"shared-media-port", sharedMediaPort},
		{"nat-private-sdp", natPrivateSDP},
		{"nat-symmetric", natSymmetric},
		{"ice", ice},
		{"rtcp-mux", rtcpMux},
		{"rtcp-attribute", rtcpAttribute},
		{"srtp-sdes", srtpSDES},
		{"srtp-dtls", srtpDTLS},
		{"codec-change", codecChange},
		{"t38", t38},
		{"video", video},
		{"dtmf-rtp", dtmfRTP},
		{"dtmf-info", dtmfInfo},
		{"isup-body", isupBody},
		{"compact-headers", compactHeaders},
		{"rfc2543-peer", rfc2543Peer},
		{"method-storm", methodStorm},
		{"emergency", emergency},
		{"direct-media", directMedia},
		{"signalling-only", signallingOnly},
		{"bundle-turn", bundleTURN},
		{"failed-reinvite", failedReinvite},
		{"announcement-then-4xx", announcementThen4xx},
		{"hold-music", holdMusic},
		{"cgnat", cgnat},
	}
}
