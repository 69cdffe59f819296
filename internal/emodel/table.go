package emodel

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Override gives an encoding factors of the operator's own, in place of the
// built-in ones or where there are none. Mode, Fmtp and FromKbps are conditions;
// without them it holds for every format of its encoding.
type Override struct {
	Encoding string  // encoding name of the rtpmap, in any case
	Mode     string  // name of the built-in codec that it stands in for, in any case: "AMR 4.75"
	Fmtp     string  // parameters that the fmtp line has to have: "annexb=no"
	FromKbps float64 // the least bit rate of the payload, kbit/s; 0 is any, known or not

	Scale     string  // narrowband, wideband or fullband, or NB, WB, FB: the scale that Ie is on
	Ie        float64 // 0 to the base of the scale
	Bpl       float64 // above 0
	BplBursty float64 // above 0, up to Bpl; 0 where there is none
	Status    string  // standard, derived, assumed or verify, of all factors; assumed where it is empty
	Source    string  // where they come from; "configuration" where it is empty

	// Where says where the key was written, for errors: "codecs.yaml:7". Where it
	// is nil they count.
	Where func(key string) string
}

// Table is the codec table with overrides. A nil Table is the built-in one.
type Table struct {
	rows      []Override            // as they were given
	overrides map[string][]override // by encoding name in upper case, the closest first
}

// override is an Override as Lookup compares it with a format.
type override struct {
	codec    Codec
	mode     string
	fmtp     [][2]string // sorted, lower case
	fromKbps float64
}

// NewTable checks the overrides and puts them before the built-in codecs. The
// error tells of every override that is wrong, one a line.
func NewTable(overrides []Override) (*Table, error) {
	t := &Table{rows: slices.Clone(overrides), overrides: make(map[string][]override, len(overrides))}
	var errs []error
	for i := range t.rows {
		row := &t.rows[i]
		o, wrong := row.read()
		key := strings.ToUpper(row.Encoding)
		if wrong == nil && slices.ContainsFunc(t.overrides[key], o.same) {
			wrong = &problem{"encoding", fmt.Sprintf("%s stands twice with the same conditions; remove one of the two", row.Encoding)}
		}
		if wrong != nil {
			where := fmt.Sprintf("codec %d", i+1)
			if row.Where != nil {
				where = row.Where(wrong.key)
			}
			errs = append(errs, fmt.Errorf("%s: %s", where, wrong.text))
			continue
		}
		t.overrides[key] = append(t.overrides[key], o)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	for _, all := range t.overrides {
		slices.SortStableFunc(all, func(a, b override) int {
			return cmp.Or(cmp.Compare(b.conditions(), a.conditions()), cmp.Compare(b.fromKbps, a.fromKbps))
		})
	}
	return t, nil
}

// Lookup is Lookup with the overrides before it: the one with the most
// conditions, then with the highest FromKbps, then the first that was given.
func (t *Table) Lookup(f Format) (Codec, bool) {
	builtIn, known := Lookup(f)
	if t == nil {
		return builtIn, known
	}
	for _, o := range t.overrides[strings.ToUpper(f.Encoding)] {
		if !o.fits(f, builtIn) {
			continue
		}
		c := o.codec
		c.Kbps = f.kbps()
		if o.mode != "" && guessed(f.Encoding, builtIn) {
			c.IeStatus = max(c.IeStatus, Assumed)
		}
		return c, true
	}
	return builtIn, known
}

// guessed reports whether Lookup took the mode for granted: its table is surer.
func guessed(encoding string, c Codec) bool {
	for _, m := range modesOf(encoding) {
		if m.Name == c.Name {
			return c.IeStatus > m.IeStatus
		}
	}
	return false
}

func (o *override) fits(f Format, builtIn Codec) bool {
	if o.mode != "" && o.mode != builtIn.Name {
		return false
	}
	if o.fromKbps > 0 && !(f.kbps() >= o.fromKbps) {
		return false
	}
	for _, p := range o.fmtp {
		if !strings.EqualFold(parameter(f.Fmtp, p[0]), p[1]) {
			return false
		}
	}
	return true
}

func (o *override) conditions() int {
	n := len(o.fmtp)
	if o.mode != "" {
		n++
	}
	if o.fromKbps > 0 {
		n++
	}
	return n
}

func (o *override) same(p override) bool {
	return o.mode == p.mode && o.fromKbps == p.fromKbps && slices.Equal(o.fmtp, p.fmtp)
}

// problem is what is wrong with a key of an override.
type problem struct{ key, text string }

func wrong(key, format string, args ...any) *problem {
	return &problem{key, key + " is " + fmt.Sprintf(format, args...)}
}

// read checks o and puts its names in their own form.
func (o *Override) read() (override, *problem) {
	o.Encoding, o.Mode, o.Source = strings.TrimSpace(o.Encoding), strings.TrimSpace(o.Mode), strings.TrimSpace(o.Source)
	none := override{}
	if o.Encoding == "" {
		return none, wrong("encoding", "empty; want the encoding name of the rtpmap, such as SPEEX")
	}
	modes := modesOf(o.Encoding)
	if o.Mode != "" {
		i := slices.IndexFunc(modes, func(c Codec) bool { return strings.EqualFold(c.Name, o.Mode) })
		switch {
		case len(modes) == 0:
			return none, wrong("mode", "%q; %s has no modes built in: remove it, and use fmtp or from_kbps", o.Mode, o.Encoding)
		case i < 0:
			return none, wrong("mode", "%q; want one of %s's: %s", o.Mode, o.Encoding, strings.Join(namesOf(modes), ", "))
		}
		o.Mode = modes[i].Name
	}
	fmtp, ok := parameters(o.Fmtp)
	if !ok {
		return none, wrong("fmtp", "%q; want parameters and their values, such as annexb=no", o.Fmtp)
	}
	if !(o.FromKbps >= 0) || math.IsInf(o.FromKbps, 1) {
		return none, wrong("from_kbps", "%v; want a bit rate in kbit/s, such as 12.2", o.FromKbps)
	}
	scale, ok := parseScale(o.Scale)
	if !ok {
		return none, wrong("scale", "%q; want narrowband, wideband or fullband", o.Scale)
	}
	if !(o.Ie >= 0 && o.Ie <= scale.Base()) { // nor NaN
		return none, wrong("ie", "%v; want 0 to %.4g, the base of %s", o.Ie, math.Floor(scale.Base()), scale.word())
	}
	if !(o.Bpl > 0) || math.IsInf(o.Bpl, 1) {
		return none, wrong("bpl", "%v; want a number above 0, such as 4.3 for a codec without concealment", o.Bpl)
	}
	if !(o.BplBursty >= 0 && o.BplBursty <= o.Bpl) {
		return none, wrong("bpl_bursty", "%v; want a number above 0, and no more than bpl (%v)", o.BplBursty, o.Bpl)
	}
	status, ok := parseStatus(o.Status)
	if !ok {
		return none, wrong("status", "%q; want standard, derived, assumed or verify", o.Status)
	}
	if o.Source == "" {
		o.Source = "configuration"
	}
	o.Scale, o.Status = scale.word(), status.word()
	return override{
		codec: Codec{
			Name: cmp.Or(o.Mode, o.Encoding), Scale: scale, Ie: o.Ie, Bpl: o.Bpl, BplBursty: o.BplBursty,
			IeStatus: status, BplStatus: status, Source: o.Source, Configured: true,
		},
		mode: o.Mode, fmtp: fmtp, fromKbps: o.FromKbps,
	}, nil
}

// parameters takes an fmtp line apart; it is false where one has no value.
func parameters(fmtp string) (all [][2]string, ok bool) {
	for field := range strings.SplitSeq(fmtp, ";") {
		if field = strings.TrimSpace(field); field == "" {
			continue
		}
		key, value, _ := strings.Cut(field, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if key == "" || value == "" {
			return nil, false
		}
		all = append(all, [2]string{strings.ToLower(key), strings.ToLower(value)})
	}
	slices.SortFunc(all, func(a, b [2]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	return all, true
}

func parseScale(name string) (Scale, bool) {
	for _, s := range [...]Scale{NB, WB, FB} {
		if strings.EqualFold(name, s.String()) || strings.EqualFold(name, s.word()) {
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
		if strings.EqualFold(name, s.String()) || strings.EqualFold(name, s.word()) {
			return s, true
		}
	}
	return 0, false
}

// word is the scale as configuration writes it.
func (s Scale) word() string {
	switch s {
	case WB:
		return "wideband"
	case FB:
		return "fullband"
	default:
		return "narrowband"
	}
}

// word is the status as configuration writes it.
func (s Status) word() string {
	if s == Std {
		return "standard"
	}
	return s.String()
}
