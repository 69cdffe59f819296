package synth

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/earshot-voip/earshot/internal/hep"
	"github.com/earshot-voip/earshot/internal/packet"
)

// tally decodes HEP and counts it by kind.
type tally struct {
	sip, rtcp uint64
	first     packet.Packet
}

func (c *tally) add(t *testing.T, d *hep.Decoder, b []byte) {
	var p packet.Packet
	if err := d.Decode(b, &p); err != nil {
		t.Errorf("decode: %v", err)
		return
	}
	switch {
	case p.Kind == packet.KindSIP && isSIP(p.Payload):
		c.sip++
	case p.Kind == packet.KindRTCP && json.Valid(p.Payload):
		c.rtcp++
	default:
		t.Errorf("kind %d with payload %.40q", p.Kind, p.Payload)
	}
	if c.first.Payload == nil {
		c.first = p.Clone()
	}
}

func TestSendHEP(t *testing.T) {
	defer goleak.VerifyNone(t)
	c := load(t, Options{Calls: 3, Seconds: 6})
	truth := c.Truth()
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			var got tally
			done := make(chan struct{})
			addr, stop := "", func() {}
			if network == "udp" {
				conn, err := net.ListenPacket("udp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				addr, stop = conn.LocalAddr().String(), func() { conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond)) }
				go func() {
					defer close(done)
					defer conn.Close()
					b := make([]byte, 1<<16)
					var d hep.Decoder
					for {
						n, _, err := conn.ReadFrom(b)
						if err != nil {
							return
						}
						got.add(t, &d, b[:n])
					}
				}()
			} else {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				addr = l.Addr().String()
				go func() {
					defer close(done)
					defer l.Close()
					conn, err := l.Accept()
					if err != nil {
						return
					}
					defer conn.Close()
					all, _ := io.ReadAll(conn)
					var d hep.Decoder
					for len(all) > 0 {
						n, err := hep.FrameLen(all)
						if err != nil || n > len(all) {
							t.Errorf("frame length %d of %d: %v", n, len(all), err)
							return
						}
						got.add(t, &d, all[:n])
						all = all[n:]
					}
				}()
			}
			sent, err := SendHEP(context.Background(), network, addr, 5000, c)
			if err != nil {
				t.Fatal(err)
			}
			stop()
			<-done
			if sent.SIP != truth.SIPMessages || sent.RTCP != truth.RTCPPackets || sent.Left != truth.RTPPackets {
				t.Errorf("sent %+v, the truth has %d SIP, %d RTCP, %d RTP", sent, truth.SIPMessages, truth.RTCPPackets, truth.RTPPackets)
			}
			if got.sip != sent.SIP || got.rtcp != sent.RTCP {
				t.Errorf("received %d SIP and %d RTCP of %+v", got.sip, got.rtcp, sent)
			}
			first := truth.Calls[0]
			if !got.first.Time.Equal(*first.StartTime) || string(got.first.CorrelationID) != first.CallID || got.first.Node != "synth" {
				t.Errorf("first packet: %v of %q from %q", got.first.Time, got.first.CorrelationID, got.first.Node)
			}
		})
	}
}

// TestSendHEPOverTCPSignalling: SIP that came in TCP segments leaves as whole
// messages.
func TestSendHEPWholeMessages(t *testing.T) {
	c := scenario(t, "transport-switch", 1)
	var left uint64
	n := map[packet.Transport]int{}
	c.packets(&left, func(p packet.Packet) bool {
		if p.Kind == packet.KindSIP {
			n[p.Transport]++
			if !isSIP(p.Payload) {
				t.Errorf("payload %.60q", p.Payload)
			}
		}
		return true
	})
	if n[packet.TCP] != 2 || n[packet.UDP] != 5 {
		t.Errorf("messages by transport: %v", n)
	}
}

func TestSendHEPEndsEarly(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	sent, err := SendHEP(ctx, "udp", conn.LocalAddr().String(), 20, load(t, Options{}))
	if !errors.Is(err, context.Canceled) || sent.SIP == 0 {
		t.Errorf("sent %+v, error %v", sent, err)
	}
	if _, err := SendHEP(context.Background(), "smoke", "x", 0, Capture{}); err == nil || !strings.Contains(err.Error(), "smoke") {
		t.Errorf("error %v", err)
	}
	if _, err := SendHEP(context.Background(), "tcp", "127.0.0.1:1", 0, Capture{}); err == nil {
		t.Error("no error without a collector")
	}
}
