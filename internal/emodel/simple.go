package emodel

// Simple is the simplified model of many ping and monitoring tools, kept for
// comparison with them: latency and jitter in ms, loss in percent. It knows no
// codec, counts jitter twice as delay, and takes loss for linear. Latency is
// the one-way delay, though several tools pass the round trip. MOS is that of
// the bare cubic, which leaves 1 to 4.5 on bad input, as theirs does.
func Simple(latency, jitter, loss float64) (r, mos float64) {
	delay := latency + 2*jitter + 10
	if delay < 160 {
		r = 93.2 - delay/40
	} else {
		r = 93.2 - (delay-120)/10
	}
	r -= 2.5 * loss
	return r, cubic(r)
}
