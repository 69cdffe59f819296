package media

// Counts returns the stream's counts so far, reported or not.
func (m *Meter) Counts() Counts {
	c := m.total
	if m.prev.open {
		c.Add(m.prev.counts())
	}
	if m.cur.open {
		c.Add(m.cur.counts())
	}
	return c
}
