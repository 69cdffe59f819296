-- messages: one row a SIP message or an RTCP report. Columns are the fields of record.Message, in order.
-- Within an hour the messages of one call lie together: they are alike, so that
-- they compress best so, and a call is read in one go.
CREATE TABLE IF NOT EXISTS messages{{.OnCluster}}
(
    `domain` LowCardinality(String) COMMENT 'capture domain of the agent that saw it' CODEC(ZSTD(1)),
    `first_seen` DateTime64(6, 'UTC') COMMENT 'equals time' CODEC(Delta(8), ZSTD(1)),
    `time` DateTime64(6, 'UTC') COMMENT 'packet time' CODEC(Delta(8), ZSTD(1)),
    `call_id` String COMMENT 'empty when the packet has none' CODEC(ZSTD(1)),
    `node` LowCardinality(String) COMMENT 'agent that saw it' CODEC(ZSTD(1)),
    `kind` LowCardinality(String) COMMENT 'sip, rtcp' CODEC(ZSTD(1)),
    `method` LowCardinality(String) COMMENT 'of CSeq' CODEC(ZSTD(1)),
    `status` Nullable(UInt16) COMMENT 'NULL for a request' CODEC(T64, ZSTD(1)),
    `cseq` Nullable(UInt32) COMMENT 'number of CSeq' CODEC(T64, ZSTD(1)),
    `branch` String COMMENT 'of the top Via' CODEC(ZSTD(1)),
    `from_user` String COMMENT 'user of From' CODEC(ZSTD(1)),
    `to_user` String COMMENT 'user of To' CODEC(ZSTD(1)),
    `src_ip` IPv6 COMMENT 'IPv4 as mapped IPv6' CODEC(ZSTD(1)),
    `src_port` UInt16 COMMENT 'source port' CODEC(T64, ZSTD(1)),
    `dst_ip` IPv6 COMMENT 'IPv4 as mapped IPv6' CODEC(ZSTD(1)),
    `dst_port` UInt16 COMMENT 'destination port' CODEC(T64, ZSTD(1)),
    `transport` LowCardinality(String) COMMENT 'udp, tcp, tls, ws, sctp' CODEC(ZSTD(1)),
    `agent_header` LowCardinality(String) COMMENT 'User-Agent or Server' CODEC(ZSTD(1)),
    `retransmission` Bool COMMENT 'a repeated message' CODEC(ZSTD(1)),
    `defects` Array(LowCardinality(String)) COMMENT 'what is wrong with it' CODEC(ZSTD(1)),
    `scrubbed` Array(LowCardinality(String)) COMMENT 'what was hidden in raw: digest, sdes, dtmf, body' CODEC(ZSTD(1)),
    `raw` String COMMENT 'the message, scrubbed of secrets' CODEC(ZSTD(3)),
    `stored_at` DateTime64(6, 'UTC') DEFAULT now64(6) COMMENT 'wall time of storing; retention counts from it' CODEC(Delta(8), ZSTD(1)),

    INDEX by_call_id call_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX by_from_user from_user TYPE ngrambf_v1(4, 8192, 3, 0) GRANULARITY 1,
    INDEX by_to_user to_user TYPE ngrambf_v1(4, 8192, 3, 0) GRANULARITY 1,
    INDEX by_src_ip src_ip TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_dst_ip dst_ip TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_status status TYPE set(64) GRANULARITY 1
)
ENGINE = {{.Engine}}
PARTITION BY toDate(first_seen)
ORDER BY (toStartOfHour(first_seen), call_id, first_seen)
SETTINGS
    non_replicated_deduplication_window = 10000, -- inserts remembered, so that a retry writes nothing twice
    ttl_only_drop_parts = 1, -- old rows go with their whole part, which costs nothing
    materialize_ttl_recalculate_only = 1, -- a new retention rewrites no rows
    min_bytes_for_wide_part = 67108864 -- inserts make few files: with a file a column they cost ten times as much
COMMENT 'one row a SIP message or an RTCP report';
