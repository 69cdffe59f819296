package capture

import (
	"testing"
)

// TestParseProgram has programs in numbers, which need no library.
func TestParseProgram(t *testing.T) {
	for _, s := range []string{"4\n40 0 0 12\n21 0 1 2048\n6 0 0 262144\n6 0 0 0\n", "4,40 0 0 12,21 0 1 2048,6 0 0 262144,6 0 0 0"} {
		code, err := parseProgram(s)
		if err != nil {
			t.Fatal(err)
		}
		if runProgram(t, code, append(make([]byte, 12), 8, 0)) != 262144 || runProgram(t, code, make([]byte, 14)) != 0 {
			t.Errorf("%q", s)
		}
	}
	for _, s := range []string{"4,40 0 0 12", "0", "1,6 0 0", "1,6 0 256 1", "5000", "1,99999999999999999999 0 0 0"} {
		if _, err := parseProgram(s); err == nil {
			t.Errorf("%q was taken", s)
		}
	}
	for _, s := range []string{"", "udp", "port 5060", "  "} {
		if isProgram(s) {
			t.Errorf("%q is no program", s)
		}
	}
}

// FuzzParseProgram has programs of anybody.
func FuzzParseProgram(f *testing.F) {
	f.Add("1,6 0 0 1")
	f.Add("4\n40 0 0 12\n21 0 1 2048\n6 0 0 262144\n6 0 0 0\n")
	f.Fuzz(func(t *testing.T, s string) {
		if !isProgram(s) {
			return
		}
		if code, err := parseProgram(s); err == nil && (len(code) == 0 || len(code) > maxInstructions) {
			t.Errorf("%d instructions", len(code))
		}
	})
}
