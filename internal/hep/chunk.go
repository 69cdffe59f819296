package hep

// The generic chunks: their vendor is 0. Sizes are those of the body.
const (
	chunkFamily          = 0x01 // u8: 2 IPv4, 10 IPv6
	chunkProtocol        = 0x02 // u8: IP protocol number
	chunkSrc4            = 0x03
	chunkDst4            = 0x04
	chunkSrc6            = 0x05
	chunkDst6            = 0x06
	chunkSrcPort         = 0x07 // u16
	chunkDstPort         = 0x08
	chunkSeconds         = 0x09 // u32, Unix
	chunkMicros          = 0x0a // u32
	chunkKind            = 0x0b // u8
	chunkAgentID         = 0x0c // u32
	chunkKeepAlive       = 0x0d // u16, seconds
	chunkAuthKey         = 0x0e
	chunkPayload         = 0x0f
	chunkCompressed      = 0x10
	chunkCorrelation     = 0x11
	chunkVLAN            = 0x12 // u16
	chunkNode            = 0x13
	chunkSrcMAC          = 0x14 // u64 in the specification; 6 bytes from some
	chunkDstMAC          = 0x15
	chunkEtherType       = 0x16 // u16
	chunkTCPFlags        = 0x17 // u8
	chunkTOS             = 0x18 // u8
	chunkMOS             = 0x20 // u16, MOS x 100
	chunkRFactor         = 0x21 // u16
	chunkGeo             = 0x22
	chunkJitter          = 0x23 // u32
	chunkTransactionType = 0x24
	chunkJSONKeys        = 0x25
	chunkTagValues       = 0x26
	chunkTagType         = 0x27 // u16
	chunkEventType       = 0x28 // u16
	chunkGroupID         = 0x29
)

// Vendor is the first number of a chunk: who gave the second its meaning.
type Vendor uint16

const (
	VendorGeneric    Vendor = 0
	VendorFreeSWITCH Vendor = 1
	VendorKamailio   Vendor = 2
	VendorOpenSIPS   Vendor = 3
	VendorAsterisk   Vendor = 4
	VendorHomer      Vendor = 5
	VendorSipXecs    Vendor = 6
	VendorYeti       Vendor = 7
	VendorGenesys    Vendor = 8
	// VendorEarshot lies in the range that the specification (revision 37)
	// leaves unassigned; it spells "ES".
	VendorEarshot Vendor = 0x4553
)

// Earshot's own chunks, of VendorEarshot. Other readers skip them.
const (
	ownBoot      = 1 // u64: drawn at random when the agent starts
	ownSequence  = 2 // u64: one more with each frame since boot
	ownDomain    = 3 // text: capture domain
	ownTTL       = 4 // u8: IPv4 TTL or IPv6 hop limit of the captured packet
	ownWireLen   = 5 // u32: bytes of the captured frame on the wire
	ownTransport = 6 // u8: packet.TLS or packet.WS, which chunk 2 tells as TCP
)

// VendorChunk is a chunk whose meaning its vendor defines. Body is borrowed
// as Packet.Payload is.
type VendorChunk struct {
	Vendor Vendor
	Type   uint16
	Body   []byte
}

// maxVendorChunks is how many vendor chunks of a frame are kept; Genesys, who
// sends the most, sends five.
const maxVendorChunks = 16

// Extra is what a frame told that packet.Packet has no field for. Each field
// of a generic chunk is valid iff Has tells so of its chunk; one whose body
// has not the size of its type is taken for absent and counted in Malformed.
// Bytes are borrowed as Packet.Payload is.
type Extra struct {
	Version uint8 // of HEP: 1, 2 or 3
	// Gzipped is set when the whole frame was compressed, Inflated when the
	// payload was (chunk 16).
	Gzipped, Inflated bool

	Family          uint8  // chunk 0x01: 2 IPv4, 10 IPv6 (the AF_ numbers of Linux)
	Protocol        uint8  // chunk 0x02 as sent, or the protocol of HEP1 and HEP2
	KeepAlive       uint16 // chunk 0x0d, seconds
	AuthKey         []byte // chunk 0x0e
	SrcMAC, DstMAC  [6]byte
	EtherType       uint16
	TCPFlags        uint8
	TOS             uint8 // chunk 0x18: DSCP and ECN
	MOS             uint16
	RFactor         uint16
	Geo             []byte
	Jitter          uint32 // chunk 0x23, in the unit of its sender
	TransactionType []byte
	JSONKeys        []byte
	TagValues       []byte
	TagType         uint16
	EventType       uint16 // chunk 0x28: 1 recording, 2 lawful recording
	GroupID         []byte

	// Boot and Sequence number the frames of one Earshot agent since its
	// start; Boot is 0 when the frame carries neither.
	Boot, Sequence uint64

	Unknown   uint16 // generic chunks of unknown type, skipped
	Malformed uint16 // chunks for Extra of the wrong size, skipped

	present uint64 // bit t: generic chunk t was there
}

// Has tells whether the frame carried the generic chunk of type t. Types of
// 64 and more are never kept.
func (x *Extra) Has(t uint16) bool { return t < 64 && x.present>>t&1 != 0 }
