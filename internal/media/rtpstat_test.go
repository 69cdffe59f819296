package media

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/earshot-voip/earshot/internal/record"
)

// toldBy is what a report says: its columns and Other, without what is NULL.
func toldBy(t *testing.T, r *record.Report) map[string]any {
	t.Helper()
	got := map[string]any{}
	v := reflect.ValueOf(r).Elem()
	for _, f := range record.Fields(v.Type()) {
		x := v.FieldByIndex(f.Index)
		if x.Kind() == reflect.Pointer && !x.IsNil() || x.Kind() == reflect.Map && x.Len() > 0 {
			b, err := json.Marshal(x.Interface())
			if err != nil {
				t.Fatal(err)
			}
			var value any
			if err := json.Unmarshal(b, &value); err != nil {
				t.Fatal(err)
			}
			got[f.Name] = value
		}
	}
	return got
}

type told = map[string]any

func TestRTPStat(t *testing.T) {
	f := func(v string, want told) {
		t.Helper()
		r, ok := ParseRTPStat([]byte(v))
		if !ok {
			t.Fatalf("%q is not read", v)
		}
		if diff := cmp.Diff(want, toldBy(t, &r)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", v, diff)
		}
	}
	// Cisco, Poly, AudioCodes, as their manuals show them.
	f("PS=3775,OS=649300,PR=3775,OR=604000,PL=0,JI=0,LA=4,DU=98", told{
		"packets_sent": 3775., "octets_sent": 649300., "packets_received": 3775., "octets_received": 604000., "packets_lost": 0., "jitter_ms": 0.,
		"other": told{"LA": "4", "DU": "98"},
	})
	f("PS=1234,OS=34560,PR=1236,OR=24720,JI=1,DU=1230,PL=0,EN=G711U,DE=G711U,MOS=4.0", told{
		"packets_sent": 1234., "octets_sent": 34560., "packets_received": 1236., "octets_received": 24720., "packets_lost": 0., "jitter_ms": 1., "mos": 4.,
		"codec_sent": "G711U", "payload_desc": "G711U", "other": told{"DU": "1230"},
	})
	f("\r\n PS=207;OS=49680;;PR=314;OR=50240;PL=-2;JI=600;LA=40;", told{
		"packets_sent": 207., "octets_sent": 49680., "packets_received": 314., "octets_received": 50240., "packets_lost": -2., "jitter_ms": 600., "other": told{"LA": "40"},
	})
	// baresip: jitter in units of the codec's clock.
	f("EX=BareSip;CS=0;CD=40;PR=2000;PS=2001;PL=7,5;PD=0,0;JI=14.0,12.0;IP=0.0.0.0:20090,10.77.0.2:30040;EN=G722/16000;DE=PCMU/8000", told{
		"packets_sent": 2001., "packets_received": 2000., "packets_lost": 7., "remote_packets_lost": 5., "jitter_ms": 1.75, "remote_jitter_ms": 0.75,
		"local_port": 20090., "remote_ip": "10.77.0.2", "remote_port": 30040., "codec_sent": "G722/16000", "payload_desc": "PCMU/8000",
		"other": told{"EX": "BareSip", "CS": "0", "CD": "40", "PD": "0,0"},
	})
	f("EX=BareSip;PR=1;JI=14.0,12.0;DE=PCMU", told{"packets_received": 1., "payload_desc": "PCMU", "other": told{"EX": "BareSip", "JI": "14.0,12.0"}})
	// AVM: nobody here knows the unit of its jitter.
	f("CS=1;PS=1207;ES=1218;QS=-;PR=1206;ER=1218;QR=-;PL=1,2;RB=0/0;EN=PCMA;DE=PCMA;JI=23,2;DL=10,10,11", told{
		"packets_sent": 1207., "packets_received": 1206., "packets_lost": 1., "remote_packets_lost": 2., "codec_sent": "PCMA", "payload_desc": "PCMA",
		"other": told{"CS": "1", "ES": "1218", "QS": "-", "ER": "1218", "QR": "-", "RB": "0/0", "JI": "23,2", "DL": "10,10,11"},
	})
	f("PR=0;ER=0;PL=0;RB=0/0;DE=PCMU;EN=PCMU;JI=0;DL=0,0;IP=10.1.0.33:16384,192.0.2.200:20048", told{
		"packets_received": 0., "packets_lost": 0., "codec_sent": "PCMU", "payload_desc": "PCMU", "local_ip": "10.1.0.33", "local_port": 16384., "remote_ip": "192.0.2.200", "remote_port": 20048.,
		"other": told{"ER": "0", "RB": "0/0", "JI": "0", "DL": "0,0"},
	})
	f("MOS=3.8;Jitter=7;RTPStat=RTP: 258452 bytes, 1509 packets; RTCP:  12 errors", told{
		"mos": 3.8, "other": told{"Jitter": "7", "RTPStat": "RTP: 258452 bytes, 1509 packets;RTCP:  12 errors"},
	})
	f("PS=-1,PR=5,PL=,XX=a,b,MOS=0", told{"packets_received": 5., "other": told{"PS": "-1", "PL": "", "XX": "a,b", "MOS": "0"}})
	for _, bad := range []string{"", ";;;", "hello", "PS=x", "=1,=2", strings.Repeat("PS=1;", maxRTPStat)} {
		if _, ok := ParseRTPStat([]byte(bad)); ok {
			t.Errorf("%.20q is read", bad)
		}
	}
}

func FuzzRTPStat(f *testing.F) {
	f.Add([]byte("PS=1207,OS=193120,PR=1206,OR=192960,PL=0,JI=0,LA=20,EN=G711, DE=G711,MOS=4"))
	f.Add([]byte("EX=BareSip;CS=0;PR=2000;PL=0,0;JI=14.0,12.0;IP=0.0.0.0:20090,10.77.0.2:30040;EN=PCMU/8000;DE=PCMU/0"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, _ := ParseRTPStat(b)
		boundedReport(t, &r)
	})
}

// boundedReport holds a report to what one may be.
func boundedReport(t *testing.T, r *record.Report) {
	t.Helper()
	if len(r.Other) > maxVQPairs+1 {
		t.Fatalf("%d in Other", len(r.Other))
	}
	for k, v := range r.Other {
		if len(k) > maxVQText || len(v) > maxVQText {
			t.Fatalf("%d bytes of %.20q", len(v), k)
		}
	}
	for _, v := range []*float64{r.JitterMs, r.RemoteJitterMs} {
		if v != nil && !(*v >= 0) {
			t.Fatalf("jitter %v", *v)
		}
	}
	for _, v := range []*float64{r.MOS, r.MOSCQ, r.MOSLQ} {
		if v != nil && !(*v >= 1 && *v <= 5) {
			t.Fatalf("MOS %v", *v)
		}
	}
	record.AppendJSON(nil, r)
}
