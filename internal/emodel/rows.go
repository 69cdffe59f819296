package emodel

import (
	"slices"
	"strings"
)

// encodings are the names that Lookup knows, and the codecs that it may find for
// each. Codecs that no encoding names (IS-54, PDC ...) are not among them.
var encodings = []struct {
	names  []string
	codecs []Codec
}{
	{[]string{"PCMU", "PCMA"}, []Codec{g711PLC, g711}},
	{[]string{"G729", "G729A", "G729B", "G729AB"}, []Codec{g729aVAD, g729}},
	{[]string{"G723"}, []Codec{g723MPMLQ, g723ACELP}},
	{[]string{"GSM"}, []Codec{gsmFR}},
	{[]string{"GSM-HR-08"}, []Codec{gsmHR}},
	{[]string{"GSM-EFR"}, []Codec{gsmEFR}},
	{[]string{"AMR"}, amr[:]},
	{[]string{"G726-40", "AAL2-G726-40"}, []Codec{g726x40}},
	{[]string{"G726-32", "AAL2-G726-32", "G721"}, []Codec{g726x32}},
	{[]string{"G726-24", "AAL2-G726-24"}, []Codec{g726x24}},
	{[]string{"G726-16", "AAL2-G726-16"}, []Codec{g726x16}},
	{[]string{"G728"}, []Codec{g728x16}},
	{[]string{"iLBC"}, []Codec{ilbc20, ilbc30}},
	{[]string{"EVRC", "EVRC0"}, []Codec{is127}},
	{[]string{"G722"}, []Codec{g722}},
	{[]string{"G7221"}, []Codec{g7221x24, g7221x32}},
	{[]string{"AMR-WB"}, amrWB[:]},
	{[]string{"EVS"}, evsCodecs()},
	{[]string{"opus"}, append(opusRows(), opusUnknown)},
}

// opusRows are the rows of all tables of Opus, in their order.
func opusRows() (all []Codec) {
	for i := range opusTables {
		t := &opusTables[i]
		for _, row := range t.rows {
			all = append(all, t.codec(row, Derived))
		}
	}
	return all
}

// modesOf gives the codecs that Lookup may find for an encoding.
func modesOf(encoding string) []Codec {
	for _, e := range encodings {
		if slices.ContainsFunc(e.names, func(name string) bool { return strings.EqualFold(name, encoding) }) {
			return e.codecs
		}
	}
	return nil
}

func namesOf(codecs []Codec) (names []string) {
	for _, c := range codecs {
		if !slices.Contains(names, c.Name) {
			names = append(names, c.Name)
		}
	}
	return names
}

// Rows gives the table in force: the overrides as they were given, and the
// built-in codecs that no override stands before altogether, each as the
// override that would give it again. Opus alone differs: between its rows Lookup
// takes the line, an override the row below.
func (t *Table) Rows() (overrides, builtIn []Override) {
	if t != nil {
		overrides = slices.Clone(t.rows)
	}
	for _, e := range encodings {
		for _, name := range e.names {
			for i, c := range e.codecs {
				row := Override{
					Encoding: name, Mode: c.Name, Scale: c.Scale.word(), Ie: c.Ie, Bpl: c.Bpl, BplBursty: c.BplBursty,
					Status: c.Status().word(), Source: c.Source,
				}
				if i > 0 && e.codecs[i-1].Name == c.Name {
					row.FromKbps = c.Kbps // below the first row of a table, too, it is that
				}
				if !t.covers(row) {
					builtIn = append(builtIn, row)
				}
			}
		}
	}
	return overrides, builtIn
}

// covers reports whether an override holds wherever row does.
func (t *Table) covers(row Override) bool {
	return t != nil && slices.ContainsFunc(t.overrides[strings.ToUpper(row.Encoding)], func(o override) bool {
		return len(o.fmtp) == 0 && o.fromKbps <= row.FromKbps && (o.mode == "" || o.mode == row.Mode)
	})
}
