package dialog

import (
	"hash/fnv"
	"strconv"
	"unicode/utf8"
)

// Lengths of what a call keeps of its messages, bytes. Who sends a message
// chooses them, up to 64 KiB over UDP and more over TCP; what real elements
// write stays far below.
const (
	maxCallID = 512 // identifiers keep a hash of what is cut off
	maxTag    = 256
	maxBranch = 256
	maxUser   = 256 // text is cut
	maxHost   = 255 // the longest name of the DNS
	maxText   = 512 // display names, agents, reason phrases, header values
)

// Numbers of what one call may hold. A caller chooses how many forks,
// re-INVITEs and media moves there are; what exceeds the bounds is counted
// (Counters.Overflow), but not kept apart.
const (
	maxTries     = 64
	maxLegs      = 32
	maxEndpoints = 128
	maxRepeats   = 64
	maxOffers    = 16
	maxRequests  = 256
	maxHeaders   = 32
	maxPayloads  = 64 // of one m= line
	maxPastRTCP  = 8
	// maxGroup is how many calls may share a Call-ID: legs of a box that keeps
	// it, and later uses of it.
	maxGroup = 64
)

// identifier shortens an absurdly long identifier, so that two that differ
// still do: a hash stands in for what is cut off. It is the same in every
// process.
func identifier(b []byte, most int) []byte {
	if len(b) <= most {
		return b
	}
	h := fnv.New64a()
	h.Write(b)
	out := append(make([]byte, 0, most), b[:most-17]...)
	out = append(out, '~')
	return strconv.AppendUint(out, h.Sum64(), 16)
}

// clip cuts text that is absurdly long, between two characters.
func clip(b []byte, most int) string {
	if len(b) <= most {
		return string(b)
	}
	for most > 0 && !utf8.RuneStart(b[most]) {
		most--
	}
	return string(b[:most])
}
