package bus

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
)

func openStream(t *testing.T) *Stream {
	t.Helper()
	server, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(func() { server.Shutdown(); server.WaitForShutdown() })
	if !server.ReadyForConnections(10 * time.Second) {
		t.Fatal("the NATS server does not start")
	}
	s, err := OpenStream(t.Context(), StreamOptions{URL: server.ClientURL(), Name: "test", MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// TestStream: what is sent again under the same name is stored once, and what
// a consumer did not get through with is there for the next one.
func TestStream(t *testing.T) {
	s := openStream(t)
	for _, m := range []string{"one", "two", "two", "three"} {
		if err := s.Publish(t.Context(), "edge 1.site", m, []byte(m)); err != nil {
			t.Fatal(err)
		}
	}
	failed := errors.New("not now")
	if err := s.Consume(t.Context(), func([]byte) error { return failed }); !errors.Is(err, failed) {
		t.Fatalf("%v, want that of the taker", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	var got []string
	if err := s.Consume(ctx, func(b []byte) error {
		if got = append(got, string(b)); len(got) == 3 {
			cancel()
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	if !slices.Equal(got, []string{"one", "three", "two"}) {
		t.Errorf("taken: %v", got)
	}
}

// TestStreamFull: a full stream refuses, so that what is new waits with its agent.
func TestStreamFull(t *testing.T) {
	s := openStream(t)
	var err error
	for range 20 {
		if err = s.Publish(t.Context(), "edge", "", make([]byte, 100<<10)); err != nil {
			break
		}
	}
	if err == nil {
		t.Error("two megabytes went into one")
	}
}

func TestRecent(t *testing.T) {
	var r recent
	for n := uint64(1); n <= 3*maxAckPending; n++ {
		if r.has(n) {
			t.Fatalf("%d is there before it came", n)
		}
		r.add(n)
	}
	if !r.has(3*maxAckPending) || !r.has(2*maxAckPending) || r.has(maxAckPending) {
		t.Error("not the latest ones are remembered")
	}
}

func TestToken(t *testing.T) {
	for name, want := range map[string]string{"edge-1": "edge-1", "a.b *>": "a_b___", "": "_", "é": "__"} {
		if got := token(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
