package recorder

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestBounds: an hour of packet time of more than the ring holds, in which it
// keeps to its bytes and minutes at every moment.
func TestBounds(t *testing.T) {
	for _, c := range []struct {
		name string
		disk int64
		rate int // packets a second
	}{{"full of bytes", 4 << 20, 400}, {"full of minutes", 8 << 20, 20}, {"memory full of bytes", 0, 100}, {"memory full of minutes", 0, 20}} {
		t.Run(c.name, func(t *testing.T) {
			o := options(t)
			o.Memory, o.Disk = 1<<20, c.disk
			d := start(t, o)
			random := rand.New(rand.NewPCG(1, 2))
			for second := range 3600 {
				if second%10 == 0 {
					d.sip(d.packet(alice, bob, request("OPTIONS", fmt.Sprint(second))))
				}
				for i := range c.rate {
					d.rtp(aliceRTP, fmt.Sprintf("203.0.113.%d:6000", random.IntN(200)), uint32(i), uint16(second))
				}
				d.tick(time.Second)
				s := d.Status()
				if s.MemoryBytes > int64(o.Memory) || s.DiskBytes > c.disk || c.disk == 0 && d.now.Sub(s.Oldest) > o.Span {
					t.Fatalf("after %d s the ring has %+v", second, s)
				}
				if second%300 == 299 {
					d.settle("the disk is in time and has what the ring says", func() bool {
						s = d.Status()
						on := bytesIn(t, o.Dir)
						return d.now.Sub(s.Oldest) <= o.Span && on <= c.disk && on == s.DiskBytes
					})
				}
			}
			s := d.Status()
			if reach := d.now.Sub(s.Oldest); reach < 90*time.Second || c.rate == 20 && reach < o.Span*11/16 {
				t.Errorf("the ring reaches back %v", reach)
			}
			if d.Counts.ChunksEvicted.Load() == 0 || c.disk > 0 && d.Counts.FilesEvicted.Load() == 0 {
				t.Error("nothing was evicted")
			}
		})
	}
}

func bytesIn(t *testing.T, dir string) (sum int64) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err == nil && !info.IsDir() {
			sum += info.Size()
		}
	}
	return sum
}

// TestRestart: what an earlier process had on disk is found again, and what it
// froze; files that are damaged are counted, and end nothing.
func TestRestart(t *testing.T) {
	o := options(t)
	o.Disk, o.Span = 16<<20, 30*time.Minute
	d := start(t, o)
	d.call("it", 4000, 30_000) // of many chunks
	f, ok := d.freeze(Request{CallID: "it", Why: ByMOS, Detail: "bad"})
	if !ok || f.RTP != 60_000 || f.State != Open {
		t.Fatalf("frozen is %+v", f)
	}
	d.stop()
	again := start(t, o)
	again.now, again.flows = d.now, map[uint32]*Flow{}
	if all := again.Frozen(); len(all) != 1 || all[0].State != Cut || all[0].Detail != "bad" || all[0].RTP != 60_000 {
		t.Errorf("what was frozen is %+v", all)
	}
	again.tick(time.Second)
	again.rtp("203.0.113.1:4000", "198.51.100.1:4000", 1, 1)
	again.bye("it")
	if f, ok = again.freeze(Request{CallID: "it", Why: ByRequest}); !ok || f.RTP != 60_001 || f.SIP != 4 || f.Gaps != 0 {
		t.Errorf("after a restart frozen is %+v", f)
	}
	again.stop()
	files, err := filepath.Glob(filepath.Join(o.Dir, "ring-*.rec"))
	if err != nil || len(files) < 4 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	b, err := os.ReadFile(files[1])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := errors.Join(os.WriteFile(files[1], b, 0o600), os.Truncate(files[2], 20)); err != nil {
		t.Fatal(err)
	}
	third := start(t, o)
	third.now = again.now
	third.tick(time.Second)
	f, ok = third.freeze(Request{CallID: "it", Why: ByRequest})
	if !ok || f.SIP != 4 || f.RTP >= 60_001 || f.RTP < 20_000 || f.Gaps == 0 || third.Counts.DiskErrors.Load() == 0 {
		t.Errorf("of a damaged ring frozen is %+v, %d errors", f, third.Counts.DiskErrors.Load())
	}
}

// TestDiskFails: a folder that cannot be written to is counted, and the ring in
// memory goes on.
func TestDiskFails(t *testing.T) {
	o := options(t)
	o.Disk = 8 << 20
	if err := os.WriteFile(o.Dir, []byte("no folder"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := start(t, o)
	d.call("it", 4000, 10_000)
	d.tick(time.Second)
	if _, ok := d.freeze(Request{CallID: "it", Why: ByRequest}); ok {
		t.Error("something was frozen")
	}
	if d.Counts.DiskErrors.Load() == 0 || d.Counts.ChunksUnsaved.Load() == 0 {
		t.Error("nothing was counted")
	}
	if err := os.Remove(o.Dir); err != nil {
		t.Fatal(err)
	}
	if f, ok := d.freeze(Request{CallID: "it", Why: ByRequest}); !ok || f.RTP != 20_000 {
		t.Errorf("when the folder can be written, frozen is %+v", f)
	}
}
