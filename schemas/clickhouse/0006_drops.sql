-- drops: where the monitor was blind. Columns are the fields of record.Drop, in order.
CREATE TABLE IF NOT EXISTS drops{{.OnCluster}}
(
    `domain` LowCardinality(String) COMMENT 'capture domain of the agent that saw it' CODEC(ZSTD(1)),
    `first_seen` DateTime64(6, 'UTC') COMMENT 'equals time' CODEC(Delta(8), ZSTD(1)),
    `time` DateTime64(6, 'UTC') COMMENT 'packet time' CODEC(Delta(8), ZSTD(1)),
    `node` LowCardinality(String) COMMENT 'agent that saw it' CODEC(ZSTD(1)),
    `stage` LowCardinality(String) COMMENT 'capture, agent, link, collector, bus, analyzer, store' CODEC(ZSTD(1)),
    `reason` LowCardinality(String) COMMENT 'of a closed set' CODEC(ZSTD(1)),
    `count` UInt64 COMMENT 'how many' CODEC(T64, ZSTD(1)),
    `from_time` DateTime64(6, 'UTC') COMMENT 'begin of the blindness' CODEC(Delta(8), ZSTD(1)),
    `to_time` DateTime64(6, 'UTC') COMMENT 'end of the blindness' CODEC(Delta(8), ZSTD(1)),
    `stored_at` DateTime64(6, 'UTC') DEFAULT now64(6) COMMENT 'wall time of storing; retention counts from it' CODEC(Delta(8), ZSTD(1))
)
ENGINE = {{.Engine}}
PARTITION BY toDate(first_seen)
ORDER BY (first_seen, stage, reason, node)
SETTINGS
    non_replicated_deduplication_window = 10000, -- inserts remembered, so that a retry writes nothing twice
    ttl_only_drop_parts = 1, -- old rows go with their whole part, which costs nothing
    materialize_ttl_recalculate_only = 1, -- a new retention rewrites no rows
    min_bytes_for_wide_part = 67108864 -- inserts make few files: with a file a column they cost ten times as much
COMMENT 'where the monitor was blind';
