package hep

const (
	maxNames   = 1024
	maxNameLen = 255
)

// interner turns the few names of nodes and domains that frames repeat into
// strings without allocating for each frame. It is bounded: an emitter that
// invents names costs an allocation a frame, not memory.
type interner struct {
	last  string // most frames come in runs from one agent
	names map[string]string
}

func (n *interner) string(b []byte) string {
	if string(b) == n.last {
		return n.last
	}
	if s, ok := n.names[string(b)]; ok {
		n.last = s
		return s
	}
	s := string(b)
	if len(s) > maxNameLen {
		return s
	}
	if n.names == nil || len(n.names) >= maxNames {
		// Full: begin again. Real names are back after a frame each.
		n.names = make(map[string]string)
	}
	n.names[s] = s
	n.last = s
	return s
}
