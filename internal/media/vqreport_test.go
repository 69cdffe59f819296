package media

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/earshot-voip/earshot/internal/record"
)

const sessionReport = "VQSessionReport: CallTerm\r\n" +
	"CallID: 6dg37f1890463\r\n" +
	"LocalID: Alice <sip:alice@example.org>\r\n" +
	"RemoteID: Bill <sip:bill@example.net>\r\n" +
	"OrigID: Alice <sip:alice@example.org>\r\n" +
	"LocalAddr: IP=10.10.1.100 PORT=5000 SSRC=1a3b5c7d\r\n" +
	"LocalMAC: 00:1f:5b:cc:21:0f\r\n" +
	"RemoteAddr:IP=11.1.1.150 PORT=5002 SSRC=0x2468abcd\r\n" +
	"LocalMetrics:\r\n" +
	"Timestamps:START=2004-10-10T18:23:43Z STOP=2004-10-01T18:26:02Z\r\n" +
	"SessionDesc:PT=18 PD=G729 SR=8000 FD=20 FO=20 FPP=2 PPS=50 FMTP=\"annexb=no\" PLC=3 SSUP=on\r\n" +
	"JitterBuffer:JBA=3 JBR=2 JBN=40 JBM=80 JBX=120\r\n" +
	"PacketLoss:NLR=5.0 JDR=2.0\r\n" +
	"BurstGapLoss:BLD=0 BD=0 GLD=2.0 GD=500 GMIN=16\r\n" +
	"Delay:RTD=200 ESD=140 SOWD=200 IAJ=2 MAJ=10\r\n" +
	"Signal:SL=-18 NL=-50 RERL=55\r\n" +
	"QualityEst:RLQ=90 RCQ=127 MOSLQ=4.2 MOSCQ=4.3 QoEEstAlg=P.564\r\n" +
	"RemoteMetrics:\r\n" +
	"QualityEst : MOSLQ = 3.1 RCQ=70\r\n" +
	"DialogID:1890463548@alice.example.org;to-tag=8472761;from-tag=9123dh311\r\n"

func TestVQReport(t *testing.T) {
	rows, ok := ParseVQReport([]byte(sessionReport))
	if !ok || len(rows) != 2 {
		t.Fatalf("%d rows, %v", len(rows), ok)
	}
	l, r := rows[0], rows[1]
	is := func(name string, got, want any) {
		t.Helper()
		if v := reflect.ValueOf(got); v.Kind() == reflect.Pointer {
			if v.IsNil() {
				got = nil
			} else {
				got = v.Elem().Interface()
			}
		}
		if got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	is("kind", l.Kind, "session")
	is("metrics", l.Metrics, "local")
	is("call_id", l.CallID, "6dg37f1890463")
	is("ssrc", l.SSRC, uint32(0x2468abcd))
	is("local_ssrc without 0x", l.LocalSSRC, nil)
	is("local_port", l.LocalPort, uint16(5000))
	is("local_mac", l.LocalMAC, "00:1f:5b:cc:21:0f")
	is("payload_desc", l.PayloadDesc, "G729")
	is("fmtp", l.Fmtp, "annexb=no")
	is("frames_per_packet", l.FramesPerPacket, uint32(2))
	is("nlr_pct", l.NLRPct, 5.)
	is("jbx_ms", l.JBXMs, 120.)
	is("sl_dbm", l.SLDBm, -18.)
	is("rlq", l.RLQ, 90.)
	is("rcq 127", l.RCQ, nil)
	is("moslq", l.MOSLQ, 4.2)
	is("report", l.Other["report"], "CallTerm")
	is("other", l.Other["qualityest.qoeestalg"], "P.564")
	is("remote metrics", r.Metrics, "remote")
	is("remote moslq", r.MOSLQ, 3.1)
	is("remote nlr_pct", r.NLRPct, nil)
	is("remote dialog_id", r.DialogID, "1890463548@alice.example.org;to-tag=8472761;from-tag=9123dh311")
	if _, ok := ParseVQReport([]byte("CallID: x\r\nLocalMetrics:\r\n")); ok {
		t.Error("no report")
	}
}

// vqColumns are the columns of the keys that every body of the corpus has, for
// a reading of its own.
var vqColumns = map[string]string{
	"PT": "payload_type", "PD": "payload_desc", "SR": "sample_rate", "PPS": "packets_per_s", "FD": "frame_duration_ms", "FO": "frame_octets",
	"FPP": "frames_per_packet", "PLC": "plc", "SSUP": "silence_suppression", "FMTP": "fmtp",
	"JBA": "jba", "JBR": "jbr", "JBN": "jbn_ms", "JBM": "jbm_ms", "JBX": "jbx_ms", "NLR": "nlr_pct", "JDR": "jdr_pct",
	"BLD": "bld_pct", "BD": "bd_ms", "GLD": "gld_pct", "GD": "gd_ms", "GMIN": "gmin", "RTD": "rtd_ms", "ESD": "esd_ms", "OWD": "owd_ms",
	"SOWD": "sowd_ms", "IAJ": "iaj_ms", "MAJ": "maj_ms", "SL": "sl_dbm", "NL": "nl_dbm", "RERL": "rerl_db", "RLQ": "rlq", "RCQ": "rcq",
	"EXTRI": "extri", "EXTRO": "extro", "MOSLQ": "moslq", "MOSCQ": "moscq",
}

var vqPair = regexp.MustCompile(`\b([A-Z]{2,5})=("[^"]*"|[^\s]+)`)

// TestCorpusVQReports compares every pair of real bodies with the rows.
func TestCorpusVQReports(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(corpusDir(t), "vq_rtcpxr_misc", "*.txt"))
	checked := 0
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		rows, ok := ParseVQReport(body)
		if filepath.Base(file) == "SOURCE.txt" {
			if ok {
				t.Error("SOURCE.txt is no report")
			}
			continue
		}
		if !ok || len(rows) != 1 {
			t.Errorf("%s: %d rows", filepath.Base(file), len(rows))
			continue
		}
		checked += compareVQ(t, filepath.Base(file), string(body), &rows[0])
	}
	if checked < 100 {
		t.Errorf("only %d values compared", checked)
	}
}

func compareVQ(t *testing.T, name, body string, r *record.Report) (checked int) {
	t.Helper()
	got := map[string]any{}
	v := reflect.ValueOf(r).Elem()
	for _, f := range record.Fields(v.Type()) {
		if x := v.FieldByIndex(f.Index); x.Kind() == reflect.Pointer && !x.IsNil() {
			got[f.Name] = x.Elem().Interface()
		}
	}
	for line := range strings.Lines(body) {
		if strings.Contains(line, "Addr:") {
			continue
		}
		for _, m := range vqPair.FindAllStringSubmatch(line, -1) {
			column, ok := vqColumns[m[1]]
			if !ok {
				continue
			}
			checked++
			have, there := got[column]
			score := strings.Contains(" SL NL RERL RLQ RCQ EXTRI EXTRO ", " "+m[1]+" ")
			if m[2] == "127" && score {
				if there {
					t.Errorf("%s: %s is %v, want NULL", name, column, have)
				}
				continue
			}
			want, err := strconv.ParseFloat(m[2], 64)
			switch x := have.(type) {
			case float64:
				if err != nil || x != want {
					t.Errorf("%s: %s is %v, want %s", name, column, x, m[2])
				}
			case string:
				if x != strings.Trim(m[2], `"`) {
					t.Errorf("%s: %s is %q, want %s", name, column, x, m[2])
				}
			default:
				if !there || float64(reflect.ValueOf(have).Uint()) != want {
					t.Errorf("%s: %s is %v, want %s", name, column, have, m[2])
				}
			}
		}
	}
	return checked
}

func TestVoIPMetricsRow(t *testing.T) {
	x := VoIPMetrics{Reporter: 1, SSRC: 2, LossRate: 64, DiscardRate: 0, RFactor: 127, MOSLQ: 41, MOSCQ: 127, SignalLevel: -20, NoiseLevel: 127, RERL: 127, RXConfig: 0b10_11_0101}
	r := x.Row()
	if *r.NLRPct != 25 || r.RLQ != nil || *r.MOSLQ != 4.1 || r.MOSCQ != nil || *r.SLDBm != -20 || r.NLDBm != nil || r.RERLDB != nil ||
		*r.PLC != 2 || *r.JBA != 3 || *r.JBR != 5 || *r.SSRC != 2 {
		t.Errorf("%+v", r)
	}
}

func FuzzVQReport(f *testing.F) {
	f.Add([]byte(sessionReport))
	f.Add([]byte("VQAlertReport\nType=OWD\nMetrics:\nX:A=\"b"))
	f.Fuzz(func(t *testing.T, b []byte) {
		rows, ok := ParseVQReport(b)
		if ok != (len(rows) > 0) || len(rows) > 2 {
			t.Fatalf("%v, %d rows", ok, len(rows))
		}
		for i := range rows {
			if rows[i].Kind == nil || len(rows[i].Other) > maxVQPairs+1 {
				t.Fatalf("%+v", rows[i])
			}
			record.AppendJSON(nil, &rows[i])
		}
	})
}
