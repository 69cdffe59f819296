package capture

// LiveOptions says what to capture. Zero values mean the defaults.
type LiveOptions struct {
	Interface   string
	Filter      string // as tcpdump takes it (pcap-filter(7)); "" is all
	SnapLen     int    // bytes kept of a frame; 262144, all of it
	Promiscuous bool   // frames to other hosts too
	BufferBytes int    // of the kernel's ring; 32 MiB
}
