package packet

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Drop is where a stage of the monitor was blind: what it lost, how much and
// when. It travels as the JSON payload of a packet of KindDrop, on the same
// road as what was not lost.
type Drop struct {
	Stage  string    `json:"stage"`  // capture, agent, link, collector, bus, analyzer, store
	Reason string    `json:"reason"` // from a closed set of the stage
	Count  uint64    `json:"count"`
	From   time.Time `json:"from_time"`
	To     time.Time `json:"to_time"`
}

// Drops adds up the drops of one stage between two flushes. One goroutine
// uses it.
type Drops struct {
	Stage string
	open  map[string]*Drop
}

// Add counts n drops at a time. With n 0 it only widens the time of drops that
// were counted.
func (d *Drops) Add(reason string, at time.Time, n uint64) {
	o := d.open[reason]
	if n == 0 && o == nil {
		return
	}
	if o == nil {
		if d.open == nil {
			d.open = map[string]*Drop{}
		}
		o = &Drop{Stage: d.Stage, Reason: reason, From: at, To: at}
		d.open[reason] = o
	}
	o.Count += n
	if at.Before(o.From) {
		o.From = at
	}
	if at.After(o.To) {
		o.To = at
	}
}

// Flush gives what was added since the last Flush as packets, by reason.
func (d *Drops) Flush(at time.Time, node, domain string) []Packet {
	out := make([]Packet, 0, len(d.open))
	all := make([]*Drop, 0, len(d.open))
	for _, o := range d.open {
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b *Drop) int { return cmp.Compare(a.Reason, b.Reason) })
	for _, o := range all {
		payload, err := json.Marshal(o)
		if err != nil { // only a year outside 0..9999 does this
			continue
		}
		out = append(out, Packet{Time: at, Kind: KindDrop, Node: node, Domain: domain, Payload: payload})
	}
	clear(d.open)
	return out
}

// ParseDrop reads the payload of a packet of KindDrop. Stage and reason are
// short names, whoever sends them.
func ParseDrop(b []byte) (Drop, error) {
	var d Drop
	if err := json.Unmarshal(b, &d); err != nil {
		return Drop{}, fmt.Errorf("read drop: %w", err)
	}
	if !isName(d.Stage) || !isName(d.Reason) || d.Count == 0 {
		return Drop{}, fmt.Errorf("read drop: stage %q, reason %q, count %d: want names and a number", d.Stage, d.Reason, d.Count)
	}
	return d, nil
}

func isName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}
