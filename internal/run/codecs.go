package run

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// CodecRow is one row of the file that media.codecs names, as it was written.
// What its values may be only the codec table knows.
type CodecRow struct {
	Encoding, Mode, Fmtp  string
	Scale, Status, Source string
	FromKbps              float64
	Ie, Bpl, BplBursty    float64
	file                  string
	line                  int
	lines                 map[string]int
}

// Where is the file and line of a key of the row, of the row itself where the
// key is not in it: "codecs.yaml:7".
func (r *CodecRow) Where(key string) string {
	line, ok := r.lines[key]
	if !ok {
		line = r.line
	}
	return fmt.Sprintf("%s:%d", r.file, line)
}

// mostCodecBytes bounds the file: the whole built-in table has 20 KiB.
const mostCodecBytes = 1 << 20

// ReadCodecs reads the file that media.codecs names. The error tells every
// problem, one a line: file, line, key, value, and what is wanted.
func ReadCodecs(name string) ([]CodecRow, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("media.codecs: %w; name a file such as `earshot codecs` prints", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, mostCodecBytes+1))
	if err != nil {
		return nil, fmt.Errorf("media.codecs: %w; name a file such as `earshot codecs` prints", err)
	}
	if len(b) > mostCodecBytes {
		return nil, fmt.Errorf("media.codecs: %s is larger than %s; name a file such as `earshot codecs` prints", name, Size(mostCodecBytes))
	}
	return decodeCodecs(b, name)
}

func decodeCodecs(b []byte, name string) ([]CodecRow, error) {
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(b))
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF): // Nothing but comments.
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%s: %s; want a list of codecs such as `earshot codecs` prints", name, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: more than one YAML document; keep one", name)
	}
	d := yamlDecoder{file: name}
	list := resolved(doc.Content[0])
	if isNull(list) {
		return nil, nil
	}
	if list.Kind != yaml.SequenceNode {
		d.problem(list, "this is %s; want a list of codecs such as `earshot codecs` prints", shown(list))
		return nil, d.problems[0]
	}
	rows := make([]CodecRow, 0, len(list.Content))
	for _, n := range list.Content {
		rows = append(rows, d.codec(n))
	}
	return rows, errors.Join(d.problems...)
}

// codec decodes one row of the list.
func (d *yamlDecoder) codec(n *yaml.Node) CodecRow {
	r := CodecRow{file: d.file, line: n.Line, lines: map[string]int{}}
	if n = resolved(n); n.Kind != yaml.MappingNode {
		d.problem(n, "this is %s; want a codec such as {encoding: SPEEX, scale: wideband, ie: 20, bpl: 6}", shown(n))
		return r
	}
	keys := []string{"encoding", "mode", "fmtp", "from_kbps", "scale", "ie", "bpl", "bpl_bursty", "status", "source"}
	texts := map[string]*string{
		"encoding": &r.Encoding, "mode": &r.Mode, "fmtp": &r.Fmtp, "scale": &r.Scale, "status": &r.Status, "source": &r.Source,
	}
	numbers := map[string]*float64{"from_kbps": &r.FromKbps, "ie": &r.Ie, "bpl": &r.Bpl, "bpl_bursty": &r.BplBursty}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], resolved(n.Content[i+1])
		if line, dup := r.lines[key.Value]; dup {
			d.problem(key, "%s stands here and in line %d; keep one", key.Value, line)
			continue
		}
		r.lines[key.Value] = key.Line
		text, number := texts[key.Value], numbers[key.Value]
		scalar := value.Kind == yaml.ScalarNode && !isNull(value)
		switch {
		case text == nil && number == nil:
			hint := "; a codec has " + strings.Join(keys, ", ")
			if near := nearest(key.Value, keys); len(near) > 0 {
				hint = "; did you mean " + strings.Join(near, " or ") + "?"
			}
			d.problem(key, "unknown key %s%s", key.Value, hint)
		case text != nil && !scalar:
			d.problem(key, "%s is %s; want text", key.Value, shown(value))
		case text != nil:
			*text = value.Value
		default:
			v, err := strconv.ParseFloat(value.Value, 64)
			if !scalar || err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
				d.problem(key, "%s is %s; want a number such as 12.5", key.Value, shown(value))
				continue
			}
			*number = v
		}
	}
	for _, key := range [...]string{"encoding", "scale", "ie", "bpl"} {
		if r.lines[key] == 0 {
			d.problem(n, "%s is missing; want it in every codec, such as {encoding: SPEEX, scale: wideband, ie: 20, bpl: 6}", key)
		}
	}
	return r
}
