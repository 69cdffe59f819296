// Package schemas holds what other programs read as a contract: today the
// tables of ClickHouse, as numbered migrations.
package schemas

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

//go:embed clickhouse/*.sql
var clickhouse embed.FS

// Migration is one numbered step of the database's schema. Once released its
// file does not change: the database keeps its checksum.
type Migration struct {
	Version  int    // 1, 2, 3 ... without a hole
	Name     string // of the file, without number and ending
	Checksum string // SHA-256 of the file, in hex
	sql      string // a template over Placement
}

// Placement says where tables are created: the same files serve one engine
// and, later, a cluster.
type Placement struct {
	OnCluster string // "" or " ON CLUSTER name"
	Engine    string // "MergeTree" or "ReplicatedMergeTree(...)"
}

// Single is the placement on one engine.
var Single = Placement{Engine: "MergeTree"}

// ClickHouse lists the migrations in order.
func ClickHouse() ([]Migration, error) {
	names, err := fs.Glob(clickhouse, "clickhouse/*.sql")
	if err != nil {
		return nil, err
	}
	var all []Migration
	for _, name := range names {
		b, err := clickhouse.ReadFile(name)
		if err != nil {
			return nil, err
		}
		base := strings.TrimSuffix(strings.TrimPrefix(name, "clickhouse/"), ".sql")
		number, rest, ok := strings.Cut(base, "_")
		version, err := strconv.Atoi(number)
		if !ok || err != nil {
			return nil, fmt.Errorf("migration %s: the name is not NNNN_name.sql", name)
		}
		sum := sha256.Sum256(b)
		all = append(all, Migration{Version: version, Name: rest, Checksum: hex.EncodeToString(sum[:]), sql: string(b)})
	}
	slices.SortFunc(all, func(a, b Migration) int { return cmp.Compare(a.Version, b.Version) })
	for i, m := range all {
		if m.Version != i+1 {
			return nil, fmt.Errorf("migration %04d_%s: number %d is missing or taken twice", m.Version, m.Name, i+1)
		}
	}
	return all, nil
}

// Statements are the migration's statements for a placement, without comments
// on lines of their own. A statement ends with a semicolon at the end of a
// line.
func (m Migration) Statements(p Placement) ([]string, error) {
	t, err := template.New(m.Name).Option("missingkey=error").Parse(m.sql)
	if err != nil {
		return nil, fmt.Errorf("migration %04d_%s: %w", m.Version, m.Name, err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, p); err != nil {
		return nil, fmt.Errorf("migration %04d_%s: %w", m.Version, m.Name, err)
	}
	var all []string
	var one strings.Builder
	for line := range strings.Lines(b.String()) {
		if strings.HasPrefix(strings.TrimSpace(line), "--") {
			continue
		}
		one.WriteString(line)
		if strings.HasSuffix(strings.TrimSpace(line), ";") {
			all = append(all, strings.TrimSuffix(strings.TrimSpace(one.String()), ";"))
			one.Reset()
		}
	}
	if rest := strings.TrimSpace(one.String()); rest != "" {
		return nil, fmt.Errorf("migration %04d_%s: the last statement has no semicolon", m.Version, m.Name)
	}
	return all, nil
}
