-- links: which legs belong to one end-to-end call. Columns are the fields of record.Link, in order.
-- Rows of calls do not change: session_id there is what was known when the row
-- was written, and later legs are here alone.
CREATE TABLE IF NOT EXISTS links{{.OnCluster}}
(
    `domain` LowCardinality(String) COMMENT 'capture domain of the agent that saw it' CODEC(ZSTD(1)),
    `first_seen` DateTime64(6, 'UTC') COMMENT 'of the leg' CODEC(Delta(8), ZSTD(1)),
    `time` DateTime64(6, 'UTC') COMMENT 'packet time at which it was found' CODEC(Delta(8), ZSTD(1)),
    `call_id` String COMMENT 'the leg' CODEC(ZSTD(1)),
    `linked_call_id` String COMMENT 'the other leg' CODEC(ZSTD(1)),
    `session_id` String COMMENT 'of the leg from then on' CODEC(ZSTD(1)),
    `legs` UInt32 COMMENT 'of that session; of two rows of a leg the one with more is the later' CODEC(T64, ZSTD(1)),
    `method` LowCardinality(String) COMMENT 'dialog, header, refer, media, ssrc, numbers; session: by another leg of its session' CODEC(ZSTD(1)),
    `detail` LowCardinality(Nullable(String)) COMMENT 'name of the header' CODEC(ZSTD(1)),
    `confidence` Float64 COMMENT '0 to 1, of all that shows that the two legs belong together' CODEC(ZSTD(1)),
    `merged` Bool COMMENT 'sure enough: the legs have one session_id; else it is likely' CODEC(ZSTD(1)),
    `stored_at` DateTime64(6, 'UTC') DEFAULT now64(6) COMMENT 'wall time of storing; retention counts from it' CODEC(Delta(8), ZSTD(1)),

    INDEX by_call_id call_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_linked_call_id linked_call_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_session_id session_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {{.Engine}}
PARTITION BY toDate(first_seen)
ORDER BY (first_seen, call_id, legs)
SETTINGS
    non_replicated_deduplication_window = 10000, -- inserts remembered, so that a retry writes nothing twice
    ttl_only_drop_parts = 1, -- old rows go with their whole part, which costs nothing
    materialize_ttl_recalculate_only = 1, -- a new retention rewrites no rows
    min_bytes_for_wide_part = 67108864 -- inserts make few files: with a file a column they cost ten times as much
COMMENT 'which legs belong to one end-to-end call';

-- legs: calls, with the session_id that was found last. A migration that adds
-- columns to calls makes it anew: a view keeps the columns that it was made with.
CREATE OR REPLACE VIEW legs{{.OnCluster}} AS
SELECT c.* REPLACE (if(l.session_id = '', c.session_id, l.session_id) AS session_id)
FROM calls AS c
LEFT JOIN
(
    SELECT domain, call_id, argMax(links.session_id, (links.legs, links.time)) AS session_id
    FROM links
    WHERE merged
    GROUP BY domain, call_id
) AS l ON l.domain = c.domain AND l.call_id = c.call_id;
