package sip

import (
	"math/bits"
	"slices"
	"strings"
)

// Defects is the set of things that are wrong, or only odd, with a message. A defect is evidence, never a refusal:
// Parse gives what it could read and says here what it had to forgive.
//
// Those of framing and of the mandatory headers are set by Parse; those inside header values by Check; those that
// begin with SDP by SDP.Parse.
type Defects uint64

const (
	// BareLF says that a line of the header section ends in LF without CR (RFC 3261 section 7 wants CRLF).
	BareLF Defects = 1 << iota
	// BareCR says that a CR without LF stands in the header section.
	BareCR
	// NULByte says that the header section holds a NUL that no backslash quotes (RFC 3261 section 25.1, quoted-pair).
	NULByte
	// InvalidUTF8 says that the header section is no UTF-8 (RFC 3261 section 7).
	InvalidUTF8
	// Oversize says that the message is longer than MaxMessage.
	Oversize
	// OversizeHeader says that one header field is longer than MaxField.
	OversizeHeader
	// TooManyHeaders says that there are more than MaxFields header fields; those after are not in the index.
	TooManyHeaders
	// NoEndOfHeaders says that no empty line ends the header section: cut off, or sloppy.
	NoEndOfHeaders
	// BadHeaderLine says that a header line has no colon, no name, or a name that is no token.
	BadHeaderLine

	// BadStartLine says that the start line has extra or missing separators, or no version.
	BadStartLine
	// BadVersion says that the version is not SIP/2.0.
	BadVersion
	// BadStatus says that the status code is not three digits of 100 to 699.
	BadStatus
	// BadURI says that the Request-URI or the URI of an address header breaks RFC 3261 section 19.1.1.
	BadURI
	// EscapedHeaderInURI says that the Request-URI carries header fields (RFC 3261 section 19.1.1, table 1).
	EscapedHeaderInURI
	// UnknownScheme says that the Request-URI, From or To is neither sip, sips, tel nor urn.
	UnknownScheme

	// MissingCallID, MissingFrom, MissingTo, MissingVia, MissingCSeq: RFC 3261 section 8.1.1 wants them in each message.
	MissingCallID
	MissingFrom
	MissingTo
	MissingVia
	MissingCSeq
	// MissingMaxForwards is of requests only; RFC 2543 did not know the header.
	MissingMaxForwards
	// MissingFromTag says that From has no tag, as in RFC 2543.
	MissingFromTag
	// NoMagicCookie says that the topmost branch is not z9hG4bK and something more (RFC 3261 section 8.1.1.7).
	NoMagicCookie
	// DuplicateSingle says that a header which may stand once stands several times.
	DuplicateSingle

	// BadCSeq says that CSeq is not a number under 2^31 and a method.
	BadCSeq
	// CSeqMethodMismatch says that the request line and CSeq name different methods.
	CSeqMethodMismatch
	// BadCallID says that Call-ID holds what is in no word of RFC 3261 section 25.1.
	BadCallID
	// BadContentLength says that Content-Length is no number.
	BadContentLength
	// ContentLengthLong says that fewer bytes than Content-Length follow.
	ContentLengthLong
	// ContentLengthShort says that more bytes than Content-Length follow; over UDP they are ignored (RFC 3261 section 18.3).
	ContentLengthShort

	// BadVia says that a Via breaks the grammar: no transport, no host, empty parameters, impossible port.
	BadVia
	// BroadcastVia says that a Via names 255.255.255.255 (RFC 4475 section 3.3.10).
	BroadcastVia
	// BadAddress says that From, To, Contact or a route breaks the grammar: brackets, display name, empty parameters.
	BadAddress
	// UnterminatedQuote says that a quoted string does not end within its header.
	UnterminatedQuote
	// UnbracketedURI says that a URI with a question mark or comma stands outside angle brackets (RFC 3261 section 20).
	UnbracketedURI
	// LooseIPv6 says that an IPv6 address is not in the form of the grammar but can be understood (RFC 5118 sections 4.5, 4.10).
	LooseIPv6
	// BadDate says that Date is not in the GMT form of RFC 3261 section 20.17.
	BadDate
	// BadNumber says that a numeric value is no number or out of its range: Expires, Max-Forwards, Retry-After, Warning ...
	BadNumber
	// BadMultipart says that a multipart body has no boundary or does not end with it (RFC 2046 section 5.1).
	BadMultipart

	// SDPBadLine says that a line is not a letter, "=" and a value, or that v= is not 0.
	SDPBadLine
	// SDPMissingLine says that v=, o=, s= or t= is missing (RFC 8866 section 5).
	SDPMissingLine
	// SDPBadOrigin says that o= has not its six fields.
	SDPBadOrigin
	// SDPBadConnection says that c= is not of the Internet or holds no address.
	SDPBadConnection
	// SDPHostname says that c= or a=rtcp names a host, which a passive reader cannot resolve: Addr is invalid.
	SDPHostname
	// SDPNoConnection says that a medium in use has no c=, neither its own nor the session's.
	SDPNoConnection
	// SDPBadMedia says that an m= line has not its four fields, or an impossible port.
	SDPBadMedia
	// SDPBadAttribute says that an attribute that is read here cannot be understood.
	SDPBadAttribute
	// SDPNoClockRate says that an a=rtpmap lacks its clock rate.
	SDPNoClockRate
	// SDPTooMany says that there were more media, formats, candidates ... than are kept.
	SDPTooMany

	defectCount = iota
)

// Harmless are the defects that a peer of an older standard, or a liberal reader of the present one, lets pass.
// A message whose defects are all in here is not malformed.
const Harmless = BareLF | UnknownScheme | MissingMaxForwards | MissingFromTag | NoMagicCookie |
	ContentLengthShort | LooseIPv6 | SDPHostname | SDPNoClockRate

var defectNames = [defectCount]string{
	"bare_lf", "bare_cr", "nul_byte", "invalid_utf8", "oversize", "oversize_header", "too_many_headers",
	"no_end_of_headers", "bad_header_line",
	"bad_start_line", "bad_version", "bad_status", "bad_uri", "escaped_header_in_uri", "unknown_scheme",
	"missing_call_id", "missing_from", "missing_to", "missing_via", "missing_cseq", "missing_max_forwards",
	"missing_from_tag", "no_magic_cookie", "duplicate_single",
	"bad_cseq", "cseq_method_mismatch", "bad_call_id", "bad_content_length", "content_length_long", "content_length_short",
	"bad_via", "broadcast_via", "bad_address", "unterminated_quote", "unbracketed_uri", "loose_ipv6", "bad_date", "bad_number", "bad_multipart",
	"sdp_bad_line", "sdp_missing_line", "sdp_bad_origin", "sdp_bad_connection", "sdp_hostname", "sdp_no_connection",
	"sdp_bad_media", "sdp_bad_attribute", "sdp_no_clock_rate", "sdp_too_many",
}

// Has says whether every defect of x is in d.
func (d Defects) Has(x Defects) bool { return d&x == x }

// Malformed is d without what is Harmless.
func (d Defects) Malformed() Defects { return d &^ Harmless }

// Names gives the defects in snake_case, sorted; nil when there are none.
func (d Defects) Names() []string {
	if d == 0 {
		return nil
	}
	names := make([]string, 0, bits.OnesCount64(uint64(d)))
	for rest := uint64(d); rest != 0; rest &= rest - 1 {
		if i := bits.TrailingZeros64(rest); i < len(defectNames) {
			names = append(names, defectNames[i])
		}
	}
	slices.Sort(names)
	return names
}

// String gives the names with commas between.
func (d Defects) String() string { return strings.Join(d.Names(), ",") }
