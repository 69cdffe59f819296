package media

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestToldJSON(t *testing.T) {
	f := func(kind uint8, v string, want ...told) {
		t.Helper()
		rows, ok := ParseToldJSON([]byte(v), kind)
		if !ok || len(rows) != len(want) {
			t.Fatalf("%d rows, %v of %s", len(rows), ok, v)
		}
		for i := range rows {
			if diff := cmp.Diff(want[i], toldBy(t, &rows[i])); diff != "" {
				t.Errorf("%s, row %d (-want +got):\n%s", v, i, diff)
			}
		}
	}
	// An RTP agent.
	f(34, `{"CORRELATION_ID":"a@b","RTP_SIP_CALL_ID":"a@b","DELTA":19.983,"JITTER":0.5,"MEAN_JITTER":0.25,"MAX_JITTER":2,"MOS":4.3,"MEAN_MOS":4.37,"RFACTOR":91,"PACKET_LOSS":3,"TOTAL_PK":500,"EXPECTED_PK":503,`+
		`"TL_BYTE":80000,"SRC_IP":"10.0.0.1","SRC_PORT":4000,"DST_IP":"10.0.0.2","DST_PORT":5000,"SSRC":"0x1a","CODEC_PT":8,"CODEC_NAME":"PCMA/8000","CLOCK":8000,"TYPE":"HANGUP","REPORT_START":1767607200,"X":null,"L":[1]}`, told{
		"call_id": "a@b", "jitter_ms": 0.25, "mos": 4.37, "r": 91., "packets_lost": 3., "packets_received": 500., "packets_expected": 503., "octets_received": 80000., "ssrc": 26.,
		"remote_ip": "10.0.0.1", "remote_port": 4000., "local_ip": "10.0.0.2", "local_port": 5000., "payload_type": 8., "payload_desc": "PCMA/8000", "sample_rate": 8000., "kind": "interval", "start_time": "2026-01-05T10:00:00Z",
		"other": told{"DELTA": "19.983", "JITTER": "0.5", "MAX_JITTER": "2", "MOS": "4.3"},
	})
	f(34, `{"CORRELATION_ID":"a","TOTAL_BYTES":1,"TOTAL_PACKETS":2,"TOTAL_EXPECTED_PK":3,"TOTAL_PACKET_LOSS":1,"TYPE":"FINAL"}`, told{
		"call_id": "a", "octets_received": 1., "packets_received": 2., "packets_expected": 3., "packets_lost": 1., "kind": "session",
	})
	// horaclifix: addresses as numbers, scores times 100; type 35 counts RTCP.
	f(34, `{"MOS":430,"RFACTOR":9100,"SRC_IP":167772161,"CODEC_PT":5,"CODEC_NAME":5,"CLOCK":8000,"TOTAL_PK":9}`, told{
		"mos": 4.3, "r": 91., "packets_received": 9., "other": told{"SRC_IP": "167772161", "CODEC_PT": "5", "CODEC_NAME": "5", "CLOCK": "8000"},
	})
	f(35, `{"MOS":430,"RFACTOR":9100,"TOTAL_PK":9,"PACKET_LOSS":2}`, told{"mos": 4.3, "r": 91., "packets_lost": 2., "other": told{"TOTAL_PK": "9"}})
	f(35, `{"SSRC":7,"MOS":4.1,"TOTAL_PK":9}`, told{"ssrc": 7., "mos": 4.1, "packets_received": 9.})
	f(38, `{"NAME":"sbc","INC_REALM":"access","OUT_REALM":"core","INC_ID":"x","INC_MOS":420,"INC_RVAL":8500,"INC_RTP_PK":5000,"INC_RTP_PK_LOSS":12,"INC_RTP_AVG_JITTER":8,"INC_RTP_BYTE":1,`+
		`"OUT_ID":"y","OUT_MOS":0,"OUT_RTP_PK":10,"CALLER_SRC_IP":"10.0.0.1"}`,
		told{
			"call_id": "x", "mos": 4.2, "r": 85., "packets_received": 5000., "packets_lost": 12., "octets_received": 1.,
			"other": told{"flow": "inc", "NAME": "sbc", "INC_REALM": "access", "OUT_REALM": "core", "INC_RTP_AVG_JITTER": "8", "CALLER_SRC_IP": "10.0.0.1"},
		},
		told{
			"call_id": "y", "packets_received": 10.,
			"other": told{"flow": "out", "NAME": "sbc", "INC_REALM": "access", "OUT_REALM": "core", "OUT_MOS": "0", "CALLER_SRC_IP": "10.0.0.1"},
		})
	// forge-media: jitter in units of a clock.
	f(32, `{"ssrc":3735928559,"fraction_lost":0.0078125,"packets_lost":-3,"jitter":120,"packets_received":2000,"packets_dropped":2,"mos":null}`, told{
		"ssrc": 3735928559., "nlr_pct": 0.78125, "packets_lost": -3., "packets_received": 2000., "other": told{"jitter": "120", "packets_dropped": "2"},
	})
	for _, bad := range []string{"", "[]", "{", "{}", `{"a":null}`, `{"a":[1]}`, `{"MOS":9}`, `{"hello":1}`, strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40), "{" + strings.Repeat(" ", maxToldJSON) + `"MOS":4}`} {
		for _, kind := range []uint8{32, 34, 35, 38} {
			if rows, ok := ParseToldJSON([]byte(bad), kind); ok {
				t.Errorf("%d: %.20q is read: %+v", kind, bad, rows)
			}
		}
	}
}

func FuzzToldJSON(f *testing.F) {
	f.Add([]byte(`{"MOS":"4.37","PACKET_LOSS":3,"SSRC":"0x1A","X":null,"L":[1],"o":{"p":{"q":1}},"REPORT_START":1}`), uint8(34))
	f.Add([]byte(`{"INC_MOS":430,"OUT_RVAL":8500,"OUT_MOS":120,"INC_RTP_PK":1,"OUT_ID":"y"}`), uint8(38))
	f.Add([]byte(`{"fraction_lost":0.1,"jitter":1,"mos":4}`), uint8(32))
	f.Fuzz(func(t *testing.T, b []byte, kind uint8) {
		rows, ok := ParseToldJSON(b, kind)
		if ok && len(rows) == 0 || len(rows) > 2 {
			t.Fatalf("%d rows, %v", len(rows), ok)
		}
		for i := range rows {
			boundedReport(t, &rows[i])
		}
	})
}
