package media

// Buffer names a jitter-buffer model. Models discard what comes too late to be
// played, so that loss as heard is network loss and discards together.
type Buffer uint8

const (
	Fixed50  Buffer = iota // a fixed delay of 50 ms
	Fixed200               // a fixed delay of 200 ms
	Adaptive               // a delay that follows the packets, up to 500 ms
)

// Buffers is how many models there are.
const Buffers = 3

// NoBuffer is none of the models: what arrives is heard.
const NoBuffer Buffer = Buffers

func (b Buffer) String() string { return [Buffers + 1]string{"f50", "f200", "adaptive", "none"}[b] }

// BufferOf finds a model, or NoBuffer, by its name.
func BufferOf(name string) (Buffer, bool) {
	for b := range NoBuffer + 1 {
		if b.String() == name {
			return b, true
		}
	}
	return Adaptive, false
}

// How the models work, all in ms.
const (
	leastDelay   = 60.  // of the adaptive buffer, and its delay at the start
	mostDelay    = 500. // of the adaptive buffer
	adaptiveRoom = 10.  // what it adds to the delay variation that it has seen
	adaptiveFall = 0.75 // what is left of its delay after a calm interval

	// A step of delay that stays is no late packet but a new delay (another
	// route, a sender that paused): a buffer begins anew with the third packet
	// that is as late as the one before. A stalled network delivers its queue
	// in one go, each packet less late than the one before.
	steadyMs   = 5.
	resyncFrom = 3

	// Where packets vary too much for that, as many that are later than any
	// buffer waits are a new delay, too, unless they catch up: at a pace a fifth
	// above their own the transit time falls by more.
	stayFrom = 50
	stayFall = 200.
)

var fixedDelay = [2]float64{50, 200}

// playout runs the three models over the arrivals of one stream. There is no
// player that ticks: a packet's transit time alone decides whether it comes
// before its turn, and between two bounds it does so in every model, which is
// nearly always: then two comparisons are all there is to do.
type playout struct {
	transit float64 // of the latest packet, relative to the first
	lo, hi  float64 // between them no model has anything to do
	least   float64 // since the interval began
	most    float64
	before  float64           // least of the interval before
	anchor  [2]float64        // fixed models: the transit time that their delay counts from
	floor   float64           // adaptive: the least transit time of late
	delay   float64           // adaptive: how long it holds what came with the floor's
	late    [Buffers]uint8    // packets in a row that were late and steady
	stay    [Buffers]uint8    // packets in a row that were later than any buffer waits
	from    [Buffers]float32  // the transit time of the first of those
	begun   bool              // a packet was played
	anew    bool              // the adaptive model took the latest packet for a new delay
	bits    [Buffers][]uint64 // discarded numbers that are not settled, nil while there are none
}

// arrived takes the transit time's change since the packet before, and
// reports whether a model has something to say.
func (p *playout) arrived(step float64) bool {
	p.transit += step
	if p.transit < p.least {
		p.least = p.transit
	}
	if p.transit > p.most {
		p.most = p.transit
	}
	return p.transit > p.hi || p.transit < p.lo
}

// begin anchors all models at the first packet.
func (p *playout) begin() {
	p.begun = true
	p.anchor = [2]float64{p.transit, p.transit}
	p.floor, p.delay = p.transit, leastDelay
	p.least, p.most, p.before = p.transit, p.transit, p.transit
	p.bound()
}

// judge says which models discard the packet that just arrived, one bit each,
// and moves them.
func (p *playout) judge(step float64) (discard uint8) {
	steady := step < steadyMs && step > -steadyMs
	p.anew = false
	for i, delay := range fixedDelay {
		late := p.transit - p.anchor[i]
		switch {
		case late < -delay: // twice its delay is all that it holds
			p.anchor[i], p.late[i], p.stay[i] = p.transit, 0, 0
		case late <= delay:
			p.late[i], p.stay[i] = 0, 0
		case p.persists(i, steady, late):
			p.anchor[i] = p.transit
		default:
			discard |= 1 << i
		}
	}
	p.floor = min(p.floor, p.transit)
	switch late := p.transit - p.floor; {
	case late <= p.delay:
		p.late[Adaptive], p.stay[Adaptive] = 0, 0
	case late > mostDelay && p.persists(int(Adaptive), steady, late):
		p.floor, p.delay, p.anew = p.transit, leastDelay, true
		p.least, p.most, p.before = p.transit, p.transit, p.transit // what was before is no measure any more
	default:
		discard |= 1 << Adaptive
		p.delay = min(mostDelay, late+adaptiveRoom)
	}
	p.bound()
	return discard
}

// persists counts late packets that are as late as the one before, and those
// that are later than any buffer waits.
func (p *playout) persists(i int, steady bool, late float64) bool {
	if steady {
		p.late[i]++
	} else {
		p.late[i] = 1
	}
	switch {
	case late <= mostDelay:
		p.stay[i] = 0
	case p.stay[i] == 0:
		p.stay[i], p.from[i] = 1, float32(p.transit)
	default:
		p.stay[i] = min(p.stay[i]+1, stayFrom)
	}
	if (!steady || p.late[i] < resyncFrom) && (p.stay[i] < stayFrom || p.transit < float64(p.from[i])-stayFall) {
		return false
	}
	p.late[i], p.stay[i] = 0, 0
	return true
}

// bound computes between which transit times nothing is to be done.
func (p *playout) bound() {
	p.lo = max(p.anchor[0]-fixedDelay[0], p.anchor[1]-fixedDelay[1], p.floor)
	p.hi = min(p.anchor[0]+fixedDelay[0], p.anchor[1]+fixedDelay[1], p.floor+p.delay)
	if p.late != [Buffers]uint8{} {
		p.hi = p.lo - 1 // the next packet says whether they go on
	}
}

// roll begins another interval: the adaptive buffer forgets what is older than
// two of them, so that it follows a clock that drifts and shrinks when the
// network is calm.
func (p *playout) roll() {
	if !p.begun {
		return
	}
	p.floor = min(p.before, p.least)
	target := min(max(p.most-p.floor+adaptiveRoom, leastDelay), mostDelay)
	p.delay = max(target, p.delay*adaptiveFall)
	p.before = p.least
	p.least, p.most = p.transit, p.transit
	p.bound()
}

// mark notes that models discarded a number.
func (p *playout) mark(discard uint8, ext uint64) {
	for i := range p.bits {
		if discard&(1<<i) == 0 {
			continue
		}
		if p.bits[i] == nil {
			p.bits[i] = make([]uint64, seqWindow/64)
		}
		p.bits[i][ext%seqWindow/64] |= 1 << (ext % 64)
	}
}

// took reports whether a model discarded a number, and forgets it.
func (p *playout) took(i int, ext uint64) bool {
	if p.bits[i] == nil {
		return false
	}
	w, bit := &p.bits[i][ext%seqWindow/64], uint64(1)<<(ext%64)
	is := *w&bit != 0
	*w &^= bit
	return is
}

// none reports whether no model discarded a number of the 64 from ext on.
func (p *playout) none(ext uint64) bool {
	for i := range p.bits {
		if p.bits[i] != nil && p.bits[i][ext%seqWindow/64] != 0 {
			return false
		}
	}
	return true
}
