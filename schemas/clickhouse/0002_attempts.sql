-- attempts: one row a downstream try of a call. Columns are the fields of record.Attempt, in order.
-- Rows lie in order of time, as calls do.
CREATE TABLE IF NOT EXISTS attempts{{.OnCluster}}
(
    `domain` LowCardinality(String) COMMENT 'capture domain of the agent that saw it' CODEC(ZSTD(1)),
    `first_seen` DateTime64(6, 'UTC') COMMENT 'packet time of the first evidence; sort key and partition' CODEC(Delta(8), ZSTD(1)),
    `call_id` String COMMENT 'of the call' CODEC(ZSTD(1)),
    `from_tag` String COMMENT 'tag of the From header' CODEC(ZSTD(1)),
    `branch` String COMMENT 'of the top Via' CODEC(ZSTD(1)),
    `request_host` LowCardinality(Nullable(String)) COMMENT 'host of the Request-URI of the first INVITE' CODEC(ZSTD(1)),
    `dst_ip` Nullable(IPv6) COMMENT 'IPv4 as mapped IPv6' CODEC(ZSTD(1)),
    `dst_port` Nullable(UInt16) COMMENT 'destination port' CODEC(T64, ZSTD(1)),
    `trunk_out` LowCardinality(Nullable(String)) COMMENT 'as configuration names it' CODEC(ZSTD(1)),
    `start_time` Nullable(DateTime64(6, 'UTC')) COMMENT 'request sent' CODEC(Delta(8), ZSTD(1)),
    `ring_time` Nullable(DateTime64(6, 'UTC')) COMMENT 'first 18x' CODEC(Delta(8), ZSTD(1)),
    `end_time` Nullable(DateTime64(6, 'UTC')) COMMENT 'BYE, final failure or what ended it' CODEC(Delta(8), ZSTD(1)),
    `status` Nullable(UInt16) COMMENT 'of its final response' CODEC(T64, ZSTD(1)),
    `reason` LowCardinality(Nullable(String)) COMMENT 'its phrase' CODEC(ZSTD(1)),
    `cause_q850` Nullable(UInt16) COMMENT 'Q.850 cause of a Reason header, RFC 3326' CODEC(T64, ZSTD(1)),
    `won` Bool COMMENT 'its 2xx made the call' CODEC(ZSTD(1)),
    `stored_at` DateTime64(6, 'UTC') DEFAULT now64(6) COMMENT 'wall time of storing; retention counts from it' CODEC(Delta(8), ZSTD(1)),

    INDEX by_call_id call_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_dst_ip dst_ip TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_status status TYPE set(64) GRANULARITY 1
)
ENGINE = {{.Engine}}
PARTITION BY toDate(first_seen)
ORDER BY (first_seen, call_id, branch)
SETTINGS
    non_replicated_deduplication_window = 10000, -- inserts remembered, so that a retry writes nothing twice
    ttl_only_drop_parts = 1, -- old rows go with their whole part, which costs nothing
    materialize_ttl_recalculate_only = 1, -- a new retention rewrites no rows
    min_bytes_for_wide_part = 67108864 -- inserts make few files: with a file a column they cost ten times as much
COMMENT 'one row a downstream try of a call';
