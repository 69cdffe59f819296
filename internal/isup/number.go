package isup

// Nature is the nature of address of a number (Q.763 3.9).
type Nature uint8

// The natures that say what digits mean; more are of single networks.
const (
	Subscriber      Nature = 1 // without area code
	NatureUnknown   Nature = 2 // as it was dialled
	National        Nature = 3 // with area code, without a prefix
	International   Nature = 4 // with country code, without a prefix
	NetworkSpecific Nature = 5
)

// E164 is the numbering plan of telephony (Q.763 3.9); 3 is data, 4 telex, 5 and
// 6 are of a nation.
const E164 = 1

// Presentation says whether the called party may see a number (Q.763 3.10).
type Presentation uint8

// The presentations; that of a called number is Allowed.
const (
	Allowed      Presentation = 0
	Restricted   Presentation = 1
	NotAvailable Presentation = 2 // there are no digits
)

// Number is a number of ISUP.
type Number struct {
	Digits       string // 0 to 9, and B and C, codes 11 and 12; without the ST that ends it
	Nature       Nature
	Plan         uint8 // numbering plan: E164 ...
	Presentation Presentation
	Screening    uint8 // of a calling number (Q.763 3.10): 1 user provided and verified, 3 network provided; 0 where national or not said
}

// Known reports whether there are digits.
func (n Number) Known() bool { return n.Digits != "" }

// String is the number as E.164 has it where it is an international one, with
// the country's code behind a plus sign; else its digits.
func (n Number) String() string {
	if n.Known() && n.Nature == International && n.Plan == E164 {
		return "+" + n.Digits
	}
	return n.Digits
}

// maxDigits is more than any number has: E.164 numbers have 15, and prefixes of
// routing stand before some.
const maxDigits = 32

// parseNumber reads a number (Q.763 3.9, 3.10, 3.30, 3.45; T1.113.3 has the same
// octets, and no INN):
//
//	  8      7   6   5     4   3     2   1
//	odd/even |  nature of address indicator
//	INN, NI  |    plan   | present. | screen.
//	 2nd address signal  | 1st address signal
//	...
//	filler where odd     | nth address signal
func parseNumber(b []byte) Number {
	if len(b) < 3 {
		return Number{}
	}
	n := Number{Nature: Nature(b[0] & 0x7f), Plan: b[1] >> 4 & 7, Presentation: Presentation(b[1] >> 2 & 3), Screening: b[1] & 3}
	count := 2 * (len(b) - 2)
	if b[0]&0x80 != 0 {
		count--
	}
	var digits [maxDigits]byte
	length := 0
	for i := range min(count, maxDigits) {
		signal := b[2+i/2] >> (4 * (i % 2)) & 0x0f
		if signal == 0x0f { // ST: the number is complete
			break
		}
		digits[i], length = "0123456789ABCDEF"[signal], i+1
	}
	n.Digits = string(digits[:length])
	return n
}
