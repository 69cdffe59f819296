package explain

import (
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

// TestSessionOfEachUse: a Call-ID that is used again has links of its own.
func TestSessionOfEachUse(t *testing.T) {
	ten := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	link := func(began, found time.Duration, session string, legs uint32) *record.Link {
		return &record.Link{Domain: "d", FirstSeen: ten.Add(began), Time: ten.Add(found), CallID: "a", LinkedCallID: session, SessionID: session, Legs: legs, Merged: true}
	}
	first, second := link(0, 20*time.Second, "one", 2), link(time.Hour, time.Hour, "two", 2)
	for _, c := range []struct {
		name  string
		began time.Duration
		links []*record.Link
		want  string
	}{
		{"no link", 0, nil, "row"},
		{"first use", 0, []*record.Link{first, second}, "one"},
		{"second use", time.Hour, []*record.Link{first, second}, "two"},
		{"only the first was linked", time.Hour, []*record.Link{first}, "row"},
		{"only the second was linked", 0, []*record.Link{second}, "row"},
		{"another dialog of the leg, before it was found", 10 * time.Second, []*record.Link{first}, "one"},
		{"another node saw it begin before", -time.Second, []*record.Link{first}, "one"},
		{"the session with more legs is the later one", 0, []*record.Link{link(0, 0, "three", 3), first}, "three"},
		{"found by something older than the leg", 0, []*record.Link{link(0, -time.Second, "one", 2)}, "one"},
		{"another domain", 0, []*record.Link{{Domain: "e", FirstSeen: ten, Time: ten, CallID: "a", SessionID: "one", Legs: 2, Merged: true}}, "row"},
	} {
		leg := Leg{Domain: "d", CallID: "a", SessionID: "row", FirstSeen: ten.Add(c.began)}
		if got := SessionOf(leg, c.links); got != c.want {
			t.Errorf("%s: session %s, want %s", c.name, got, c.want)
		}
	}
}
