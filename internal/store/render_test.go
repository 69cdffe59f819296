package store_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/store"
)

func render(t *testing.T, s *store.Store, write func(io.Writer, *store.Rows) (int, error), sql string) string {
	t.Helper()
	r, err := s.Query(t.Context(), sql, store.QueryOptions{})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	defer r.Close()
	var b strings.Builder
	if _, err := write(&b, r); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return b.String()
}

// TestValues takes every type that the schema and usual functions give.
func TestValues(t *testing.T) {
	s := open(t, database(t), store.Options{})
	f := func(sql, csv, jsonText string) {
		t.Helper()
		if got := rows(t, s, "SELECT "+sql+" AS x"); got != csv {
			t.Errorf("%s as CSV: %s, want %s", sql, got, csv)
		}
		if got, want := render(t, s, store.WriteJSONL, "SELECT "+sql+" AS x"), `{"x":`+jsonText+"}\n"; got != want {
			t.Errorf("%s as JSON: %s, want %s", sql, got, want)
		} else if !json.Valid([]byte(got)) {
			t.Errorf("%s: no JSON: %s", sql, got)
		}
	}
	f("NULL", `\N`, "null")
	f("toUInt8(200)", "200", "200")
	f("toUInt64(18446744073709551615)", "18446744073709551615", "18446744073709551615")
	f("toInt64(-9223372036854775808)", "-9223372036854775808", "-9223372036854775808")
	f("toUInt256(1)", "1", "1")
	f("toNullable(toUInt16(5060))", "5060", "5060")
	f("CAST(NULL, 'Nullable(UInt16)')", `\N`, "null")
	f("toFloat64(4.38)", "4.38", "4.38")
	f("toFloat32(0.1)", "0.1", "0.1")
	f("1e-9", "1e-09", "1e-09")
	f("toFloat64(1) / 0", "inf", "null")
	f("nan", "nan", "null")
	f("true", "true", "true")
	f("toDecimal64(12.50, 2)", "12.5", "12.5")
	f("''", "", `""`)
	f("'a\"b<c>\n'", "\"a\"\"b<c>\n\"", `"a\"b<c>\n"`)
	f("toLowCardinality('x')", "x", `"x"`)
	f("CAST(NULL, 'LowCardinality(Nullable(String))')", `\N`, "null")
	f("toFixedString('ab', 2)", "ab", `"ab"`)
	f("toIPv6('::ffff:192.0.2.1')", "192.0.2.1", `"192.0.2.1"`)
	f("toIPv6('2001:db8::1')", "2001:db8::1", `"2001:db8::1"`)
	f("toIPv4('192.0.2.1')", "192.0.2.1", `"192.0.2.1"`)
	f("CAST(NULL, 'Nullable(IPv6)')", `\N`, "null")
	f("toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')", "61f0c404-5cb3-11e7-907b-a6006ad3dba0", `"61f0c404-5cb3-11e7-907b-a6006ad3dba0"`)
	f("toDateTime64('2026-03-04 05:06:07.891234', 6, 'UTC')", "2026-03-04 05:06:07.891234", `"2026-03-04T05:06:07.891234Z"`)
	f("toDateTime('2026-03-04 00:00:00', 'UTC')", "2026-03-04 00:00:00", `"2026-03-04T00:00:00Z"`)
	f("toDateTime64('2026-03-04 00:00:00', 6, 'UTC')", "2026-03-04 00:00:00.000000", `"2026-03-04T00:00:00.000000Z"`)
	f("toDate('2026-03-04')", "2026-03-04", `"2026-03-04"`)
	f("CAST(NULL, 'Nullable(DateTime64(6))')", `\N`, "null")
	f("[1, 2]", `"[1,2]"`, "[1,2]")
	f("emptyArrayUInt8()", "[]", "[]")
	f("[toIPv6('::ffff:192.0.2.1')]", `"[""192.0.2.1""]"`, `["192.0.2.1"]`)
	f("CAST(['a', NULL], 'Array(Nullable(String))')", `"[""a"",null]"`, `["a",null]`)
	f("map('b', 1, 'a', 2)", `"{""a"":2,""b"":1}"`, `{"a":2,"b":1}`)
	f("CAST(map('X-A', 'v'), 'Map(String, String)')", `"{""X-A"":""v""}"`, `{"X-A":"v"}`)
	f("(1, 'a')", `"[1,""a""]"`, `[1,"a"]`)
}

func TestFormats(t *testing.T) {
	s := open(t, database(t), store.Options{})
	const sql = `SELECT * FROM values('call_id String, status Nullable(UInt16), mos Float64', ('a<b>', 200, 4.4), ('\x1b[31mred\r\n', NULL, 12.25)) ORDER BY call_id DESC;`
	if got, want := render(t, s, store.WriteTable, sql), `call_id          status    mos
---------------  ------  -----
a<b>                200    4.4
\x1b[31mred\r\n    NULL  12.25
(2 rows)
`; got != want {
		t.Errorf("table:\n%s", got)
	}
	if got, want := render(t, s, store.WriteCSV, sql), "call_id,status,mos\na<b>,200,4.4\n\"\x1b[31mred\r\n\",\\N,12.25\n"; got != want {
		t.Errorf("CSV: %q", got)
	}
	if got, want := render(t, s, store.WriteJSONL, sql), `{"call_id":"a<b>","status":200,"mos":4.4}
{"call_id":"\u001b[31mred\r\n","status":null,"mos":12.25}
`; got != want {
		t.Errorf("JSONL:\n%s", got)
	}
	if got := render(t, s, store.WriteTable, "SELECT 1 AS a WHERE 0"); got != "a\n-\n(0 rows)\n" {
		t.Errorf("empty table: %q", got)
	}
	if got := render(t, s, store.WriteTable, "SELECT number FROM numbers(100000)"); strings.Count(got, "\n") != 100_003 || !strings.HasSuffix(got, "\n 99999\n(100000 rows)\n") {
		t.Errorf("long table: %d lines", strings.Count(got, "\n"))
	}
}

func TestQueriesAreReadOnlyAndBounded(t *testing.T) {
	s := migrated(t, database(t), store.Options{})
	f := func(sql string, opt store.QueryOptions, want string) {
		t.Helper()
		r, err := s.Query(t.Context(), sql, opt)
		if err == nil {
			_, err = store.WriteCSV(io.Discard, r)
			r.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", sql, err, want)
		}
	}
	f("INSERT INTO drops (reason) VALUES ('x')", store.QueryOptions{}, "--write")
	f("DROP TABLE drops", store.QueryOptions{}, "--write")
	f("ALTER TABLE drops DELETE WHERE 1", store.QueryOptions{}, "--write")
	f("SELECT 1 SETTINGS readonly = 0", store.QueryOptions{}, "readonly")
	f("SELECT nix", store.QueryOptions{}, "clickhouse error 47")
	f("SELECT FROM WHERE", store.QueryOptions{}, "clickhouse error 62")
	f(" ;\n", store.QueryOptions{}, "empty")
	f("SELECT count() FROM numbers(10000000000000) WHERE sipHash64(number) = 1", store.QueryOptions{MaxTime: time.Second}, "clickhouse error 159")
	f("SELECT groupArray(number) FROM numbers(100000000)", store.QueryOptions{MaxMemory: 10 << 20}, "clickhouse error 241")
	f("SELECT throwIf(number = 100000) FROM numbers(200000)", store.QueryOptions{}, "clickhouse error 395")

	wantRows(t, s, "drops", 0)
	exec(t, s, "INSERT INTO drops (first_seen, reason) VALUES (now64(6), 'a'), (now64(6), 'b\nb')")
	if got := rows(t, s, "SELECT count() FROM drops WHERE reason IN (?, ?)", "a", "b\nb"); got != "2" {
		t.Errorf("bound values found %s rows", got)
	}
}
