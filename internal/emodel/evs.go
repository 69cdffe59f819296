package emodel

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// evsPrimary are the primary modes of EVS by frame type (3GPP TS 26.445 table
// A.4), and evsIO those that interoperate with AMR-WB (table A.5). No source has
// factors of the primary modes one by one: each has those of EVS, assumed. So no
// mode scores above another, and the mode tells the bit rate only. What the IO
// modes carry is AMR-WB, and so are their factors.
var (
	evsPrimary = [...]Codec{
		evsMode("EVS 2.8", 2.8),
		evsMode("EVS 7.2", 7.2),
		evsMode("EVS 8.0", 8),
		evsMode("EVS 9.6", 9.6),
		evsMode("EVS 13.2", 13.2),
		evsMode("EVS 16.4", 16.4),
		evsMode("EVS 24.4", 24.4),
		evsMode("EVS 32", 32),
		evsMode("EVS 48", 48),
		evsMode("EVS 64", 64),
		evsMode("EVS 96", 96),
		evsMode("EVS 128", 128),
	}
	evsIO = evsIOModes()
)

func evsMode(name string, kbps float64) Codec {
	c := evs
	c.Name, c.Kbps = name, kbps
	return c
}

func evsIOModes() (modes [len(amrWB)]Codec) {
	for i, c := range amrWB {
		c.Name = "EVS IO " + strings.TrimPrefix(c.Name, "AMR-WB ")
		modes[i] = c
	}
	return modes
}

// evsBytes are the bytes of a speech frame of each primary mode. Of the IO modes
// they come of amrWBBits.
var evsBytes = [len(evsPrimary)]int{7, 18, 20, 24, 33, 41, 61, 80, 120, 160, 240, 320}

// evsSizes are the sizes that only packets in the compact format have, with
// their mode (table A.1): the speech of a primary mode; 3 bits of mode request
// and the speech of an IO mode; the one for comfort noise has none.
var evsSizes = evsCompactSizes()

func evsCompactSizes() map[int]*Codec {
	sizes := map[int]*Codec{6: nil}
	for i, n := range evsBytes {
		sizes[n] = &evsPrimary[i]
	}
	for i, bits := range amrWBBits {
		sizes[(3+bits+7)/8] = &evsIO[i]
	}
	return sizes
}

// evsModeOf tells the mode by the packets, else by an fmtp that leaves no
// choice, else it is that of no mode. A session that begins in an IO mode
// (evs-mode-switch=1) is never taken for fullband.
func evsModeOf(f Format) Codec {
	if c := evsTold(f); c != nil {
		return *c
	}
	if parameter(f.Fmtp, "evs-mode-switch") == "1" {
		c := amrWBModeOf(Format{Fmtp: f.Fmtp})
		c.Name = "EVS IO " + strings.TrimPrefix(c.Name, "AMR-WB ")
		return c
	}
	if kbps, err := strconv.ParseFloat(parameter(f.Fmtp, "br"), 64); err == nil {
		for _, c := range evsPrimary {
			if c.Kbps == kbps {
				return c
			}
		}
	}
	c := evs
	c.Kbps = f.kbps()
	return c
}

// evsTold finds the mode that packets tell, nil where they do not. In the compact
// format, which has one frame and no header, it is their size. Packets of other
// sizes, and all of a session with hf-only=1, are header-full (A.2.2): a byte of
// mode request or none, and for each frame a byte of table of contents and the
// speech.
//
//	 0 1 2 3 4 5 6 7          0 1 2 3 4 5 6 7
//	+-+-+-+-+-+-+-+-+        +-+-+-+-+-+-+-+-+
//	|1|  T  |   D   |        |0|F|M|Q|  FT   |
//	+-+-+-+-+-+-+-+-+        +-+-+-+-+-+-+-+-+
//	  mode request           M: FT is of IO, Q: the frame is sound
//
// Where they differ in size, as with discontinuous transmission, their mean is
// the size of none: then only the first byte of a header-full packet counts.
func evsTold(f Format) *Codec {
	headers := parameter(f.Fmtp, "hf-only") == "1"
	request := f.FirstByteKnown && f.FirstByte&0x80 != 0
	frames := 1
	if n := math.Round(f.PtimeMs / 20); n > 1 && n <= 12 {
		frames = int(n)
	}
	if f.PayloadMixed {
		if headers && f.FirstByteKnown {
			c, _ := evsContents(f.FirstByte)
			return c
		}
		return nil
	}
	if c, compact := evsSizes[f.PayloadBytes]; compact && !headers && frames == 1 {
		// Comfort noise of an IO mode behind a mode request has as many bytes as
		// a frame of 2.8 kbit/s, which never begins with a 1 (A.2.1.3).
		if c == &evsPrimary[0] && request {
			return nil
		}
		return c
	}
	if !f.FirstByteKnown {
		return nil
	}
	if !request {
		c, n := evsContents(f.FirstByte)
		if size := frames * (1 + n); c != nil && (f.PayloadBytes == size || f.PayloadBytes == evsPadded(size)) {
			return c
		}
		return nil
	}
	for _, padded := range [...]bool{false, true} {
		for toc := range uint8(0x40) {
			c, n := evsContents(toc)
			size := 1 + frames*(1+n)
			if padded {
				size = evsPadded(size)
			}
			if c != nil && f.PayloadBytes == size {
				return c
			}
		}
	}
	return nil
}

// evsContents reads a byte of a table of contents: the mode and the bytes of its
// frame. It is nil where the frame is no speech.
func evsContents(toc uint8) (*Codec, int) {
	mode := int(toc & 0x0f)
	switch io := toc&0x20 != 0; {
	case toc&0x80 != 0:
	case io && mode < len(evsIO):
		return &evsIO[mode], (amrWBBits[mode] + 7) / 8
	case !io && mode < len(evsPrimary):
		return &evsPrimary[mode], evsBytes[mode]
	}
	return nil, 0
}

// evsPadded is the size of a header-full packet with the zeros that keep it off
// the sizes of the compact format (A.2.2.1.4.2).
func evsPadded(size int) int {
	for {
		if _, compact := evsSizes[size]; !compact {
			return size
		}
		size++
	}
}

// evsCodecs are all of EVS.
func evsCodecs() []Codec { return slices.Concat([]Codec{evs}, evsPrimary[:], evsIO[:]) }
