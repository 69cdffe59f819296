package hep

import (
	"net/netip"
	"testing"
)

func TestNodeName(t *testing.T) {
	f := func(agentID uint32, from, want string) {
		t.Helper()
		if got := NodeName(agentID, netip.MustParseAddr(from)); got != want {
			t.Errorf("NodeName(%d, %s) = %q, want %q", agentID, from, got, want)
		}
	}
	f(0, "192.0.2.1", "192.0.2.1")
	f(0, "::ffff:192.0.2.1", "192.0.2.1") // as a socket of both families tells it
	f(0, "2001:db8::1", "2001:db8::1")
	f(1, "192.0.2.1", "hep-1")
	f(1, "2001:db8::1", "hep-1") // the same agent, whichever way it comes
	f(1<<32-1, "192.0.2.1", "hep-4294967295")
}
