package synth

import (
	"net/netip"
	"testing"

	sipgo "github.com/emiago/sipgo/sip"
)

// TestTransactions holds every scenario to RFC 3261 17: a response has the
// branch and CSeq of a request of the other direction, and an ACK has the
// INVITE's branch iff the final response is no 2xx (17.1.1.3, 13.2.2.4).
func TestTransactions(t *testing.T) {
	type hop struct {
		src, dst netip.AddrPort
		branch   string
		cseq     uint32
	}
	for _, name := range Scenarios() {
		if name == "rfc2543-peer" {
			continue // has no branches
		}
		requests := map[hop]sipgo.RequestMethod{}
		finals := map[hop]int{}
		acks := 0
		type seen struct {
			hop
			m sipgo.Message
		}
		var all []seen
		for _, d := range datagrams(t, scenario(t, name, 3)) {
			if !isSIP(d.payload) {
				continue
			}
			m, err := sipgo.ParseMessage(d.payload)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			via := m.Via()
			branch, _ := via.Params.Get("branch")
			s := seen{hop{d.src, d.dst, branch, m.CSeq().SeqNo}, m}
			if r, ok := m.(*sipgo.Request); ok {
				if via.Host != d.src.Addr().String() && name != "nat-private-sdp" && name != "cgnat" && name != "ice" {
					t.Errorf("%s: %s from %v with Via %s", name, r.Method, d.src, via.Host)
				}
				if before, ok := requests[s.hop]; ok && before != r.Method && r.Method != sipgo.ACK && r.Method != sipgo.CANCEL {
					t.Errorf("%s: %s has the branch of %s", name, r.Method, before)
				} else if !ok {
					requests[s.hop] = r.Method
				}
			}
			all = append(all, s)
		}
		for _, s := range all {
			r, ok := s.m.(*sipgo.Response)
			if !ok {
				continue
			}
			asked := hop{s.dst, s.src, s.branch, s.cseq}
			if _, ok := requests[asked]; !ok {
				t.Errorf("%s: %d %s from %v answers no request", name, r.StatusCode, r.CSeq().MethodName, s.src)
			}
			if r.CSeq().MethodName == sipgo.INVITE && r.StatusCode >= 200 {
				finals[asked] = r.StatusCode
			}
		}
		for _, s := range all {
			r, ok := s.m.(*sipgo.Request)
			if !ok || r.Method != sipgo.ACK {
				continue
			}
			acks++
			// Only a failure's ACK shares the branch of its INVITE.
			status, shared := finals[s.hop]
			if shared && status < 300 {
				t.Errorf("%s: the ACK to a %d has the INVITE's branch", name, status)
			}
			if !shared {
				answered := false
				for h, status := range finals {
					answered = answered || h.cseq == s.cseq && status < 300 && (h.src == s.src || len(finals) > 1)
				}
				if !answered {
					t.Errorf("%s: the ACK %d from %v belongs to no final response", name, s.cseq, s.src)
				}
			}
		}
		for h, status := range finals {
			if status < 300 || name == "mid-call-start" {
				continue
			}
			acked := false
			for _, s := range all {
				r, ok := s.m.(*sipgo.Request)
				acked = acked || ok && r.Method == sipgo.ACK && s.hop == h
			}
			if !acked {
				t.Errorf("%s: the %d to %v has no ACK", name, status, h.src)
			}
		}
		if acks == 0 && requestsOf(requests, sipgo.INVITE) && !map[string]bool{"no-answer-at-all": true, "trying-only": true, "cancel-unfinished": true, "lost-ack": true}[name] {
			t.Errorf("%s: no ACK", name)
		}
	}
}

func requestsOf[K comparable](m map[K]sipgo.RequestMethod, want sipgo.RequestMethod) bool {
	for _, method := range m {
		if method == want {
			return true
		}
	}
	return false
}
