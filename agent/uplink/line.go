package uplink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"

	"github.com/earshot-voip/earshot/internal/bus"
)

// line is an open way to one collector.
type line interface {
	// write sends frames, which lie back to back in b and end at ends. It gives
	// how many of them it took: those are sent, whether they arrive or not. The
	// line is of no use after an error. The name is the same when the same
	// frames are sent again.
	write(name string, b []byte, ends []int) (took int, err error)
	close()
}

const (
	dialTimeout = 5 * time.Second
	// writeTimeout is how long a collector may take nothing before another one
	// is tried.
	writeTimeout = 10 * time.Second
	// refusalWait is how long the first datagram to a collector waits for word
	// that nobody listens there.
	refusalWait = 100 * time.Millisecond
	// datagramBatch is how many datagrams one call hands to the kernel.
	datagramBatch = 64
)

// dial opens a line.
func (o *Options) dial(ctx context.Context, c collector) (line, error) {
	d := net.Dialer{Timeout: dialTimeout}
	switch c.network {
	case "udp":
		conn, err := d.DialContext(ctx, "udp", c.address)
		if err != nil {
			return nil, err
		}
		return newDatagrams(conn.(*net.UDPConn), o.Pace), nil
	case schemeNATS:
		address := url.URL{Scheme: schemeNATS, Host: c.address, User: c.user}
		s, err := bus.OpenStream(ctx, bus.StreamOptions{URL: address.String(), Name: "earshot agent " + o.Node, Log: o.log})
		if err != nil {
			return nil, err
		}
		return &published{ctx, s, o.Node}, nil
	case "tls":
		t := tls.Dialer{NetDialer: &d, Config: o.TLS}
		conn, err := t.DialContext(ctx, "tcp", c.address)
		if err != nil {
			return nil, explainTLS(err)
		}
		return newStream(ctx, conn), nil
	default:
		conn, err := d.DialContext(ctx, "tcp", c.address)
		if err != nil {
			return nil, err
		}
		return newStream(ctx, conn), nil
	}
}

// explainTLS says what to do about a certificate that does not verify.
func explainTLS(err error) error {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Errorf("%w; name the authority that signed it with agent.tls.ca", err)
	}
	return err
}

// stream is a line over TCP or TLS.
type stream struct {
	ctx  context.Context // its end ends a write
	conn net.Conn
	cut  func() bool
}

func newStream(ctx context.Context, conn net.Conn) *stream {
	s := &stream{ctx: ctx, conn: conn}
	s.cut = context.AfterFunc(ctx, func() { conn.SetWriteDeadline(time.Now()) })
	// A collector says nothing: what can be read is the end. Seeing it at once
	// spares what would be written until the next write fails.
	go func() {
		_, _ = io.Copy(io.Discard, conn)
		conn.Close()
	}()
	return s
}

func (s *stream) write(_ string, b []byte, ends []int) (took int, err error) {
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	if err := s.ctx.Err(); err != nil { // the end came meanwhile: its deadline is gone
		return 0, err
	}
	n, err := s.conn.Write(b)
	for took < len(ends) && ends[took] <= n {
		took++
	}
	return took, err
}

func (s *stream) close() {
	s.cut()
	s.conn.Close() // upon which its reader ends
}

// datagrams is a line over UDP, a frame a datagram.
type datagrams struct {
	conn   *net.UDPConn
	batch  *ipv4.PacketConn // its WriteBatch serves IPv6 as well: a connected socket needs no address
	msgs   []ipv4.Message
	proven bool // the first datagram was not refused
	pace   bool
}

func newDatagrams(conn *net.UDPConn, pace bool) *datagrams {
	d := &datagrams{conn: conn, batch: ipv4.NewPacketConn(conn), msgs: make([]ipv4.Message, datagramBatch), pace: pace}
	for i := range d.msgs {
		d.msgs[i].Buffers = make([][]byte, 1)
	}
	return d
}

func (d *datagrams) write(_ string, b []byte, ends []int) (took int, err error) {
	start := 0
	if !d.proven && len(ends) > 0 {
		if err := d.probe(b[:ends[0]]); err != nil {
			return 0, err
		}
		d.proven = true
		took, start = 1, ends[0]
	}
	for took < len(ends) {
		limit := datagramBatch
		if d.pace {
			limit = paceBatch
		}
		msgs := d.msgs[:min(limit, len(ends)-took)]
		for i := range msgs {
			end := ends[took+i]
			msgs[i].Buffers[0] = b[start:end]
			start = end
		}
		n, err := d.batch.WriteBatch(msgs, 0)
		if n < len(msgs) {
			start = 0
			if took+n > 0 {
				start = ends[took+n-1]
			}
		}
		took += max(n, 0)
		switch {
		case errors.Is(err, syscall.ENOBUFS): // the interface's queue is full: it empties by itself
			time.Sleep(time.Millisecond)
		case err != nil:
			return took, err
		}
		if d.pace {
			time.Sleep(time.Millisecond)
		}
	}
	return took, nil
}

// paceBatch is how many datagrams go out a millisecond when they are held back.
const paceBatch = 32

// probe sends one datagram and waits a moment for the ICMP message that says
// that nobody listens.
func (d *datagrams) probe(frame []byte) error {
	if _, err := d.conn.Write(frame); err != nil {
		return err
	}
	if err := d.conn.SetReadDeadline(time.Now().Add(refusalWait)); err != nil {
		return err
	}
	var answer [1]byte
	if _, err := d.conn.Read(answer[:]); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return nil
}

func (d *datagrams) close() { d.conn.Close() }

// published is a line to JetStream: what it took is on the disk of the server.
type published struct {
	ctx    context.Context // its end ends a write
	stream *bus.Stream
	node   string
}

func (p *published) write(name string, b []byte, ends []int) (took int, err error) {
	ctx, cancel := context.WithTimeout(p.ctx, writeTimeout)
	defer cancel()
	if err := p.stream.Publish(ctx, p.node, name, b); err != nil {
		return 0, err
	}
	return len(ends), nil
}

func (p *published) close() { p.stream.Close() }
