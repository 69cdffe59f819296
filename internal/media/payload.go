package media

import "strings"

// StaticPayload is one row of RFC 3551 section 6.
type StaticPayload struct {
	Name      string // encoding name as SDP writes it; "" where the number is not assigned
	ClockRate uint32 // RTP clock, Hz; G722 is 8000 although it samples at 16000 (RFC 3551 section 4.5.2)
	Channels  uint8  // 0 for video
	Media     string // audio, video; MP2T, which is both, is video here
}

// StaticPayloadType returns the assignment of a payload type below 96 that
// needs no SDP, and whether there is one.
func StaticPayloadType(pt uint8) (StaticPayload, bool) {
	if int(pt) >= len(staticPayloads) || staticPayloads[pt].Name == "" {
		return StaticPayload{}, false
	}
	return staticPayloads[pt], true
}

// staticPayloads is RFC 3551 tables 4 and 5. 19 was comfort noise in early
// drafts and is still sent as such by old gateways.
var staticPayloads = [...]StaticPayload{
	0:  {"PCMU", 8000, 1, "audio"},
	3:  {"GSM", 8000, 1, "audio"},
	4:  {"G723", 8000, 1, "audio"},
	5:  {"DVI4", 8000, 1, "audio"},
	6:  {"DVI4", 16000, 1, "audio"},
	7:  {"LPC", 8000, 1, "audio"},
	8:  {"PCMA", 8000, 1, "audio"},
	9:  {"G722", 8000, 1, "audio"},
	10: {"L16", 44100, 2, "audio"},
	11: {"L16", 44100, 1, "audio"},
	12: {"QCELP", 8000, 1, "audio"},
	13: {"CN", 8000, 1, "audio"},
	14: {"MPA", 90000, 1, "audio"},
	15: {"G728", 8000, 1, "audio"},
	16: {"DVI4", 11025, 1, "audio"},
	17: {"DVI4", 22050, 1, "audio"},
	18: {"G729", 8000, 1, "audio"},
	19: {"CN", 8000, 1, "audio"},
	25: {"CelB", 90000, 0, "video"},
	26: {"JPEG", 90000, 0, "video"},
	28: {"nv", 90000, 0, "video"},
	31: {"H261", 90000, 0, "video"},
	32: {"MPV", 90000, 0, "video"},
	33: {"MP2T", 90000, 0, "video"},
	34: {"H263", 90000, 0, "video"},
}

// payloadKind says how the meter treats a payload type.
type payloadKind uint8

const (
	// kindUnknown is a dynamic payload type that nobody announced.
	kindUnknown payloadKind = iota
	kindMedia
	kindEvent // RFC 4733
	kindCN    // RFC 3389
)

// kindOf tells events and comfort noise from media by encoding name.
func kindOf(name string) payloadKind {
	switch {
	case strings.EqualFold(name, "telephone-event"), strings.EqualFold(name, "tone"),
		strings.EqualFold(name, "X-NSE"), strings.EqualFold(name, "NSE"):
		return kindEvent
	case strings.EqualFold(name, "CN"):
		return kindCN
	}
	return kindMedia
}
