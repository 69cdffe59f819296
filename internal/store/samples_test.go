package store_test

import (
	"fmt"
	"net/netip"
	"reflect"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

var begin = time.Date(2026, 3, 4, 5, 6, 7, 891234000, time.UTC)

// filled gives a row with a value in every field, which differs by n.
func filled[R any](n int) *R {
	row := new(R)
	fill(reflect.ValueOf(row).Elem(), n, new(int))
	return row
}

func fill(v reflect.Value, n int, field *int) {
	*field++
	k := *field + n
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(begin.Add(time.Duration(k) * time.Millisecond)))
		return
	case netip.Addr:
		a := netip.AddrFrom4([4]byte{192, 0, 2, byte(k)})
		if k%2 == 0 {
			a = netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", k))
		}
		v.Set(reflect.ValueOf(a))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n, field)
	case reflect.Struct:
		for _, field0 := range v.Fields() {
			fill(field0, n, field)
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d \x00\xff'\n", k))
	case reflect.Bool:
		v.SetBool(k%2 == 0)
	case reflect.Uint8:
		v.SetUint(uint64(k % 256))
	case reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(k))
	case reflect.Int64:
		v.SetInt(int64(-k))
	case reflect.Float64:
		v.SetFloat(float64(k) / 3)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n, field)
		fill(v.Index(1), n, field)
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"X-B": fmt.Sprint(k), "X-A": ""}))
	default:
		panic(v.Type().String())
	}
}

// realistic rows, as a busy exchange gives them.

func message(n int) *record.Message {
	at := begin.Add(time.Duration(n) * 3 * time.Millisecond)
	return &record.Message{
		Domain: "default", FirstSeen: at, Time: at, CallID: fmt.Sprintf("%x-%d@192.0.2.1", n*2654435761, n/6), Node: "sbc1", Kind: "sip",
		Method: [...]string{"INVITE", "INVITE", "INVITE", "ACK", "BYE", "BYE"}[n%6], Branch: fmt.Sprintf("z9hG4bK%x", n*40503),
		FromUser: fmt.Sprint(3069000000 + n%100000), ToUser: fmt.Sprint(4415000000 + n%77777),
		CSeq: new(uint32(1 + n%2)), SrcIP: netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}), SrcPort: 5060, DstIP: netip.AddrFrom4([4]byte{198, 51, 100, 7}), DstPort: 5060,
		Transport: "udp", AgentHeader: "Earshot test 1.0", Raw: rawMessage(n),
	}
}

func rawMessage(n int) string {
	return fmt.Sprintf("INVITE sip:%d@example.net SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.%d:5060;branch=z9hG4bK%x\r\nFrom: <sip:%d@example.org>;tag=%x\r\nTo: <sip:%d@example.net>\r\n"+
		"Call-ID: %x@192.0.2.1\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:%d@192.0.2.1>\r\nUser-Agent: Earshot test 1.0\r\nAllow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY\r\n"+
		"Content-Type: application/sdp\r\nContent-Length: 240\r\n\r\nv=0\r\no=- %d 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio %d RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=sendrecv\r\n",
		4415000000+n%77777, n%256, n*40503, 3069000000+n%100000, n*7919, 4415000000+n%77777, n*2654435761, 3069000000+n%100000, n*104729, 10000+n%20000)
}

func call(n int) *record.Call {
	at := begin.Add(time.Duration(n) * 20 * time.Millisecond)
	c := &record.Call{
		Domain: "default", FirstSeen: at, CallID: fmt.Sprintf("%x@192.0.2.1", n*2654435761), FromTag: fmt.Sprintf("%x", n*40503), ToTag: fmt.Sprintf("%x", n*7919), Nodes: []string{"sbc1"},
		StartTime: new(at), RingTime: new(at.Add(time.Second)), AnswerTime: new(at.Add(3 * time.Second)), EndTime: new(at.Add(90 * time.Second)),
		State: record.Answered, FinalStatus: new(uint16(200)), FinalReason: new("OK"), HangupBy: new("caller"),
		Caller: fmt.Sprint(3069000000 + n%100000), Callee: fmt.Sprint(4415000000 + n%77777), CallerHost: "example.org", CalleeHost: "example.net",
		SrcIP: new(netip.AddrFrom4([4]byte{192, 0, 2, byte(n)})), SrcPort: new(uint16(5060)), DstIP: new(netip.AddrFrom4([4]byte{198, 51, 100, 7})), DstPort: new(uint16(5060)), Transport: "udp",
		SrdMs: new(120.5), PddMs: new(1000.0), SetupMs: new(3000.0), DurationMs: new(87000.0), Invites: 1, MediaSeen: "both", Scale: new("NB"), MosLQ: new(4.21), MosLQMin: new(3.9), MosSamples: new(uint32(18)),
		Flags: []string{"plc_assumed"},
	}
	side := record.Side{
		Packets: new(uint64(4350 + n%7)), Expected: new(uint64(4360)), Lost: new(uint64(3)), LossPct: new(0.07), Duplicates: new(uint64(0)), Reordered: new(uint64(0)), JitterMeanMs: new(1.25), JitterMaxMs: new(6.5),
		RLQ: new(91.3), MosLQ: new(4.38), MosLQMin: new(4.1), Codec: new("PCMA"), SSRCs: []uint32{uint32(n * 7919)}, RttMs: new(41.0),
	}
	c.SessionID = c.CallID
	c.A, c.B = side, side
	return c
}
