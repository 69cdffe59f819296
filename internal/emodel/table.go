package emodel

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// Override gives an encoding factors of the operator's own, in place of the
// built-in ones or where there are none.
type Override struct {
	Encoding string  // encoding name of the rtpmap, in any case
	Name     string  // what records show; Encoding where it is empty
	Scale    string  // NB, WB or FB: the scale that Ie is on
	Ie       float64 // 0 to the base of the scale
	Bpl      float64 // above 0
	Status   string  // std, derived, assumed or verify, of both; assumed where it is empty
	Source   string  // where they come from; "configuration" where it is empty
}

// Table is the codec table with overrides. A nil Table is the built-in one.
type Table struct {
	overrides map[string]Codec // by encoding name in upper case
}

// NewTable checks the overrides and puts them before the built-in codecs. The
// error tells of every override that is wrong.
func NewTable(overrides []Override) (*Table, error) {
	t := &Table{overrides: make(map[string]Codec, len(overrides))}
	var errs []error
	for i, o := range overrides {
		c, err := o.codec()
		key := strings.ToUpper(strings.TrimSpace(o.Encoding))
		if _, twice := t.overrides[key]; twice && err == nil {
			err = errors.New("the encoding stands twice: remove one of the two")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("codec %d (encoding %q): %w", i+1, o.Encoding, err))
			continue
		}
		t.overrides[key] = c
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return t, nil
}

// Lookup is Lookup with the overrides before it. An override holds for every
// mode of its encoding: neither fmtp nor packets change its factors.
func (t *Table) Lookup(f Format) (Codec, bool) {
	if t != nil {
		if c, ok := t.overrides[strings.ToUpper(f.Encoding)]; ok {
			c.Kbps = f.kbps()
			return c, true
		}
	}
	return Lookup(f)
}

func (o Override) codec() (Codec, error) {
	encoding := strings.TrimSpace(o.Encoding)
	if encoding == "" {
		return Codec{}, errors.New(`encoding is empty: give the encoding name of the rtpmap, such as "SPEEX"`)
	}
	scale, ok := parseScale(o.Scale)
	if !ok {
		return Codec{}, fmt.Errorf("scale %q is unknown: use NB, WB or FB", o.Scale)
	}
	if !(o.Ie >= 0 && o.Ie <= scale.Base()) { // nor NaN
		return Codec{}, fmt.Errorf("ie %v is out of range: use 0 to %.4g, the base of scale %v", o.Ie, math.Floor(scale.Base()), scale)
	}
	if !(o.Bpl > 0) || math.IsInf(o.Bpl, 1) {
		return Codec{}, fmt.Errorf("bpl %v is out of range: use a number above 0, such as 4.3 for a codec without concealment", o.Bpl)
	}
	status, ok := parseStatus(o.Status)
	if !ok {
		return Codec{}, fmt.Errorf("status %q is unknown: use std, derived, assumed or verify", o.Status)
	}
	c := Codec{
		Name: o.Name, Scale: scale, Ie: o.Ie, Bpl: o.Bpl,
		IeStatus: status, BplStatus: status, Source: o.Source,
	}
	if c.Name == "" {
		c.Name = encoding
	}
	if c.Source == "" {
		c.Source = "configuration"
	}
	return c, nil
}

func parseScale(name string) (Scale, bool) {
	for _, s := range [...]Scale{NB, WB, FB} {
		if strings.EqualFold(name, s.String()) {
			return s, true
		}
	}
	return 0, false
}

func parseStatus(name string) (Status, bool) {
	if name == "" {
		return Assumed, true
	}
	for _, s := range [...]Status{Std, Derived, Assumed, Verify} {
		if strings.EqualFold(name, s.String()) {
			return s, true
		}
	}
	return 0, false
}
