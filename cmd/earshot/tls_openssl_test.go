package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestTLSAgainstOpenSSL has OpenSSL's client and server speak SIP through a relay
// that writes a capture: what is read of it, with the client's key log, is what
// was typed in, and what TShark reads with the same key log.
func TestTLSAgainstOpenSSL(t *testing.T) {
	openssl := need(t, "openssl", "openssl")
	dir := t.TempDir()
	key, cert := filepath.Join(dir, "key.pem"), filepath.Join(dir, "cert.pem")
	if out, err := exec.CommandContext(t.Context(), openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=sip.example.com").CombinedOutput(); err != nil {
		t.Fatalf("openssl req: %v\n%s", err, out)
	}
	x := &exchange{openssl: openssl, dir: dir, key: key, cert: cert}
	var cases [][]string
	for _, cipher := range []string{
		"ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305",
		"AES128-GCM-SHA256", "AES256-GCM-SHA384", "DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES256-GCM-SHA384", "DHE-RSA-CHACHA20-POLY1305",
	} {
		cases = append(cases, []string{"-tls1_2", "-cipher", cipher})
	}
	for _, cipher := range []string{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"} {
		cases = append(cases, []string{"-tls1_3", "-ciphersuites", cipher})
	}
	for _, flags := range cases {
		t.Run(flags[2], func(t *testing.T) {
			for name, commands := range map[string][]string{"": nil, "key update": {"K\n", "k\n"}} {
				if commands != nil && flags[0] != "-tls1_3" {
					continue
				}
				path, keyLog, want := x.run(t, flags, commands)
				got, undecoded := sipOf(t, path, keyLog)
				slices.Sort(got)
				if !slices.Equal(got, want) || len(undecoded) != 0 {
					t.Errorf("%s: got %q, %v; want %q", name, got, undecoded, want)
				}
				if got, undecoded := sipOf(t, path, ""); len(got) != 0 || len(undecoded) != 1 || undecoded["tls"] == 0 {
					t.Errorf("%s: without secrets got %q, %v", name, got, undecoded)
				}
			}
		})
	}
	t.Run("tshark", func(t *testing.T) {
		path, keyLog, want := x.run(t, []string{"-tls1_3"}, nil)
		theirs := tsharkSIP(t, path, "-o", "tls.keylog_file:"+keyLog, "-d", "tcp.port==5061,tls")
		slices.Sort(theirs)
		if ours := strings.Fields(strings.ReplaceAll(strings.Join(want, " "), " tls", "")); !slices.Equal(theirs, ours) {
			t.Errorf("TShark reads %q, want %q", theirs, ours)
		}
		editcap := need(t, "editcap", "wireshark-common")
		if out, err := exec.CommandContext(t.Context(), editcap, "--inject-secrets", "tls,"+keyLog, path, path+"ng").CombinedOutput(); err != nil {
			t.Fatalf("editcap: %v\n%s", err, out)
		}
		got, undecoded := sipOf(t, path+"ng", "")
		slices.Sort(got)
		if !slices.Equal(got, want) || len(undecoded) != 0 {
			t.Errorf("of a pcapng with its secrets: got %q, %v; want %q", got, undecoded, want)
		}
	})
	t.Run("cipher that is not read", func(t *testing.T) {
		path, keyLog, _ := x.run(t, []string{"-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA"}, nil)
		if got, undecoded := sipOf(t, path, keyLog); len(got) != 0 || len(undecoded) != 1 || undecoded["tls_cipher"] == 0 {
			t.Errorf("got %q, %v", got, undecoded)
		}
	})
	t.Run("resumed session of TLS 1.2", func(t *testing.T) {
		session := filepath.Join(dir, "session")
		x.run(t, []string{"-tls1_2", "-sess_out", session}, nil)
		path, keyLog, want := x.run(t, []string{"-tls1_2", "-sess_in", session}, nil)
		if got, undecoded := sipOf(t, path, keyLog); len(got) != len(want) || len(undecoded) != 0 {
			t.Errorf("got %q, %v; want %q", got, undecoded, want)
		}
	})
}

// exchange runs connections of OpenSSL's test programs.
type exchange struct {
	openssl, dir, key, cert string

	server   *exec.Cmd
	port     string
	said     io.Writer // the server's standard input
	heard    *heard    // what it printed
	messages int
}

// heard is what a program printed up to now.
type heard struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (h *heard) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.b.Write(b)
}

// await waits until text was printed n times.
func (h *heard) await(t *testing.T, text string, n int) {
	t.Helper()
	eventually(t, 20*time.Second, text, func() error {
		h.mu.Lock()
		defer h.mu.Unlock()
		if got := strings.Count(h.b.String(), text); got < n {
			return fmt.Errorf("%q was printed %d times, not %d", text, got, n)
		}
		return nil
	})
}

// serve starts the server, which serves all connections.
func (x *exchange) serve(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, x.port, _ = net.SplitHostPort(l.Addr().String())
	l.Close()
	x.heard = &heard{}
	x.server = exec.Command(x.openssl, "s_server", "-accept", "127.0.0.1:"+x.port, "-key", x.key, "-cert", x.cert, "-quiet")
	x.server.Stdout = x.heard
	if x.said, err = x.server.StdinPipe(); err == nil {
		err = x.server.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// run makes one connection: three messages and the commands from the client, one
// from the server in between. It gives a capture, a key log and what sipOf must
// find, sorted.
func (x *exchange) run(t *testing.T, flags, commands []string) (path, keyLog string, want []string) {
	t.Helper()
	x.serve(t)
	defer func() {
		_ = x.server.Process.Kill()
		_ = x.server.Wait()
	}()
	relay, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Close()
	taped := make(chan *wire, 1)
	go func() { taped <- x.relay(relay) }()

	keyLog = filepath.Join(t.TempDir(), "keys")
	args := append([]string{"s_client", "-connect", relay.Addr().String(), "-keylogfile", keyLog}, flags...)
	if commands == nil {
		args = append(args, "-quiet")
	}
	client := exec.CommandContext(t.Context(), x.openssl, args...)
	printed := &heard{}
	client.Stdout, client.Stderr = printed, printed
	say, err := client.StdinPipe()
	if err == nil {
		err = client.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	typed := func(in io.Writer, out *heard) {
		t.Helper()
		x.messages++
		id := fmt.Sprintf("message-%03d", x.messages)
		want = append(want, id+" tls")
		if _, err := fmt.Fprintf(in, "MESSAGE sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/TLS h;branch=z9hG4bK%[1]s\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: %[1]s\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n", id); err != nil {
			t.Fatal(err)
		}
		out.await(t, "Call-ID: "+id, 1)
	}
	typed(say, x.heard)
	typed(x.said, printed)
	for i, c := range append(commands, "") {
		if _, err := io.WriteString(say, c); err != nil {
			t.Fatal(err)
		}
		if c != "" { // a command is one only if it is all that is read
			printed.await(t, "KEYUPDATE", i+1)
		}
		typed(say, x.heard)
		typed(x.said, printed)
	}
	_ = client.Process.Kill()
	_ = client.Wait()
	return (<-taped).save(t), keyLog, want
}

// relay passes one connection on to the server and writes it down.
func (x *exchange) relay(l net.Listener) *wire {
	w := newWire()
	c, err := l.Accept()
	if err != nil {
		return w
	}
	defer c.Close()
	var s net.Conn
	for range 100 { // until the server listens
		if s, err = net.Dial("tcp", "127.0.0.1:"+x.port); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		return w
	}
	client, server := &side{netip.MustParseAddrPort("10.0.0.1:40000"), 100}, &side{netip.MustParseAddrPort("10.0.0.2:5061"), 900}
	w.segments(client, server, 2, nil)
	w.segments(server, client, 0x12, nil)
	var mu sync.Mutex
	var done sync.WaitGroup
	pass := func(in, out net.Conn, from, to *side) {
		defer in.Close()
		defer out.Close()
		buf := make([]byte, 1<<16)
		for {
			n, err := in.Read(buf)
			if n > 0 {
				mu.Lock()
				w.segments(from, to, 0x18, buf[:n])
				mu.Unlock()
				_, _ = out.Write(buf[:n])
			}
			if err != nil {
				return
			}
		}
	}
	done.Go(func() { pass(c, s, client, server) })
	done.Go(func() { pass(s, c, server, client) })
	done.Wait()
	w.segments(client, server, 0x11, nil)
	w.segments(server, client, 0x11, nil)
	return w
}
