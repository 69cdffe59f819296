// Package recorder is the flight recorder of an agent: a bounded ring of the
// headers of what it saw, in memory and on disk, from which a call is frozen
// after the fact into a pcap. SIP is kept whole and scrubbed, RTP and RTCP
// without what was said: it can prove a fault, and never holds speech.
package recorder

import (
	"bytes"
	"log/slog"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/scrub"
	"github.com/earshot-voip/earshot/internal/sip"
)

// Options of a Recorder.
type Options struct {
	Dir    string        // the ring's files, and in its folder frozen what was frozen
	Memory int           // bytes of the ring in memory; at least 1 MiB
	Disk   int64         // bytes of the ring on disk; 0 is none
	Span   time.Duration // how far back either reaches at most, in packet time
	// Keep is how many bytes of frozen calls are kept, and KeepFor how long,
	// 0 without end.
	Keep    int64
	KeepFor time.Duration
	Scrub   scrub.Rules // of SIP
}

// Counts are of what the recorder could not do. What the ring let go since it
// is full or old is no loss, but said.
type Counts struct {
	SIPUnread     atomic.Uint64 // SIP that no parser reads, so that nobody can scrub it
	Oversize      atomic.Uint64 // SIP longer than any datagram
	ChunksEvicted atomic.Uint64 // from memory
	ChunksUnsaved atomic.Uint64 // of these, those that never came to the disk, which was slow or failed
	FilesEvicted  atomic.Uint64 // from disk
	DiskErrors    atomic.Uint64 // files of either kind that could not be written or read
	Refused       atomic.Uint64 // calls that were not frozen, because too many are at a time
	FrozenEvicted atomic.Uint64 // frozen calls that made room, or grew too old
}

// Recorder is the ring and what was frozen out of it. The goroutine of the
// agent calls RTP, RTCP, SIP, Advance and Close; Run has one of its own; the
// rest may be called from anywhere.
type Recorder struct {
	opt    Options
	log    *slog.Logger
	Counts Counts

	// Of the agent's goroutine.
	writing *chunk
	flows   map[flow]uint16 // defined in the chunk being written
	turn    int64           // ns that a chunk spans at most
	rtcp    []byte          // what is kept of the RTCP packet at hand

	clock  atomic.Int64  // packet time, ns, to the second
	wake   chan struct{} // there is work for Run
	closed chan struct{}

	mu      sync.Mutex // guards what follows
	chunks  []*chunk   // in memory, oldest first; the last one is being written
	files   []file     // on disk, oldest first
	onDisk  int64      // bytes of files
	asked   []*freeze  // wait for the agent to say where their media is
	freezes []*freeze  // grow as the ring does
	frozen  []*Frozen  // in order of time

	kept int64 // bytes of frozen calls; of Run's goroutine
}

const (
	least = 1 << 20 // bytes of memory
	// A chunk is let go whole: of 32 in memory and 16 in time not much is lost
	// with one. In little memory there are fewer of both, since the least takes
	// any SIP message; the most has fewer flows than there are numbers for.
	chunks, turns           = 32, 16
	leastChunk, mostOfChunk = 128 << 10, 4 << 20
	// setBack is how far a packet may be behind the first one of its chunk and
	// still be a late one.
	setBack = int64(time.Minute)
)

// New returns a Recorder that finds again what an earlier one left in its
// folder. It writes nothing before Run.
func New(opt Options, log *slog.Logger) *Recorder {
	r := &Recorder{
		opt: opt, log: log, flows: map[flow]uint16{},
		wake: make(chan struct{}, 1), closed: make(chan struct{}),
	}
	r.opt.Memory = max(opt.Memory, least)
	r.findFiles()
	r.findFrozen()
	r.writing = r.newChunk(1)
	r.turn = int64(r.opt.Span) / int64(min(turns, r.most()/2))
	if n := len(r.files); n > 0 {
		r.writing.seq = r.files[n-1].seq + 1
	}
	r.chunks = []*chunk{r.writing}
	return r
}

// most is how many chunks are in memory.
func (r *Recorder) most() int { return r.opt.Memory / len(r.writing.buf) }

func (r *Recorder) newChunk(seq uint64) *chunk {
	return &chunk{seq: seq, buf: make([]byte, min(max(r.opt.Memory/chunks, leastChunk), mostOfChunk))}
}

// Flow is where a stream's addresses were last defined. Its zero value is
// ready; keep one for each stream, so that none is looked for.
type Flow struct {
	chunk uint64
	id    uint16
}

// RTP records the header of an RTP packet, which is the first bytes of its
// payload: with CSRCs, and with its extension unless that is overlong.
func (r *Recorder) RTP(f *Flow, p *packet.Packet, header int) {
	n := min(header, maxHeader)
	t := p.Time.UnixNano()
	c := r.room(t, flowRecord+recordLen+n)
	if f.chunk != c.seq {
		f.chunk, f.id = c.seq, r.define(c, p)
	}
	copy(c.add(rtp, f.id, t, p, n), p.Payload[:n])
}

// maxHeader is what is kept of an RTP header: 12 bytes, 15 CSRCs, and an
// extension of up to 64 bytes behind its own 4.
const maxHeader = 12 + 15*4 + 4 + 64

// RTCP records an RTCP packet without what tells of persons.
func (r *Recorder) RTCP(p *packet.Packet) {
	r.rtcp = appendRTCP(r.rtcp[:0], p.Payload)
	t := p.Time.UnixNano()
	c := r.room(t, flowRecord+recordLen+len(r.rtcp))
	id := r.define(c, p)
	copy(c.add(rtcp, id, t, p, len(r.rtcp)), r.rtcp)
}

// SIP records a SIP message, scrubbed; m was parsed from its payload.
func (r *Recorder) SIP(p *packet.Packet, m *sip.Message) {
	n := len(p.Payload)
	if n > 1<<16-1 {
		r.Counts.Oversize.Add(1)
		return
	}
	t := p.Time.UnixNano()
	c := r.room(t, flowRecord+recordLen+n)
	id := r.define(c, p)
	b := c.add(message, id, t, p, n)
	copy(b, p.Payload)
	r.opt.Scrub.Hide(b, m)
	zeroKeys(b)
}

// zeroKeys makes zeros of hidden SDES keys, in the base64 of RFC 4568: TShark
// takes a key that is none for damage, and finds no media by such an SDP.
func zeroKeys(b []byte) {
	const inline = "inline:"
	for {
		at := bytes.Index(b, []byte(inline))
		if at < 0 {
			return
		}
		for b = b[at+len(inline):]; len(b) > 0 && b[0] == '*'; b = b[1:] {
			b[0] = 'A'
		}
	}
}

// room is the chunk with n bytes left.
func (r *Recorder) room(t int64, n int) *chunk {
	c := r.writing
	if d := t - c.first; c.n+n > len(c.buf) || d > r.turn || d < -setBack {
		c = r.rotate(t)
	}
	c.last = t
	return c
}

// rotate begins a chunk, and lets go of old ones.
func (r *Recorder) rotate(t int64) *chunk {
	c := r.writing
	r.clock.CompareAndSwap(0, t)
	if c.n == 0 {
		c.first = t
		return c
	}
	c.publish()
	next := r.newChunk(c.seq + 1)
	next.first = t
	clear(r.flows)
	r.writing = next
	r.mu.Lock()
	c.sealed = true
	r.chunks = append(r.chunks, next)
	r.evict(t)
	r.mu.Unlock()
	r.rouse()
	return next
}

// evict lets chunks go that are beyond the bounds at time t.
func (r *Recorder) evict(t int64) {
	most, n := r.most(), 0
	for ; n < len(r.chunks)-1; n++ {
		c := r.chunks[n]
		if len(r.chunks)-n <= most && !r.outside(c.first, t) {
			break
		}
		r.Counts.ChunksEvicted.Add(1)
		if r.opt.Disk > 0 && !c.saved && !r.outside(c.first, t) {
			r.Counts.ChunksUnsaved.Add(1)
		}
	}
	clear(r.chunks[:n])
	r.chunks = r.chunks[n:]
}

// outside is whether a chunk that began then is beyond the span; one of the
// future is what a clock left that was set back.
func (r *Recorder) outside(first, now int64) bool {
	d := now - first
	return d > int64(r.opt.Span) || d < -int64(r.opt.Span)
}

func (r *Recorder) rouse() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Advance tells the time, about once a second, and shows the others what was
// recorded until then. It asks addresses for those that a call announced, where
// somebody wants to freeze a call of which nothing else is known.
func (r *Recorder) Advance(now time.Time, addresses func(callID string) []netip.AddrPort) {
	t := now.UnixNano()
	r.clock.Store(t)
	if c := r.writing; c.n > 0 && t-c.first > r.turn {
		r.rotate(t)
	}
	r.writing.publish()
	r.mu.Lock()
	r.evict(t)
	asked := r.asked
	r.asked = nil
	r.mu.Unlock()
	if len(asked) > 0 {
		for _, f := range asked {
			if f.CallID != "" && len(f.addrs) == 0 && addresses != nil {
				f.add(addresses(f.CallID)...)
			}
		}
		r.mu.Lock()
		r.freezes = append(r.freezes, asked...)
		r.mu.Unlock()
	}
	r.rouse()
}

// Close ends the recording: what is in memory goes to disk, and Run ends.
func (r *Recorder) Close() {
	r.Advance(time.Unix(0, max(r.clock.Load(), r.writing.last)), nil)
	r.mu.Lock()
	r.writing.sealed = r.writing.n > 0
	r.mu.Unlock()
	close(r.closed)
}

func (r *Recorder) frozenDir() string { return filepath.Join(r.opt.Dir, "frozen") }
