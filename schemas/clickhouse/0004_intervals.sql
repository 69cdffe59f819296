-- intervals: one row a stream and interval of 5 s. Columns are the fields of record.Interval, in order.
-- Within an hour the intervals of one stream lie together: they compress best
-- so (DoubleDelta, Gorilla), and a stream is read in one go.
CREATE TABLE IF NOT EXISTS intervals{{.OnCluster}}
(
    `domain` LowCardinality(String) COMMENT 'capture domain of the agent that saw it' CODEC(ZSTD(1)),
    `first_seen` DateTime64(6, 'UTC') COMMENT 'equals time' CODEC(DoubleDelta, ZSTD(1)),
    `call_id` Nullable(String) COMMENT 'NULL if it never met its dialog' CODEC(ZSTD(1)),
    `direction` LowCardinality(Nullable(String)) COMMENT 'a: sent by the caller, b: by the callee' CODEC(ZSTD(1)),
    `ssrc` UInt32 COMMENT 'RFC 3550 synchronisation source' CODEC(T64, ZSTD(1)),
    `src_ip` IPv6 COMMENT 'IPv4 as mapped IPv6' CODEC(ZSTD(1)),
    `src_port` UInt16 COMMENT 'source port' CODEC(T64, ZSTD(1)),
    `dst_ip` IPv6 COMMENT 'IPv4 as mapped IPv6' CODEC(ZSTD(1)),
    `dst_port` UInt16 COMMENT 'destination port' CODEC(T64, ZSTD(1)),
    `node` LowCardinality(String) COMMENT 'agent that saw it' CODEC(ZSTD(1)),
    `time` DateTime64(6, 'UTC') COMMENT 'start of the interval' CODEC(DoubleDelta, ZSTD(1)),
    `packets` UInt64 COMMENT 'packets received' CODEC(T64, ZSTD(1)),
    `expected` UInt64 COMMENT 'highest - lowest extended sequence number + 1 over each run, RFC 3550 A.1' CODEC(T64, ZSTD(1)),
    `lost` UInt64 COMMENT 'expected - distinct received, never negative' CODEC(T64, ZSTD(1)),
    `codec` LowCardinality(Nullable(String)) COMMENT 'encoding name of SDP or RFC 3551' CODEC(ZSTD(1)),
    `jitter_ms` Nullable(Float64) COMMENT 'mean of the running value' CODEC(Gorilla, ZSTD(1)),
    `f50_discarded` Nullable(UInt64) COMMENT 'packets that a fixed 50 ms buffer discards' CODEC(T64, ZSTD(1)),
    `f200_discarded` Nullable(UInt64) COMMENT 'packets that a fixed 200 ms buffer discards' CODEC(T64, ZSTD(1)),
    `adaptive_discarded` Nullable(UInt64) COMMENT 'packets that an adaptive buffer discards' CODEC(T64, ZSTD(1)),
    `r_lq` Nullable(Float64) COMMENT 'R factor, listening' CODEC(Gorilla, ZSTD(1)),
    `mos_lq` Nullable(Float64) COMMENT 'listening quality, 1..4.5' CODEC(Gorilla, ZSTD(1)),
    `rtt_ms` Nullable(Float64) COMMENT 'round trip of this segment by RTCP, ms' CODEC(Gorilla, ZSTD(1)),
    `r_cost_codec` Nullable(Float64) COMMENT 'R points lost to the codec' CODEC(Gorilla, ZSTD(1)),
    `r_cost_loss` Nullable(Float64) COMMENT 'R points lost to loss' CODEC(Gorilla, ZSTD(1)),
    `r_cost_discard` Nullable(Float64) COMMENT 'R points lost to late packets' CODEC(Gorilla, ZSTD(1)),
    `r_cost_delay` Nullable(Float64) COMMENT 'R points lost to delay' CODEC(Gorilla, ZSTD(1)),
    `stored_at` DateTime64(6, 'UTC') DEFAULT now64(6) COMMENT 'wall time of storing; retention counts from it' CODEC(Delta(8), ZSTD(1)),

    INDEX by_call_id call_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_dst_ip dst_ip TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_mos_lq mos_lq TYPE minmax GRANULARITY 1
)
ENGINE = {{.Engine}}
PARTITION BY toDate(first_seen)
ORDER BY (toStartOfHour(first_seen), node, src_ip, src_port, dst_ip, dst_port, ssrc, first_seen)
SETTINGS
    non_replicated_deduplication_window = 10000, -- inserts remembered, so that a retry writes nothing twice
    ttl_only_drop_parts = 1, -- old rows go with their whole part, which costs nothing
    materialize_ttl_recalculate_only = 1, -- a new retention rewrites no rows
    min_bytes_for_wide_part = 67108864 -- inserts make few files: with a file a column they cost ten times as much
COMMENT 'one row a stream and interval of 5 s';
