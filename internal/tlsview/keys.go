package tlsview

import (
	"bytes"
	"encoding/hex"
	"sync"
	"sync/atomic"
	"time"
)

// epoch is a stage of the key schedule of TLS 1.3 (RFC 8446 section 7.1).
type epoch uint8

const (
	earlyData epoch = iota
	handshakeTraffic
	applicationTraffic
)

func (e epoch) following() epoch { return min(e+1, applicationTraffic) }

// label is that of an epoch's secret, 0 where a direction has none.
func (e epoch) label(server bool) label {
	switch {
	case e == earlyData && !server:
		return clientEarly
	case e == handshakeTraffic && server:
		return serverHandshake
	case e == handshakeTraffic:
		return clientHandshake
	case e == applicationTraffic && server:
		return serverTraffic
	case e == applicationTraffic:
		return clientTraffic
	}
	return noSecret
}

// label says what a secret of a key log is.
type label uint8

const (
	noSecret label = iota
	masterSecret
	clientEarly
	clientHandshake
	serverHandshake
	clientTraffic
	serverTraffic
	labels
)

// labelNames are the labels of the SSLKEYLOGFILE format (RFC 9850).
var labelNames = map[string]label{
	"CLIENT_RANDOM":                   masterSecret,
	"CLIENT_EARLY_TRAFFIC_SECRET":     clientEarly,
	"CLIENT_HANDSHAKE_TRAFFIC_SECRET": clientHandshake,
	"SERVER_HANDSHAKE_TRAFFIC_SECRET": serverHandshake,
	"CLIENT_TRAFFIC_SECRET_0":         clientTraffic,
	"SERVER_TRAFFIC_SECRET_0":         serverTraffic,
}

const (
	maxSessions = 1 << 16
	maxSecret   = 48 // bytes: a master secret, or a hash of SHA-384
)

// Keys holds the secrets of sessions, the newest 65,536 of them. Any goroutine
// may use it. Nothing prints them.
type Keys struct {
	mu       sync.Mutex
	sessions map[[32]byte]*session // by client random
	order    [][32]byte            // of sessions, oldest first
	added    atomic.Uint64
	expected atomic.Bool // a key log is read
}

// session is the secrets of one session.
type session struct {
	since   time.Time
	secrets [labels][]byte
}

// NewKeys returns Keys that hold nothing.
func NewKeys() *Keys { return &Keys{sessions: map[[32]byte]*session{}} }

// Hope tells whether secrets have come, or a key log is read from which they may.
func (k *Keys) Hope() bool { return k.expected.Load() || k.added.Load() > 0 }

// Added is a number that grows with each secret.
func (k *Keys) Added() uint64 { return k.added.Load() }

// Add takes lines of a key log that came at t: label, client random and secret,
// the latter in hexadecimal. It returns how many were secrets that are read here;
// comments and other labels are passed over.
func (k *Keys) Add(lines []byte, t time.Time) int {
	n := 0
	for line := range bytes.Lines(lines) {
		if k.addLine(bytes.Fields(line), t) {
			n++
		}
	}
	return n
}

func (k *Keys) addLine(fields [][]byte, t time.Time) bool {
	if len(fields) != 3 || len(fields[1]) != 64 || len(fields[2]) > 2*maxSecret {
		return false
	}
	l := labelNames[string(fields[0])]
	if l == noSecret {
		return false
	}
	var random [32]byte
	if _, err := hex.Decode(random[:], fields[1]); err != nil {
		return false
	}
	secret, err := hex.AppendDecode(nil, fields[2])
	if err != nil || len(secret) == 0 {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.sessions[random]
	if s == nil {
		if len(k.order) == maxSessions {
			k.removeOldest()
		}
		s = &session{since: t}
		k.sessions[random] = s
		k.order = append(k.order, random)
	}
	s.secrets[l] = secret
	k.added.Add(1)
	return true
}

// Expire removes the sessions that came before t.
func (k *Keys) Expire(t time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.order) > 0 && k.sessions[k.order[0]].since.Before(t) {
		k.removeOldest()
	}
}

func (k *Keys) removeOldest() {
	delete(k.sessions, k.order[0])
	k.order = k.order[1:]
}

// secret is nil when it is not known.
func (k *Keys) secret(l label, random [32]byte) []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s := k.sessions[random]; s != nil && l != noSecret {
		return s.secrets[l]
	}
	return nil
}
