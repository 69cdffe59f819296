package store

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// counters are the writer's. Labels are tables and reasons of closed sets.
type counters struct {
	rows        *prometheus.CounterVec // by table: rows that the server acknowledged
	bytes       prometheus.Counter     // of them, as sent
	inserts     *prometheus.CounterVec // by table
	repeated    *prometheus.CounterVec // by table: rows that the server had already
	restored    *prometheus.CounterVec // by table: rows that the server said it had, and had lost
	deadRows    *prometheus.CounterVec // by table: rows in dead-letter files
	retries     *prometheus.CounterVec // by reason: connection, server
	pendingRows prometheus.Gauge       // rows appended and not yet acknowledged
	flush       prometheus.Histogram   // seconds of a Flush
}

// newCounters registers the counters. Two stores on one registerer share them.
func newCounters(reg prometheus.Registerer) (*counters, error) {
	byTable := []string{"table"}
	vec := func(name, help string, labels []string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "earshot_store_" + name, Help: help}, labels)
	}
	c := &counters{
		rows:        vec("rows_total", "Rows that ClickHouse acknowledged, by table.", byTable),
		bytes:       prometheus.NewCounter(prometheus.CounterOpts{Name: "earshot_store_bytes_total", Help: "Bytes of acknowledged rows as they were sent."}),
		inserts:     vec("inserts_total", "Inserts that ClickHouse acknowledged, by table.", byTable),
		repeated:    vec("repeated_rows_total", "Rows sent again that ClickHouse already had and did not write twice, by table.", byTable),
		restored:    vec("restored_rows_total", "Rows that ClickHouse took for written and had lost in a crash, written again, by table.", byTable),
		deadRows:    vec("dead_letter_rows_total", "Rows that ClickHouse refused for what they are, kept in dead-letter files, by table.", byTable),
		retries:     vec("retries_total", "Inserts tried again, by reason: connection or server.", []string{"reason"}),
		pendingRows: prometheus.NewGauge(prometheus.GaugeOpts{Name: "earshot_store_pending_rows", Help: "Rows appended and not yet acknowledged by ClickHouse."}),
		flush: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "earshot_store_flush_seconds", Help: "Time to store one batch, retries included.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 14),
		}),
	}
	if reg == nil {
		return c, nil
	}
	var err error
	c.rows, err = register(reg, c.rows, err)
	c.bytes, err = register(reg, c.bytes, err)
	c.inserts, err = register(reg, c.inserts, err)
	c.repeated, err = register(reg, c.repeated, err)
	c.restored, err = register(reg, c.restored, err)
	c.deadRows, err = register(reg, c.deadRows, err)
	c.retries, err = register(reg, c.retries, err)
	c.pendingRows, err = register(reg, c.pendingRows, err)
	c.flush, err = register(reg, c.flush, err)
	return c, err
}

func register[C prometheus.Collector](reg prometheus.Registerer, c C, before error) (C, error) {
	err := reg.Register(c)
	if there, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		return there.ExistingCollector.(C), before
	}
	return c, errors.Join(before, err)
}
