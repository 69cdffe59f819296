package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/internal/explain"
	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/store"
)

type explainCommand struct {
	CallID string   `arg:"" name:"call-id" help:"Call-ID, or a beginning that no other has."`
	Data   string   `placeholder:"DIR" help:"Data folder of a running earshot run, or of a stopped one."`
	Store  string   `placeholder:"DSN" help:"Ask this ClickHouse."`
	Read   []string `placeholder:"FILE" sep:"none" help:"Read captures in place of a store; once for each file."`
}

// Help shows examples.
func (explainCommand) Help() string {
	return `Who called whom, how it ended; loss, jitter and MOS of each direction; when it was bad and what cost how
many points of R; silence; what the other end reported; which box on the way took the time, and what it
changed in the INVITE and its answer; what is unknown and why.
Examples:
  earshot explain 4fec6e1bc46b58141d9593bc3d89a7dc@198.51.100.1
  earshot explain 4fec6e --data /var/lib/earshot
  earshot explain 4fec6e --read calls.pcap
  earshot explain "$(earshot sql --format csv "SELECT call_id FROM calls ORDER BY mos_lq LIMIT 1" | sed 1d)"`
}

func (k *explainCommand) Run(a *app) error {
	k.CallID = strings.TrimSpace(k.CallID)
	switch {
	case k.CallID == "":
		return usagef("the Call-ID is empty; give one, or the beginning of one")
	case len(k.Read) > 0 && (k.Data != "" || k.Store != ""):
		return usagef("--read and --data or --store: give one of them: where is the call?")
	}
	if err := a.loadStore(k.Data, k.Store); err != nil {
		return err
	}
	gather := k.stored
	if len(k.Read) > 0 {
		gather = k.captured
	}
	rows, err := gather(a)
	if rows == nil {
		return err
	}
	if _, werr := fmt.Fprint(a.stdout, explain.Text(rows)); werr != nil {
		err = errors.Join(err, fmt.Errorf("write: %w", werr))
	}
	return err
}

// captured gathers the rows of the call from captures. A damaged file is an
// error beside what was read before.
func (k *explainCommand) captured(a *app) (rows *explain.Rows, err error) {
	files, source, err := openFiles(k.Read)
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	if err != nil {
		return nil, err
	}
	all := &explain.Rows{}
	mine := func(id *string) bool { return id != nil && strings.HasPrefix(*id, k.CallID) }
	r, err := a.newReading(files, source, k.Read)
	if err != nil {
		return nil, err
	}
	r.emit = func(row any) error {
		switch x := row.(type) {
		case *record.Call:
			all.Legs = append(all.Legs, explain.LegOf(x))
			if mine(&x.CallID) {
				all.Calls = append(all.Calls, x)
			}
		case *record.Link:
			all.Links = append(all.Links, x)
		case *record.Attempt:
			if mine(&x.CallID) {
				all.Attempts = append(all.Attempts, x)
			}
		case *record.Hop:
			if mine(&x.CallID) {
				all.Hops = append(all.Hops, x)
			}
		case *record.Message:
			if len(all.Messages) < mostMessages && mine(&x.CallID) && compared(x) {
				all.Messages = append(all.Messages, x)
			}
		case *record.Stream:
			if mine(x.CallID) {
				all.Streams = append(all.Streams, x)
			}
		case *record.Interval:
			if mine(x.CallID) {
				all.Intervals = append(all.Intervals, x)
			}
		case *record.Report:
			if mine(x.CallID) {
				all.Reports = append(all.Reports, x)
			}
		case *record.Drop:
			if len(all.Drops) < mostDrops {
				all.Drops = append(all.Drops, x)
			}
		}
		return nil
	}
	if err = a.read(r); r.analyzer == nil || r.agent == nil {
		return nil, err
	}
	if errors.Is(err, errInterrupted) {
		return nil, errors.New("interrupted")
	}
	id, perr := pick(k.CallID, all.Calls, "`earshot read` lists the calls of a capture, and --format jsonl whole Call-IDs")
	if perr != nil {
		return nil, errors.Join(perr, err)
	}
	return &explain.Rows{
		Calls:     only(all.Calls, func(x *record.Call) bool { return x.CallID == id }),
		Attempts:  only(all.Attempts, func(x *record.Attempt) bool { return x.CallID == id }),
		Hops:      only(all.Hops, func(x *record.Hop) bool { return x.CallID == id }),
		Messages:  only(all.Messages, func(x *record.Message) bool { return x.CallID == id }),
		Streams:   only(all.Streams, func(x *record.Stream) bool { return *x.CallID == id }),
		Intervals: only(all.Intervals, func(x *record.Interval) bool { return *x.CallID == id }),
		Reports:   only(all.Reports, func(x *record.Report) bool { return *x.CallID == id }),
		Drops:     all.Drops, Legs: all.Legs, Links: all.Links,
	}, err
}

// compared reports whether a message is one that a box on the way may have
// changed, and that is told of.
func compared(m *record.Message) bool {
	return m.Kind == "sip" && m.Method == "INVITE" && !m.Retransmission && (m.Status == nil || *m.Status >= 200 && *m.Status < 300)
}

func only[R any](rows []R, keep func(R) bool) []R {
	return slices.DeleteFunc(rows, func(x R) bool { return !keep(x) })
}

const (
	mostDrops      = 100
	mostMessages   = 1000
	mostCandidates = 20
)

// stored gathers the rows of the call from the store.
func (k *explainCommand) stored(a *app) (rows *explain.Rows, err error) {
	db, done, err := openStore(a, k.Data, k.Store)
	if err != nil {
		return nil, err
	}
	defer func() {
		if cerr := done(); cerr != nil {
			rows, err = nil, errors.Join(err, cerr)
		}
	}()
	g := &gathering{ctx: a.ctx, db: db, rows: &explain.Rows{}}
	calls := gathered[record.Call](g, "WHERE call_id = ? ORDER BY first_seen LIMIT 100", k.CallID)
	if len(calls) == 0 && g.err == nil {
		// As many as show that there are more than fit.
		calls = gathered[record.Call](g, "WHERE startsWith(call_id, ?) ORDER BY first_seen DESC LIMIT 1000", k.CallID)
	}
	if errors.Is(g.err, store.ErrNoTable) {
		return nil, fmt.Errorf("there are no calls yet: %w; `earshot run`, `collector` and `read --store` make the tables", g.err)
	}
	if g.err != nil {
		return nil, g.err
	}
	id, err := pick(k.CallID, calls, "rows are written when a call has ended; `earshot sql \"SELECT start_time, caller, callee, call_id FROM calls ORDER BY start_time DESC LIMIT 20\"` lists the last; --read FILE looks into a capture")
	if err != nil {
		return nil, err
	}
	g.rows.Calls = only(calls, func(c *record.Call) bool { return c.CallID == id })
	from, to := around(g.rows.Calls)
	// The days let ClickHouse leave out what cannot have it.
	const where = "WHERE call_id = ? AND first_seen BETWEEN ? AND ? ORDER BY first_seen"
	g.rows.Attempts = gathered[record.Attempt](g, where, id, from, to)
	g.rows.Hops = gathered[record.Hop](g, where, id, from, to)
	if len(g.rows.Hops) > 0 {
		g.rows.Messages = gathered[record.Message](g, fmt.Sprintf("WHERE call_id = ? AND first_seen BETWEEN ? AND ? AND kind = 'sip' AND method = 'INVITE' AND NOT retransmission AND (status IS NULL OR status BETWEEN 200 AND 299) ORDER BY first_seen LIMIT %d", mostMessages), id, from, to)
	}
	g.rows.Streams = gathered[record.Stream](g, where, id, from, to)
	g.rows.Intervals = gathered[record.Interval](g, where, id, from, to)
	g.rows.Reports = gathered[record.Report](g, where, id, from, to)
	g.legs(id, from, to)
	g.rows.Drops = gathered[record.Drop](g, fmt.Sprintf("WHERE to_time >= ? AND from_time <= ? ORDER BY first_seen LIMIT %d", mostDrops), from, to)
	return g.rows, g.err
}

// mostLinks bounds what is read of the links of one call.
const mostLinks = 1000

// legs gathers what tells of the other legs of a call: the links of its session,
// and the rows of all that are in it.
func (g *gathering) legs(id string, from, to time.Time) {
	about := fmt.Sprintf("WHERE (call_id = ? OR linked_call_id = ? OR session_id = ?) AND first_seen BETWEEN ? AND ? ORDER BY time, legs LIMIT %d", mostLinks)
	g.rows.Links = gathered[record.Link](g, about, id, id, id, from, to)
	if len(g.rows.Calls) == 0 {
		return
	}
	c := g.rows.Calls[0]
	session := explain.SessionOf(c.Domain, id, c.SessionID, g.rows.Links)
	if session != id {
		g.rows.Links = gathered[record.Link](g, about, id, id, session, from, to)
	}
	ids := []string{id, session}
	for _, l := range g.rows.Links {
		ids = append(ids, l.CallID, l.LinkedCallID)
	}
	for _, o := range gathered[record.Call](g, fmt.Sprintf("WHERE (call_id IN ? OR session_id = ?) AND domain = ? AND first_seen BETWEEN ? AND ? ORDER BY first_seen LIMIT %d", mostLinks), ids, session, c.Domain, from, to) {
		g.rows.Legs = append(g.rows.Legs, explain.LegOf(o))
	}
}

// around is the time in which rows of the calls may lie: a stream may begin
// before its INVITE was seen, a report comes after the BYE, and of a call
// whose end was not seen nobody knows how long it was.
func around(calls []*record.Call) (from, to time.Time) {
	for i, c := range calls {
		end := c.FirstSeen.Add(7 * 24 * time.Hour)
		if c.EndTime != nil {
			end = c.EndTime.Add(24 * time.Hour)
		}
		if i == 0 || end.After(to) {
			to = end
		}
		if begin := c.FirstSeen.Add(-time.Hour); i == 0 || begin.Before(from) {
			from = begin
		}
	}
	return from, to
}

// gathering reads tables until the first error.
type gathering struct {
	ctx  context.Context
	db   *store.Store
	rows *explain.Rows
	err  error
}

// gathered reads rows, and notes what the database does not have.
func gathered[R any](g *gathering, rest string, args ...any) []*R {
	if g.err != nil {
		return nil
	}
	rows, lacks, err := store.Select[R](g.ctx, g.db, rest, args...)
	table := record.Type(new(R)) + "s"
	if errors.Is(err, store.ErrNoTable) && table != "calls" {
		g.rows.Lacks = append(g.rows.Lacks, "table "+table)
		return nil
	}
	for _, column := range lacks {
		if what := "column " + table + "." + column; !slices.Contains(g.rows.Lacks, what) {
			g.rows.Lacks = append(g.rows.Lacks, what)
		}
	}
	g.err = err
	return rows
}

// pick finds the one Call-ID that is meant: the very one, else the only one
// that begins so. hint says what to try where there is none.
func pick(want string, calls []*record.Call, hint string) (string, error) {
	var ids []string
	first := map[string]*record.Call{}
	for _, c := range calls {
		if c.CallID == want {
			return want, nil
		}
		if !strings.HasPrefix(c.CallID, want) {
			continue
		}
		if first[c.CallID] == nil {
			first[c.CallID] = c
			ids = append(ids, c.CallID)
		}
	}
	switch len(ids) {
	case 0:
		return "", fmt.Errorf("no call has a Call-ID that is or begins with %q; %s", want, hint)
	case 1:
		return ids[0], nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d Call-IDs begin with %q; give more of the one that is meant:", len(ids), want)
	for _, id := range ids[:min(mostCandidates, len(ids))] {
		c := first[id]
		fmt.Fprintf(&b, "\n  %s  %s  %s to %s, %s", clean(id, 100), c.FirstSeen.Format(time.DateTime), clean(c.Caller, 24), clean(c.Callee, 24), c.State)
	}
	if more := len(ids) - mostCandidates; more > 0 {
		fmt.Fprintf(&b, "\n  and %d more", more)
	}
	return "", errors.New(b.String())
}
