// Package isup reads ISUP messages (ITU-T Q.763, ANSI T1.113) as SIP carries
// them (RFC 3204, RFC 3372): without routing label and circuit, from the message
// type on. It reads what a monitor needs: who called whom, and why a call was
// released. What is cut short or makes no sense is left out; nothing panics.
package isup

import "strings"

// Type is a message type (Q.763 table 4).
type Type uint8

// The messages of a call.
const (
	IAM Type = 0x01 // initial address
	SAM Type = 0x02 // subsequent address
	COT Type = 0x05 // continuity
	ACM Type = 0x06 // address complete
	CON Type = 0x07 // connect: ACM and ANM in one
	ANM Type = 0x09 // answer
	REL Type = 0x0c // release
	SUS Type = 0x0d // suspend
	RES Type = 0x0e // resume
	RLC Type = 0x10 // release complete
	CPG Type = 0x2c // call progress
)

// Variant is the standard that a message is by.
type Variant uint8

// The variants differ in the mandatory part of the IAM.
const (
	ITU  Variant = iota // Q.763, and those of ETSI and most countries that follow it
	ANSI                // T1.113, and GR-317 of Bell networks
)

// VariantOf is the variant that a version or base parameter of application/isup
// names (RFC 3204 section 3.1): itu-t88, itu-t92+, etsi356, ansi88, ansi00, gr317 ...
func VariantOf(version string) Variant {
	v := strings.ToLower(version)
	if strings.HasPrefix(v, "ansi") || strings.HasPrefix(v, "gr") {
		return ANSI
	}
	return ITU
}

// Message is what a message says. Numbers are zero, as Cause is, where it says
// nothing.
type Message struct {
	Type Type

	// Of an IAM.
	NatureOfConnection uint8 // its indicators (Q.763 3.35): satellites, continuity check, echo control
	Category           uint8 // calling party's category (3.11): 10 ordinary, 11 priority, 13 test, 15 payphone ...; 0 is unknown
	Called             Number
	Calling            Number
	AdditionalCalling  Number // the generic number that is presented to the called party (3.26)
	OriginalCalled     Number // called first, before any redirection
	Redirecting        Number // that redirected last

	Cause Cause // of a REL; of an ACM or CPG that says why the call does not get on
}

// Parameter names (Q.763 table 5).
const (
	paramCalled            = 0x04
	paramCalling           = 0x0a
	paramRedirecting       = 0x0b
	paramCause             = 0x12
	paramOriginalCalled    = 0x28
	paramGeneric           = 0xc0 // generic number; in ANSI generic address
	qualifierAddlCalling   = 6    // of a generic number: additional calling party number
	transmissionMediumSize = 1
)

// Parse reads a message. ok is false where there is not even a message type.
func Parse(b []byte, v Variant) (m Message, ok bool) {
	if len(b) == 0 {
		return m, false
	}
	m.Type = Type(b[0])
	b = b[1:]
	switch m.Type {
	case IAM:
		m.initialAddress(b, v)
	case ACM: // backward call indicators (Q.763 table 21)
		m.optional(b, 2)
	case CPG: // event information (table 23)
		m.optional(b, 1)
	case REL: // cause indicators (table 33)
		m.Cause = parseCause(variable(b, 0))
	case SAM, COT, CON, ANM, SUS, RES, RLC: // their type says it all
	}
	return m, true
}

// initialAddress reads what follows the type of an IAM (Q.763 table 32, T1.113.3
// table 17):
//
//	                          ITU   ANSI
//	nature of connection        1      1
//	forward call indicators     2      2
//	calling party's category    1      1
//	transmission medium         1      -
//	pointers to                 called party number   user service information
//	                            optional part         called party number
//	                                                  optional part
func (m *Message) initialAddress(b []byte, v Variant) {
	const fixed = 1 + 2 + 1
	if len(b) < fixed {
		return
	}
	m.NatureOfConnection, m.Category = b[0], b[3]
	at := fixed + transmissionMediumSize
	if v == ANSI {
		at = fixed + 1 // behind the pointer to user service information
	}
	m.Called = parseNumber(variable(b, at))
	m.optional(b, at+1)
}

// variable is the mandatory parameter that the pointer at b[at] points to: its
// length, then its content. A pointer counts from itself (Q.763 1.5).
func variable(b []byte, at int) []byte {
	if at >= len(b) || b[at] == 0 {
		return nil
	}
	at += int(b[at])
	if at >= len(b) {
		return nil
	}
	return short(b[at+1:], int(b[at]))
}

// short is the first n octets of b, or what there is.
func short(b []byte, n int) []byte { return b[:min(n, len(b))] }

// optional reads the optional part that the pointer at b[at] points to:
// parameters of name, length and content, up to a name of 0 (Q.763 1.6, 1.7). Of
// a parameter that comes twice the first one counts.
func (m *Message) optional(b []byte, at int) {
	if at >= len(b) || b[at] == 0 {
		return
	}
	at += int(b[at])
	for at+1 < len(b) && b[at] != 0 {
		m.parameter(b[at], short(b[at+2:], int(b[at+1])))
		at += 2 + int(b[at+1])
	}
}

func (m *Message) parameter(name byte, b []byte) {
	take := func(n *Number, b []byte) {
		if !n.Known() {
			*n = parseNumber(b)
		}
	}
	switch name {
	case paramCalled:
		take(&m.Called, b)
	case paramCalling:
		take(&m.Calling, b)
	case paramOriginalCalled:
		take(&m.OriginalCalled, b)
	case paramRedirecting:
		take(&m.Redirecting, b)
	case paramGeneric:
		if len(b) > 0 && b[0] == qualifierAddlCalling {
			take(&m.AdditionalCalling, b[1:])
		}
	case paramCause:
		if m.Cause == (Cause{}) {
			m.Cause = parseCause(b)
		}
	}
}
