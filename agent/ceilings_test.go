package agent

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
)

// TestCeilings refuses streams that begin while the process uses too much, and
// counts each of their packets; those that began before are metered on, and SIP
// passes.
func TestCeilings(t *testing.T) {
	var memory, cpu atomic.Bool
	x := newTap(func(o *Options) { o.MemoryFull, o.CPUFull = &memory, &cpu })
	x.talk(0, alice, bob, 7, 0, 100)
	memory.Store(true)
	x.talk(2*time.Second, alice, bob, 7, 100, 100)
	x.talk(2*time.Second, bob, alice, 8, 0, 50)
	memory.Store(false)
	cpu.Store(true)
	x.invite(4*time.Second, "one", bob)
	x.talk(5*time.Second, bob, alice, 8, 150, 30)
	cpu.Store(false)
	x.talk(7*time.Second, bob, alice, 8, 250, 100)
	x.Close()
	c := x.Counters
	if packets, _ := x.sum(); packets != 300 || c.RTPRefusedMemory != 50 || c.RTPRefusedCPU != 30 || c.RTPUnmetered != 0 || c.SIP != 1 {
		t.Errorf("%d packets metered, %+v", packets, c)
	}
	if u := c.Undecoded(); u[ReasonMemory] != 50 || u[ReasonCPU] != 30 {
		t.Errorf("undecoded: %v", u)
	}
	told := map[string]uint64{}
	for _, p := range x.out {
		if p.Kind == packet.KindDrop {
			d, err := packet.ParseDrop(p.Payload)
			if err != nil || d.Stage != "agent" {
				t.Errorf("drop %v: %v", d, err)
			}
			told[d.Reason] += d.Count
		}
	}
	if len(told) != 2 || told[ReasonMemory] != 50 || told[ReasonCPU] != 30 {
		t.Errorf("told: %v", told)
	}
}
