package main

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/store"
)

type topologyCommand struct {
	Read   []string `placeholder:"FILE" sep:"none" help:"Read captures in place of a store; once for each file."`
	Data   string   `placeholder:"DIR" help:"Data folder of a running earshot run, or of a stopped one."`
	Store  string   `placeholder:"DSN" help:"Ask this ClickHouse."`
	Format string   `enum:"table,csv,jsonl" default:"table" help:"table, csv or jsonl."`
}

// Help shows examples.
func (topologyCommand) Help() string {
	return `Each host that signals or sends media: what it is (proxy, b2bua, relay, registrar, gateway, phone), how sure that
is, and what speaks for it. Names, trunks and what is not to be learned are configured in topology.hosts and
topology.trunks.
Examples:
  earshot topology --read calls.pcap
  earshot topology --data /var/lib/earshot
  earshot topology --format csv >hosts.csv`
}

func (k *topologyCommand) Run(a *app) error {
	if len(k.Read) > 0 && (k.Data != "" || k.Store != "") {
		return usagef("--read and --data or --store: give one of them: where are the hosts?")
	}
	if err := a.loadStore(k.Data, k.Store); err != nil {
		return err
	}
	gather := k.stored
	if len(k.Read) > 0 {
		gather = k.captured
	}
	hosts, err := gather(a)
	if err != nil && hosts == nil {
		return err
	}
	byClass(hosts)
	write := writeHosts
	switch k.Format {
	case "csv":
		write = writeHostsCSV
	case "jsonl":
		write = writeHostsJSONL
	}
	return errors.Join(err, write(a.stdout, hosts))
}

// captured learns the hosts of captures. A damaged file is an error beside
// what was read before.
func (k *topologyCommand) captured(a *app) ([]*record.Host, error) {
	files, source, err := openFiles(k.Read)
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	if err != nil {
		return nil, err
	}
	type where struct {
		domain string
		ip     netip.Addr
	}
	latest := map[where]*record.Host{}
	r, err := a.newReading(files, source, k.Read)
	if err != nil {
		return nil, err
	}
	r.emit = func(row any) error {
		if h, ok := row.(*record.Host); ok {
			latest[where{h.Domain, h.IP}] = h
		}
		return nil
	}
	if err = a.read(r); r.analyzer == nil || r.agent == nil {
		return nil, err
	}
	if errors.Is(err, errInterrupted) {
		return nil, errors.New("interrupted")
	}
	hosts := make([]*record.Host, 0, len(latest))
	for _, h := range latest {
		hosts = append(hosts, h)
	}
	return hosts, err
}

// mostHosts bounds what is read from a store; that there may be more is an error
// beside those that were read.
const mostHosts = 100_000

// stored reads the newest row of each host.
func (k *topologyCommand) stored(a *app) (hosts []*record.Host, err error) {
	db, done, err := openStore(a, k.Data, k.Store)
	if err != nil {
		return nil, err
	}
	defer func() {
		if cerr := done(); cerr != nil {
			hosts, err = nil, errors.Join(err, cerr)
		}
	}()
	hosts, _, err = store.Select[record.Host](a.ctx, db, fmt.Sprintf("ORDER BY time DESC, stored_at DESC LIMIT 1 BY domain, ip LIMIT %d", mostHosts))
	if errors.Is(err, store.ErrNoTable) {
		return nil, fmt.Errorf("there are no hosts yet: %w; `earshot run`, `collector` and `read --store` make the tables", err)
	}
	if err == nil && len(hosts) == mostHosts {
		err = fmt.Errorf("these are the %d hosts that were seen last; ask `earshot sql` for others: there may be more in the table hosts", mostHosts)
	}
	return hosts, err
}

// classes in the order in which they are printed: what carries the calls of
// others first.
var classes = []string{"b2bua", "proxy", "registrar", "relay", "gateway", "phone", "unknown"}

func byClass(hosts []*record.Host) {
	slices.SortFunc(hosts, func(a, b *record.Host) int {
		return cmp.Or(cmp.Compare(slices.Index(classes, a.Class), slices.Index(classes, b.Class)), cmp.Compare(a.Domain, b.Domain), a.IP.Compare(b.IP))
	})
}

func writeHosts(to io.Writer, hosts []*record.Host) error {
	out := bufio.NewWriter(to)
	if len(hosts) == 0 {
		fmt.Fprintln(out, "no hosts: a running earshot tells of a new one within a minute")
	} else {
		// With one domain alone there is nothing to tell by it.
		domains := slices.ContainsFunc(hosts, func(h *record.Host) bool { return h.Domain != hosts[0].Domain })
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		head := "CLASS\tHOST\tNAME\tTRUNK\tSURE\tLAST SEEN\tAGENT\tEVIDENCE"
		if domains {
			head = "DOMAIN\t" + head
		}
		fmt.Fprintln(w, head)
		for _, h := range hosts {
			if domains {
				fmt.Fprintf(w, "%s\t", clean(h.Domain, 24))
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", roles(h), h.IP, cleaned(h.Name, 24), cleaned(h.Trunk, 24), sure(h), h.Time.Format(time.DateTime),
				cleaned(h.UserAgent, 32), clean(strings.Join(h.Evidence, "; "), 400))
		}
		if err := w.Flush(); err != nil {
			return fmt.Errorf("write table: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

// roles is the class, and what a host is besides.
func roles(h *record.Host) string {
	besides := slices.DeleteFunc(slices.Clone(h.Roles), func(r string) bool { return r == h.Class })
	return strings.Join(append([]string{h.Class}, besides...), "+")
}

func sure(h *record.Host) string {
	if h.Class == "unknown" {
		return unknown
	}
	return fmt.Sprintf("%.0f%%", 100*h.Confidence)
}

func cleaned(s *string, most int) string {
	if s == nil {
		return unknown
	}
	return clean(*s, most)
}

// writeHostsCSV writes what the table has, by the names of columns (RFC 4180).
func writeHostsCSV(to io.Writer, hosts []*record.Host) error {
	w := csv.NewWriter(to)
	line := []string{"class", "ip", "name", "trunk", "confidence", "roles", "domain", "since", "time", "user_agent", "evidence"}
	or := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	for i := -1; i < len(hosts); i++ {
		if i >= 0 {
			h := hosts[i]
			line = []string{
				h.Class, h.IP.String(), or(h.Name), or(h.Trunk), fmt.Sprint(h.Confidence), strings.Join(h.Roles, " "), h.Domain,
				h.Since.Format(time.RFC3339Nano), h.Time.Format(time.RFC3339Nano), or(h.UserAgent), strings.Join(h.Evidence, "; "),
			}
		}
		if err := w.Write(line); err != nil {
			return fmt.Errorf("write csv: %w", err)
		}
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	return nil
}

func writeHostsJSONL(to io.Writer, hosts []*record.Host) error {
	out := newJSONL(to)
	for _, h := range hosts {
		if err := out.row(h); err != nil {
			return err
		}
	}
	return out.flush()
}
