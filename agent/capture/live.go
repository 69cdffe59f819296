package capture

import "time"

// LiveOptions says what to capture. Zero values mean the defaults.
type LiveOptions struct {
	Interface   string
	Filter      string // as tcpdump takes it (pcap-filter(7)); "" is all
	SnapLen     int    // bytes kept of a frame; 262144, all of it
	Promiscuous bool   // frames to other hosts too
	BufferBytes int    // of the kernel's ring; 32 MiB
}

const (
	defaultBufferBytes = 32 << 20
	// readTimeout is the time after which Next gives up, and the longest that
	// the kernel collects frames before it hands them over.
	readTimeout = 100 * time.Millisecond
)

func (o LiveOptions) withDefaults() LiveOptions {
	if o.SnapLen <= 0 {
		o.SnapLen = maxSnapLen
	}
	if o.BufferBytes <= 0 {
		o.BufferBytes = defaultBufferBytes
	}
	return o
}
