package recorder

// place is where somebody is reading the ring. The zero place is its oldest
// record.
type place struct {
	seq   uint64
	at    int
	flows []*seenFlow // of the chunk, by number
	gaps  int         // times that the ring let go what was to be read next
}

// seenFlow is a flow as a reader knows it.
type seenFlow struct {
	flow
	version int // of the reader's addresses, when it last looked
	wanted  bool
}

// walk shows every record from p on, and moves p behind the last one that is
// there now. It ends early when visit returns false. Entries are valid until
// visit returns.
func (r *Recorder) walk(p *place, visit func(*seenFlow, *entry) bool) {
	for {
		b, seq, sealed, ok := r.load(p.seq)
		if !ok {
			return
		}
		if seq != p.seq {
			if p.seq != 0 {
				p.gaps++
			}
			*p = place{seq: seq, gaps: p.gaps}
		}
		rest := b[min(p.at, len(b)):]
		var e entry
		for {
			next, ok := e.next(rest)
			if !ok {
				break
			}
			p.at += len(rest) - len(next)
			rest = next
			if e.kind == addresses {
				if f, ok := e.defines(); ok && e.flow == len(p.flows) {
					p.flows = append(p.flows, &seenFlow{flow: f, version: -1})
				}
				continue
			}
			if e.flow < len(p.flows) && !visit(p.flows[e.flow], &e) {
				return
			}
		}
		if !sealed {
			return
		}
		*p = place{seq: seq + 1, gaps: p.gaps}
	}
}

// load gives the chunk of this number, or the first one behind it that is
// there, from memory where it can. Its bytes stay, whoever lets go of it.
func (r *Recorder) load(seq uint64) (b []byte, found uint64, sealed, ok bool) {
	for {
		r.mu.Lock()
		oldest := r.chunks[0].seq
		if seq >= oldest {
			if i := seq - oldest; i < uint64(len(r.chunks)) {
				c := r.chunks[i]
				b, found, sealed, ok = c.buf[:c.published.Load()], seq, c.sealed, true
			}
			r.mu.Unlock()
			return b, found, sealed, ok
		}
		var from *file
		for i := range r.files {
			if f := &r.files[i]; f.seq >= seq && f.seq < oldest {
				from = new(*f)
				break
			}
		}
		r.mu.Unlock()
		if from == nil {
			seq = oldest
			continue
		}
		b, err := r.readFile(from)
		if err == nil {
			return b, from.seq, true, true
		}
		r.fail("a file of the ring, which cannot be read", err)
		seq = from.seq + 1
	}
}

// fail counts and logs a file error: none of them ends anything else.
func (r *Recorder) fail(what string, err error) {
	r.Counts.DiskErrors.Add(1)
	r.log.Warn("the flight recorder goes on without", "what", what, "error", err)
}
