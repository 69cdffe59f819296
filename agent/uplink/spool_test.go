package uplink

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/earshot-voip/earshot/internal/bus"
)

// TestSpoolForgetsTheOldest: what does not fit is counted, told, and the rest
// is sent in order.
func TestSpoolForgetsTheOldest(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		d := listen(t, "")
		addr := d.Addr().String()
		d.kill()
		u, stop := started(t, Options{Collectors: []string{"tcp://" + addr}, SpoolDir: dir, SpoolBytes: 400_000})
		w := bus.NewPublisher(u.Input())
		p := options(0)
		const packets = 1000
		for i := range packets {
			p.Payload = fmt.Appendf(nil, "%04d%01000d", i, 0)
			if err := w.Add(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		eventually(t, "all waits or is lost, and the queue is empty", func() bool {
			u.routes[0].in.mu.Lock()
			defer u.routes[0].in.mu.Unlock()
			return len(u.routes[0].in.chunks) == 0 && u.Counts.Lost.Load() > 400 && int64(u.Counts.Lost.Load())+u.Counts.Waiting.Load() >= packets && u.Input().Len() == 0
		})
		d = listen(t, addr)
		eventually(t, "the rest arrives", func() bool { return d.count() == packets-int(u.Counts.Lost.Load()) })
		lost := int(u.Counts.Lost.Load())
		if lost < 500 || lost > 800 {
			t.Errorf("%d of 1000 packets of a kilobyte are lost with room for 400", lost)
		}
		stop()
		eventually(t, "the loss is told", func() bool {
			d.mu.Lock()
			defer d.mu.Unlock()
			n := uint64(0)
			for _, drop := range d.drops {
				if drop.Stage != "agent" || drop.Reason != ReasonSpoolFull {
					t.Errorf("drop %+v", drop)
				}
				n += drop.Count
			}
			return n == uint64(lost)
		})
	}
}

// TestDiskFull keeps in memory what fits there, counts the rest, and goes on.
func TestDiskFull(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "small")
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("a small disk cannot be made here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	d := listen(t, "")
	addr := d.Addr().String()
	d.kill()
	u, stop := started(t, Options{Collectors: []string{"tcp://" + addr}, SpoolDir: dir, SpoolBytes: 1 << 30})
	w := bus.NewPublisher(u.Input())
	p := options(0)
	p.Payload = make([]byte, 1000)
	const packets = 40_000 // 40 MB: more than the disk and the memory for it hold
	for range packets {
		if err := w.Add(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all waits or is lost", func() bool {
		return u.Counts.Lost.Load() > 0 && int64(u.Counts.Lost.Load())+u.Counts.Waiting.Load() >= packets && u.Input().Len() == 0
	})
	d = listen(t, addr)
	defer func() { t.Logf("%d arrived, %s, %d waiting", d.count(), u.Drained(), u.Counts.Waiting.Load()) }()
	eventually(t, "the rest arrives", func() bool { return d.count() == packets-int(u.Counts.Lost.Load()) })
	t.Logf("%d of %d lost", u.Counts.Lost.Load(), packets)
	stop()
}

// TestDamagedSpool is put aside: the agent starts, and the file is still there.
func TestDamagedSpool(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "collectors.spool")
	if err := os.WriteFile(path, []byte(strings.Repeat("no spool ", 10_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	d := listen(t, "")
	u, stop := started(t, Options{Collectors: []string{d.url()}, SpoolDir: dir})
	give(t, u, 0, 1)
	stop()
	eventually(t, "a packet", func() bool { return d.count() == 1 })
	if aside, err := filepath.Glob(path + ".damaged-*"); err != nil || len(aside) != 1 {
		t.Errorf("put aside: %v, %v", aside, err)
	}
}

func TestSpoolIsUsedByOne(t *testing.T) {
	dir := t.TempDir()
	u := newUplink(t, Options{Collectors: []string{"tcp://127.0.0.1:1"}, SpoolDir: dir})
	defer u.Close()
	if _, err := New(Options{Collectors: []string{"tcp://127.0.0.1:1"}, SpoolDir: dir}, u.log); err == nil || !strings.Contains(err.Error(), "another agent uses it") {
		t.Errorf("%v", err)
	}
}
