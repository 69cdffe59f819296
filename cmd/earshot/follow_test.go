package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/hep"
	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/synth"
)

// cutCapture gives the header of a pcap file and its records.
func cutCapture(t *testing.T, path string) (header []byte, records [][]byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	header, b = b[:24], b[24:]
	for len(b) > 0 {
		n := 16 + int(b[8]) + int(b[9])<<8
		records, b = append(records, b[:n]), b[n:]
	}
	return header, records
}

// lateSample has calls of which each is over before the capture is.
func lateSample(t *testing.T) string {
	t.Helper()
	c, err := synth.Calls(synth.Options{Calls: 3, Seconds: 8, Concurrent: 2, Codec: "PCMU", Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	return pcapOf(t, "whole", c)
}

// callsOf gives the calls of JSON lines, without what differs by the file's name.
func callsOf(t *testing.T, lines string) []string {
	t.Helper()
	var calls []string
	for line := range strings.Lines(lines) {
		var row struct{ Type string }
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if row.Type == "call" || row.Type == "stream" {
			calls = append(calls, line)
		}
	}
	slices.Sort(calls)
	return calls
}

func writeRotated(t *testing.T, dir string, header []byte, records [][]byte, perFile int, pause time.Duration) {
	t.Helper()
	for i, names := 0, "zyxwvutsrqponmlkjihgfedcba"; len(records) > 0; i++ {
		n := min(perFile, len(records))
		f, err := os.Create(filepath.Join(dir, string(names[i])+".pcap"))
		if err != nil {
			t.Fatal(err)
		}
		b := slices.Concat(header, bytes.Join(records[:n], nil))
		for len(b) > 0 {
			k := min(len(b), 70_001)
			if _, err := f.Write(b[:k]); err != nil {
				t.Fatal(err)
			}
			b = b[k:]
			time.Sleep(pause)
		}
		f.Close()
		records = records[n:]
	}
}

// TestReadDirectory: a capture in pieces, whose names have another order than their
// times, gives the calls of the whole.
func TestReadDirectory(t *testing.T) {
	whole := lateSample(t)
	header, records := cutCapture(t, whole)
	dir := t.TempDir()
	writeRotated(t, dir, header, records, len(records)/7, 0)
	if err := os.WriteFile(filepath.Join(dir, "empty.pcap"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	code, want, errs := command(t, "read", "--format", "jsonl", whole)
	if code != exitDone {
		t.Fatal(code, errs)
	}
	code, got, errs := command(t, "read", "--format", "jsonl", dir)
	if code != exitDone || !strings.Contains(errs, "empty.pcap") {
		t.Fatalf("status %d, said %q", code, errs)
	}
	if got != want {
		t.Errorf("the pieces give other rows than the whole: %d and %d bytes", len(got), len(want))
	}
	code, got, errs = command(t, "explain", "--read", dir, "no such call")
	if code == exitDone || strings.Contains(errs, "is a directory") {
		t.Errorf("explain: status %d, %q %q", code, got, errs)
	}
	if code, _, errs := command(t, "read", dir, "-"); code != exitUsage {
		t.Errorf("with standard input: status %d, %q", code, errs)
	}
}

// TestReadFollow writes a rotation while it is read, and stops the reader with a
// signal: the calls are those of the whole.
func TestReadFollow(t *testing.T) {
	whole := lateSample(t)
	code, want, errs := command(t, "read", "--format", "jsonl", whole)
	if code != exitDone {
		t.Fatal(code, errs)
	}
	header, records := cutCapture(t, whole)
	dir := t.TempDir()
	c := startChild(t, nil, "read", "--follow", "--format", "jsonl", dir)
	writeRotated(t, dir, header, records, len(records)/5, 100*time.Millisecond)
	eventually(t, 20*time.Second, "a call is told while it follows", func() error {
		if strings.Contains(c.stdout.String(), `"type":"call"`) {
			return nil
		}
		return os.ErrNotExist
	})
	time.Sleep(time.Second)
	if code := c.signal(syscall.SIGINT, stopLimit); code != exitDone {
		t.Errorf("status %d: %s", code, c.stderr.String())
	}
	g, w := callsOf(t, c.stdout.String()), callsOf(t, want)
	if len(w) != 9 || !slices.Equal(g, w) {
		t.Errorf("%d calls and streams followed, %d of the whole:\n%s\n%s", len(g), len(w), strings.Join(g, ""), strings.Join(w, ""))
	}
	if !strings.Contains(c.stdout.String(), `"type":"summary"`) {
		t.Error("no summary")
	}
}

// TestFollowTable shows calls as they end.
func TestFollowTable(t *testing.T) {
	whole := lateSample(t)
	c := startChild(t, nil, "read", "--follow", whole)
	eventually(t, 20*time.Second, "a call is shown", func() error {
		if strings.Contains(c.stdout.String(), "answered") {
			return nil
		}
		return os.ErrNotExist
	})
	if code := c.signal(syscall.SIGTERM, stopLimit); code != exitDone {
		t.Errorf("status %d: %s", code, c.stderr.String())
	}
	if out := c.stdout.String(); strings.Count(out, "CALL-ID") != 1 || !strings.Contains(out, "3 calls: 3 answered") {
		t.Errorf("shown:\n%s", out)
	}
}

// hepFrames takes HEP over TCP, as a collector does, until the connection ends.
func hepFrames(l net.Listener, got chan<- packet.Packet) error {
	defer close(got)
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	var decoder hep.Decoder
	in := bufio.NewReader(conn)
	for {
		b, err := in.Peek(6)
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return err
		}
		frame := make([]byte, binary.BigEndian.Uint16(b[4:]))
		if _, err := io.ReadFull(in, frame); err != nil {
			return err
		}
		var p packet.Packet
		if err := decoder.Decode(frame, &p); err != nil {
			return err
		}
		got <- p.Clone()
	}
}

// TestAgentFollow has an agent follow a rotation while no collector answers: what it
// made of it waits on disk, and arrives once each, with the time of its packets.
func TestAgentFollow(t *testing.T) {
	whole := lateSample(t)
	header, records := cutCapture(t, whole)
	code, want, errs := command(t, "read", "--format", "jsonl", whole)
	if code != exitDone {
		t.Fatal(code, errs)
	}
	messages := strings.Count(want, `"kind":"sip"`)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()

	dir, data := t.TempDir(), t.TempDir()
	c := startChild(t, nil, "agent", "--read", dir, "--follow", "--data", data, "--collector", "tcp://"+address)
	writeRotated(t, dir, header, records, len(records)/4, 100*time.Millisecond)
	c.find(`(no collector answers)`)
	if l, err = net.Listen("tcp4", address); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got, ended := make(chan packet.Packet, 1), make(chan error, 1)
	go func() { ended <- hepFrames(l, got) }()

	sip, reports, ticks := 0, 0, 0
	var last time.Time
	until := time.After(30 * time.Second)
	for sip < messages || reports < 6 || ticks == 0 {
		select {
		case p := <-got:
			if p.Kind == packet.KindSIP {
				sip++
			}
			if p.Kind == packet.KindReport {
				reports++
			}
			if p.Kind == packet.KindTick {
				ticks++
			}
			if p.Time.After(last) {
				last = p.Time
			}
		case <-until:
			t.Fatalf("%d of %d SIP messages, %d reports and %d heartbeats", sip, messages, reports, ticks)
		}
	}
	if first := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC); last.Before(first) || last.After(first.Add(time.Hour)) {
		t.Errorf("the latest time is %v", last)
	}
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for p := range got {
		if p.Kind == packet.KindSIP {
			sip++
		}
	}
	if code := c.wait(stopLimit); code != exitDone {
		t.Errorf("status %d", code)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if messages == 0 || sip != messages {
		t.Errorf("%d SIP messages, want %d", sip, messages)
	}
}
