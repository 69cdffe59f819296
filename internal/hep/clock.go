package hep

import "time"

// ntpOffset is how far the NTP era (1900) lies before the Unix era (1970),
// RFC 5905. Some emitters put NTP seconds into chunk 9.
const ntpOffset = 2208988800 * time.Second

// Clamp corrects an impossible clock of live traffic: where t is zero or more
// than maxSkew away from now, which is the receiver's clock, it returns now
// and true; a time in NTP seconds that comes to lie within maxSkew when it is
// counted from 1970 is put right and told as corrected too. Else it returns t
// and false. A capture's own times are never to be clamped.
func Clamp(t, now time.Time, maxSkew time.Duration) (corrected time.Time, clamped bool) {
	if t.IsZero() {
		return now, true
	}
	if near(t, now, maxSkew) {
		return t, false
	}
	if unix := t.Add(-ntpOffset); near(unix, now, maxSkew) {
		return unix, true
	}
	return now, true
}

func near(t, now time.Time, maxSkew time.Duration) bool {
	d := t.Sub(now)
	return -maxSkew <= d && d <= maxSkew
}
