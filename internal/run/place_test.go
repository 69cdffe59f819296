package run

import (
	"os"
	"path/filepath"
	"testing"
)

func TestDataDir(t *testing.T) {
	c := Default()
	c.Data = "here"
	here, err := filepath.Abs("here")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.DataDir(); got != here || err != nil {
		t.Errorf("data: here is %q, %v; want %q", got, err, here)
	}
	c.Data = ""
	want := "/var/lib/earshot"
	if os.Geteuid() != 0 {
		want = "/of/mine/earshot"
	}
	t.Setenv("XDG_DATA_HOME", "/of/mine")
	if got, err := c.DataDir(); got != want || err != nil {
		t.Errorf("the default data folder is %q, %v; want %q", got, err, want)
	}
}

func TestNodeName(t *testing.T) {
	c := Default()
	if c.NodeName() == "" {
		t.Error("a host has no name")
	}
	c.Agent.Node = "edge-1"
	if got := c.NodeName(); got != "edge-1" {
		t.Errorf("agent.node: edge-1 names the node %q", got)
	}
}
