package media

import (
	"encoding/binary"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestXRRows: blocks as they are on the wire.
func TestXRRows(t *testing.T) {
	block := []byte{
		0x80, 207, 0, 16, 0, 0, 0, 9, // XR of 9
		7, 0, 0, 8, 0, 0, 0, 5, // VoIP metrics of stream 5
		64, 32, 128, 16, 1, 0, 2, 0, 0, 50, 0, 60, 0xeb, 127, 127, 16, 93, 127, 43, 127, 0b11_10_0101, 0, 0, 40, 0, 80, 0, 120,
		29, 0b10_000000, 0, 5, 0, 0, 0, 6, // MOS, interval
	}
	for _, segment := range []uint32{
		3<<23 | 8<<16 | 4<<9 | 1<<8,            // 4.5
		1<<31 | 4<<23 | 9<<16 | 2<<13 | 0x1fff, // not available
		1<<31 | 255<<23 | 9<<16 | 7<<13 | 3<<6, // 3
		5<<23 | 96<<16 | 80<<9,                 // 80, of an algorithm that counts to 100
	} {
		block = binary.BigEndian.AppendUint32(block, segment)
	}
	var x RTCP
	binary.BigEndian.PutUint16(block[2:], uint16(len(block)/4-1))
	if err := ParseRTCP(block, &x); err != nil || len(x.VoIP) != 1 || len(x.MOS) != 4 {
		t.Fatalf("%+v, %v", x, err)
	}
	voip := x.VoIP[0].Row()
	if diff := cmp.Diff(told{
		"metrics": "local", "ssrc": 5., "remote_ssrc": 5., "local_ssrc": 9., "nlr_pct": 25., "jdr_pct": 12.5, "bld_pct": 50., "gld_pct": 6.25, "bd_ms": 256., "gd_ms": 512., "rtd_ms": 50., "esd_ms": 60.,
		"sl_dbm": -21., "gmin": 16., "rlq": 93., "moslq": 4.3, "plc": 3., "jba": 2., "jbr": 5., "jbn_ms": 40., "jbm_ms": 80., "jbx_ms": 120.,
	}, toldBy(t, &voip)); diff != "" {
		t.Errorf("VoIP metrics (-want +got):\n%s", diff)
	}
	for i, want := range []told{
		{"payload_type": 8., "moscq": 4.5, "other": told{"calg_id": "3"}},
		{"payload_type": 9., "other": told{"calg_id": "4", "channel": "2"}},
		{"payload_type": 9., "moscq": 3., "other": told{"calg_id": "255", "channel": "7"}},
		{"payload_type": 96., "other": told{"calg_id": "5", "mos": "80"}},
	} {
		maps.Copy(want, told{"metrics": "local", "kind": "interval", "ssrc": 6., "remote_ssrc": 6., "local_ssrc": 9.})
		r, ok := x.MOS[i].Row()
		if diff := cmp.Diff(want, toldBy(t, &r)); diff != "" || !ok {
			t.Errorf("segment %d, %v (-want +got):\n%s", i, ok, diff)
		}
	}
	if _, ok := (&MOSBlock{SSRC: 1, Interval: 1}).Row(); ok {
		t.Error("a sampled value is read")
	}
	r, ok := (&MOSBlock{SSRC: 1, Interval: 3, Segment: 1<<9 | 4<<9}).Row()
	if !ok || *r.MOSCQ != 5 || r.Other["span"] != "cumulative" || r.Kind != nil {
		t.Errorf("%+v", r)
	}
	half := (&VoIPMetrics{LossRate: 128}).Row() // report_blocks_xr of other emitters
	if diff := cmp.Diff(told{"metrics": "local", "nlr_pct": 50., "jdr_pct": 0., "bld_pct": 0., "gld_pct": 0., "bd_ms": 0., "gd_ms": 0., "esd_ms": 0.}, toldBy(t, &half)); diff != "" {
		t.Errorf("half a block (-want +got):\n%s", diff)
	}
}

// FuzzMOSSegment: any segment is a score of 1 to 5, or none.
func FuzzMOSSegment(f *testing.F) {
	f.Add(uint32(4<<9), uint8(2))
	f.Fuzz(func(t *testing.T, segment uint32, interval uint8) {
		r, _ := (&MOSBlock{SSRC: 1, Interval: interval, Segment: segment}).Row()
		boundedReport(t, &r)
	})
}
