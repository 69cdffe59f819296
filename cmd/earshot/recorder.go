package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/earshot-voip/earshot/agent/recorder"
)

type recorderCommand struct {
	List   recorderList   `cmd:"" help:"Say how far the ring goes back, and what was frozen."`
	Freeze recorderFreeze `cmd:"" help:"Freeze a call, as far back as the ring goes and until it ends."`
	Fetch  recorderFetch  `cmd:"" help:"Fetch a frozen call as pcap."`
}

// Help shows examples.
func (recorderCommand) Help() string {
	return `An agent that listens keeps the headers of what it captured for a while (agent.recorder): SIP whole and scrubbed, RTP
and RTCP without payload. A call that was bad can be frozen after the fact, and is a capture that Wireshark reads. The
key of an agent on another host is agent.recorder.key of the configuration, or EARSHOT_AGENT_RECORDER_KEY.
Examples:
  earshot recorder list --agent http://media1:9080
  earshot recorder freeze 3c26700dff1a@192.0.2.1
  earshot recorder fetch 3c26700dff1a@192.0.2.1 -o call.pcap`
}

// asking is how an agent is reached.
type asking struct {
	Agent string `default:"http://localhost:9080" placeholder:"URL" help:"The agent's HTTP address (${default})."`
}

// ask asks the agent, and gives what it answers if that is no refusal.
func (k *asking) ask(a *app, method, path string, query url.Values) (io.ReadCloser, error) {
	if err := a.load(); err != nil {
		return nil, err
	}
	at, err := url.Parse(k.Agent)
	if err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Host == "" {
		return nil, usagef("--agent %s: want http://host:9080", k.Agent)
	}
	at = at.JoinPath("recorder", path)
	at.RawQuery = query.Encode()
	ctx, cancel := context.WithTimeout(a.ctx, 5*time.Minute)
	q, err := http.NewRequestWithContext(ctx, method, at.String(), nil)
	if err != nil {
		cancel()
		return nil, err
	}
	if key := a.config.Agent.Recorder.Key; key != "" {
		q.Header.Set("Authorization", "Bearer "+key)
	}
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("ask the agent: %w", err)
	}
	body := &answerBody{answer.Body, cancel}
	if answer.StatusCode/100 == 2 {
		return body, nil
	}
	defer body.Close()
	why, _ := io.ReadAll(io.LimitReader(body, 1000)) // what came of it tells enough
	if strings.HasPrefix(string(why), "404 page") {  // of a server that knows no such path
		return nil, fmt.Errorf("ask the agent at %s: it has no flight recorder; agent.recorder.memory turns it on where interfaces are captured", k.Agent)
	}
	return nil, fmt.Errorf("ask the agent at %s: %s: %s", k.Agent, answer.Status, clean(strings.TrimSpace(string(why)), 400))
}

// answerBody ends its request when it is closed.
type answerBody struct {
	io.ReadCloser
	done context.CancelFunc
}

func (b *answerBody) Close() error {
	defer b.done()
	return b.ReadCloser.Close()
}

// askJSON asks, and reads the answer into v.
func (k *asking) askJSON(a *app, method, path string, query url.Values, v any) error {
	body, err := k.ask(a, method, path, query)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(v); err != nil {
		return fmt.Errorf("read the agent's answer: %w", err)
	}
	return nil
}

type recorderList struct {
	asking
	Format string `enum:"table,json" default:"table" help:"table or json."`
}

func (k *recorderList) Run(a *app) error {
	var l recorder.Listing
	if err := k.askJSON(a, http.MethodGet, "", nil, &l); err != nil {
		return err
	}
	if k.Format == "json" {
		out := json.NewEncoder(a.stdout)
		out.SetIndent("", "  ")
		return out.Encode(l)
	}
	return writeListing(a.stdout, &l)
}

func writeListing(to io.Writer, l *recorder.Listing) error {
	ring := &l.Ring
	reach := "empty"
	if !ring.Oldest.IsZero() {
		reach = fmt.Sprintf("from %s to %s", ring.Oldest.Format(time.DateTime), ring.Newest.Format(time.DateTime))
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "ring: %s; memory %d of %d MiB, disk %d of %d MiB, %.0f minutes at most\n", reach,
		ring.MemoryBytes>>20, ring.MemoryLimit>>20, ring.DiskBytes>>20, ring.DiskLimit>>20, ring.Minutes)
	if len(l.Frozen) > 0 {
		fmt.Fprintln(w, "FROZEN\tWHY\tSTATE\tFROM\tTO\tSIP\tRTP\tRTCP\tNAME\tDETAIL")
	}
	for i := range l.Frozen {
		f := &l.Frozen[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\t%s\n", f.At.Format(time.DateTime), f.Why, f.State, f.First.Format(time.TimeOnly), f.Last.Format(time.TimeOnly),
			f.SIP, f.RTP, f.RTCP, f.Name, clean(f.Detail, 200))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

type recorderFreeze struct {
	asking
	CallID string   `arg:"" optional:"" name:"call-id" help:"Call-ID of the call."`
	Addr   []string `placeholder:"ADDR:PORT" help:"An address of its media; may be given again."`
	From   string   `placeholder:"TIME" help:"Nothing before this (2026-01-05T10:00:00Z)."`
	To     string   `placeholder:"TIME" help:"Nothing after this."`
}

func (k *recorderFreeze) Run(a *app) error {
	if k.CallID == "" && len(k.Addr) == 0 {
		return usagef("which call? give its Call-ID, or --addr for its media")
	}
	query := url.Values{"addr": k.Addr}
	for name, v := range map[string]string{"call_id": k.CallID, "from": k.From, "to": k.To} {
		if v != "" {
			query.Set(name, v)
		}
	}
	var f recorder.Frozen
	if err := k.askJSON(a, http.MethodPost, "freeze", query, &f); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.stdout, "%s\n%d SIP, %d RTP and %d RTCP packets until now; state %s\n", f.Name, f.SIP, f.RTP, f.RTCP, f.State)
	return err
}

type recorderFetch struct {
	asking
	Name   string `arg:"" help:"Name of a frozen call, or its Call-ID: then the one that was frozen last."`
	Output string `short:"o" placeholder:"FILE" help:"File to write; - is standard output. Else NAME.pcap."`
}

func (k *recorderFetch) Run(a *app) error {
	var l recorder.Listing
	if err := k.askJSON(a, http.MethodGet, "", nil, &l); err != nil {
		return err
	}
	name := ""
	for i := range l.Frozen {
		if f := &l.Frozen[i]; f.Name == k.Name || f.CallID == k.Name {
			name = f.Name
		}
	}
	if name == "" {
		return fmt.Errorf("no frozen call has the name or Call-ID %s; earshot recorder list shows them", k.Name)
	}
	body, err := k.ask(a, http.MethodGet, name+".pcap", nil)
	if err != nil {
		return err
	}
	defer body.Close()
	path := k.Output
	switch path {
	case "-":
		_, err = io.Copy(a.stdout, body)
		return err
	case "":
		path = name + ".pcap"
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err = io.Copy(file, body); err == nil {
		_, err = fmt.Fprintln(a.stdout, path)
	}
	return errors.Join(err, file.Close())
}
