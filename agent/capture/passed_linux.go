package capture

// Passed is how many frames have passed an interface, both ways, by the
// kernel's count; of Any, all interfaces.
func Passed(name string) (uint64, error) {
	s, err := linkStatsOf(name)
	return s.packets, err
}
