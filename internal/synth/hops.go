package synth

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// HopTruth is one INVITE transaction at one hop, of a call that the tap sees
// at more than one. Nil is a time that does not exist.
type HopTruth struct {
	CallID       string    `json:"call_id"`
	CSeq         uint32    `json:"cseq"`
	Hop          uint8     `json:"hop"` // proxies before it
	Branch       string    `json:"branch"`
	ParentBranch *string   `json:"parent_branch"`
	StartTime    time.Time `json:"start_time"`
	TryingMs     *float64  `json:"trying_ms"`
	ProgressMs   *float64  `json:"progress_ms"`
	RingMs       *float64  `json:"ring_ms"`
	FinalMs      *float64  `json:"final_ms"`
	Status       *uint16   `json:"status"`
	ForwardMs    *float64  `json:"forward_ms"` // what the proxy took for the INVITE and the final response
	ReturnMs     *float64  `json:"return_ms"`
}

// hopMade is one such transaction in the making.
type hopMade struct {
	invite, trying, progress, ringing, final *msg
}

// hops are the INVITE transactions of the script that passed a proxy.
func (s *script) hops() []HopTruth {
	made := map[string]*hopMade{}
	var order []string
	proxied := map[string]bool{}
	sent := slices.DeleteFunc(slices.Clone(s.sent), func(m *msg) bool { return m.method != "INVITE" || m.at < s.r.from || m.at > s.r.until })
	slices.SortStableFunc(sent, func(x, y *msg) int { return cmp.Compare(x.at, y.at) })
	for _, m := range sent {
		branch := m.topBranch()
		h := made[branch]
		if m.status == 0 && h == nil && branch != "" && !strings.Contains(m.get("To"), ";tag=") {
			made[branch] = &hopMade{invite: m}
			order = append(order, branch)
			proxied[m.dialog.callID] = proxied[m.dialog.callID] || m.up != nil
		}
		if h != nil && m.status > 0 {
			h.response(m)
		}
	}
	var out []HopTruth
	for _, branch := range order {
		if h := made[branch]; proxied[h.invite.dialog.callID] {
			out = append(out, h.truth(s.r, made))
		}
	}
	return out
}

func (h *hopMade) response(m *msg) {
	first := func(p **msg) {
		if *p == nil {
			*p = m
		}
	}
	switch {
	case m.status == 100:
		first(&h.trying)
	case m.status >= 200:
		first(&h.final)
	case m.status >= 180:
		first(&h.progress)
		if m.status == 180 {
			first(&h.ringing)
		}
	}
}

func (h *hopMade) truth(r *run, made map[string]*hopMade) HopTruth {
	between := func(from, to *msg) *float64 {
		if from == nil || to == nil {
			return nil
		}
		return new(float64(to.at-from.at) / 1000)
	}
	inv := h.invite
	t := HopTruth{
		CallID: inv.dialog.callID, CSeq: uint32(inv.cseq()), Branch: inv.topBranch(), StartTime: r.time(inv.at),
		TryingMs: between(inv, h.trying), ProgressMs: between(inv, h.progress), RingMs: between(inv, h.ringing), FinalMs: between(inv, h.final),
	}
	if h.final != nil {
		t.Status = new(uint16(h.final.status))
	}
	for m := inv.up; m != nil; m = m.up {
		t.Hop++
	}
	if inv.up != nil {
		t.ParentBranch, t.ForwardMs = new(inv.up.topBranch()), between(inv.up, inv)
		if p := made[*t.ParentBranch]; p != nil && p.final != nil && p.final.up == h.final {
			t.ReturnMs = between(h.final, p.final)
		}
	}
	return t
}

// topBranch is the branch of the topmost Via; an RFC 2543 peer has none.
func (m *msg) topBranch() string {
	_, branch, _ := strings.Cut(m.get("Via"), ";branch=")
	branch, _, _ = strings.Cut(branch, ";")
	return branch
}
