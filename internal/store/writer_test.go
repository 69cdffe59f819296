package store_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/store"
)

// TestEveryFieldComesBack writes a full and an empty row of every type and
// compares what comes back with the row's own JSON, key by key.
func TestEveryFieldComesBack(t *testing.T) {
	s := migrated(t, database(t), store.Options{})
	for _, c := range []struct {
		table string
		rows  []any
	}{
		{"calls", []any{filled[record.Call](1), &record.Call{FirstSeen: begin.AddDate(1, 0, 0)}}},
		{"attempts", []any{filled[record.Attempt](2), &record.Attempt{FirstSeen: begin.AddDate(1, 0, 0)}}},
		{"streams", []any{filled[record.Stream](3), filled[record.Stream](4)}},
		{"intervals", []any{filled[record.Interval](5), filled[record.Interval](6)}},
		{"reports", []any{filled[record.Report](11), filled[record.Report](12)}},
		{"messages", []any{filled[record.Message](7), filled[record.Message](8)}},
		{"drops", []any{filled[record.Drop](9), filled[record.Drop](10)}},
	} {
		w := s.NewWriter()
		for _, r := range c.rows {
			if err := w.Append(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(t.Context(), "fields-"+c.table); err != nil {
			t.Fatal(err)
		}
		r, err := s.Query(t.Context(), "SELECT * EXCEPT stored_at FROM "+c.table+" ORDER BY first_seen", store.QueryOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if n, err := store.WriteJSONL(&b, r); err != nil || n != len(c.rows) {
			t.Fatalf("%s: %d rows, %v", c.table, n, err)
		}
		r.Close()
		lines := bufio.NewScanner(&b)
		lines.Buffer(nil, 1<<20)
		for _, want := range c.rows {
			lines.Scan()
			if diff := cmp.Diff(wantJSON(t, want), object(t, lines.Bytes())); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.table, diff)
			}
		}
	}
}

func object(t *testing.T, b []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return m
}

// wantJSON is a row as its columns hold it: nil lists are empty, times have
// six digits, and a missing time or address of a column that cannot be NULL is
// its zero.
func wantJSON(t *testing.T, row any) map[string]any {
	t.Helper()
	m := map[string]any{}
	v := reflect.ValueOf(row).Elem()
	for _, f := range record.Fields(v.Type()) {
		x := v.FieldByIndex(f.Index)
		b, err := json.Marshal(x.Interface())
		if err != nil {
			t.Fatal(err)
		}
		var got any
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		switch {
		case x.Kind() == reflect.Slice && x.IsNil():
			got = []any{}
		case x.Kind() == reflect.Map && x.IsNil():
			got = map[string]any{}
		}
		if s, ok := got.(string); ok && strings.HasSuffix(s, "Z") && strings.Contains(f.Type.String(), "time.Time") {
			if i := strings.IndexByte(s, '.'); i < 0 {
				got = s[:len(s)-1] + ".000000Z"
			} else {
				got = s[:i] + (s[i:len(s)-1] + "000000")[:7] + "Z"
			}
		}
		m[f.Name] = got
	}
	return m
}

func TestColumnsAreTheFields(t *testing.T) {
	s := migrated(t, database(t), store.Options{})
	for table, row := range map[string]reflect.Type{
		"calls": reflect.TypeFor[record.Call](), "attempts": reflect.TypeFor[record.Attempt](), "streams": reflect.TypeFor[record.Stream](),
		"intervals": reflect.TypeFor[record.Interval](), "messages": reflect.TypeFor[record.Message](), "drops": reflect.TypeFor[record.Drop](),
	} {
		var want []string
		for _, f := range record.Fields(row) {
			want = append(want, f.Name+" "+columnType(f.Type))
		}
		want = append(want, "stored_at DateTime64(6, 'UTC')")
		got := strings.Split(rows(t, s, "SELECT concat(name, ' ', replaceRegexpAll(type, 'LowCardinality\\\\(((?:Nullable\\\\()?String\\\\)?)\\\\)', '\\\\1')) FROM system.columns WHERE database = 'earshot' AND table = '"+table+"' ORDER BY position"), "\n")
		for i := range got {
			got[i] = strings.ReplaceAll(strings.Trim(got[i], `"`), `""`, `"`)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-fields +columns):\n%s", table, diff)
		}
		if n := rows(t, s, "SELECT name FROM system.columns WHERE database = 'earshot' AND comment = '' AND table = '"+table+"'"); n != "" {
			t.Errorf("%s: columns without comment: %s", table, n)
		}
	}
}

// columnType says independently of the writer which column a field needs.
func columnType(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		return "Nullable(" + columnType(t.Elem()) + ")"
	}
	switch name := t.String(); name {
	case "time.Time":
		return "DateTime64(6, 'UTC')"
	case "netip.Addr":
		return "IPv6"
	case "map[string]string":
		return "Map(String, String)"
	case "[]string":
		return "Array(String)"
	case "[]uint32":
		return "Array(UInt32)"
	case "uint8", "uint16", "uint32", "uint64":
		return "UInt" + name[4:]
	case "int64":
		return "Int64"
	case "float64":
		return "Float64"
	case "bool":
		return "Bool"
	}
	return "String"
}
