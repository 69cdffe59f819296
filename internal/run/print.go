package run

import (
	"bytes"
	"encoding"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// DefaultYAML is the complete default configuration as commented YAML: a file
// to begin with.
func DefaultYAML() []byte { return slices.Clone(defaultYAML) }

// YAML is c with the comments of every key, as a file that gives c again,
// but for secrets, which are shown as xxxxx.
func (c *Config) YAML() ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(defaultYAML, &doc); err != nil {
		return nil, fmt.Errorf("parse the default configuration: %w", err)
	}
	setNodes(doc.Content[0], reflect.ValueOf(c).Elem())
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(&doc); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	return b.Bytes(), nil
}

// setNodes writes the values of v over those of the default file's nodes.
func setNodes(n *yaml.Node, v reflect.Value) {
	for f, fv := range v.Fields() {
		i := evenIndex(n.Content, f.Tag.Get("yaml"))
		if i < 0 {
			continue
		}
		value := n.Content[i+1]
		switch {
		case isGroup(f.Type):
			setNodes(value, fv)
		case fv.Kind() == reflect.Slice:
			value.Content = value.Content[:0]
			for j := range fv.Len() {
				value.Content = append(value.Content, scalar(fv.Index(j), f.Tag.Get("secret")))
			}
		default:
			s := scalar(fv, f.Tag.Get("secret"))
			value.Value, value.Tag, value.Style = s.Value, s.Tag, s.Style
		}
	}
}

// evenIndex finds a key among a mapping's nodes: key, value, key, value.
func evenIndex(nodes []*yaml.Node, key string) int {
	for i := 0; i < len(nodes); i += 2 {
		if nodes[i].Value == key {
			return i
		}
	}
	return -1
}

// scalar is the YAML node of a leaf.
func scalar(v reflect.Value, secret string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str"}
	if m, ok := reflect.TypeAssert[encoding.TextMarshaler](v); ok {
		b, err := m.MarshalText()
		if err != nil { // None of our types gives one.
			b = fmt.Append(nil, v.Interface())
		}
		n.Value, n.Tag = string(b), ""
		return n
	}
	switch v.Kind() {
	case reflect.String:
		n.Value = redacted(v.String(), secret)
		if n.Value == "" {
			n.Style = yaml.DoubleQuotedStyle
		}
	case reflect.Bool:
		n.Value, n.Tag = strconv.FormatBool(v.Bool()), "!!bool"
	default:
		n.Value, n.Tag = fmt.Sprint(v.Interface()), "!!int"
	}
	return n
}

// redacted hides a secret: all of it, or the password of a DSN.
func redacted(s, secret string) string {
	switch {
	case s == "" || secret == "":
		return s
	case secret == "dsn":
		if u, err := url.Parse(s); err == nil && u.Host != "" {
			if q := u.Query(); q.Has("password") {
				q.Set("password", "xxxxx")
				u.RawQuery = q.Encode()
			}
			return u.Redacted()
		}
	}
	return "xxxxx"
}
