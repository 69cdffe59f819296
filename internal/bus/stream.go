package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Stream is the road from agents to collectors over NATS JetStream: each
// message is frames of HEP3 back to back, acknowledged when it is on the disk
// of the server, and handed to one of the collectors that share the work.
type Stream struct {
	conn *nats.Conn
	js   jetstream.JetStream
	life context.Context // ends with the connection
}

// The names of the stream of HEP on a NATS server.
const (
	StreamName     = "EARSHOT_HEP"
	streamSubjects = "earshot.hep.>"
	streamConsumer = "collector"
)

// StreamOptions of a Stream.
type StreamOptions struct {
	URL  string // nats://host:port, with user:password@ where the server asks for them
	Name string // of this process, as the server's operator sees it
	// MaxBytes bounds the stream where this process is the first to ask for it:
	// full, it takes no more, and what agents have waits with them. 0 is 8 GiB.
	MaxBytes int64
	// Lasting connects again when the connection breaks. Else the Stream is of no
	// use thereafter.
	Lasting bool
	Log     *slog.Logger
}

// maxAckPending is how many messages a server hands out before it waits for
// word of the first.
const maxAckPending = 1024

// duplicates is how long the server knows a message again that is sent twice.
const duplicates = 10 * time.Minute

// OpenStream connects, and makes the stream if it is not there. An existing
// one is used as it is.
func OpenStream(ctx context.Context, o StreamOptions) (*Stream, error) {
	if o.MaxBytes == 0 {
		o.MaxBytes = 8 << 30
	}
	life, ended := context.WithCancel(context.Background())
	options := []nats.Option{nats.Name(o.Name), nats.Timeout(5 * time.Second), nats.ClosedHandler(func(*nats.Conn) { ended() })}
	if o.Lasting {
		options = append(options, nats.MaxReconnects(-1))
	} else {
		options = append(options, nats.NoReconnect())
	}
	if o.Lasting && o.Log != nil {
		options = append(options,
			nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { o.Log.Warn("connection to NATS broke; connecting again", "error", err) }),
			nats.ReconnectHandler(func(c *nats.Conn) { o.Log.Info("connected to NATS again", "server", c.ConnectedUrlRedacted()) }))
	}
	conn, err := nats.Connect(o.URL, options...)
	if err != nil {
		ended()
		return nil, err
	}
	s := &Stream{conn: conn, life: life}
	if s.js, err = jetstream.New(conn); err == nil {
		err = s.make(ctx, o.MaxBytes)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("stream %s: %w", StreamName, err)
	}
	return s, nil
}

func (s *Stream) make(ctx context.Context, maxBytes int64) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err := s.js.Stream(ctx, StreamName)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		_, err = s.js.CreateStream(ctx, jetstream.StreamConfig{
			Name: StreamName, Subjects: []string{streamSubjects}, Description: "HEP from Earshot agents to collectors",
			Retention: jetstream.WorkQueuePolicy, Discard: jetstream.DiscardNew, MaxBytes: maxBytes, Storage: jetstream.FileStorage, Duplicates: duplicates,
		})
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // somebody else made it just now
			err = nil
		}
	}
	if errors.Is(err, jetstream.ErrJetStreamNotEnabled) {
		err = fmt.Errorf("%w: start nats-server with -js", err)
	}
	return err
}

// Publish puts a message on the stream and waits until the server has it on
// disk. A message of the same id that came within the last minutes is
// acknowledged and not stored again.
func (s *Stream) Publish(ctx context.Context, node, id string, data []byte) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(s.life, cancel)
	defer stop()
	_, err := s.js.PublishMsg(ctx, &nats.Msg{Subject: "earshot.hep." + token(node), Data: data}, jetstream.WithMsgID(id))
	if err != nil && s.life.Err() != nil {
		err = errors.Join(errors.New("connection to NATS broke"), s.conn.LastError())
	}
	return err
}

// token makes a NATS subject token of a name.
func token(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c <= ' ' || c >= 0x7f || c == '.' || c == '*' || c == '>' {
			b[i] = '_'
		}
	}
	if len(b) == 0 {
		return "_"
	}
	return string(b)
}

// Consume gives message after message to take, and acknowledges each once that
// returns, until ctx ends. What was not acknowledged comes again, to this
// collector or to another.
func (s *Stream) Consume(ctx context.Context, take func(data []byte) error) error {
	c, err := s.js.CreateOrUpdateConsumer(ctx, StreamName, jetstream.ConsumerConfig{
		Durable: streamConsumer, AckPolicy: jetstream.AckExplicitPolicy, AckWait: 30 * time.Second, MaxAckPending: maxAckPending,
	})
	if err != nil {
		return fmt.Errorf("consumer of stream %s: %w", StreamName, err)
	}
	messages, err := c.Messages(jetstream.PullMaxMessages(64))
	if err != nil {
		return fmt.Errorf("consume stream %s: %w", StreamName, err)
	}
	// What was handed out already is taken, or nobody would get it for AckWait.
	stop := context.AfterFunc(ctx, messages.Drain)
	defer stop()
	defer messages.Stop()
	var taken recent
	for {
		m, err := messages.Next()
		switch {
		case err != nil && ctx.Err() != nil, errors.Is(err, jetstream.ErrMsgIteratorClosed):
			return nil
		case errors.Is(err, jetstream.ErrNoHeartbeat): // the server is away; the client connects again
			continue
		case err != nil:
			return fmt.Errorf("consume stream %s: %w", StreamName, err)
		}
		about, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("consume stream %s: %w", StreamName, err)
		}
		if !taken.has(about.Sequence.Stream) { // else its acknowledgement was lost
			if err := take(m.Data()); err != nil {
				giveBack(m, messages)
				return err
			}
			taken.add(about.Sequence.Stream)
		}
		if err := m.Ack(); err != nil && ctx.Err() == nil {
			return fmt.Errorf("acknowledge: %w", err)
		}
	}
}

// giveBack lets another collector have at once what this one does not get through
// with. If the server does not hear of it, that is after AckWait.
func giveBack(m jetstream.Msg, messages jetstream.MessagesContext) {
	messages.Drain()
	for err := error(nil); err == nil; m, err = messages.Next() {
		_ = m.Nak()
	}
}

// recent is the numbers of the latest messages: more than can wait for an
// acknowledgement.
type recent struct {
	ring [2 * maxAckPending]uint64
	next int
}

func (r *recent) has(n uint64) bool { return slices.Contains(r.ring[:], n) }

func (r *recent) add(n uint64) {
	r.ring[r.next] = n
	r.next = (r.next + 1) % len(r.ring)
}

// Close ends the connection, after what was acknowledged has left.
func (s *Stream) Close() {
	_ = s.conn.Flush() // it may be gone
	s.conn.Close()
}
