package store_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/store"
)

// selected writes two rows, one with a value in every field and one with none
// but its time, and reads them.
func selected[R any](t *testing.T, s *store.Store, bare *R) {
	t.Helper()
	full := filled[R](3)
	v := reflect.ValueOf(full).Elem().FieldByName("FirstSeen")
	v.Set(reflect.ValueOf(begin))
	w := s.NewWriter()
	for _, row := range []any{full, bare} {
		if err := w.Append(row); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, w, record.Type(full))
	got, lacks, err := store.Select[R](t.Context(), s, "ORDER BY first_seen")
	if err != nil || len(lacks) > 0 || len(got) != 2 {
		t.Fatalf("%T: %d rows, lacks %q, %v", full, len(got), lacks, err)
	}
	for i, want := range []*R{full, bare} {
		for _, f := range record.Fields(reflect.TypeFor[R]()) {
			g, w := reflect.ValueOf(got[i]).Elem().FieldByIndex(f.Index), reflect.ValueOf(want).Elem().FieldByIndex(f.Index)
			if (f.Type.Kind() == reflect.Slice || f.Type.Kind() == reflect.Map) && g.Len() == 0 && w.Len() == 0 {
				continue
			}
			if at, ok := reflect.TypeAssert[time.Time](w); ok && at.IsZero() {
				continue // the columns begin in 1970
			}
			if !reflect.DeepEqual(g.Interface(), w.Interface()) {
				if s, ok := reflect.TypeAssert[interface{ IsValid() bool }](w); ok && !s.IsValid() {
					continue // no address is ::
				}
				t.Errorf("%T.%s: read %v, wrote %v", want, f.Name, g, w)
			}
		}
	}
}

func TestSelectReadsWhatWasWritten(t *testing.T) {
	s := migrated(t, database(t), store.Options{})
	later := begin.Add(time.Minute)
	selected(t, s, &record.Call{FirstSeen: later})
	selected(t, s, &record.Attempt{FirstSeen: later})
	selected(t, s, &record.Stream{FirstSeen: later})
	selected(t, s, &record.Interval{FirstSeen: later})
	selected(t, s, &record.Report{FirstSeen: later})
	selected(t, s, &record.Message{FirstSeen: later})
	selected(t, s, &record.Drop{FirstSeen: later})
}

func TestSelectBindsArguments(t *testing.T) {
	s := migrated(t, database(t), store.Options{})
	w := s.NewWriter()
	odd := "a'b\\c\n?@x"
	for _, id := range []string{odd, "other"} {
		if err := w.Append(&record.Attempt{FirstSeen: begin, CallID: id}); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, w, "x")
	got, _, err := store.Select[record.Attempt](t.Context(), s, "WHERE call_id = ?", odd)
	if err != nil || len(got) != 1 || got[0].CallID != odd {
		t.Errorf("%d rows, %v", len(got), err)
	}
}

// TestSelectOfAnOlderDatabase reads what lacks a column, and a table.
func TestSelectOfAnOlderDatabase(t *testing.T) {
	s := migrated(t, database(t), store.Options{})
	w := s.NewWriter()
	if err := w.Append(&record.Interval{FirstSeen: begin, Time: begin, Packets: 7, JitterMs: new(1.5)}); err != nil {
		t.Fatal(err)
	}
	flush(t, w, "x")
	exec(t, s, "ALTER TABLE intervals DROP COLUMN r_cost_discard")
	exec(t, s, "DROP TABLE reports SYNC")
	got, lacks, err := store.Select[record.Interval](t.Context(), s, "")
	if err != nil || len(got) != 1 || !slices.Equal(lacks, []string{"r_cost_discard"}) {
		t.Fatalf("%d rows, lacks %q, %v", len(got), lacks, err)
	}
	if got[0].Packets != 7 || *got[0].JitterMs != 1.5 || got[0].RCostDiscard != nil {
		t.Errorf("%+v", got[0])
	}
	if _, _, err := store.Select[record.Report](t.Context(), s, ""); !errors.Is(err, store.ErrNoTable) {
		t.Errorf("reports: %v", err)
	}
	if _, _, err := store.Select[record.Call](t.Context(), s, "WHERE nothing = 1"); err == nil {
		t.Error("no error for a column that is not there")
	}
}
