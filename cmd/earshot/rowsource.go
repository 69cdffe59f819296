package main

import "errors"

// rowSource is where a command finds its rows: in the store, or in captures
// that it reads.
type rowSource struct {
	Data  string   `placeholder:"DIR" help:"Data folder of a running earshot run, or of a stopped one."`
	Store string   `placeholder:"DSN" help:"Ask this ClickHouse."`
	Read  []string `placeholder:"FILE" sep:"none" help:"Read captures in place of a store; once for each file, or a directory of them."`
}

// gather gives what is in the captures, where some are named, else in the store. The
// question is put to who names both.
func gather[R any](a *app, from *rowSource, question string, stored, captured func(*app) (R, error)) (rows R, err error) {
	if len(from.Read) > 0 && (from.Data != "" || from.Store != "") {
		return rows, usagef("--read and --data or --store: give one of them: %s", question)
	}
	if err := a.loadStore(from.Data, from.Store); err != nil {
		return rows, err
	}
	if len(from.Read) > 0 {
		return captured(a)
	}
	return stored(a)
}

// capture reads the captures, each row to emit. A damaged file is an error
// beside what was read before; ok is false where there is nothing to tell.
func (from *rowSource) capture(a *app, emit func(row any) error) (ok bool, err error) {
	in, err := a.openInput(from.Read, false)
	if err != nil {
		return false, err
	}
	defer in.Close()
	r, err := a.newReading(in, from.Read)
	if err != nil {
		return false, err
	}
	r.emit = emit
	switch err = a.read(r); {
	case r.analyzer == nil || r.agent == nil:
		return false, err
	case errors.Is(err, errInterrupted):
		return false, errors.New("interrupted")
	}
	return true, err
}
