package sip

// Header is a header field that the index knows by number. HeaderOther stands for every other; GetName finds those.
type Header uint8

const (
	HeaderOther Header = iota
	HeaderCallID
	HeaderFrom
	HeaderTo
	HeaderVia
	HeaderCSeq
	HeaderContact
	HeaderMaxForwards
	HeaderContentLength
	HeaderContentType
	HeaderContentEncoding
	HeaderContentDisposition
	HeaderUserAgent
	HeaderServer
	HeaderReason
	HeaderRequire
	HeaderProxyRequire
	HeaderUnsupported
	HeaderSupported
	HeaderAllow
	HeaderAllowEvents
	HeaderAccept
	HeaderAcceptContact
	HeaderRejectContact
	HeaderRequestDisposition
	HeaderRSeq
	HeaderRAck
	HeaderSessionExpires
	HeaderMinSE
	HeaderExpires
	HeaderMinExpires
	HeaderAuthorization
	HeaderProxyAuthorization
	HeaderWWWAuthenticate
	HeaderProxyAuthenticate
	HeaderAuthenticationInfo
	HeaderPAssertedIdentity
	HeaderPPreferredIdentity
	HeaderRemotePartyID
	HeaderPrivacy
	HeaderDiversion
	HeaderHistoryInfo
	HeaderRecordRoute
	HeaderRoute
	HeaderPath
	HeaderServiceRoute
	HeaderReplaces
	HeaderReferTo
	HeaderReferredBy
	HeaderReferSub
	HeaderJoin
	HeaderTargetDialog
	HeaderIdentity
	HeaderIdentityInfo
	HeaderEvent
	HeaderSubscriptionState
	HeaderSIPETag
	HeaderSIPIfMatch
	HeaderPChargingVector
	HeaderPAccessNetworkInfo
	HeaderSessionID
	HeaderTimestamp
	HeaderDate
	HeaderWarning
	HeaderRetryAfter
	HeaderSubject
	HeaderAlertInfo
	HeaderCallInfo
	HeaderErrorInfo
	HeaderGeolocation
	HeaderPriority
	HeaderResourcePriority
	HeaderXRTPStat
	headerCount
)

// headerName is one row of the registry: the name, its compact form (0: none; IANA "SIP Header Fields"), and whether
// commas divide its value into a list.
type headerName struct {
	name    string
	compact byte
	list    bool
}

var headerNames = [headerCount]headerName{
	HeaderCallID:             {name: "call-id", compact: 'i'},
	HeaderFrom:               {name: "from", compact: 'f'},
	HeaderTo:                 {name: "to", compact: 't'},
	HeaderVia:                {name: "via", compact: 'v', list: true},
	HeaderCSeq:               {name: "cseq"},
	HeaderContact:            {name: "contact", compact: 'm', list: true},
	HeaderMaxForwards:        {name: "max-forwards"},
	HeaderContentLength:      {name: "content-length", compact: 'l'},
	HeaderContentType:        {name: "content-type", compact: 'c'},
	HeaderContentEncoding:    {name: "content-encoding", compact: 'e', list: true},
	HeaderContentDisposition: {name: "content-disposition"},
	HeaderUserAgent:          {name: "user-agent"},
	HeaderServer:             {name: "server"},
	HeaderReason:             {name: "reason", list: true},
	HeaderRequire:            {name: "require", list: true},
	HeaderProxyRequire:       {name: "proxy-require", list: true},
	HeaderUnsupported:        {name: "unsupported", list: true},
	HeaderSupported:          {name: "supported", compact: 'k', list: true},
	HeaderAllow:              {name: "allow", list: true},
	HeaderAllowEvents:        {name: "allow-events", compact: 'u', list: true},
	HeaderAccept:             {name: "accept", list: true},
	HeaderAcceptContact:      {name: "accept-contact", compact: 'a', list: true},
	HeaderRejectContact:      {name: "reject-contact", compact: 'j', list: true},
	HeaderRequestDisposition: {name: "request-disposition", compact: 'd', list: true},
	HeaderRSeq:               {name: "rseq"},
	HeaderRAck:               {name: "rack"},
	HeaderSessionExpires:     {name: "session-expires", compact: 'x'},
	HeaderMinSE:              {name: "min-se"},
	HeaderExpires:            {name: "expires"},
	HeaderMinExpires:         {name: "min-expires"},
	HeaderAuthorization:      {name: "authorization"},
	HeaderProxyAuthorization: {name: "proxy-authorization"},
	HeaderWWWAuthenticate:    {name: "www-authenticate"},
	HeaderProxyAuthenticate:  {name: "proxy-authenticate"},
	HeaderAuthenticationInfo: {name: "authentication-info"},
	HeaderPAssertedIdentity:  {name: "p-asserted-identity", list: true},
	HeaderPPreferredIdentity: {name: "p-preferred-identity", list: true},
	HeaderRemotePartyID:      {name: "remote-party-id", list: true},
	HeaderPrivacy:            {name: "privacy"},
	HeaderDiversion:          {name: "diversion", list: true},
	HeaderHistoryInfo:        {name: "history-info", list: true},
	HeaderRecordRoute:        {name: "record-route", list: true},
	HeaderRoute:              {name: "route", list: true},
	HeaderPath:               {name: "path", list: true},
	HeaderServiceRoute:       {name: "service-route", list: true},
	HeaderReplaces:           {name: "replaces"},
	HeaderReferTo:            {name: "refer-to", compact: 'r'},
	HeaderReferredBy:         {name: "referred-by", compact: 'b'},
	HeaderReferSub:           {name: "refer-sub"},
	HeaderJoin:               {name: "join"},
	HeaderTargetDialog:       {name: "target-dialog"},
	HeaderIdentity:           {name: "identity", compact: 'y'},
	HeaderIdentityInfo:       {name: "identity-info", compact: 'n'},
	HeaderEvent:              {name: "event", compact: 'o'},
	HeaderSubscriptionState:  {name: "subscription-state"},
	HeaderSIPETag:            {name: "sip-etag"},
	HeaderSIPIfMatch:         {name: "sip-if-match"},
	HeaderPChargingVector:    {name: "p-charging-vector"},
	HeaderPAccessNetworkInfo: {name: "p-access-network-info", list: true},
	HeaderSessionID:          {name: "session-id"},
	HeaderTimestamp:          {name: "timestamp"},
	HeaderDate:               {name: "date"},
	HeaderWarning:            {name: "warning", list: true},
	HeaderRetryAfter:         {name: "retry-after"},
	HeaderSubject:            {name: "subject", compact: 's'},
	HeaderAlertInfo:          {name: "alert-info", list: true},
	HeaderCallInfo:           {name: "call-info", list: true},
	HeaderErrorInfo:          {name: "error-info", list: true},
	HeaderGeolocation:        {name: "geolocation", list: true},
	HeaderPriority:           {name: "priority"},
	HeaderResourcePriority:   {name: "resource-priority", list: true},
	HeaderXRTPStat:           {name: "x-rtp-stat"},
}

// String gives the name in lower case, "" for HeaderOther.
func (h Header) String() string {
	if h < headerCount {
		return headerNames[h].name
	}
	return ""
}

// singleHeaders may stand once in a message (RFC 3261 section 7.3.1 and table 2); another one is DuplicateSingle.
var singleHeaders = [headerCount]bool{
	HeaderCallID: true, HeaderFrom: true, HeaderTo: true, HeaderCSeq: true, HeaderMaxForwards: true,
	HeaderContentLength: true, HeaderContentType: true, HeaderExpires: true, HeaderDate: true, HeaderSessionExpires: true,
}

var compactHeaders = func() (t [256]Header) {
	for h, n := range headerNames {
		if n.compact != 0 {
			t[n.compact] = Header(h)
			t[n.compact-'a'+'A'] = Header(h)
		}
	}
	return t
}()

// headerSlots is an open-addressed table from nameHash to Header, at most a third full, so that a name costs one
// comparison and an unknown one usually none.
var headerSlots = func() (t [256]Header) {
	for h := HeaderOther + 1; h < headerCount; h++ {
		i := nameHash(headerNames[h].name)
		for t[i] != HeaderOther {
			i++
		}
		t[i] = h
	}
	return t
}()

// nameHash mixes the length and four letters; its type wraps around the table by itself.
func nameHash[T string | []byte](name T) uint8 {
	n := len(name)
	h := uint32(n)*0x9e5 + uint32(name[0]|0x20)*0x1f3 + uint32(name[n-1]|0x20)*0x35 +
		uint32(name[n/2]|0x20)*0xb1 + uint32(name[n/4]|0x20)*0x11d
	return uint8(h ^ h>>8)
}

// lookupHeader gives the number of a name or compact form in any case, HeaderOther when it has none.
func lookupHeader[T string | []byte](name T) Header {
	if len(name) <= 1 {
		if len(name) == 0 {
			return HeaderOther
		}
		return compactHeaders[name[0]]
	}
	for i := nameHash(name); headerSlots[i] != HeaderOther; i++ {
		if equalFold(name, headerNames[headerSlots[i]].name) {
			return headerSlots[i]
		}
	}
	return HeaderOther
}

// equalFold compares with a lower-case text, letters of ASCII in any case. bytes.EqualFold would let a Kelvin sign be a k.
func equalFold[T string | []byte](b T, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i := range len(lower) {
		if c := b[i]; c != lower[i] && lowerCase(c) != lower[i] {
			return false
		}
	}
	return true
}

// equalFoldAny is equalFold when the second text may be in any case too.
func equalFoldAny[A, B string | []byte](a A, b B) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if a[i] != b[i] && lowerCase(a[i]) != lowerCase(b[i]) {
			return false
		}
	}
	return true
}

func lowerCase(c byte) byte {
	if c-'A' < 26 {
		return c | 0x20
	}
	return c
}
