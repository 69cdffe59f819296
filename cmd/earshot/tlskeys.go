package main

import (
	"context"
	"time"

	"github.com/earshot-voip/earshot/internal/run"
	"github.com/earshot-voip/earshot/internal/tlsview"
)

// keyed is captures that may hold secrets of TLS sessions.
type keyed interface {
	OnKeyLog(take func(lines []byte))
}

// keysOf gives the secrets of TLS sessions that captures hold themselves, and
// those of the configured key log, which is read once, before them.
func keysOf(c *run.Config, captures keyed) (*tlsview.Keys, error) {
	keys := tlsview.NewKeys()
	captures.OnKeyLog(func(lines []byte) { keys.Add(lines, time.Time{}) })
	if c.Capture.TLSKeyLog == "" {
		return keys, nil
	}
	log := tlsview.NewKeyLog(c.Capture.TLSKeyLog, keys)
	if err := log.Read(time.Time{}); err != nil {
		return nil, err
	}
	log.End(time.Time{})
	return keys, nil
}

// followKeys gives the secrets of the configured key log, which a component of
// group follows; nil where none is configured.
func followKeys(a *app, group *run.Group) *tlsview.Keys {
	if a.config.Capture.TLSKeyLog == "" {
		return nil
	}
	keys := tlsview.NewKeys()
	log := tlsview.NewKeyLog(a.config.Capture.TLSKeyLog, keys)
	group.Add("tls key log", run.Func(func(ctx context.Context) error { return log.Run(ctx, a.log) }))
	return keys
}
