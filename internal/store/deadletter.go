package store

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// bury keeps a block that the server refuses for what it is in a file, with
// the reason beside it. The file's name is the token: a replay writes the same
// file again.
func (w *Writer) bury(b *block, token string, reason error) error {
	dir := w.store.opt.DeadLetters
	if dir == "" {
		return fmt.Errorf("ClickHouse refuses %d rows of %s: %w", b.rows, b.table.name, reason)
	}
	name := filepath.Join(dir, fileName(token))
	note := fmt.Sprintf("%d rows of table %s, batch %s, were refused:\n%v\n\nWhen the reason is gone, store them with\nclickhouse-client --query 'INSERT INTO %s FORMAT Native' < %s\n",
		b.rows, b.table.name, token, reason, b.table.name, filepath.Base(name)+".native")
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = writeDurably(name+".native", b.native())
	}
	if err == nil {
		err = writeDurably(name+".txt", []byte(note))
	}
	if err != nil {
		return fmt.Errorf("keep %d rows of %s that ClickHouse refuses (%w): %w", b.rows, b.table.name, reason, err)
	}
	w.store.counters.deadRows.WithLabelValues(b.table.name).Add(float64(b.rows))
	w.store.opt.Log.Error("ClickHouse refuses rows for what they are; they are kept in a dead-letter file", "table", b.table.name, "rows", b.rows, "file", name+".native", "error", reason.Error())
	return nil
}

// fileName makes a token a file name that names nothing outside its folder
// and is of no other token.
func fileName(token string) string {
	sum := sha256.Sum256([]byte(token))
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '_'
	}, token) + "-" + hex.EncodeToString(sum[:4])
}

// writeDurably writes a file that is there, whole, when it returns.
func writeDurably(name string, b []byte) error {
	tmp := name + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(tmp, name)
}
