package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/earshot-voip/earshot/internal/chdb"
	"github.com/earshot-voip/earshot/internal/store"
)

type sqlCommand struct {
	Query  []string `arg:"" help:"A ClickHouse statement: one argument, in quotes."`
	Data   string   `placeholder:"DIR" help:"Data folder of a running earshot run, or of a stopped one."`
	Store  string   `placeholder:"DSN" help:"Ask this ClickHouse."`
	Format string   `enum:"table,csv,jsonl" default:"table" help:"table, csv or jsonl."`
	Write  bool     `help:"Allow statements that change data."`
}

// Help shows examples.
func (sqlCommand) Help() string {
	return `Tables: calls, attempts, streams, intervals, reports, messages, drops, links, hops, hosts;
legs is calls with the session_id that was found last, topology each host as it was told of last,
seizures what became of calls, by call, leg and attempt.
Examples:
  earshot sql "SELECT start_time, caller, callee, mos_lq FROM calls WHERE mos_lq < 3.6 ORDER BY start_time DESC LIMIT 20"
  earshot sql --format csv "SELECT toDate(start_time) AS day, count() FROM calls GROUP BY day ORDER BY day"
  earshot sql "DESCRIBE calls"`
}

func (k *sqlCommand) Run(a *app) (err error) {
	if err := a.loadStore(k.Data, k.Store); err != nil {
		return err
	}
	db, done, err := openStore(a, k.Data, k.Store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	rows, err := db.Query(a.ctx, strings.Join(k.Query, " "), store.QueryOptions{Write: k.Write})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	switch k.Format {
	case "csv":
		_, err = store.WriteCSV(a.stdout, rows)
	case "jsonl":
		_, err = store.WriteJSONL(a.stdout, rows)
	default:
		_, err = store.WriteTable(a.stdout, rows)
	}
	return err
}

// loadStore reads the configuration of a command that asks the store.
func (a *app) loadStore(data, dsn string) error {
	if data != "" {
		a.set("data", data, "--data")
	}
	if dsn != "" {
		a.set("store.dsn", dsn, "--store")
	}
	return a.load()
}

// openStore opens the store that a command's --data and --store name, and
// gives what closes it.
func openStore(a *app, data, flag string) (db *store.Store, done func() error, err error) {
	dsn := a.config.Store.DSN
	if data != "" && flag == "" {
		dsn = ""
	}
	stop := func() error { return nil }
	if dsn == "" {
		engine, address, err := engineFor(a)
		if err != nil {
			return nil, nil, err
		}
		if engine != nil {
			stop = engine.Close
		}
		dsn = address
	}
	db, err = store.Open(a.ctx, dsn, store.Options{Log: a.log})
	if err != nil {
		return nil, nil, errors.Join(err, stop())
	}
	return db, func() error { return errors.Join(db.Close(), stop()) }, nil
}

// engineFor finds the engine of the data folder: that of a running earshot, or
// one started for this query.
func engineFor(a *app) (*chdb.Server, string, error) {
	dir, err := a.config.DataDir()
	if err != nil {
		return nil, "", err
	}
	access, err := chdb.Running(dir)
	if err == nil {
		return nil, access.DSN(), nil
	}
	if !errors.Is(err, chdb.ErrNotRunning) {
		return nil, "", err
	}
	if _, err := os.Stat(dir + "/clickhouse"); err != nil {
		return nil, "", fmt.Errorf("there is no store in %s: start `earshot run` first, or name its folder with --data or a ClickHouse with --store", dir)
	}
	engine, err := chdb.Start(a.ctx, chdb.Options{Dir: dir, Library: a.config.ClickHouse.Library, MaxMemory: int64(a.config.ClickHouse.Memory), Log: a.log})
	if err != nil {
		return nil, "", err
	}
	return engine, engine.DSN(), nil
}
