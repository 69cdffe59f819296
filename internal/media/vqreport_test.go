package media

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
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

var vqKey = regexp.MustCompile(`\b([A-Z]{2,5})=`)

// TestCorpusVQReports compares every pair of real bodies with the rows.
func TestCorpusVQReports(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(corpusDir(t), "vq_rtcpxr_misc", "*.txt"))
	whole, _ := filepath.Glob(filepath.Join(corpusDir(t), "rknightion+rfc6035-2otel", "*.txt")) // messages, not bodies
	checked := 0
	for _, file := range append(files, whole...) {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(whole, file) {
			if _, body, _ = bytes.Cut(bytes.ReplaceAll(body, []byte("\r"), nil), []byte("\n\n")); len(body) == 0 {
				t.Errorf("%s has no body", filepath.Base(file))
			}
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
		if slices.Contains(whole, file) && (*rows[0].PayloadDesc != "G.711 A-Law" || *rows[0].PacketsPerS != 50) {
			t.Errorf("%s: payload_desc %q, packets_per_s %v", filepath.Base(file), *rows[0].PayloadDesc, *rows[0].PacketsPerS)
		}
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
		keys := vqKey.FindAllStringSubmatchIndex(line, -1)
		for i, at := range keys {
			end := len(line)
			if i+1 < len(keys) {
				end = keys[i+1][0]
			}
			key, told := line[at[2]:at[3]], strings.TrimSpace(line[at[1]:end])
			column, ok := vqColumns[key]
			if !ok {
				continue
			}
			checked++
			have, there := got[column]
			score := strings.Contains(" SL NL RERL RLQ RCQ EXTRI EXTRO ", " "+key+" ")
			if told == "127" && score {
				if there {
					t.Errorf("%s: %s is %v, want NULL", name, column, have)
				}
				continue
			}
			want, err := strconv.ParseFloat(told, 64)
			switch x := have.(type) {
			case float64:
				if err != nil || x != want {
					t.Errorf("%s: %s is %v, want %s", name, column, x, told)
				}
			case string:
				if x != strings.Trim(told, `"`) {
					t.Errorf("%s: %s is %q, want %s", name, column, x, told)
				}
			default:
				if !there || float64(reflect.ValueOf(have).Uint()) != want {
					t.Errorf("%s: %s is %v, want %s", name, column, have, told)
				}
			}
		}
	}
	return checked
}

// TestVQPairs splits lines as devices write them.
func TestVQPairs(t *testing.T) {
	f := func(line string, want ...string) {
		t.Helper()
		var got []string
		vqPairs(line, func(key, value string) { got = append(got, key, value) })
		if !slices.Equal(got, want) {
			t.Errorf("%q gives %q, want %q", line, got, want)
		}
	}
	f("PT=8 PD=G.711 A-Law PPS=50 SSUP=off", "PT", "8", "PD", "G.711 A-Law", "PPS", "50", "SSUP", "off")
	f("PT=0  PD=G.711 Mu-Law  ", "PT", "0", "PD", "G.711 Mu-Law")
	f(`PD="a b=c" PPS=50`, "PD", "a b=c", "PPS", "50")
	f("FMTP=mode-set=2;octet-align=1 PLC=3", "FMTP", "mode-set=2;octet-align=1", "PLC", "3")
	f("MOSLQ = 3.1 RCQ=70; RLQ=71;", "MOSLQ", "3.1", "RCQ", "70", "RLQ", "71")
	f("IP= 10.0.0.139 PORT=2224", "IP", "10.0.0.139", "PORT", "2224")
	f("A=", "A", "")
	f("no pair")
}

// TestVQRanges: what no column can mean is kept as it was told.
func TestVQRanges(t *testing.T) {
	body := "VQSessionReport\nLocalAddr:IP=192.0.2.1 PORT=1 SSRC=0\nRemoteAddr:IP=192.0.2.2 PORT=2 SSRC=0x0\nLocalMetrics:\n"
	f := func(line string, column func(r *record.Report) any, other string) {
		t.Helper()
		rows, ok := ParseVQReport([]byte(body + line))
		if !ok {
			t.Fatal("no report")
		}
		r := &rows[0]
		if v := reflect.ValueOf(column(r)); !v.IsNil() || r.SSRC != nil || r.LocalSSRC != nil {
			t.Errorf("%s gives %v, SSRC %v", line, v.Elem(), r.SSRC)
		}
		key, value, _ := strings.Cut(line, "=")
		got, kept := r.Other[strings.ToLower(strings.ReplaceAll(key, ":", "."))]
		if want := other != ""; kept != want || kept && got != value {
			t.Errorf("%s: other has %q (%v)", line, got, kept)
		}
	}
	for _, v := range []string{"42", "0", "-1", "5.1", "NaN", "x"} {
		f("QualityEst:MOSLQ="+v, func(r *record.Report) any { return r.MOSLQ }, "kept")
		f("QualityEst:MOSCQ="+v, func(r *record.Report) any { return r.MOSCQ }, "kept")
	}
	for _, v := range []string{"-1", "100.1", "1e9", "Inf"} {
		f("PacketLoss:NLR="+v, func(r *record.Report) any { return r.NLRPct }, "kept")
		f("PacketLoss:JDR="+v, func(r *record.Report) any { return r.JDRPct }, "kept")
		f("BurstGapLoss:BLD="+v, func(r *record.Report) any { return r.BLDPct }, "kept")
	}
	for _, v := range []string{"-1", "121", "255"} {
		f("QualityEst:RLQ="+v, func(r *record.Report) any { return r.RLQ }, "kept")
		f("QualityEst:RCQ="+v, func(r *record.Report) any { return r.RCQ }, "kept")
	}
	f("QualityEst:RLQ=127", func(r *record.Report) any { return r.RLQ }, "")
	f("Delay:RTD=-5", func(r *record.Report) any { return r.RTDMs }, "kept")
	f("Delay:IAJ=-0.1", func(r *record.Report) any { return r.IAJMs }, "kept")
	f("SessionDesc:PT=200", func(r *record.Report) any { return r.PayloadType }, "kept")
	f("JitterBuffer:JBA=4", func(r *record.Report) any { return r.JBA }, "kept")
	f("JitterBuffer:JBN=-1", func(r *record.Report) any { return r.JBNMs }, "kept")

	rows, _ := ParseVQReport([]byte(body + "QualityEst:RLQ=120 RCQ=0 MOSLQ=1 MOSCQ=5\nPacketLoss:NLR=100 % JDR=0\n"))
	if r := rows[0]; *r.RLQ != 120 || *r.RCQ != 0 || *r.MOSLQ != 1 || *r.MOSCQ != 5 || *r.NLRPct != 100 || *r.JDRPct != 0 || len(r.Other) > 0 {
		t.Errorf("%+v", r)
	}
}

func TestVoIPMetricsRow(t *testing.T) {
	x := VoIPMetrics{Reporter: 1, SSRC: 2, LossRate: 64, DiscardRate: 0, RFactor: 127, MOSLQ: 41, MOSCQ: 127, SignalLevel: -20, NoiseLevel: 127, RERL: 127, RXConfig: 0b10_11_0101}
	r := x.Row()
	if *r.NLRPct != 25 || r.RLQ != nil || *r.MOSLQ != 4.1 || r.MOSCQ != nil || *r.SLDBm != -20 || r.NLDBm != nil || r.RERLDB != nil ||
		*r.PLC != 2 || *r.JBA != 3 || *r.JBR != 5 || *r.SSRC != 2 {
		t.Errorf("%+v", r)
	}
}

// TestVoIPMetricsRating: R is 0 to 100, what is above is none.
func TestVoIPMetricsRating(t *testing.T) {
	for v, want := range map[uint8]float64{0: 0, 93: 93, 100: 100, 101: -1, 126: -1, 127: -1, 255: -1} {
		x := VoIPMetrics{SSRC: 2, RFactor: v, ExtRFactor: v, Gmin: 16}
		r := x.Row()
		if want < 0 && (r.RLQ != nil || r.ExtRI != nil) || want >= 0 && (r.RLQ == nil || *r.RLQ != want || *r.ExtRI != want) {
			t.Errorf("R factor %d gives %v, %v", v, r.RLQ, r.ExtRI)
		}
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
