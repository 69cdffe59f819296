package collector

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
)

const (
	// maxAgents bounds the agents whose numbers are followed; a sender chooses
	// them, so one more than that begins the table anew. Twice as many may wait
	// for their losses to be told, which is a second.
	maxAgents = 4096
	// maxGap is the largest jump that is taken for loss. A larger one is no
	// counter of ours.
	maxGap = 1 << 30
	// overtaken is how long a packet that is missing may still be on its way.
	overtaken = time.Second
)

// links is what came of the numbered packets of Earshot agents, over all
// sockets and connections: an agent's numbers go on when it connects again,
// and, by a file, when the collector has been away.
type links struct {
	mu     sync.Mutex
	byBoot map[uint64]*link
}

// link is one agent since its start (its boot id).
type link struct {
	next    uint64 // sequence number that is due
	missing uint64 // skipped and not arrived late since the last time it was told
	noticed time.Time
	from    time.Time
	to      time.Time
	node    string
	domain  string
}

// follow notes the number of a packet that came now, by the receiver's clock. A
// gap counts as loss once it is told, a second later: by then a packet that was
// only overtaken has arrived.
func (t *links) follow(boot, sequence uint64, p *packet.Packet, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.byBoot[boot]
	if l == nil {
		if len(t.byBoot) >= maxAgents { // what is missing is told before it is forgotten
			maps.DeleteFunc(t.byBoot, func(_ uint64, l *link) bool { return l.missing == 0 })
		}
		if len(t.byBoot) >= 2*maxAgents {
			clear(t.byBoot)
		}
		if t.byBoot == nil {
			t.byBoot = map[uint64]*link{}
		}
		l = &link{next: sequence, node: p.Node, domain: p.Domain, to: p.Time}
		t.byBoot[boot] = l
	}
	switch gap := sequence - l.next; {
	case gap == 0:
	case gap <= maxGap:
		if l.missing == 0 {
			l.from, l.noticed = l.to, now
		}
		l.missing += gap
	case l.next-sequence <= maxGap: // late, or again
		if l.missing > 0 {
			l.missing--
		}
		return
	}
	l.next, l.to = sequence+1, p.Time
}

// gaps gives what agents sent and never arrived, as drops to pass on; at the
// end what may still be on its way, too.
func (t *links) gaps(now time.Time, end bool) (drops []packet.Packet, lost uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.byBoot {
		if l.missing == 0 || !end && now.Sub(l.noticed) < overtaken {
			continue
		}
		d := packet.Drops{Stage: "link"}
		d.Add(ReasonGap, l.from, l.missing)
		d.Add(ReasonGap, l.to, 0)
		lost += l.missing
		l.missing = 0
		drops = append(drops, d.Flush(now, l.node, l.domain)...)
	}
	return drops, lost
}

// savedLink is a link in the file.
type savedLink struct {
	Boot   uint64    `json:"boot"`
	Next   uint64    `json:"next"` // sequence number
	At     time.Time `json:"at"`   // packet time of the one before
	Node   string    `json:"node"`
	Domain string    `json:"domain"`
}

// load reads the file and removes it: should this process be killed, nobody
// knows any more what was received last, and no loss is made up.
func (t *links) load(path string) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = os.Remove(path)
	}
	var saved []savedLink
	if err == nil {
		err = json.Unmarshal(b, &saved)
	}
	if err != nil {
		return fmt.Errorf("read which packets of agents came last: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byBoot = map[uint64]*link{}
	for _, s := range saved[:min(len(saved), maxAgents)] {
		t.byBoot[s.Boot] = &link{next: s.Next, to: s.At, node: s.Node, domain: s.Domain}
	}
	return nil
}

func (t *links) save(path string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	saved := []savedLink{}
	for boot, l := range t.byBoot {
		saved = append(saved, savedLink{boot, l.next, l.to, l.node, l.domain})
	}
	b, err := json.Marshal(saved)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o750)
	}
	if err == nil {
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		return fmt.Errorf("keep which packets of agents came last: %w", err)
	}
	return nil
}
