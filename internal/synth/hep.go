package synth

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/earshot-voip/earshot/internal/hep"
	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/packet"
)

// Sent counts what SendHEP sent.
type Sent struct {
	SIP, RTCP uint64
	Bytes     uint64 // of HEP
	Left      uint64 // RTP, SRTCP and all else that does not travel in HEP
}

// packets gives what an agent would send to a collector: whole SIP messages
// and readable RTCP. Payloads are borrowed until the next packet. RTCP is in
// its binary form, although KindRTCP means JSON elsewhere.
func (c Capture) packets(left *uint64, yield func(packet.Packet) bool) {
	r := c.start()
	var e emission
	for r.next(&e) {
		p := packet.Packet{
			Time: r.time(e.at), Src: e.src, Dst: e.dst, Transport: e.transport, Kind: e.kind,
			CorrelationID: []byte(e.callID), Payload: e.payload,
		}
		switch {
		case e.msg != nil:
			p.Payload, p.Transport = e.msg.bytes(), e.msg.transport // not the last segment alone
		case e.kind == packet.KindRTCP && !e.sealed:
		default:
			*left++
			continue
		}
		if !yield(p) {
			return
		}
	}
}

// SendHEP sends the SIP and RTCP of a capture to a collector as HEP3, over
// "udp" or "tcp", at rate packets a second; 0 is as fast as it goes. HEP
// carries the capture's own times: see Capture.StartingAt. It ends early,
// with the error, when ctx ends or the connection breaks.
func SendHEP(ctx context.Context, network, addr string, rate float64, c Capture) (Sent, error) {
	var sent Sent
	if network != "udp" && network != "tcp" {
		return sent, fmt.Errorf("send HEP: network %q is neither udp nor tcp", network)
	}
	if rate < 0 {
		return sent, fmt.Errorf("send HEP: rate %g is negative", rate)
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, addr)
	if err != nil {
		return sent, fmt.Errorf("send HEP: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	// A datagram is one write; a stream goes out in larger ones.
	out := bufio.NewWriterSize(conn, 1<<16)
	each := network == "udp"
	options := &hep.Options{AgentID: 2100, Node: "synth"}
	var frame, text []byte
	begin := time.Now()
	c.packets(&sent.Left, func(p packet.Packet) bool {
		if p.Kind == packet.KindRTCP {
			if text = rtcpJSON(text[:0], p.Payload); text == nil {
				sent.Left++
				return true
			}
			p.Payload = text
		}
		if frame, err = hep.Append(frame[:0], &p, options); err != nil {
			return false
		}
		if err = pace(ctx, begin, sent.SIP+sent.RTCP, rate, out); err != nil {
			return false
		}
		if each {
			_, err = conn.Write(frame)
		} else {
			_, err = out.Write(frame)
		}
		if err != nil {
			return false
		}
		sent.Bytes += uint64(len(frame))
		if p.Kind == packet.KindRTCP {
			sent.RTCP++
		} else {
			sent.SIP++
		}
		return true
	})
	if err == nil {
		err = out.Flush()
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err = errors.Join(err, conn.Close()); err != nil {
		return sent, fmt.Errorf("send HEP to %s after %d packets: %w", addr, sent.SIP+sent.RTCP, err)
	}
	return sent, nil
}

// pace waits until the packet with number n is due. It sleeps only when there
// is at least a millisecond to wait, and never lets packets rest in out.
func pace(ctx context.Context, begin time.Time, n uint64, rate float64, out *bufio.Writer) error {
	if rate == 0 {
		return ctx.Err()
	}
	ahead := time.Duration(float64(n)/rate*float64(time.Second)) - time.Since(begin)
	if ahead < time.Millisecond {
		return ctx.Err()
	}
	if err := out.Flush(); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(ahead):
		return nil
	}
}

// rtcpJSON appends a compound RTCP packet as HEP type 5 JSON; nil when it does
// not parse, which would be a fault of this package.
func rtcpJSON(dst, b []byte) []byte {
	var r media.RTCP
	if media.ParseRTCP(b, &r) != nil {
		return nil
	}
	return media.AppendRTCPJSON(dst, &r)
}
