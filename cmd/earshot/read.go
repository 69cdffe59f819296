package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/earshot-voip/earshot/agent/capture"
	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/tlsview"
)

type readCommand struct {
	Files   []string `arg:"" name:"file" help:"pcap or pcapng files, gzip too, or directories of them; - is standard input. Several are merged by time."`
	Follow  bool     `help:"Go on with what is added to the files, and with new files in the directories, until Ctrl-C."`
	Format  string   `enum:"table,jsonl" default:"table" help:"table for people, jsonl for programs: one record a line, the summary last."`
	Store   string   `placeholder:"DSN" help:"Also write to this ClickHouse: clickhouse://user:password@host:9000/earshot."`
	Pace    string   `enum:"max,realtime" default:"max" help:"max: as fast as it goes. realtime: as it was captured."`
	HEPPort []uint16 `name:"hep-port" placeholder:"PORT" help:"Ports whose payload is HEP to unwrap (9060)."`
	KeyLog  string   `name:"tls-keylog" placeholder:"FILE" help:"Secrets of TLS sessions (SSLKEYLOGFILE): SIP in TLS is read. Those in pcapng are taken by themselves."`
	Node    string   `default:"local" help:"Name of the capture point in the records."`
	Check   bool     `help:"Check the configuration and the files' names, read nothing."`
}

// Help shows examples.
func (readCommand) Help() string {
	return `Examples:
  earshot read calls.pcap
  earshot read --format jsonl calls.pcap.gz | jq 'select(.type == "call" and .mos_lq < 3.6)'
  earshot read --follow /var/spool/pcap
  tcpdump -w - -i eth0 udp | earshot read -`
}

func (k *readCommand) Run(a *app) error {
	if len(k.HEPPort) > 0 {
		ports := make([]string, len(k.HEPPort))
		for i, p := range k.HEPPort {
			ports[i] = strconv.Itoa(int(p))
		}
		a.set("hep.ports", strings.Join(ports, ","), "--hep-port")
	}
	if k.KeyLog != "" {
		a.set("capture.tls_keylog", k.KeyLog, "--tls-keylog")
	}
	if err := a.load(); err != nil {
		return err
	}
	if k.Follow && k.Pace == "realtime" {
		return usagef("--follow and --pace realtime: give one of them")
	}
	in, err := a.openInput(k.Files, k.Follow)
	if err != nil {
		return err
	}
	defer in.Close()
	if k.Check {
		_, err := fmt.Fprintf(a.stdout, "%d capture(s) can be opened; configuration is in order\n", len(k.Files))
		return err
	}
	r, err := a.newReading(in, k.Files)
	if err != nil {
		return err
	}
	r.node, r.pace = k.Node, k.Pace == "realtime"
	var out rowWriter
	if k.Format == "jsonl" {
		lines := newJSONL(a.stdout)
		out, r.idle = lines, lines.flush // who reads along need not wait
	} else {
		t := newTable(a.stdout)
		t.live = k.Follow
		out = t
	}
	r.emit = out.row
	finish := func() error { return nil }
	if k.Store != "" {
		w, err := openRowStore(a, k.Store)
		if err != nil {
			return err
		}
		defer w.close()
		r.emit = func(row any) error { return errors.Join(out.row(row), w.row(row)) }
		storing, giveUp := context.WithCancel(context.WithoutCancel(a.ctx))
		defer giveUp()
		hurry := context.AfterFunc(a.ctx, func() { time.AfterFunc(lastFlush, giveUp) })
		defer hurry()
		r.batch = func(token uint64) error { return w.batch(storing, token) }
		finish = func() error { return w.flush(storing) }
	}
	err = a.read(r)
	if r.analyzer == nil || r.agent == nil {
		return err
	}
	interrupted := errors.Is(err, errInterrupted)
	if interrupted && k.Follow { // it is how following ends
		interrupted, err = false, nil
	}
	if !interrupted {
		err = errors.Join(err, finish())
	}
	if serr := out.summary(r.summary()); serr != nil {
		err = errors.Join(err, serr)
	}
	switch {
	case interrupted && k.Store != "":
		// The last batch would end where the next reading has none: its rows would
		// be written twice then.
		return errors.New("interrupted: what was read until then is given; of it, whole batches are stored: read again to store all")
	case interrupted:
		return errors.New("interrupted: what was read until then is given")
	}
	return err
}

// newReading prepares a reading of open captures, which tells its progress.
func (a *app) newReading(in *input, names []string) (*reading, error) {
	keys, err := keysOf(&a.config, in)
	if err != nil {
		return nil, err
	}
	r := &reading{source: in.source, config: a.config, codecs: a.codecs, node: "local", keys: keys, drops: in.drops}
	if in.follow {
		r.clock = in.series.Now
		if path := a.config.Capture.TLSKeyLog; path != "" {
			r.keyLog = tlsview.NewKeyLog(path, keys)
		}
	}
	a.stderr.Begin("reading " + strings.Join(names, ", "))
	r.observe = func(frames uint64) {
		done, size := in.progress()
		a.stderr.Set(done, size, fmt.Sprintf("%d packets", frames))
	}
	return r, nil
}

// read reads, and draws the progress of it.
func (a *app) read(r *reading) error {
	group, ctx := errgroup.WithContext(a.ctx)
	drawing, stop := context.WithCancel(ctx)
	group.Go(func() error { return a.stderr.Run(drawing) })
	if r.keyLog != nil {
		group.Go(func() error { return r.keyLog.Run(drawing, a.log) })
	}
	group.Go(func() error {
		defer stop()
		return r.run(ctx)
	})
	return group.Wait()
}

// openFiles opens every capture before anything is read.
func openFiles(paths []string) ([]*capture.File, capture.Source, error) {
	var files []*capture.File
	var sources []capture.Source
	for _, p := range paths {
		if p == "-" && isTerminal(os.Stdin) {
			return files, nil, usagef("read -: standard input is a terminal; pipe a capture into it")
		}
		f, err := capture.Open(p)
		if err != nil {
			return files, nil, err
		}
		files = append(files, f)
		sources = append(sources, f)
	}
	if len(sources) == 1 {
		return files, sources[0], nil
	}
	return files, capture.Merge(sources), nil
}

// rowWriter shows records.
type rowWriter interface {
	row(row any) error
	summary(s *record.Summary) error
}
