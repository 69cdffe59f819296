package agent

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/earshot-voip/earshot/agent/capture"
	"github.com/earshot-voip/earshot/internal/bus"
	"github.com/earshot-voip/earshot/internal/packet"
)

// script is a LiveSource that says one thing after the other, and then that
// nothing comes. done is called when it has said all.
type script struct {
	says   []any // packet.Frame or error
	drops  []capture.Drops
	done   func()
	closed bool
	ended  bool // read until io.EOF
}

func (s *script) Next() (packet.Frame, error) {
	if s.closed {
		s.ended = true
		return packet.Frame{}, io.EOF
	}
	if len(s.says) == 0 {
		s.done()
		return packet.Frame{}, capture.ErrTimeout
	}
	next := s.says[0]
	s.says = s.says[1:]
	if f, ok := next.(packet.Frame); ok {
		return f, nil
	}
	return packet.Frame{}, next.(error)
}

func (s *script) Drops() (capture.Drops, error) {
	d := s.drops[0]
	if len(s.drops) > 1 {
		s.drops = s.drops[1:]
	}
	return d, nil
}

func (s *script) Close() { s.closed = true }

// runTap gives the packets and drops that a Tap makes of a script.
func runTap(t *testing.T, s *script, away func(*capture.Outage)) (packets int, drops []packet.Drop, err error) {
	t.Helper()
	defer goleak.VerifyNone(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.done = cancel
	road := bus.NewMemory(64)
	x := &Tap{Name: "test0", Source: s, Out: road, Away: away}
	ended := make(chan error, 1)
	go func() {
		ended <- x.Run(ctx)
		road.Close()
	}()
	for b := range road.Batches(t.Context()) {
		for i := range b.Packets {
			switch b.Packets[i].Kind {
			case packet.KindDrop:
				d, err := packet.ParseDrop(b.Packets[i].Payload)
				if err != nil {
					t.Fatal(err)
				}
				drops = append(drops, d)
			case packet.KindTick:
			default:
				packets++
			}
		}
	}
	if !s.ended {
		t.Error("the source was not read until its end")
	}
	return packets, drops, <-ended
}

func liveFrame(at time.Time) packet.Frame {
	b := append(make([]byte, 12), 8, 0, 0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17, 0, 0)
	src, dst := netip.MustParseAddr("192.0.2.1").As4(), netip.MustParseAddr("192.0.2.2").As4()
	b = append(append(append(b, src[:]...), dst[:]...), 0, 1, 0, 2, 0, 9, 0, 0, 'x')
	return packet.Frame{Time: at, Link: packet.LinkEthernet, WireLen: len(b), Data: b}
}

// TestTapDrops has the kernel drop between its first second and its second, and
// in what was left of the third when it was told to end.
func TestTapDrops(t *testing.T) {
	began := time.Now()
	at := began.UTC().Add(-10 * time.Second)
	frames := []any{liveFrame(at), liveFrame(at.Add(time.Second)), liveFrame(at.Add(2 * time.Second)), capture.ErrTimeout}
	n, drops, err := runTap(t, &script{says: frames, drops: []capture.Drops{{}, {Received: 10, DroppedKernel: 7, DroppedInterface: 2}, {DroppedKernel: 7, DroppedInterface: 2}, {DroppedKernel: 12, DroppedInterface: 2}}}, nil)
	if err != nil || n != 3 || len(drops) != 3 {
		t.Fatalf("%d packets, %+v, %v", n, drops, err)
	}
	for i, want := range []packet.Drop{{Reason: "interface", Count: 2}, {Reason: "kernel", Count: 7}, {Reason: "kernel", Count: 5}} {
		d := drops[i]
		// It was now that the kernel dropped, not when it captured what is read now.
		if d.Stage != "capture" || d.Reason != want.Reason || d.Count != want.Count || d.From.Before(began) || d.To.Before(d.From) || d.To.After(time.Now()) {
			t.Errorf("%+v, want %+v since %v", d, want, began)
		}
	}
}

// TestTapOutage has an interface that returns, and one that is away at the end.
func TestTapOutage(t *testing.T) {
	at := time.Now().UTC().Add(-time.Minute)
	var told []*capture.Outage
	s := &script{drops: []capture.Drops{{}}, says: []any{
		liveFrame(at), &capture.Outage{Interface: "test0", From: at}, capture.ErrTimeout,
		&capture.Outage{Interface: "test0", From: at, To: at.Add(30 * time.Second), Missed: 5},
		liveFrame(at.Add(31 * time.Second)), &capture.Outage{Interface: "test0", From: at.Add(40 * time.Second)},
	}}
	n, drops, err := runTap(t, s, func(o *capture.Outage) { told = append(told, o) })
	if err != nil || n != 2 || len(told) != 3 || !told[0].To.IsZero() || told[1].To.IsZero() {
		t.Errorf("%d packets, told %v, %v", n, told, err)
	}
	if len(drops) != 2 || drops[0].Count != 5 || !drops[0].From.Equal(at) || !drops[0].To.Equal(at.Add(30*time.Second)) ||
		drops[1].Count != 1 || !drops[1].From.Equal(at.Add(40*time.Second)) || drops[1].To.Before(at.Add(50*time.Second)) {
		t.Errorf("%+v", drops)
	}
}

// TestTapFails tells an error of the source, and does not take the end of one for
// being told to end.
func TestTapFails(t *testing.T) {
	for _, e := range []error{errors.New("no such device"), io.EOF} {
		s := &script{drops: []capture.Drops{{}}, says: []any{e}}
		if _, _, err := runTap(t, s, nil); err == nil {
			t.Errorf("%v: no error", e)
		}
	}
}

// TestTapClock has captures of another year, which are followed: time goes by their
// packets and by their clock, back too, and is none before the first.
func TestTapClock(t *testing.T) {
	at := time.Date(2020, 5, 1, 12, 0, 0, 0, time.UTC)
	clock := []time.Time{{}, at, at.Add(3 * time.Second), at.Add(-time.Hour), at.Add(-time.Hour + 2*time.Second)}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := &script{done: cancel, drops: []capture.Drops{{}}, says: []any{
		capture.ErrTimeout, liveFrame(at), capture.ErrTimeout, liveFrame(at.Add(-time.Hour)), capture.ErrTimeout,
	}}
	road := bus.NewMemory(64)
	now := time.Time{}
	x := &Tap{Name: "captures", Source: s, Out: road, Clock: func() time.Time {
		if len(s.says) < len(clock) {
			now = clock[len(clock)-1-len(s.says)]
		}
		return now
	}}
	ended := make(chan error, 1)
	go func() {
		ended <- x.Run(ctx)
		road.Close()
	}()
	var ticks []time.Time
	for b := range road.Batches(t.Context()) {
		for i := range b.Packets {
			if p := &b.Packets[i]; p.Kind == packet.KindTick {
				ticks = append(ticks, p.Time)
			}
		}
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	want := []time.Time{at, at.Add(3 * time.Second), at.Add(-time.Hour), at.Add(-time.Hour + 2*time.Second)}
	if len(ticks) < len(want) || !slices.Equal(ticks[:len(want)], want) {
		t.Errorf("ticks %v, want %v first", ticks, want)
	}
	for _, tick := range ticks {
		if tick.IsZero() || tick.After(at.Add(time.Minute)) {
			t.Errorf("a tick of %v", tick)
		}
	}
}
