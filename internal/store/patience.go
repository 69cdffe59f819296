package store

import (
	"context"
	"errors"
	"io"
	"syscall"
	"time"
)

const (
	// patience is how long a server that drops connections is asked again at
	// the start. It is less than what supervisors give a program to start.
	patience   = 30 * time.Second
	firstPause = 100 * time.Millisecond
	mostPause  = 2 * time.Second
)

// patiently runs what may run twice, and again while the server takes
// connections and drops them: it is starting, restarting or short of
// something. A refused connection counts only after a dropped one, else nobody
// listens there.
func (s *Store) patiently(ctx context.Context, do func(ctx context.Context) error) error {
	end := time.Now().Add(patience)
	dropped := false
	for pause := firstPause; ; pause = min(2*pause, mostPause) {
		err := do(ctx)
		if !droppedBy(err) && !(dropped && errors.Is(err, syscall.ECONNREFUSED)) || time.Now().Add(pause).After(end) {
			return err
		}
		if !dropped {
			s.opt.Log.Warn("the store drops connections; trying again", "for", patience, "error", err)
		}
		dropped = true
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// droppedBy reports whether an error says that the server ended a connection.
func droppedBy(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
