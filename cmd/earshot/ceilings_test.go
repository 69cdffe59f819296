package main

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// TestAgentCeiling gives an agent one hundredth of a core and many streams: it
// meters no new ones and says so, and SIP goes on.
func TestAgentCeiling(t *testing.T) {
	a := startAgent(t, writeConfig(t, "", "agent: {cpu: 1}\ncapture: {hosts: [127.95.0.0/16]}\n"), "udp://"+freePort(t))
	a.find(`(telling how it goes)`)
	to, err := net.ListenPacket("udp4", "127.95.0.2:20000")
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	from, err := net.ListenPacket("udp4", "127.95.0.1:20000")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	rtp := make([]byte, 172)
	rtp[0] = 0x80 // version 2, PCMU
	eventually(t, 30*time.Second, "the ceiling is reached", func() error {
		for i := range 3000 {
			binary.BigEndian.PutUint16(rtp[2:], uint16(i))
			binary.BigEndian.PutUint32(rtp[4:], uint32(160*i))
			binary.BigEndian.PutUint32(rtp[8:], uint32(i%500+1)+uint32(time.Now().Unix())<<12)
			if _, err := from.WriteTo(rtp, to.LocalAddr()); err != nil {
				return err
			}
		}
		if a.metric(`earshot_capture_undecoded_total{reason="cpu"}`) == 0 {
			return errors.New("no packet refused")
		}
		return nil
	})
	a.find(`(msg="the ceiling is reached: new RTP streams are not metered" key=agent.cpu)`)
	if _, page := a.get("/"); !strings.Contains(page, "ceilings: CPU 1 % of a core") {
		t.Errorf("the page: %s", page)
	}
	sendOptions(t, 10, "127.95.0.1:5060", "127.95.0.2:5060")
	eventually(t, 10*time.Second, "SIP goes on", func() error {
		if a.metric(`earshot_capture_packets_total{kind="sip"}`) != 10 {
			return errors.New("not all SIP is there")
		}
		return nil
	})
	if code := a.signal(os.Interrupt, stopLimit); code != exitDone {
		t.Errorf("it ended with status %d", code)
	}
}
