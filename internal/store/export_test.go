package store

import (
	"context"
	"fmt"
)

// Resend inserts what waits and keeps it: what storing costs without Append.
func (w *Writer) Resend(ctx context.Context, token string) error {
	for _, t := range w.tables {
		for _, b := range t.waiting {
			if _, err := w.insert(ctx, b, fmt.Sprintf("%s/%s/%d", token, t.name, b.number)); err != nil {
				return err
			}
		}
	}
	return nil
}
