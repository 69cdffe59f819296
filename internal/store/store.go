// Package store is ClickHouse: the columnar writer, the migrations and the
// queries of `earshot sql`. The embedded engine and an external cluster are
// the same to it: a DSN.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
)

// DefaultDatabase is used when the DSN names no database.
const DefaultDatabase = "earshot"

const (
	dialLimit = 5 * time.Second
	readLimit = 60 * time.Second // for one packet; the server sends progress all the while
)

// Options of a Store. The zero value keeps rows for ever and counts into
// nothing.
type Options struct {
	Log        *slog.Logger
	Registerer prometheus.Registerer // nil: the counters are kept, and shown to nobody

	// Retention is how long rows are kept after they were stored; 0 keeps them
	// for ever. RetentionOf overrides it by table. Migrate applies both.
	Retention   time.Duration
	RetentionOf map[string]time.Duration

	// DeadLetters is the folder for rows that the server refuses for what they
	// are. Without it such rows make Flush fail.
	DeadLetters string
}

// Store is a ClickHouse database.
type Store struct {
	opt      Options
	native   clickhouse.Options // for queries and migrations
	conn     driver.Conn
	database string
	counters *counters
}

// Open connects to the database of a DSN
// (clickhouse://user:password@host:port/database) and checks that it answers.
// The database may be missing: Migrate creates it. A server that takes
// connections and drops them is asked again for half a minute; one that nobody
// runs is told at once. Errors name the host and what to do, and never the
// password.
func Open(ctx context.Context, dsn string, opt Options) (*Store, error) {
	native, err := parseDSN(dsn)
	if err != nil {
		return nil, err
	}
	opt.Log = cmp.Or(opt.Log, slog.New(slog.DiscardHandler))
	c, err := newCounters(opt.Registerer)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{opt: opt, native: *native, database: native.Auth.Database, counters: c}
	if s.conn, err = clickhouse.Open(native); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	err = s.patiently(ctx, func(ctx context.Context) error {
		if err := s.conn.Ping(ctx); err != nil && !hasCode(err, codeUnknownDatabase) {
			return s.explain("open store", err)
		}
		return nil
	})
	if err != nil {
		_ = s.conn.Close()
		return nil, err
	}
	return s, nil
}

// Close closes the connections for queries. Writers have their own.
func (s *Store) Close() error { return s.conn.Close() }

// Ping checks that the database answers now.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.conn.Ping(ctx); err != nil {
		return s.explain("reach store", err)
	}
	return nil
}

// Database is the name of the database.
func (s *Store) Database() string { return s.database }

// parseDSN reads a DSN; its errors keep the password to themselves, which
// those of net/url do not.
func parseDSN(dsn string) (*clickhouse.Options, error) {
	const form = "want clickhouse://user:password@host:port/database"
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, fmt.Errorf("store DSN is no URL; %s, with special characters of the password percent-encoded", form)
	}
	switch u.Scheme {
	case "clickhouse", "tcp":
	case "http", "https":
		return nil, fmt.Errorf("store DSN has scheme %q; %s: the native port (9000, or 9440 with ?secure=true), not the HTTP one", u.Scheme, form)
	default:
		return nil, fmt.Errorf("store DSN has scheme %q; %s", u.Scheme, form)
	}
	if u.Hostname() == "" {
		return nil, fmt.Errorf("store DSN names no host; %s", form)
	}
	if u.Port() == "" {
		port := "9000"
		if u.Query().Get("secure") == "true" {
			port = "9440"
		}
		u.Host = net.JoinHostPort(u.Hostname(), port)
	}
	opt, err := clickhouse.ParseDSN(u.String())
	if err != nil {
		return nil, fmt.Errorf("store DSN for %s: %w", u.Host, err)
	}
	opt.Auth.Database = cmp.Or(opt.Auth.Database, DefaultDatabase)
	opt.Auth.Username = cmp.Or(opt.Auth.Username, "default")
	opt.DialTimeout = cmp.Or(opt.DialTimeout, dialLimit)
	opt.ReadTimeout = cmp.Or(opt.ReadTimeout, readLimit)
	opt.ClientInfo.Products = []struct{ Name, Version string }{{Name: "earshot"}}
	return opt, nil
}

// dial opens a connection of the writer's own: to the first address that
// answers.
func (s *Store) dial(ctx context.Context) (*ch.Client, error) {
	var failed error
	for _, addr := range s.native.Addr {
		c, err := ch.Dial(ctx, ch.Options{
			Address: addr, Database: s.database, User: s.native.Auth.Username, Password: s.native.Auth.Password,
			TLS: s.native.TLS, ClientName: "earshot",
			DialTimeout: s.native.DialTimeout, HandshakeTimeout: readLimit, ReadTimeout: readLimit,
		})
		if err == nil {
			return c, nil
		}
		failed = errors.Join(failed, s.explain("connect to store", err))
	}
	return nil, failed
}

// explain says in words of the user what is wrong with a connection.
func (s *Store) explain(doing string, err error) error {
	where := strings.Join(s.native.Addr, ", ")
	var op *net.OpError
	switch {
	case hasCode(err, codeAuthenticationFailed):
		return fmt.Errorf("%s: ClickHouse at %s refuses user %q: wrong password or unknown user; correct the DSN (clickhouse error 516)", doing, where, s.native.Auth.Username)
	case hasCode(err, codeUnknownDatabase):
		return fmt.Errorf("%s: ClickHouse at %s has no database %q; it is created by the migrations of earshot run, collector and read --store", doing, where, s.database)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", doing, err)
	case errors.As(err, &op) && op.Op == "dial":
		return fmt.Errorf("%s: cannot reach ClickHouse at %s: %w; is it running, and is this its native port (9000, not HTTP 8123)?", doing, where, op.Err)
	}
	return fmt.Errorf("%s: ClickHouse at %s: %w", doing, where, err)
}
