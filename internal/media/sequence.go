package media

// RFC 3550 appendix A.1.
const (
	maxDropout  = 3000 // a jump of as many sequence numbers forward is no loss
	maxMisorder = 100  // a packet further behind is more likely a restart than late
)

// seqWindow is how many sequence numbers behind the highest are remembered
// one by one: 10 s of 20 ms packets. A number inside it is known to be a
// duplicate or a straggler; one further behind is a jump. It is wider than
// maxMisorder, so that late packets which turn out not to begin a restart are
// still told from duplicates.
const seqWindow = 512

// arrival is what a sequence number meant when it came.
type arrival uint8

const (
	arrivedNext    arrival = iota // directly behind the highest
	arrivedAhead                  // advanced the highest by more than one, or the first of all
	arrivedLate                   // filled a hole behind the highest, or lowered the lowest
	arrivedTwice                  // a duplicate
	arrivedJumped                 // far from the run: a stray packet, or a restart that the next packet will confirm
	arrivedRestart                // the second of two in sequence, far from the run: a new run
)

// provisional is how a packet that might begin a restart was counted before
// the next one decides.
type provisional uint8

const (
	provisionalNone    provisional = iota // nothing to take back
	provisionalStray                      // counted as a packet only
	provisionalLate                       // filled a hole
	provisionalTwice                      // a duplicate
	provisionalSettled                    // counted in an interval that is closed: it stays where it is
)

// sequence follows the sequence numbers of one stream: RFC 3550 A.1's cycles
// and restarts without its probation, so that the first packets count, and the
// numbers received one by one, so that duplicates are not taken for packets
// that arrived. Numbers are extended to 64 bits within a run; a restart begins
// a new run.
type sequence struct {
	max, base uint64 // highest and lowest extended number of the run; max 0 before the first
	// Numbers above curMark were new in the current interval, those above
	// prevMark in the previous one.
	curMark, prevMark uint64
	seen              [seqWindow / 64]uint64 // by extended number modulo seqWindow
	bad               uint32                 // what would confirm a restart; noBad when nothing waits
	waiting           provisional
}

const noBad = 1 << 16

// seqOrigin leaves room below the first number of a run.
const seqOrigin = 1 << 32

func (s *sequence) begin(base, seq uint16) {
	s.seen = [seqWindow / 64]uint64{}
	s.base = seqOrigin + uint64(base)
	s.max = s.base + uint64(seq-base)
	s.mark(s.base)
	s.mark(s.max)
	s.curMark, s.prevMark = 0, 0
	s.bad, s.waiting = noBad, provisionalNone
}

func (s *sequence) mark(ext uint64)     { s.seen[ext%seqWindow/64] |= 1 << (ext % 64) }
func (s *sequence) has(ext uint64) bool { return s.seen[ext%seqWindow/64]&(1<<(ext%64)) != 0 }
func (s *sequence) unmark(ext uint64)   { s.seen[ext%seqWindow/64] &^= 1 << (ext % 64) }

// observe takes the next packet's number and counts expected, distinct
// received, duplicates, reordered and restarts in the interval each belongs
// to: the current one, or the previous one for a straggler of it.
func (s *sequence) observe(seq uint16, cur, prev *interval) arrival {
	if s.max == 0 {
		s.begin(seq, seq)
		cur.expected++
		cur.distinct++
		return arrivedAhead
	}
	delta := seq - uint16(s.max)
	switch {
	case delta == 1:
		s.max++
		s.mark(s.max)
		s.bad = noBad
		cur.expected++
		cur.distinct++
		return arrivedNext
	case delta == 0:
		cur.duplicates++
		return arrivedTwice
	case delta < maxDropout:
		s.skip(uint64(delta))
		s.bad = noBad
		cur.expected += uint64(delta)
		cur.distinct++
		return arrivedAhead
	}
	return s.behind(seq, cur, prev)
}

// skip advances the highest by n numbers of which only the last arrived.
func (s *sequence) skip(n uint64) {
	if n >= seqWindow {
		s.seen = [seqWindow / 64]uint64{}
	} else {
		for ext := s.max + 1; ext < s.max+n; ext++ {
			s.unmark(ext)
		}
	}
	s.max += n
	s.mark(s.max)
}

// behind takes a number below the highest, or one far above it.
func (s *sequence) behind(seq uint16, cur, prev *interval) arrival {
	back := uint64(uint16(s.max) - seq)
	if back > maxMisorder && uint32(seq) == s.bad {
		s.restart(seq, cur)
		return arrivedRestart
	}
	if back <= maxMisorder {
		return s.fill(s.max-back, cur, prev)
	}
	// Two in sequence would make a restart; until then it is one stray packet,
	// or a very late one.
	s.bad = uint32(seq + 1)
	s.waiting = provisionalStray
	if back < seqWindow && s.max-back >= s.base {
		switch s.fill(s.max-back, cur, prev) {
		case arrivedTwice:
			s.waiting = provisionalTwice
		default:
			s.waiting = provisionalLate
			if s.max-back <= s.curMark {
				s.waiting = provisionalSettled
			}
		}
	}
	return arrivedJumped
}

// fill takes a number of the run at or below the highest and within the
// window.
func (s *sequence) fill(ext uint64, cur, prev *interval) arrival {
	if ext < s.base { // the first packets came out of order
		// They belong to the interval that the run began in, as stragglers
		// between them will; where it was reported, to this one.
		v := cur
		if s.base <= s.curMark && s.prevMark == 0 && prev.open {
			v = prev
		}
		v.expected += s.base - ext
		v.distinct++
		cur.reordered++
		s.base = ext
		s.mark(ext)
		return arrivedLate
	}
	if s.has(ext) {
		cur.duplicates++
		return arrivedTwice
	}
	s.mark(ext)
	cur.reordered++
	switch {
	case ext > s.curMark:
		cur.distinct++
	case ext > s.prevMark && prev.open:
		prev.distinct++
	}
	// Else its interval was reported before it came, 5 s and more too late for
	// any listener: the number stays lost.
	return arrivedLate
}

// restart begins a new run with the packet that waited and this one.
func (s *sequence) restart(seq uint16, cur *interval) {
	base := seq - 1
	switch s.waiting {
	case provisionalLate:
		cur.distinct--
		cur.reordered--
	case provisionalTwice:
		cur.duplicates--
	case provisionalSettled:
		base = seq
	case provisionalNone, provisionalStray:
	}
	s.begin(base, seq)
	n := uint64(seq-base) + 1
	cur.expected += n
	cur.distinct += n
	cur.restarts++
}

// roll makes the current interval the previous one.
func (s *sequence) roll() {
	s.prevMark, s.curMark = s.curMark, s.max
	if s.waiting == provisionalLate || s.waiting == provisionalTwice {
		s.waiting = provisionalSettled
	}
}
