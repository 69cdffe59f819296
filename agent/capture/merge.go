package capture

import (
	"errors"
	"io"

	"github.com/earshot-voip/earshot/internal/packet"
)

// Merge reads several sources as one, in order of time; of frames with the
// same time, those of the earlier argument come first. Each source has to be in
// order itself, or its frames come as early as its order allows. A source that
// fails ends alone: the others are read on, and the failures come, joined, in
// place of io.EOF.
func Merge(sources []Source) Source {
	if len(sources) == 1 {
		return sources[0]
	}
	return &merge{sources: sources}
}

type merge struct {
	sources []Source
	heads   []packet.Frame // by source
	heap    []int          // sources that have a head, earliest first
	started bool
	err     error
}

func (m *merge) Next() (packet.Frame, error) {
	if !m.started {
		m.started = true
		m.heads = make([]packet.Frame, len(m.sources))
		for i := range m.sources {
			if m.pull(i) {
				m.heap = append(m.heap, i)
			}
		}
		for i := len(m.heap)/2 - 1; i >= 0; i-- {
			m.sink(i)
		}
	} else if len(m.heap) > 0 {
		// The frame returned last was borrowed until now.
		if !m.pull(m.heap[0]) {
			last := len(m.heap) - 1
			m.heap[0] = m.heap[last]
			m.heap = m.heap[:last]
		}
		m.sink(0)
	}
	if len(m.heap) == 0 {
		if m.err != nil {
			return packet.Frame{}, m.err
		}
		return packet.Frame{}, io.EOF
	}
	return m.heads[m.heap[0]], nil
}

// pull reads the next head of a source; it returns false at its end.
func (m *merge) pull(i int) bool {
	var err error
	m.heads[i], err = m.sources[i].Next()
	if err != nil && !errors.Is(err, io.EOF) {
		m.err = errors.Join(m.err, err)
	}
	return err == nil
}

// before orders two sources by their heads.
func (m *merge) before(a, b int) bool {
	if c := m.heads[a].Time.Compare(m.heads[b].Time); c != 0 {
		return c < 0
	}
	return a < b
}

// sink restores the heap below position i.
func (m *merge) sink(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(m.heap); child++ {
			if m.before(m.heap[child], m.heap[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		m.heap[i], m.heap[least] = m.heap[least], m.heap[i]
		i = least
	}
}
