package main

import (
	"net/netip"
	"testing"
)

// TestGreetingNamesTheAddress where not all of the host's are listened on.
func TestGreetingNamesTheAddress(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:29461": "port 29461 of 127.0.0.1 only", "[::ffff:192.0.2.1]:9060": "port 9060 of 192.0.2.1 only", "[::]:9060": "port 9060", "0.0.0.0:9060": "port 9060",
	} {
		if got := hepPlace(netip.MustParseAddrPort(address)); got != want {
			t.Errorf("HEP on %s: %q, want %q", address, got, want)
		}
	}
	for address, want := range map[string]string{
		"[::]:9080": "localhost:9080", "127.0.0.1:1": "localhost:1", "192.0.2.1:9080": "192.0.2.1:9080", "[2001:db8::1]:9080": "[2001:db8::1]:9080",
	} {
		if got := webPlace(address); got != want {
			t.Errorf("HTTP on %s: %q, want %q", address, got, want)
		}
	}
}
