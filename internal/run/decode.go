package run

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// decodeYAML sets in c what the file holds and leaves the rest. It is
// stricter than yaml's KnownFields and says more: every problem at once, each
// with its line, the key's whole path, its value and what was expected.
func decodeYAML(b []byte, name string, c *Config) error {
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(b))
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF): // Nothing but comments.
		return nil
	case err != nil:
		return fmt.Errorf("%s: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: more than one YAML document; keep one", name)
	}
	d := yamlDecoder{file: name}
	d.mapping(doc.Content[0], reflect.ValueOf(c).Elem(), "")
	return errors.Join(d.problems...)
}

type yamlDecoder struct {
	file     string
	problems []error
}

func (d *yamlDecoder) problem(n *yaml.Node, format string, args ...any) {
	d.problems = append(d.problems, fmt.Errorf("%s:%d: %s", d.file, n.Line, fmt.Sprintf(format, args...)))
}

// mapping decodes a mapping node into the struct v, whose key is path.
func (d *yamlDecoder) mapping(n *yaml.Node, v reflect.Value, path string) {
	n = resolved(n)
	if isNull(n) { // All keys below are commented out.
		return
	}
	if n.Kind != yaml.MappingNode {
		if path == "" {
			d.problem(n, "this is no configuration: want keys such as hep: or store:")
			return
		}
		d.problem(n, "%s is %s; want the keys %s below it", path, shown(n), strings.Join(keysOf(v.Type()), ", "))
		return
	}
	seen := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		full := joined(path, key.Value)
		if line, dup := seen[key.Value]; dup {
			d.problem(key, "%s stands here and in line %d; keep one", full, line)
			continue
		}
		seen[key.Value] = key.Line
		field, ok := fieldByKey(v, key.Value)
		if !ok {
			d.problem(key, "unknown key %s%s", full, suggestion(full, path, v.Type()))
			continue
		}
		if isGroup(field.Type()) {
			d.mapping(value, field, full)
			continue
		}
		d.leaf(value, field, full)
	}
}

// leaf decodes a scalar or a list.
func (d *yamlDecoder) leaf(n *yaml.Node, v reflect.Value, path string) {
	n = resolved(n)
	if v.Kind() == reflect.Slice {
		d.list(n, v, path)
		return
	}
	if n.Kind != yaml.ScalarNode || isNull(n) {
		d.problem(n, "%s is %s; want %s", path, shown(n), expected(v.Type()))
		return
	}
	// A text that YAML itself reads as another type (yes, 1.5) is still the
	// text that was written; a number or a switch has to be a plain scalar.
	if err := setText(v, n.Value); err != nil {
		d.problem(n, "%s is %s; want %v", path, shown(n), err)
	}
}

func (d *yamlDecoder) list(n *yaml.Node, v reflect.Value, path string) {
	if isNull(n) {
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		return
	}
	if n.Kind != yaml.SequenceNode {
		d.problem(n, "%s is %s; want a list such as [%s]", path, shown(n), shownOr(n, "a, b"))
		return
	}
	out := reflect.MakeSlice(v.Type(), 0, len(n.Content))
	for i, item := range n.Content {
		e := reflect.New(v.Type().Elem()).Elem()
		d.leaf(item, e, fmt.Sprintf("%s[%d]", path, i))
		out = reflect.Append(out, e)
	}
	v.Set(out)
}

// setText sets a leaf from its text. The error is the expected form.
func setText(v reflect.Value, s string) error {
	if u, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); ok {
		if err := u.UnmarshalText([]byte(s)); err != nil {
			if v.Type() == reflect.TypeFor[slog.Level]() {
				return errors.New("debug, info, warn or error")
			}
			return err
		}
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Bool:
		switch s {
		case "true":
			v.SetBool(true)
		case "false":
			v.SetBool(false)
		default:
			return errors.New(expected(v.Type()))
		}
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(s, 10, v.Type().Bits())
		if err != nil {
			return errors.New(expected(v.Type()))
		}
		v.SetInt(n)
	case reflect.Uint16, reflect.Uint32:
		n, err := strconv.ParseUint(s, 10, v.Type().Bits())
		if err != nil {
			return errors.New(expected(v.Type()))
		}
		v.SetUint(n)
	case reflect.Slice:
		out := reflect.MakeSlice(v.Type(), 0, 4)
		for item := range strings.SplitSeq(s, ",") {
			if item = strings.TrimSpace(item); item == "" {
				continue
			}
			e := reflect.New(v.Type().Elem()).Elem()
			if err := setText(e, item); err != nil {
				return fmt.Errorf("a list with commas, each %w", err)
			}
			out = reflect.Append(out, e)
		}
		v.Set(out)
	default:
		return fmt.Errorf("a key of a type that Earshot can read, not %s", v.Type())
	}
	return nil
}

// expected says in words what a leaf of this type holds.
func expected(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[Duration]():
		return errDuration.Error()
	case reflect.TypeFor[Size]():
		return errSize.Error()
	case reflect.TypeFor[slog.Level]():
		return "debug, info, warn or error"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Uint16:
		return "a whole number from 0 to 65535"
	case reflect.Uint32:
		return "a whole number from 0 to 4294967295"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	default:
		return "text"
	}
}

// resolved follows an alias to what it stands for.
func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// shown is a node's value as an error names it.
func shown(n *yaml.Node) string {
	switch {
	case isNull(n):
		return "empty"
	case n.Kind == yaml.MappingNode:
		return "a group of keys"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	}
	return strconv.Quote(n.Value)
}

func shownOr(n *yaml.Node, other string) string {
	if n.Kind == yaml.ScalarNode && n.Value != "" {
		return n.Value
	}
	return other
}

func joined(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// isGroup says whether a field holds further keys.
func isGroup(t reflect.Type) bool { return t.Kind() == reflect.Struct }

func fieldByKey(v reflect.Value, key string) (reflect.Value, bool) {
	for f, fv := range v.Fields() {
		if f.Tag.Get("yaml") == key {
			return fv, true
		}
	}
	return reflect.Value{}, false
}

func keysOf(t reflect.Type) []string {
	var keys []string
	for f := range t.Fields() {
		keys = append(keys, f.Tag.Get("yaml"))
	}
	return keys
}

// suggestion names what an unknown key may have meant: near keys of the whole
// tree, else the keys of its group.
func suggestion(full, path string, group reflect.Type) string {
	candidates := allKeys()
	if path == "" {
		candidates = slices.Concat(keysOf(group), candidates)
	}
	if near := nearest(full, candidates); len(near) > 0 {
		return "; did you mean " + strings.Join(near, " or ") + "?"
	}
	where := "there are"
	if path != "" {
		where = path + " has"
	}
	return "; " + where + " " + strings.Join(keysOf(group), ", ")
}

// nearest gives up to three of the candidates that are near to key: the same
// last part, or few edits away.
func nearest(key string, candidates []string) []string {
	type scored struct {
		key  string
		cost int
	}
	var found []scored
	last := key[strings.LastIndexByte(key, '.')+1:]
	for _, c := range candidates {
		cost := edits(key, c)
		if strings.HasSuffix(c, "."+last) || c == last {
			cost = min(cost, 1)
		}
		if group, _, ok := cutLast(key); ok {
			// A wrong last part in the right group.
			if g, tail, ok := cutLast(c); ok && g == group && edits(last, tail) <= 1+len(last)/3 {
				cost = min(cost, 2)
			}
		}
		if cost <= max(2, 1+len(key)/6) {
			found = append(found, scored{c, cost})
		}
	}
	slices.SortStableFunc(found, func(a, b scored) int { return a.cost - b.cost })
	var near []string
	for _, f := range found[:min(3, len(found))] {
		near = append(near, f.key)
	}
	return near
}

func cutLast(key string) (group, last string, ok bool) {
	i := strings.LastIndexByte(key, '.')
	if i < 0 {
		return "", key, false
	}
	return key[:i], key[i+1:], true
}

// edits is the Levenshtein distance of two short texts.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
