package sip

import "iter"

// Get gives the whole value of the first field of a header, without the white space around; nil when it is absent,
// empty and not nil when it is empty. A folded value still has its line ends inside.
func (m *Message) Get(h Header) []byte {
	if h >= headerCount || m.first[h] == 0 {
		return nil
	}
	return m.value(m.first[h])
}

// GetName is Get for any header by name or compact form, in any case.
func (m *Message) GetName(name string) []byte {
	for v := range m.ValuesName(name) {
		return v
	}
	return nil
}

// Values gives every value of a header in order: of repeated fields, and of the lists that commas divide, where the
// header's grammar has lists. Commas in quotes and in angle brackets do not divide. Empty elements are left out.
func (m *Message) Values(h Header) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) { m.eachValue(h, yield) }
}

func (m *Message) eachValue(h Header, yield func([]byte) bool) {
	if h >= headerCount {
		return
	}
	for i := m.first[h]; i != 0; i = m.fields[i-1].next {
		v := m.value(i)
		if !headerNames[h].list {
			if !yield(v) {
				return
			}
			continue
		}
		for len(v) > 0 {
			var one []byte
			one, v, _ = cutOutside(v, ',')
			if one = trim(one); len(one) > 0 && !yield(one) {
				return
			}
		}
	}
}

// ValuesName gives the whole value of every field of a header by name or compact form, in any case. Lists are not divided.
func (m *Message) ValuesName(name string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) { m.eachNamed(name, yield) }
}

func (m *Message) eachNamed(name string, yield func([]byte) bool) {
	if h := lookupHeader(name); h != HeaderOther {
		for i := m.first[h]; i != 0; i = m.fields[i-1].next {
			if !yield(m.value(i)) {
				return
			}
		}
		return
	}
	for i := uint8(1); int(i) <= m.fieldCount; i++ {
		if m.fields[i-1].header == HeaderOther && equalFoldAny(m.name(i), name) && !yield(m.value(i)) {
			return
		}
	}
}

// Fields gives the name, as it is written, and the whole value of every header field in order.
func (m *Message) Fields() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) { m.eachField(yield) }
}

func (m *Message) eachField(yield func(name, value []byte) bool) {
	for i := uint8(1); int(i) <= m.fieldCount; i++ {
		if !yield(m.name(i), m.value(i)) {
			return
		}
	}
}

// firstValue is the first value of a header, of its list too; nil when there is none.
func (m *Message) firstValue(h Header) []byte {
	v := m.Get(h)
	if v == nil || !headerNames[h].list {
		return v
	}
	for one := range m.Values(h) {
		return one
	}
	return nil
}

// CallID gives the Call-ID, nil when it is missing.
func (m *Message) CallID() []byte { return m.Get(HeaderCallID) }

// CSeq gives the number (0 when it is missing or unreadable) and the method (nil likewise) of CSeq.
func (m *Message) CSeq() (uint32, []byte) { return m.cseqNumber, m.cseqMethod }

// CSeqMethod gives the method of CSeq; of the request line when CSeq has none.
func (m *Message) CSeqMethod() []byte {
	if m.cseqMethod == nil {
		return m.Method
	}
	return m.cseqMethod
}

// From gives the From header, a zero Address when it is missing.
func (m *Message) From() Address { return m.Address(HeaderFrom) }

// To gives the To header, a zero Address when it is missing.
func (m *Message) To() Address { return m.Address(HeaderTo) }

// Contact gives the first Contact; "*" has this as its URI's Host and no scheme.
func (m *Message) Contact() Address { return m.Address(HeaderContact) }

// Address gives the first value of any header that holds addresses, a zero Address when it is missing.
func (m *Message) Address(h Header) Address {
	v := m.firstValue(h)
	if v == nil {
		return Address{}
	}
	a, _ := ParseAddress(v)
	return a
}

// Addresses gives every value of a header that holds addresses: Contact, Route, Record-Route, P-Asserted-Identity ...
func (m *Message) Addresses(h Header) iter.Seq[Address] {
	return func(yield func(Address) bool) { m.eachAddress(h, yield) }
}

func (m *Message) eachAddress(h Header, yield func(Address) bool) {
	for v := range m.Values(h) {
		if a, _ := ParseAddress(v); !yield(a) {
			return
		}
	}
}

// Via gives the topmost Via, a zero one when it is missing.
func (m *Message) Via() Via {
	v := m.firstValue(HeaderVia)
	if v == nil {
		return Via{}
	}
	via, _ := ParseVia(v)
	return via
}

// Vias gives every Via from the topmost, which is the last hop, down to the client's.
func (m *Message) Vias() iter.Seq[Via] {
	return func(yield func(Via) bool) { m.eachVia(yield) }
}

func (m *Message) eachVia(yield func(Via) bool) {
	for v := range m.Values(HeaderVia) {
		if via, _ := ParseVia(v); !yield(via) {
			return
		}
	}
}
