package record

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"testing"
	"time"
)

// FuzzString compares quoting with the standard library's.
func FuzzString(f *testing.F) {
	for _, s := range []string{
		"", "plain", "INVITE sip:a@b SIP/2.0\r\n\r\n", "a\"b\\c<d>&\t\b\f\x01\x7f", "caf\xc3\xa9 \xe2\x80\xa8\xe2\x80\xa9", "\xff\xc3", "\xef\xbf\xbd", "\xed\xa0\x80", "<plain> & simple",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := appendString([]byte("x"), s)
		var whole bytes.Buffer
		enc := json.NewEncoder(&whole)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(s); err != nil {
			t.Fatal(err)
		}
		want := bytes.TrimSuffix(whole.Bytes(), []byte("\n"))
		var back, again string
		if err := json.Unmarshal(got[1:], &back); err != nil {
			t.Fatalf("%q is no JSON: %v", got, err)
		}
		if err := json.Unmarshal(want, &again); err != nil || back != again {
			t.Errorf("%q becomes %s, want %s", s, got[1:], want)
		}
		if len(got) > 1+2+len(s) && string(got[1:]) != string(want) { // something was escaped
			t.Errorf("%q becomes %s, want %s", s, got[1:], want)
		}
	})
}

func TestTimes(t *testing.T) {
	f := func(at time.Time, want string) {
		t.Helper()
		got := AppendJSON(nil, &Drop{Time: at})
		var d struct{ Time string }
		if err := json.Unmarshal(got, &d); err != nil || d.Time != want {
			t.Errorf("%v is %q (%v), want %q", at, d.Time, err, want)
		}
	}
	f(time.Date(2026, 1, 2, 3, 4, 5, 678_901_999, time.UTC), "2026-01-02T03:04:05.678901Z")
	f(time.Date(2026, 1, 2, 3, 4, 5, 678_000_999, time.UTC), "2026-01-02T03:04:05.678Z")
	f(time.Date(2026, 1, 2, 3, 4, 5, 999, time.UTC), "2026-01-02T03:04:05Z")
	f(time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600)), "2026-01-02T02:04:05Z")
	f(time.Date(1969, 12, 31, 23, 59, 59, 999_999_999, time.UTC), "1969-12-31T23:59:59.999999Z")
	f(time.Time{}, "0001-01-01T00:00:00Z")
}

func interval() *Interval {
	i := &Interval{Packets: 250, Expected: 250, MosLQ: new(4.412), RLQ: new(93.2), JitterMs: new(0.125), SrcIP: netip.MustParseAddr("192.0.2.1"), DstIP: netip.MustParseAddr("198.51.100.7")}
	i.Domain, i.FirstSeen, i.Time, i.CallID = "default", time.Now(), time.Now(), new("a84b4c76e66710@192.0.2.1")
	return i
}

func TestAppendJSONDoesNotAllocate(t *testing.T) {
	rows := []any{interval(), &Message{Raw: "INVITE sip:a@b SIP/2.0\r\nFrom: \"a\" <sip:b@c>\r\n\r\n", Status: new(uint16(200))}, &Call{StartTime: new(time.Now())}}
	var buf []byte
	if n := testing.AllocsPerRun(100, func() {
		for _, r := range rows {
			buf = AppendJSON(buf[:0], r)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	var buf []byte
	row := interval()
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendJSON(buf[:0], row)
	}
}
