package run

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestReload takes what it can, says what it cannot, and upon any mistake
// changes nothing.
func TestReload(t *testing.T) {
	file := filepath.Join(t.TempDir(), "earshot.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	sources := Sources{File: file, Flags: []Setting{{Key: "agent.node", Value: "edge", Flag: "--node"}}}
	c, _, err := Load(sources)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	var level slog.LevelVar
	ports := 0 // in force
	refuse := errors.New("the kernel refuses it")
	r := &Reloader{Sources: sources, Config: c, Log: slog.New(slog.NewTextHandler(&log, nil)), Takes: []Take{
		{},
		{Keys: []string{"log.level"}, Take: func(c *Config) error { level.Set(c.Log.Level); return nil }},
		{Keys: []string{"capture.ports", "capture.hosts"}, Take: func(c *Config) error {
			if ports = len(c.Capture.Ports); ports > 2 {
				return refuse
			}
			if c.Media.Signal != "off" {
				t.Error("it is given a value that is not in force")
			}
			return nil
		}},
	}}
	f := func(text string, wantLevel slog.Level, wantPorts int, said ...string) {
		t.Helper()
		write(text)
		log.Reset()
		r.reload()
		if level.Level() != wantLevel || ports != wantPorts || r.Config.Log.Level != wantLevel || len(r.Config.Capture.Ports) != wantPorts {
			t.Errorf("level %v, %d ports; want %v, %d", level.Level(), ports, wantLevel, wantPorts)
		}
		for _, s := range said {
			if !strings.Contains(log.String(), s) {
				t.Errorf("it does not say %s:\n%s", s, &log)
			}
		}
		if r.Config.Agent.Node != "edge" {
			t.Error("the flag is forgotten")
		}
	}
	f("", slog.LevelInfo, 0, "changed=[]")
	f("log: {level: debug}\ncapture: {ports: [5060], hosts: [192.0.2.1]}", slog.LevelDebug, 1, "changed=\"[capture.hosts capture.ports log.level]\"")
	f("log: {level: warn}\ncapture: {ports: [0]}", slog.LevelDebug, 1, "nothing changed", "capture.ports")
	f("log: {level: warn}\ncapture: {ports: [1, 2, 3]}", slog.LevelDebug, 1, "nothing changed", refuse.Error())
	f("log: {level: debug}\nmedia: {signal: on}\ncapture: {ports: [1, 2], buffer: 1MiB}", slog.LevelDebug, 2,
		"needs a restart", "key=capture.buffer", "key=media.signal", "changed=\"[capture.hosts capture.ports]\"")
	f("log: {level: debug}\nmedia: {signal: on}\ncapture: {ports: [1, 2]}", slog.LevelDebug, 2, "key=media.signal", "changed=[]")
	f("nosuch: 1", slog.LevelDebug, 2, "nothing changed", "nosuch")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	log.Reset()
	if r.reload(); !strings.Contains(log.String(), "nothing changed") {
		t.Errorf("without a file: %s", &log)
	}
	if got := changed(&c, &r.Config); !slices.Equal(got, []string{"capture.ports", "log.level"}) {
		t.Errorf("changed in all: %v", got)
	}
}
