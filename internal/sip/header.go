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
	HeaderPVisitedNetworkID
	HeaderPServedUser
	HeaderPCalledPartyID
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
	HeaderCallID:             {name: "Call-ID", compact: 'i'},
	HeaderFrom:               {name: "From", compact: 'f'},
	HeaderTo:                 {name: "To", compact: 't'},
	HeaderVia:                {name: "Via", compact: 'v', list: true},
	HeaderCSeq:               {name: "CSeq"},
	HeaderContact:            {name: "Contact", compact: 'm', list: true},
	HeaderMaxForwards:        {name: "Max-Forwards"},
	HeaderContentLength:      {name: "Content-Length", compact: 'l'},
	HeaderContentType:        {name: "Content-Type", compact: 'c'},
	HeaderContentEncoding:    {name: "Content-Encoding", compact: 'e', list: true},
	HeaderContentDisposition: {name: "Content-Disposition"},
	HeaderUserAgent:          {name: "User-Agent"},
	HeaderServer:             {name: "Server"},
	HeaderReason:             {name: "Reason", list: true},
	HeaderRequire:            {name: "Require", list: true},
	HeaderProxyRequire:       {name: "Proxy-Require", list: true},
	HeaderUnsupported:        {name: "Unsupported", list: true},
	HeaderSupported:          {name: "Supported", compact: 'k', list: true},
	HeaderAllow:              {name: "Allow", list: true},
	HeaderAllowEvents:        {name: "Allow-Events", compact: 'u', list: true},
	HeaderAccept:             {name: "Accept", list: true},
	HeaderAcceptContact:      {name: "Accept-Contact", compact: 'a', list: true},
	HeaderRejectContact:      {name: "Reject-Contact", compact: 'j', list: true},
	HeaderRequestDisposition: {name: "Request-Disposition", compact: 'd', list: true},
	HeaderRSeq:               {name: "RSeq"},
	HeaderRAck:               {name: "RAck"},
	HeaderSessionExpires:     {name: "Session-Expires", compact: 'x'},
	HeaderMinSE:              {name: "Min-SE"},
	HeaderExpires:            {name: "Expires"},
	HeaderMinExpires:         {name: "Min-Expires"},
	HeaderAuthorization:      {name: "Authorization"},
	HeaderProxyAuthorization: {name: "Proxy-Authorization"},
	HeaderWWWAuthenticate:    {name: "WWW-Authenticate"},
	HeaderProxyAuthenticate:  {name: "Proxy-Authenticate"},
	HeaderAuthenticationInfo: {name: "Authentication-Info"},
	HeaderPAssertedIdentity:  {name: "P-Asserted-Identity", list: true},
	HeaderPPreferredIdentity: {name: "P-Preferred-Identity", list: true},
	HeaderRemotePartyID:      {name: "Remote-Party-ID", list: true},
	HeaderPrivacy:            {name: "Privacy"},
	HeaderDiversion:          {name: "Diversion", list: true},
	HeaderHistoryInfo:        {name: "History-Info", list: true},
	HeaderRecordRoute:        {name: "Record-Route", list: true},
	HeaderRoute:              {name: "Route", list: true},
	HeaderPath:               {name: "Path", list: true},
	HeaderServiceRoute:       {name: "Service-Route", list: true},
	HeaderReplaces:           {name: "Replaces"},
	HeaderReferTo:            {name: "Refer-To", compact: 'r'},
	HeaderReferredBy:         {name: "Referred-By", compact: 'b'},
	HeaderReferSub:           {name: "Refer-Sub"},
	HeaderJoin:               {name: "Join"},
	HeaderTargetDialog:       {name: "Target-Dialog"},
	HeaderIdentity:           {name: "Identity", compact: 'y'},
	HeaderIdentityInfo:       {name: "Identity-Info", compact: 'n'},
	HeaderEvent:              {name: "Event", compact: 'o'},
	HeaderSubscriptionState:  {name: "Subscription-State"},
	HeaderSIPETag:            {name: "SIP-ETag"},
	HeaderSIPIfMatch:         {name: "SIP-If-Match"},
	HeaderPChargingVector:    {name: "P-Charging-Vector"},
	HeaderPAccessNetworkInfo: {name: "P-Access-Network-Info", list: true},
	HeaderPVisitedNetworkID:  {name: "P-Visited-Network-ID", list: true},
	HeaderPServedUser:        {name: "P-Served-User"},
	HeaderPCalledPartyID:     {name: "P-Called-Party-ID"},
	HeaderSessionID:          {name: "Session-ID"},
	HeaderTimestamp:          {name: "Timestamp"},
	HeaderDate:               {name: "Date"},
	HeaderWarning:            {name: "Warning", list: true},
	HeaderRetryAfter:         {name: "Retry-After"},
	HeaderSubject:            {name: "Subject", compact: 's'},
	HeaderAlertInfo:          {name: "Alert-Info", list: true},
	HeaderCallInfo:           {name: "Call-Info", list: true},
	HeaderErrorInfo:          {name: "Error-Info", list: true},
	HeaderGeolocation:        {name: "Geolocation", list: true},
	HeaderPriority:           {name: "Priority"},
	HeaderResourcePriority:   {name: "Resource-Priority", list: true},
	HeaderXRTPStat:           {name: "X-RTP-Stat"},
}

// String gives the name as RFCs write it, "" for HeaderOther.
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

// HeaderOf gives the number of a name or compact form in any case, HeaderOther when it has none.
func HeaderOf(name []byte) Header { return lookupHeader(name) }

// lookupHeader is HeaderOf for both kinds of text.
func lookupHeader[T string | []byte](name T) Header {
	if len(name) <= 1 {
		if len(name) == 0 {
			return HeaderOther
		}
		return compactHeaders[name[0]]
	}
	for i := nameHash(name); headerSlots[i] != HeaderOther; i++ {
		known := headerNames[headerSlots[i]].name
		if string(name) == known || equalFoldAny(name, known) {
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
