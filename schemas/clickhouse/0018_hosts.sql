-- hosts: what an address was seen to do, and what it is taken for. Columns are the fields of record.Host, in order.
CREATE TABLE IF NOT EXISTS hosts{{.OnCluster}}
(
    `domain` LowCardinality(String) COMMENT 'capture domain of the agent that saw it' CODEC(ZSTD(1)),
    `first_seen` DateTime64(6, 'UTC') COMMENT 'equals time; sort key and partition' CODEC(Delta(8), ZSTD(1)),
    `time` DateTime64(6, 'UTC') COMMENT 'when it last did something' CODEC(Delta(8), ZSTD(1)),
    `since` DateTime64(6, 'UTC') COMMENT 'when it was first seen' CODEC(Delta(8), ZSTD(1)),
    `ip` IPv6 COMMENT 'IPv4 as mapped IPv6' CODEC(ZSTD(1)),
    `name` LowCardinality(Nullable(String)) COMMENT 'as configuration has it' CODEC(ZSTD(1)),
    `trunk` LowCardinality(Nullable(String)) COMMENT 'as configuration has it' CODEC(ZSTD(1)),
    `class` LowCardinality(String) COMMENT 'phone, registrar, proxy, b2bua, relay, gateway, unknown' CODEC(ZSTD(1)),
    `confidence` Float64 COMMENT '0 to 1, of class; 1 where configuration tells' CODEC(ZSTD(1)),
    `roles` Array(LowCardinality(String)) COMMENT 'all that it behaves as' CODEC(ZSTD(1)),
    `evidence` Array(String) COMMENT 'in words' CODEC(ZSTD(1)),
    `user_agent` Nullable(String) COMMENT 'User-Agent or Server that it sent of itself' CODEC(ZSTD(1)),
    `requests_sent` UInt64 COMMENT 'SIP requests that it sent; repetitions count once, here and below' CODEC(T64, ZSTD(1)),
    `requests_received` UInt64 COMMENT 'SIP requests' CODEC(T64, ZSTD(1)),
    `responses_sent` UInt64 COMMENT 'SIP responses' CODEC(T64, ZSTD(1)),
    `responses_received` UInt64 COMMENT 'SIP responses' CODEC(T64, ZSTD(1)),
    `invites_originated` UInt64 COMMENT 'sent with its own Via only' CODEC(T64, ZSTD(1)),
    `invites_forwarded` UInt64 COMMENT 'sent with more' CODEC(T64, ZSTD(1)),
    `invites_received` UInt64 COMMENT 'INVITEs' CODEC(T64, ZSTD(1)),
    `invites_answered` UInt64 COMMENT '2xx that it sent' CODEC(T64, ZSTD(1)),
    `answers_received` UInt64 COMMENT '2xx to INVITE' CODEC(T64, ZSTD(1)),
    `requests_forwarded` UInt64 COMMENT 'with more Vias than its own, INVITE among them' CODEC(T64, ZSTD(1)),
    `record_routed` UInt64 COMMENT 'messages that name it in Record-Route' CODEC(T64, ZSTD(1)),
    `legs_joined` UInt64 COMMENT 'pairs of legs that it lies between' CODEC(T64, ZSTD(1)),
    `registers_sent` UInt64 COMMENT 'with its own Via only' CODEC(T64, ZSTD(1)),
    `registers_forwarded` UInt64 COMMENT 'sent with more' CODEC(T64, ZSTD(1)),
    `registers_answered` UInt64 COMMENT '2xx that it sent' CODEC(T64, ZSTD(1)),
    `registers_challenged` UInt64 COMMENT '401 and 407 that it sent' CODEC(T64, ZSTD(1)),
    `registers_accepted` UInt64 COMMENT '2xx that it received' CODEC(T64, ZSTD(1)),
    `options_sent` UInt64 COMMENT 'OPTIONS' CODEC(T64, ZSTD(1)),
    `options_answered` UInt64 COMMENT 'responses to OPTIONS that it sent' CODEC(T64, ZSTD(1)),
    `streams_sent` UInt64 COMMENT 'RTP' CODEC(T64, ZSTD(1)),
    `streams_received` UInt64 COMMENT 'RTP' CODEC(T64, ZSTD(1)),
    `streams_relayed` UInt64 COMMENT 'of those sent: they came in with the same SSRC' CODEC(T64, ZSTD(1)),
    `users` UInt32 COMMENT 'about how many it calls as, is called as, registers or accepts' CODEC(T64, ZSTD(1)),
    `peers` UInt32 COMMENT 'about how many hosts it exchanges media with' CODEC(T64, ZSTD(1)),
    `stored_at` DateTime64(6, 'UTC') DEFAULT now64(6) COMMENT 'wall time of storing; retention counts from it' CODEC(Delta(8), ZSTD(1)),

    INDEX by_ip ip TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {{.Engine}}
PARTITION BY toDate(first_seen)
ORDER BY (first_seen, ip)
SETTINGS
    non_replicated_deduplication_window = 10000, -- inserts remembered, so that a retry writes nothing twice
    ttl_only_drop_parts = 1, -- old rows go with their whole part, which costs nothing
    materialize_ttl_recalculate_only = 1, -- a new retention rewrites no rows
    min_bytes_for_wide_part = 67108864 -- inserts make few files: with a file a column they cost ten times as much
COMMENT 'what hosts do and are; the newest row of a host stands';

-- topology: each host as it was told of last. A migration that adds columns to
-- hosts makes it anew: a view keeps the columns that it was made with.
CREATE OR REPLACE VIEW topology{{.OnCluster}} AS
SELECT *
FROM hosts
ORDER BY time DESC, stored_at DESC
LIMIT 1 BY domain, ip;
