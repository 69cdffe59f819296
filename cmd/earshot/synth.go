package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/internal/synth"
)

type synthCommand struct {
	Calls      int      `default:"10" help:"How many calls."`
	Seconds    float64  `default:"30" help:"Length of each call."`
	Concurrent int      `help:"How many at once; all when not given."`
	Codec      string   `default:"PCMU" help:"PCMU, PCMA, G729, GSM, G722, iLBC, opus or AMR."`
	Loss       float64  `placeholder:"PCT" help:"Share of RTP packets lost, percent."`
	Burst      float64  `placeholder:"N" help:"Mean number lost in a row."`
	Jitter     float64  `placeholder:"MS" help:"Mean delay variation, ms."`
	Uniform    float64  `name:"uniform-jitter" placeholder:"MS" help:"Delay each packet by up to this, ms, every delay as likely as any other."`
	Reorder    float64  `placeholder:"PCT" help:"Share of packets that arrive behind the next, percent."`
	Duplicate  float64  `placeholder:"PCT" help:"Share of packets that arrive twice, percent."`
	Drift      float64  `placeholder:"PPM" help:"How much the senders' clocks are fast, parts in a million; negative is slow."`
	Bridge     string   `placeholder:"HOW" help:"Each call goes through a B2BUA, whose second leg has in common with the first one a header, media or nothing but numbers: give header, media or numbers."`
	BoxLoss    float64  `placeholder:"PCT" help:"With --bridge media: share of RTP packets that the B2BUA loses, percent."`
	Numbers    int      `placeholder:"N" help:"How many callers there are, and callees."`
	Scenario   string   `placeholder:"NAME" help:"One named case of signalling in place of load; list shows all."`
	Seed       int64    `default:"1" help:"The same seed gives the same bytes."`
	Start      string   `placeholder:"TIME" help:"When the first call begins: now, or RFC 3339 (2026-01-05T10:00:00Z)."`
	Pcap       string   `placeholder:"FILE" help:"Write a capture; - is standard output."`
	HEP        string   `placeholder:"URL" help:"Send SIP and RTCP as HEP to udp://host:9060 or tcp://host:9060."`
	Rate       float64  `placeholder:"PACKETS/S" help:"With --hep: packets a second; as fast as it goes when not given."`
	Encap      []string `placeholder:"NAME,..." help:"With --pcap: packets travel in these tunnels, the outermost first; list shows all."`
	Truth      string   `placeholder:"FILE" help:"Write what was sent, lost, delayed, as JSON."`
}

// Help shows examples.
func (synthCommand) Help() string {
	return `Examples:
  earshot synth --calls 5 --loss 3 --jitter 10 --pcap calls.pcap --truth truth.json
  earshot synth --scenario serial-fork --pcap fork.pcap
  earshot synth --encap vxlan,gtpu --pcap tunnel.pcap
  earshot synth --calls 1000 --hep udp://127.0.0.1:9060 --rate 5000 --start now`
}

func (k *synthCommand) Run(a *app) error {
	if k.Scenario == "list" {
		_, err := fmt.Fprintln(a.stdout, strings.Join(synth.Scenarios(), "\n"))
		return err
	}
	if slices.Contains(k.Encap, "list") {
		_, err := fmt.Fprintln(a.stdout, strings.Join(synth.Encapsulations(), "\n"))
		return err
	}
	if (k.Pcap == "") == (k.HEP == "") {
		return usagef("give one of --pcap FILE and --hep URL")
	}
	if err := k.check(); err != nil {
		return err
	}
	if err := a.load(); err != nil {
		return err
	}
	var c synth.Capture
	var err error
	if k.Scenario != "" {
		c, err = synth.Scenario(k.Scenario, k.Seed)
	} else {
		c, err = synth.Calls(synth.Options{
			Calls: k.Calls, Seconds: k.Seconds, Concurrent: k.Concurrent, Codec: k.Codec, Seed: k.Seed, Bridge: k.Bridge, BoxLossPct: k.BoxLoss, Numbers: k.Numbers,
			Impairment: synth.Impairment{LossPct: k.Loss, Burst: k.Burst, JitterMs: k.Jitter, UniformMs: k.Uniform, ReorderPct: k.Reorder, DuplicatePct: k.Duplicate, DriftPpm: k.Drift},
		})
	}
	if err != nil {
		return usageError{err}
	}
	if c, err = c.Encapsulated(k.Encap...); err != nil {
		return usagef("--encap: %w", err)
	}
	switch k.Start {
	case "":
	case "now":
		c = c.StartingAt(time.Now())
	default:
		t, err := time.Parse(time.RFC3339, k.Start)
		if err != nil {
			return usagef("--start %q: want now or a time as 2026-01-05T10:00:00Z", k.Start)
		}
		c = c.StartingAt(t)
	}
	if k.Truth != "" {
		if err := writeFile(k.Truth, a.stdout, c.Truth().WriteJSON); err != nil {
			return err
		}
	}
	if k.Pcap != "" {
		return writeFile(k.Pcap, a.stdout, func(w io.Writer) error { return synth.WritePcap(w, c) })
	}
	u, err := url.Parse(k.HEP)
	if err != nil || u.Scheme != "udp" && u.Scheme != "tcp" || u.Port() == "" {
		return usagef("--hep %q: want udp://host:port or tcp://host:port", k.HEP)
	}
	sent, err := synth.SendHEP(a.ctx, u.Scheme, u.Host, k.Rate, c)
	a.log.Info("sent", "sip", sent.SIP, "rtcp", sent.RTCP, "bytes", sent.Bytes, "not_in_hep", sent.Left)
	return err
}

// mostSeconds is the longest call that synth makes, 11 days.
const mostSeconds = 1e6

// check refuses what would make nothing, or something else than it says.
func (k *synthCommand) check() error {
	switch {
	case k.Calls < 1:
		return usagef("--calls %d: give 1 or more", k.Calls)
	case !(k.Seconds > 0 && k.Seconds <= mostSeconds):
		return usagef("--seconds %g: give more than 0, up to %.0f", k.Seconds, mostSeconds)
	case k.Concurrent < 0:
		return usagef("--concurrent %d: give 1 or more", k.Concurrent)
	case k.Numbers < 0:
		return usagef("--numbers %d: give 1 or more", k.Numbers)
	case k.Burst != 0 && !(k.Burst >= 1):
		return usagef("--burst %g: give 1 or more, the mean number of packets lost in a row", k.Burst)
	case k.Burst != 0 && k.Loss == 0:
		return usagef("--burst %g: there is no loss to come in bursts; give --loss PCT too", k.Burst)
	case !(k.Rate >= 0):
		return usagef("--rate %g: give 0 or more packets a second", k.Rate)
	case k.Rate != 0 && k.HEP == "":
		return usagef("--rate %g: it is for --hep; a capture has the times of its packets", k.Rate)
	case len(k.Encap) > 0 && k.HEP != "":
		return usagef("--encap %s: it is for --pcap; HEP carries no tunnels", strings.Join(k.Encap, ","))
	case k.Scenario == "":
		return nil
	}
	for _, f := range [...]struct {
		flag  string
		given bool
	}{
		{"calls", k.Calls != 10},
		{"seconds", k.Seconds != 30},
		{"concurrent", k.Concurrent != 0},
		{"codec", k.Codec != "PCMU"},
		{"loss", k.Loss != 0},
		{"jitter", k.Jitter != 0},
		{"uniform-jitter", k.Uniform != 0},
		{"reorder", k.Reorder != 0},
		{"duplicate", k.Duplicate != 0},
		{"drift", k.Drift != 0},
		{"bridge", k.Bridge != ""},
		{"box-loss", k.BoxLoss != 0},
		{"numbers", k.Numbers != 0},
	} {
		if f.given {
			return usagef("--%s: --scenario %s is what it is, and takes no such flag; leave one of the two out", f.flag, k.Scenario)
		}
	}
	return nil
}

// writeFile writes a file whole, or standard output for "-".
func writeFile(path string, stdout io.Writer, write func(io.Writer) error) (err error) {
	if path == "-" {
		w := bufio.NewWriter(stdout)
		return errors.Join(write(w), w.Flush())
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := write(w); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
