-- hops: one row an INVITE transaction at one hop, of calls that were seen at more than one. Columns are the fields of
-- record.Hop, in order. Of a call that was seen at one hop, attempts says as much.
CREATE TABLE IF NOT EXISTS hops{{.OnCluster}}
(
    `domain` LowCardinality(String) COMMENT 'capture domain of the agent that saw it' CODEC(ZSTD(1)),
    `first_seen` DateTime64(6, 'UTC') COMMENT 'packet time of the first evidence; sort key and partition' CODEC(Delta(8), ZSTD(1)),
    `call_id` String COMMENT 'of the call' CODEC(ZSTD(1)),
    `from_tag` String COMMENT 'tag of the From header' CODEC(ZSTD(1)),
    `cseq` UInt32 COMMENT 'of the INVITE; another one is a retry' CODEC(T64, ZSTD(1)),
    `hop` UInt8 COMMENT 'Via headers below the topmost one, more where they are hidden: 0 is the caller''s own' CODEC(T64, ZSTD(1)),
    `branch` String COMMENT 'of the top Via' CODEC(ZSTD(1)),
    `parent_branch` Nullable(String) COMMENT 'of the nearest earlier hop that was seen' CODEC(ZSTD(1)),
    `node` LowCardinality(String) COMMENT 'agent that saw the INVITE' CODEC(ZSTD(1)),
    `src_ip` IPv6 COMMENT 'the box between the hop before and this one; IPv4 as mapped IPv6' CODEC(ZSTD(1)),
    `src_port` UInt16 COMMENT 'source port' CODEC(T64, ZSTD(1)),
    `dst_ip` IPv6 COMMENT 'IPv4 as mapped IPv6' CODEC(ZSTD(1)),
    `dst_port` UInt16 COMMENT 'destination port' CODEC(T64, ZSTD(1)),
    `transport` LowCardinality(String) COMMENT 'udp, tcp, tls, ws, sctp' CODEC(ZSTD(1)),
    `start_time` DateTime64(6, 'UTC') COMMENT 'INVITE, by the clock of node' CODEC(Delta(8), ZSTD(1)),
    `trying_ms` Nullable(Float64) COMMENT 'INVITE to the first 100' CODEC(Gorilla, ZSTD(1)),
    `progress_ms` Nullable(Float64) COMMENT 'INVITE to the first 18x' CODEC(Gorilla, ZSTD(1)),
    `ring_ms` Nullable(Float64) COMMENT 'INVITE to the first 180' CODEC(Gorilla, ZSTD(1)),
    `final_ms` Nullable(Float64) COMMENT 'INVITE to its final response' CODEC(Gorilla, ZSTD(1)),
    `status` Nullable(UInt16) COMMENT 'of its final response' CODEC(T64, ZSTD(1)),
    `ack_ms` Nullable(Float64) COMMENT 'final response to its ACK on the same way' CODEC(Gorilla, ZSTD(1)),
    `retransmissions` UInt32 COMMENT 'of the INVITE and its responses' CODEC(T64, ZSTD(1)),
    `clocks` LowCardinality(Nullable(String)) COMMENT 'of the nodes that saw this hop and the one before: same, corrected, different; NULL where none before was seen' CODEC(ZSTD(1)),
    `clock_offset_ms` Nullable(Float64) COMMENT 'of corrected clocks: how far that of node is ahead of the other' CODEC(Gorilla, ZSTD(1)),
    `clock_error_ms` Nullable(Float64) COMMENT 'of corrected clocks: by how much offset, forward_ms and return_ms may be wrong at most' CODEC(Gorilla, ZSTD(1)),
    `forward_ms` Nullable(Float64) COMMENT 'INVITE at the hop before to INVITE at this one; NULL where clocks are different' CODEC(Gorilla, ZSTD(1)),
    `forward_wait_ms` Nullable(Float64) COMMENT 'of forward_ms, waited for branches that were tried before' CODEC(Gorilla, ZSTD(1)),
    `return_ms` Nullable(Float64) COMMENT 'final response at this hop to final response at the one before; NULL where clocks are different' CODEC(Gorilla, ZSTD(1)),
    `return_wait_ms` Nullable(Float64) COMMENT 'of return_ms, waited for other branches to end' CODEC(Gorilla, ZSTD(1)),
    `passed_ms` Nullable(Float64) COMMENT 'forward and return together, known with different clocks, too' CODEC(Gorilla, ZSTD(1)),
    `beyond_ms` Nullable(Float64) COMMENT 'of the last hop that was seen: spent behind it until the final response' CODEC(Gorilla, ZSTD(1)),
    `stored_at` DateTime64(6, 'UTC') DEFAULT now64(6) COMMENT 'wall time of storing; retention counts from it' CODEC(Delta(8), ZSTD(1)),

    INDEX by_call_id call_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_src_ip src_ip TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_dst_ip dst_ip TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {{.Engine}}
PARTITION BY toDate(first_seen)
ORDER BY (first_seen, call_id, branch)
SETTINGS
    non_replicated_deduplication_window = 10000, -- inserts remembered, so that a retry writes nothing twice
    ttl_only_drop_parts = 1, -- old rows go with their whole part, which costs nothing
    materialize_ttl_recalculate_only = 1, -- a new retention rewrites no rows
    min_bytes_for_wide_part = 67108864 -- inserts make few files: with a file a column they cost ten times as much
COMMENT 'one row an INVITE transaction at one hop, of calls that were seen at more than one';
