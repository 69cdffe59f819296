package emodel

import (
	"fmt"
	"testing"
)

func TestLookup(t *testing.T) {
	for _, v := range []struct {
		f      Format
		name   string // "" where there is no codec
		status Status
	}{
		{Format{Encoding: "PCMU"}, "G.711 PLC", Std},
		{Format{Encoding: "pcma"}, "G.711 PLC", Std},
		{Format{Encoding: "PCMA", NoPLC: true}, "G.711", Std},
		{Format{Encoding: "G729"}, "G.729A+VAD", Std},
		{Format{Encoding: "g729", Fmtp: "annexb=yes"}, "G.729A+VAD", Std},
		{Format{Encoding: "G729", Fmtp: "annexb=no"}, "G.729", Assumed},
		{Format{Encoding: "G729", Fmtp: " AnnexB = NO ; x"}, "G.729", Assumed},
		{Format{Encoding: "G723"}, "G.723.1 6.3", Assumed},
		{Format{Encoding: "G723", PayloadBytes: 24}, "G.723.1 6.3", Std},
		{Format{Encoding: "G723", PayloadBytes: 48}, "G.723.1 6.3", Std},
		{Format{Encoding: "G723", PayloadBytes: 20}, "G.723.1 5.3", Assumed},
		{Format{Encoding: "G723", PayloadBytes: 120}, "G.723.1 6.3", Assumed},
		{Format{Encoding: "G723", Fmtp: "bitrate=5.3;annexa=no"}, "G.723.1 5.3", Assumed},
		{Format{Encoding: "G723", Fmtp: "bitrate=6.3"}, "G.723.1 6.3", Std},
		{Format{Encoding: "GSM"}, "GSM-FR", Assumed},
		{Format{Encoding: "GSM-HR-08"}, "GSM-HR", Assumed},
		{Format{Encoding: "GSM-EFR"}, "GSM-EFR", Std},
		{Format{Encoding: "G726-40"}, "G.726-40", Assumed},
		{Format{Encoding: "G726-32"}, "G.726-32", Assumed},
		{Format{Encoding: "AAL2-G726-24"}, "G.726-24", Assumed},
		{Format{Encoding: "G726-16"}, "G.726-16", Assumed},
		{Format{Encoding: "G721"}, "G.726-32", Assumed},
		{Format{Encoding: "G728"}, "G.728", Assumed},
		{Format{Encoding: "EVRC"}, "IS-127", Assumed},
		{Format{Encoding: "iLBC"}, "iLBC 30 ms", Verify},
		{Format{Encoding: "ILBC", Fmtp: "mode=20"}, "iLBC 20 ms", Verify},
		{Format{Encoding: "iLBC", Fmtp: "mode=30", PayloadBytes: 76}, "iLBC 20 ms", Verify},
		{Format{Encoding: "iLBC", Fmtp: "mode=20", PayloadBytes: 50}, "iLBC 30 ms", Verify},
		{Format{Encoding: "AMR"}, "AMR 12.2", Assumed},
		{Format{Encoding: "AMR", PayloadBytes: 32}, "AMR 12.2", Std},
		{Format{Encoding: "AMR", PayloadBytes: 33}, "AMR 12.2", Std},
		{Format{Encoding: "AMR", PayloadBytes: 14}, "AMR 4.75", Assumed},
		{Format{Encoding: "AMR", PayloadBytes: 21}, "AMR 7.4", Assumed},
		{Format{Encoding: "AMR", Fmtp: "octet-align=1; mode-set=7"}, "AMR 12.2", Std},
		{Format{Encoding: "AMR", Fmtp: "mode-set=0,2,4,7"}, "AMR 12.2", Assumed},
		{Format{Encoding: "AMR", Fmtp: "mode-set=9"}, "AMR 12.2", Assumed},

		{Format{Encoding: "AMR", PtimeMs: 20, PayloadBytes: 14}, "AMR 4.75", Assumed},
		{Format{Encoding: "AMR", PtimeMs: 40, PayloadBytes: 63}, "AMR 12.2", Std},
		{Format{Encoding: "AMR", PtimeMs: 40, PayloadBytes: 65, Fmtp: "octet-align=1"}, "AMR 12.2", Std},

		// Comfort noise among frames of 12.2 and 6.3 kbit/s: the mean is no frame's.
		{Format{Encoding: "AMR", PtimeMs: 20, PayloadBytes: 21, PayloadMixed: true}, "AMR 12.2", Assumed},
		{Format{Encoding: "AMR", PtimeMs: 20, PayloadBytes: 21, PayloadMixed: true, Fmtp: "mode-set=7"}, "AMR 12.2", Std},
		{Format{Encoding: "G723", PayloadBytes: 20, PayloadMixed: true}, "G.723.1 6.3", Assumed},

		{Format{Encoding: "G722"}, "G.722", Verify},
		{Format{Encoding: "G7221", Fmtp: "bitrate=24000"}, "G.722.1 24", Verify},
		{Format{Encoding: "G7221", Fmtp: "bitrate=32000"}, "G.722.1 32", Verify},
		{Format{Encoding: "G7221", PayloadBytes: 80, PtimeMs: 20}, "G.722.1 32", Verify},
		{Format{Encoding: "G7221"}, "G.722.1 24", Assumed},
		{Format{Encoding: "G7221", Fmtp: "bitrate=48000"}, "", 0},
		{Format{Encoding: "EVS"}, "EVS", Assumed},
		{Format{Encoding: "opus"}, "Opus", Assumed},
		{Format{Encoding: "AMR-WB"}, "AMR-WB 12.65", Verify},
		{Format{Encoding: "amr-wb", Fmtp: "mode-set=8"}, "AMR-WB 23.85", Verify},
		{Format{Encoding: "AMR-WB", Fmtp: "mode-set=9"}, "AMR-WB 12.65", Verify},

		// No Ie anywhere: no result, never G.711's curve.
		{Format{Encoding: "G729D"}, "", 0},
		{Format{Encoding: "G729E"}, "", 0},
		{Format{Encoding: "speex"}, "", 0},
		{Format{Encoding: "telephone-event"}, "", 0},
		{Format{Encoding: "CN"}, "", 0},
		{Format{}, "", 0},
	} {
		c, ok := Lookup(v.f)
		if ok != (v.name != "") || c.Name != v.name {
			t.Errorf("Lookup(%+v) = %q, %v; want %q", v.f, c.Name, ok, v.name)
			continue
		}
		if ok && c.Status() != v.status {
			t.Errorf("Lookup(%+v) has status %v, want %v", v.f, c.Status(), v.status)
		}
	}
}

func TestCodecTable(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Codecs() {
		key := fmt.Sprint(c.Name, " ", c.Kbps)
		if seen[key] {
			t.Errorf("%s stands twice", key)
		}
		seen[key] = true
		// The rate of Opus and EVS is known only by their packets.
		anyRate := c.Name == "Opus" || c.Name == "EVS"
		if c.Ie < 0 || c.Ie > 95 || c.Bpl < 1 || (c.Kbps <= 0) != anyRate || c.Source == "" {
			t.Errorf("%+v: value out of range", c)
		}
		if c.BplBursty < 0 || c.BplBursty > c.Bpl {
			t.Errorf("%+v: bursty loss is borne better than random", c)
		}
		if c.PLCAssumed != (c.Name == "G.711 PLC" || c.Name == "G.722") {
			t.Errorf("%s: PLCAssumed = %v", c.Name, c.PLCAssumed)
		}
		if got := R(c, 0, 1, 0); got != c.Ceiling() {
			t.Errorf("%s: R without loss %v is not its ceiling %v", c.Name, got, c.Ceiling())
		}
	}
	if len(seen) != 102 {
		t.Errorf("%d codecs, want 102", len(seen))
	}
}

func TestNames(t *testing.T) {
	for s, want := range map[Status]string{Std: "std", Derived: "derived", Assumed: "assumed", Verify: "verify"} {
		if s.String() != want {
			t.Errorf("status %d is %q, want %q", s, s, want)
		}
	}
	for s, want := range map[Scale][2]string{NB: {"NB", "G.107"}, WB: {"WB", "G.107.1"}, FB: {"FB", "G.107.2"}} {
		if s.String() != want[0] || s.Model() != want[1] {
			t.Errorf("scale %d is %q of %q, want %q", s, s, s.Model(), want)
		}
	}
}
