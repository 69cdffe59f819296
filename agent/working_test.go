package agent

import (
	"testing"
	"time"

	"github.com/earshot-voip/earshot/agent/capture"
	"github.com/earshot-voip/earshot/internal/bus"
	"github.com/earshot-voip/earshot/internal/packet"
)

// TestTapClockSetBack has frames whose times go back by a day: drops are counted and
// packets are passed on at once all the same.
func TestTapClockSetBack(t *testing.T) {
	at := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	s := &script{drops: []capture.Drops{{}}}
	for i := range 10 {
		if i == 5 {
			at = at.Add(-24 * time.Hour)
		}
		s.says = append(s.says, packet.Frame{Time: at.Add(time.Duration(i) * 2 * time.Second), Link: packet.LinkEthernet, Data: make([]byte, 60), WireLen: 60})
	}
	road := bus.NewMemory(64)
	x := &Tap{Name: "test0", Source: s, Out: road, Clock: time.Now, decoder: packet.NewDecoder(packet.Options{}), out: bus.NewPublisher(road)}
	works := Working([]*Tap{x})
	if works() {
		t.Error("works before it has done anything")
	}
	for i := range 10 {
		if _, err := x.step(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d := x.Decoded.Load(); d == nil || d.Frames != uint64(i+1) {
			t.Errorf("frame %d: counted %+v", i, d)
		}
		if !works() {
			t.Errorf("frame %d: does not work", i)
		}
		if works() {
			t.Errorf("frame %d: works, and has done nothing since", i)
		}
	}
	if n := road.Len(); n != 10 {
		t.Errorf("%d batches passed on, want one each time", n)
	}
}
