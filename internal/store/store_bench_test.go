package store_test

import (
	"fmt"
	"testing"

	"github.com/earshot-voip/earshot/internal/store"
)

// BenchmarkStore stores batches in the embedded engine, which shares the
// machine with it. Beside each, the floor: the same batch sent again without
// filling its columns.
func BenchmarkStore(b *testing.B) {
	for _, c := range []struct {
		name string
		size int
		row  func(int) any
	}{
		{"messages", 2_000, func(n int) any { return message(n) }},
		{"messages", 10_000, func(n int) any { return message(n) }},
		{"messages", 30_000, func(n int) any { return message(n) }},
		{"calls", 2_000, func(n int) any { return call(n) }},
		{"calls", 10_000, func(n int) any { return call(n) }},
		{"calls", 30_000, func(n int) any { return call(n) }},
	} {
		batch := make([]any, c.size)
		for i := range batch {
			batch[i] = c.row(i)
		}
		s := migrated(b, database(b), store.Options{})
		fill := func(b *testing.B, w *store.Writer) {
			for _, r := range batch {
				if err := w.Append(r); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.Run(fmt.Sprintf("%s/%d", c.name, c.size), func(b *testing.B) {
			w := s.NewWriter()
			defer w.Close()
			for i := range b.N {
				fill(b, w)
				if err := w.Flush(b.Context(), fmt.Sprintf("%s/%d/%d", b.Name(), b.N, i)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*c.size)/b.Elapsed().Seconds(), "rows/s")
		})
		b.Run(fmt.Sprintf("%s/%d/floor", c.name, c.size), func(b *testing.B) {
			w := s.NewWriter()
			defer w.Close()
			fill(b, w)
			b.ResetTimer()
			for i := range b.N {
				if err := w.Resend(b.Context(), fmt.Sprintf("%s/%d/%d", b.Name(), b.N, i)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*c.size)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
