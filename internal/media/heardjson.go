package media

import "strconv"

// What is 0 is left out: most intervals lose nothing.

func appendRare(dst []byte, name string, n uint64) []byte {
	if n == 0 {
		return dst
	}
	return appendUint(dst, name, n)
}

func appendCounts(dst []byte, name string, all []uint64) []byte {
	n := len(all)
	for n > 0 && all[n-1] == 0 {
		n--
	}
	if n == 0 {
		return dst
	}
	dst = append(key(dst, name), '[')
	for i, v := range all[:n] {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendUint(dst, v, 10)
	}
	return append(dst, ']')
}

func (h *Heard) appendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	dst = appendRare(dst, "played", h.Played)
	dst = appendCounts(dst, "discarded", h.Discarded[:])
	dst = appendCounts(dst, "runs", h.Runs[:])
	dst = appendCounts(dst, "bursts", h.Bursts[:])
	dst = appendCounts(dst, "pdv", h.PDV[:])
	return append(dst, '}')
}

func (b *BurstGap) appendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	dst = appendRare(dst, "c11", b.C11)
	dst = appendRare(dst, "c13", b.C13)
	dst = appendRare(dst, "c14", b.C14)
	dst = appendRare(dst, "c22", b.C22)
	dst = appendRare(dst, "c23", b.C23)
	dst = appendRare(dst, "c33", b.C33)
	dst = appendRare(dst, "packets", b.Packets)
	dst = appendRare(dst, "lost", b.Lost)
	dst = appendRare(dst, "after", b.After)
	return append(dst, '}')
}

// countsInto reads an array of numbers; more than fit are skipped.
func (s *jsonScan) countsInto(all []uint64) {
	i := 0
	s.array(func() {
		if n := s.unsigned(); i < len(all) {
			all[i] = n
		}
		i++
	})
}

// boundedArray reads an array of as many elements as a meter gives at most:
// they are kept with the stream, and anybody may send a report.
func boundedArray[T any](s *jsonScan, most int, one func() T) []T {
	var all []T
	s.array(func() {
		if x := one(); len(all) < most {
			all = append(all, x)
		}
	})
	return all
}

func (s *jsonScan) heard() Heard {
	var h Heard
	s.object(func(name []byte) {
		switch string(name) {
		case "played":
			h.Played = s.unsigned()
		case "discarded":
			s.countsInto(h.Discarded[:])
		case "runs":
			s.countsInto(h.Runs[:])
		case "bursts":
			s.countsInto(h.Bursts[:])
		case "pdv":
			s.countsInto(h.PDV[:])
		}
	})
	return h
}

func (s *jsonScan) burstGap() BurstGap {
	var b BurstGap
	s.object(func(name []byte) {
		switch string(name) {
		case "c11":
			b.C11 = s.unsigned()
		case "c13":
			b.C13 = s.unsigned()
		case "c14":
			b.C14 = s.unsigned()
		case "c22":
			b.C22 = s.unsigned()
		case "c23":
			b.C23 = s.unsigned()
		case "c33":
			b.C33 = s.unsigned()
		case "packets":
			b.Packets = s.unsigned()
		case "lost":
			b.Lost = s.unsigned()
		case "after":
			b.After = s.unsigned()
		}
	})
	return b
}

func (s *jsonScan) hole() Hole {
	var h Hole
	s.object(func(name []byte) {
		switch string(name) {
		case "from":
			h.From = s.time()
		case "to":
			h.To = s.time()
		case "lost":
			h.Lost = s.boolean()
		case "missing":
			h.Missing = s.unsigned()
		}
	})
	return h
}

func (s *jsonScan) spreadCount() SpreadCount {
	var c SpreadCount
	i := 0
	s.array(func() {
		if n := s.u32(); i < len(c) {
			c[i] = n
		}
		i++
	})
	return c
}
