package store

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tableSample is how many rows WriteTable looks at for the columns' widths;
// later rows that are wider only stick out.
const tableSample = 1000

// WriteTable writes the rows for people, and how many there were. Control
// characters are escaped: a message's text must not drive a terminal.
func WriteTable(w io.Writer, rows *Rows) (n int, err error) {
	out := bufio.NewWriter(w)
	columns := rows.Columns()
	if len(columns) == 0 {
		return 0, finish(rows, out)
	}
	width := make([]int, len(columns))
	right := make([]bool, len(columns))
	head := make([]string, len(columns))
	for i, c := range columns {
		head[i] = printable(c.Name)
		width[i] = utf8.RuneCountInString(head[i])
		right[i] = isNumber(c.Type)
	}
	line := func(cells []string, right []bool) {
		for i, c := range cells {
			pad := strings.Repeat(" ", max(0, width[i]-utf8.RuneCountInString(c)))
			switch {
			case right != nil && right[i]:
				out.WriteString(pad + c)
			case i < len(cells)-1:
				out.WriteString(c + pad)
			default:
				out.WriteString(c)
			}
			if i < len(cells)-1 {
				out.WriteString("  ")
			}
		}
		out.WriteByte('\n')
	}
	var sample [][]string
	flush := func() {
		for _, cells := range sample {
			for i, c := range cells {
				width[i] = max(width[i], utf8.RuneCountInString(c))
			}
		}
		line(head, right)
		rule := make([]string, len(columns))
		for i := range rule {
			rule[i] = strings.Repeat("-", width[i])
		}
		line(rule, nil)
		for _, cells := range sample {
			line(cells, right)
		}
		sample = nil
	}
	for rows.Next() {
		cells := make([]string, len(columns))
		for i, v := range rows.shown() {
			cells[i] = "NULL"
			if v != nil {
				cells[i] = printable(text(v))
			}
		}
		n++
		if n > tableSample {
			line(cells, right)
			continue
		}
		sample = append(sample, cells)
		if n == tableSample {
			flush()
		}
	}
	if n < tableSample {
		flush()
	}
	fmt.Fprintf(out, "(%d %s)\n", n, map[bool]string{true: "row", false: "rows"}[n == 1])
	return n, finish(rows, out)
}

// WriteCSV writes the rows as RFC 4180 with a header line. NULL is \N, as
// ClickHouse writes it, so that it differs from an empty text.
func WriteCSV(w io.Writer, rows *Rows) (n int, err error) {
	out := bufio.NewWriter(w)
	c := csv.NewWriter(out)
	cells := make([]string, len(rows.Columns()))
	for i, col := range rows.Columns() {
		cells[i] = col.Name
	}
	if len(cells) > 0 {
		if err := c.Write(cells); err != nil {
			return 0, err
		}
	}
	for rows.Next() {
		for i, v := range rows.shown() {
			cells[i] = `\N`
			if v != nil {
				cells[i] = text(v)
			}
		}
		if err := c.Write(cells); err != nil {
			return n, err
		}
		n++
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return n, err
	}
	return n, finish(rows, out)
}

// WriteJSONL writes one JSON object a row, keys in the order of the columns,
// numbers unquoted, times in RFC 3339.
func WriteJSONL(w io.Writer, rows *Rows) (n int, err error) {
	out := bufio.NewWriter(w)
	var keys [][]byte
	for _, c := range rows.Columns() {
		keys = append(keys, append(appendJSON(nil, c.Name), ':'))
	}
	var b []byte
	for rows.Next() {
		b = append(b[:0], '{')
		for i, v := range rows.shown() {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(append(b, keys[i]...), v)
		}
		b = append(b, '}', '\n')
		if _, err := out.Write(b); err != nil {
			return n, err
		}
		n++
	}
	return n, finish(rows, out)
}

// finish writes what is buffered even when the query failed in the middle.
func finish(rows *Rows, out *bufio.Writer) error {
	if err := out.Flush(); err != nil {
		return err
	}
	return rows.Err()
}

func isNumber(typ string) bool {
	typ = strings.TrimPrefix(strings.TrimPrefix(typ, "LowCardinality("), "Nullable(")
	for _, p := range []string{"Int", "UInt", "Float", "Decimal"} {
		if strings.HasPrefix(typ, p) {
			return true
		}
	}
	return false
}

// printable escapes what is not to be shown on a terminal.
func printable(s string) string {
	bad := func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }
	if strings.IndexFunc(s, bad) < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if bad(r) {
			q := strconv.Quote(s[i : i+size])
			b.WriteString(q[1 : len(q)-1])
		} else {
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

var _ json.Marshaler = notFinite("")
