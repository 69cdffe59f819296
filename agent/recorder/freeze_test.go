package recorder

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestFreeze: backwards in time as far as the ring goes, then on until the call
// ends; of that call alone, though others had its ports before and after.
func TestFreeze(t *testing.T) {
	d := start(t, options(t))
	d.call("before", 4000, 50)
	d.bye("before")
	d.tick(time.Minute)
	d.call("other", 5000, 20)
	d.call("it", 4000, 100)
	f, ok := d.freeze(Request{CallID: "it", Why: ByRequest})
	if !ok || f.State != Open || f.SIP != 2 || f.RTP != 200 || !f.Begun {
		t.Fatalf("frozen is %+v", f)
	}
	d.tick(time.Second)
	cut := d.packet("203.0.113.1:4000", "198.51.100.1:4000", []byte{0x80, 0, 0, 101, 0, 0, 0, 0, 0, 0, 0, 1})
	cut.Cut = 160 // as live capture does
	d.RTP(&Flow{}, cut, 12)
	d.bye("it")
	d.sip(d.packet(bob, alice, reply("it", "200 OK", "INVITE"))) // a late copy
	d.tick(linger - time.Second)
	d.call("other 2", 5000, 1)
	d.tick(2 * time.Second)
	d.call("after", 4000, 50)
	d.tick(time.Second)
	d.settle("the call has ended", func() bool { f, _ = d.find(f.Name); return f.State == Whole })
	if f.SIP != 5 || f.RTP != 201 || f.Gaps != 0 {
		t.Errorf("frozen is %+v", f)
	}
	packets := d.frames(&f)
	if len(packets) != 206 {
		t.Fatalf("%d packets", len(packets))
	}
	if p := packets[2]; !p.Time.Equal(f.First.Add(120*time.Millisecond)) || p.Src != netip.MustParseAddrPort(aliceRTP) || p.TTL != 61 || p.DSCP != 46 || p.IPID != 7 ||
		len(p.Payload) != 12 || p.WireLen != 14+20+8+12+len(speech) {
		t.Errorf("an RTP packet is %+v", p)
	}
	if p := packets[202]; len(p.Payload) != 12 || p.Cut != 160 {
		t.Errorf("a packet that the capture cut is %+v", p)
	}
	// Its last second: where its media are is told before.
	if f, ok := d.freeze(Request{CallID: "it", From: packets[102].Time, To: packets[201].Time, Why: ByRequest}); !ok || f.SIP != 0 || f.RTP != 100 {
		t.Errorf("of a part of it frozen is %+v", f)
	}
	if f, ok := d.freeze(Request{CallID: "nobody's", Why: ByRequest}); ok {
		t.Errorf("of a call that never was there is %+v", f)
	}
}

// TestFreezeByAddress: the Call-ID is not known, or its SDP is older than the
// ring: the agent tells where its media are.
func TestFreezeByAddress(t *testing.T) {
	d := start(t, options(t))
	for i := range uint16(50) {
		d.now = d.now.Add(20 * time.Millisecond)
		d.rtp(aliceRTP, bobs, 1, i)
		d.rtp(bobs, aliceRTP, 2, i)
		d.rtp("198.51.100.9:4000", "203.0.113.1:6002", 3, i)
	}
	f, ok := d.freeze(Request{Addrs: []netip.AddrPort{netip.MustParseAddrPort(bobs)}, From: began.Add(200 * time.Millisecond), To: began.Add(399 * time.Millisecond), Why: ByAlert})
	if !ok || f.RTP != 20 || f.State != Whole {
		t.Errorf("frozen is %+v", f)
	}
	name, done, err := d.Freeze(Request{CallID: "long ago", Why: ByRequest})
	if err != nil {
		t.Fatal(err)
	}
	d.Advance(d.now, func(callID string) []netip.AddrPort {
		if callID != "long ago" {
			t.Errorf("asked for %s", callID)
		}
		return []netip.AddrPort{netip.MustParseAddrPort("203.0.113.1:6002")}
	})
	<-done
	if f, ok := d.find(name); !ok || f.RTP != 50 || f.Begun {
		t.Errorf("frozen is %+v", f)
	}
}

// TestSecrets: no file has speech, a credential, a key, a digit, a text or a
// person in it.
func TestSecrets(t *testing.T) {
	o := options(t)
	o.Disk = 8 << 20
	d := start(t, o)
	d.call("it", 4000, 200)
	d.sip(d.packet(alice, bob, request("INFO", "it", "Content-Type: application/dtmf-relay", "", "Signal=7", "Duration=160")))
	d.sip(d.packet(alice, bob, request("MESSAGE", "it", "Content-Type: text/plain", "", "meet me at the bridge")))
	event := append([]byte{0x80, 101, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9}, 7, 0x8a, 0x03, 0x20)
	event = append(event, "event"...)
	d.RTP(&Flow{}, d.packet(aliceRTP, "203.0.113.1:4000", event), 12)
	d.RTCP(d.packet("198.51.100.1:4001", "203.0.113.1:4001", compound(sdes(1, "alice-host", 2, "Alice Liddell", 3, "alice@wonder.land"), app("what somebody added"))))
	f, ok := d.freeze(Request{CallID: "it", Why: ByRequest})
	if !ok || f.RTP != 401 || f.RTCP != 1 || f.SIP != 4 {
		t.Fatalf("frozen is %+v", f)
	}
	d.stop()
	files, has := 0, map[string]bool{}
	err := filepath.WalkDir(o.Dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files++
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s may be read by others: %v %v", path, info.Mode(), err)
		}
		b, err := os.ReadFile(path)
		for _, secret := range []string{string(speech[:8]), "0123456789abcdef", "WVNf", "Signal=7", "bridge", "Liddell", "wonder", "somebody", "\x07\x8a\x03\x20event"} {
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("%s has %q", path, secret)
			}
		}
		for _, kept := range []string{"INVITE sip:bob", "alice-host", "Signal=*", "inline:AAAA", "Duration=160"} {
			if bytes.Contains(b, []byte(kept)) {
				has[kept] = true
			}
		}
		return err
	})
	if err != nil || files < 3 || len(has) != 5 {
		t.Errorf("%d files, with %v (%v)", files, has, err)
	}
}

// TestKeep: frozen calls keep to their bytes; those that nobody asked for go
// first, and no call takes more than its share.
func TestKeep(t *testing.T) {
	o := options(t)
	o.Keep, o.KeepFor = 1<<20, time.Hour
	d := start(t, o)
	freeze := func(id string, packets int, why Why) Frozen {
		d.call(id, 4000, packets)
		d.bye(id)
		d.tick(10 * time.Second)
		f, ok := d.freeze(Request{CallID: id, Why: why})
		if !ok {
			t.Fatalf("%s was not frozen", id)
		}
		return f
	}
	if f := freeze("long", 4000, ByAlert); f.State != Limit || f.Bytes > o.Keep/4 || f.Bytes < o.Keep/5 {
		t.Errorf("a long call is %+v", f)
	}
	bad := freeze("bad", 1000, ByMOS)
	for i := range 10 {
		freeze(fmt.Sprint("asked for ", i), 1000, ByRequest)
		if _, bad := d.find(bad.Name); d.Counts.FrozenEvicted.Load() == 1 && (bad || d.Frozen()[0].CallID != "long") {
			t.Errorf("the first to make room was not what nobody asked for: %+v", d.Frozen())
		}
	}
	var names []string
	var sum int64
	for _, f := range d.Frozen() {
		names = append(names, f.CallID)
		sum += f.Bytes
		if f.State != Whole {
			t.Errorf("%+v", f)
		}
	}
	if sum > o.Keep || len(names) != 7 || names[6] != "asked for 9" || d.Counts.FrozenEvicted.Load() != 5 {
		t.Errorf("%d bytes are kept of %q, %d evicted", sum, names, d.Counts.FrozenEvicted.Load())
	}
	d.tick(2 * time.Hour)
	d.settle("old ones are gone", func() bool { return len(d.Frozen()) == 0 })
	if left := bytesIn(t, d.frozenDir()); left != 0 {
		t.Errorf("%d bytes are left", left)
	}
}

// TestFreezesAreBounded: so many at a time, and each call once.
func TestFreezesAreBounded(t *testing.T) {
	d := start(t, options(t))
	d.tick(time.Second)
	first, _, err := d.Freeze(Request{CallID: "0", Why: ByMOS})
	if err != nil {
		t.Fatal(err)
	}
	for i := range maxFreezes {
		if _, _, err = d.Freeze(Request{CallID: fmt.Sprint(i), Why: ByMOS}); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := d.Freeze(Request{CallID: "one more", Why: ByMOS}); !errors.Is(err, ErrTooMany) || d.Counts.Refused.Load() != 1 {
		t.Errorf("one more: %v", err)
	}
	if again, _, err := d.Freeze(Request{CallID: "0", Why: ByRequest}); err != nil || again != first {
		t.Errorf("again: %s and not %s, %v", again, first, err)
	}
	if _, _, err := d.Freeze(Request{Why: ByRequest}); err == nil {
		t.Error("a call without any name is frozen")
	}
}
