package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/earshot-voip/earshot/schemas"
)

// Tables are those that Writer fills and retention is set on.
var Tables = [...]string{"calls", "attempts", "streams", "intervals", "reports", "messages", "drops", "links", "hops", "hosts"}

// Migrate creates the database if it is missing, applies the migrations that
// it does not have yet, and sets retention. Several processes may start at
// once: every statement may run twice, and each migration is noted once. A
// server that drops connections, as one that just started may, is asked again
// for half a minute.
func (s *Store) Migrate(ctx context.Context) error {
	return s.patiently(ctx, func(ctx context.Context) error { return s.migrate(ctx) })
}

func (s *Store) migrate(ctx context.Context) error {
	if err := s.createDatabase(ctx); err != nil {
		return err
	}
	all, err := schemas.ClickHouse()
	if err != nil {
		return err
	}
	const note = `CREATE TABLE IF NOT EXISTS schema_migrations
(
    version UInt32,
    name String,
    checksum String COMMENT 'SHA-256 of the migration file',
    applied_at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = MergeTree
ORDER BY version
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'migrations of earshot that this database has'`
	if err := s.conn.Exec(ctx, note); err != nil {
		return s.explain("migrate store", err)
	}
	have, err := s.applied(ctx)
	if err != nil {
		return err
	}
	for version, m := range have {
		if version > len(all) {
			return fmt.Errorf("migrate store: database %q has migration %04d_%s, this earshot knows %d: it was written by a newer earshot; upgrade this binary, or use another database", s.database, version, m.name, len(all))
		}
		if want := all[version-1]; m.checksum != want.Checksum {
			return fmt.Errorf("migrate store: migration %04d_%s of database %q is not the one of this earshot (%.12s there, %.12s here): the schema was made by another build; use another database", version, m.name, s.database, m.checksum, want.Checksum)
		}
	}
	done, last := 0, 0
	for _, m := range all {
		if _, ok := have[m.Version]; ok {
			continue
		}
		if err := s.apply(ctx, m); err != nil {
			return err
		}
		done, last = done+1, m.Version
	}
	if done > 0 {
		s.opt.Log.Info("migrations applied", "database", s.database, "count", done, "version", last)
	}
	return s.setRetention(ctx)
}

func (s *Store) createDatabase(ctx context.Context) error {
	err := s.conn.Ping(ctx)
	if err == nil {
		return nil
	}
	if !hasCode(err, codeUnknownDatabase) {
		return s.explain("migrate store", err)
	}
	// A session cannot begin in a database that is not there.
	opt := s.native
	opt.Auth.Database = "default"
	conn, err := clickhouse.Open(&opt)
	if err != nil {
		return fmt.Errorf("migrate store: %w", err)
	}
	defer conn.Close()
	if err := conn.Exec(ctx, "CREATE DATABASE IF NOT EXISTS "+quote(s.database)); err != nil {
		return s.explain("migrate store", err)
	}
	return nil
}

type appliedMigration struct{ name, checksum string }

func (s *Store) applied(ctx context.Context) (map[int]appliedMigration, error) {
	rows, err := s.conn.Query(ctx, "SELECT version, name, checksum FROM schema_migrations")
	if err != nil {
		return nil, s.explain("migrate store", err)
	}
	defer rows.Close()
	have := map[int]appliedMigration{}
	for rows.Next() {
		var version uint32
		var m appliedMigration
		if err := rows.Scan(&version, &m.name, &m.checksum); err != nil {
			return nil, s.explain("migrate store", err)
		}
		have[int(version)] = m
	}
	if err := rows.Err(); err != nil {
		return nil, s.explain("migrate store", err)
	}
	return have, nil
}

func (s *Store) apply(ctx context.Context, m schemas.Migration) error {
	statements, err := m.Statements(schemas.Single)
	if err != nil {
		return err
	}
	for _, sql := range statements {
		if err := s.conn.Exec(ctx, sql); err != nil {
			return s.explain(fmt.Sprintf("migrate store: migration %04d_%s", m.Version, m.Name), err)
		}
	}
	once := clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"insert_deduplication_token": fmt.Sprintf("migration-%d", m.Version), "insert_deduplicate": 1, "async_insert": 0,
	}))
	err = s.conn.Exec(once, "INSERT INTO schema_migrations (version, name, checksum) VALUES (?, ?, ?)", m.Version, m.Name, m.Checksum)
	if err != nil {
		return s.explain("migrate store", err)
	}
	s.opt.Log.Debug("migration applied", "database", s.database, "version", m.Version, "name", m.Name)
	return nil
}

// setRetention makes the tables' TTL what the configuration says. It alters a
// table only when that changes something, since the server then works through
// the table's parts.
func (s *Store) setRetention(ctx context.Context) error {
	for _, table := range Tables {
		keep := s.opt.Retention
		if k, ok := s.opt.RetentionOf[table]; ok {
			keep = k
		}
		var engine string
		if err := s.conn.QueryRow(ctx, "SELECT engine_full FROM system.tables WHERE database = ? AND name = ?", s.database, table).Scan(&engine); err != nil {
			return s.explain("set retention of "+table, err)
		}
		has := strings.Contains(engine, " TTL ")
		sql := ""
		switch want := ttl(keep); {
		case keep <= 0 && has:
			sql = "ALTER TABLE " + quote(table) + " REMOVE TTL"
		case keep > 0 && !strings.Contains(engine, " TTL "+want):
			sql = "ALTER TABLE " + quote(table) + " MODIFY TTL " + want
		default:
			continue
		}
		if err := s.conn.Exec(ctx, sql); err != nil {
			return s.explain("set retention of "+table, err)
		}
		s.opt.Log.Debug("retention set", "table", table, "days", keep.Hours()/24)
	}
	for table := range s.opt.RetentionOf {
		if !slices.Contains(Tables[:], table) {
			return fmt.Errorf("set retention: there is no table %q; tables are %s", table, strings.Join(Tables[:], ", "))
		}
	}
	return nil
}

// ttl is written as the server writes it back.
func ttl(keep time.Duration) string {
	return fmt.Sprintf("toDateTime(stored_at) + toIntervalSecond(%d)", max(1, int64(keep/time.Second)))
}

func quote(name string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(name) + "`"
}
