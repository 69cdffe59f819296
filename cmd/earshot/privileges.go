package main

import (
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/earshot-voip/earshot/agent/capture"
	"github.com/earshot-voip/earshot/internal/run"
)

// dropPrivileges has an agent go on as agent.user, with what it needs when it
// opens its sockets, and again when an interface comes back.
func dropPrivileges(a *app) error {
	c := &a.config
	if c.Agent.User == "" {
		return nil
	}
	o, err := uplinkOptions(c)
	if err != nil {
		return err
	}
	p := run.Privileges{User: c.Agent.User, Keep: []run.Capability{run.CapNetRaw}, Log: a.log}
	if c.Capture.Timestamps == capture.TimestampsHardware {
		p.Keep = append(p.Keep, run.CapNetAdmin)
	}
	if _, port, err := net.SplitHostPort(c.HTTP.Listen); err == nil {
		if n, err := strconv.Atoi(port); err == nil && n > 0 && n < 1024 {
			p.Keep = append(p.Keep, run.CapNetBindService)
		}
	}
	if o.SpoolDir != "" {
		p.Folders = append(p.Folders, o.SpoolDir)
	}
	dir, err := c.DataDir()
	if err != nil {
		return err
	}
	if c.Agent.Recorder.Memory > 0 {
		p.Folders = append(p.Folders, recorderDir(dir), filepath.Join(recorderDir(dir), "frozen"))
	}
	if c.Data == "" { // the folder of root, not that of the user
		if err := os.Setenv(run.EnvName("data"), dir); err != nil {
			return err
		}
	}
	return p.Drop()
}
