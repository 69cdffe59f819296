-- legs: calls, with the session_id that was found last. A Call-ID may be used again: a link is of
-- the use that began with it (first_seen, to within what clocks of two nodes differ by), and says
-- nothing of a dialog that came after it was found: the row of that one knows it already.
-- A migration that adds columns to calls makes it anew: a view keeps the columns that it was made with.
CREATE OR REPLACE VIEW legs{{.OnCluster}} AS
SELECT c.* REPLACE (if(l.until >= c.first_seen, l.session_id, c.session_id) AS session_id)
FROM calls AS c
ASOF LEFT JOIN
(
    SELECT
        domain, call_id, first_seen - INTERVAL 5 SECOND AS since, greatest(first_seen, max(links.time)) AS until,
        argMax(links.session_id, (links.legs, links.time)) AS session_id
    FROM links
    WHERE merged
    GROUP BY domain, call_id, first_seen
) AS l ON l.domain = c.domain AND l.call_id = c.call_id AND l.since <= c.first_seen;

-- An attempt says by itself whether it is a seizure: what it takes is known when the call is over. Of those that
-- are stored already it is known but for forks that lost.
ALTER TABLE attempts{{.OnCluster}}
    ADD COLUMN IF NOT EXISTS `trunk_in` LowCardinality(Nullable(String)) COMMENT 'of the call, as configuration names it' CODEC(ZSTD(1)) AFTER `dst_port`,
    ADD COLUMN IF NOT EXISTS `seizure` Bool DEFAULT ifNull(status NOT IN (401, 407, 487) AND intDiv(status, 100) != 3, true) COMMENT 'it counts for ASR and NER: no challenge or redirection, no fork that lost to an answer, not in progress' CODEC(ZSTD(1)) AFTER `won`;

-- seizures: what a call was answered for, three ways to count: each end-to-end call (the legs of
-- one session), each leg, each downstream try. answered is the numerator of RFC 6076 SER and of the ASR
-- (ITU-T E.411); effective of SEER and the NER (E.425): answered, or it was the user who did not:
-- busy, unavailable, declined, or given up while it rang. docs/operating.md says what is no seizure.
CREATE OR REPLACE VIEW seizures{{.OnCluster}} AS
WITH
judged AS
(
    SELECT
        domain, first_seen, session_id, call_id, from_tag, to_tag, end_time, trunk_in, trunk_out, state = 'open' AS open, state = 'answered' AS answered,
        ifNull(state IN ('answered', 'busy') OR final_status IN (480, 603) OR (state = 'cancelled' AND ring_time IS NOT NULL), 0) AS effective,
        state NOT IN ('unauthenticated', 'redirected', 'open') AND NOT has(flags, 'answered_elsewhere') AS seized
    FROM legs
),
-- Where a Call-ID is dialled again when all that it named is over: another call, unless that failed less than a
-- minute ago, for who tries again keeps the Call-ID (RFC 3261 section 8.1.3.5).
again AS
(
    SELECT domain, call_id, first_seen AS since
    FROM
    (
        SELECT
            domain, call_id, first_seen, row_number() OVER (PARTITION BY domain, call_id ORDER BY first_seen, from_tag, to_tag) AS n,
            max(if(state = 'answered', ifNull(end_time, toDateTime64('2200-01-01', 6, 'UTC')), ifNull(end_time, first_seen) + INTERVAL 1 MINUTE))
                OVER (PARTITION BY domain, call_id ORDER BY first_seen, from_tag, to_tag ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS over
        FROM calls
        WHERE cityHash64(domain, call_id) IN (SELECT cityHash64(domain, call_id) AS id FROM calls GROUP BY id HAVING count() > 1)
    )
    WHERE n > 1 AND first_seen >= over
)
SELECT
    'call' AS counted, domain, min(j.first_seen) AS first_seen, session_id AS call_id, argMin(j.trunk_in, j.first_seen) AS trunk_in,
    argMax(j.trunk_out, (j.answered, j.first_seen)) AS trunk_out, max(j.answered) AS answered,
    -- The leg that ended last had the last word.
    answered OR argMaxIf(j.effective, ifNull(j.end_time, j.first_seen), j.seized) AS effective
FROM judged AS j
ASOF LEFT JOIN again AS u ON u.domain = j.domain AND u.call_id = j.session_id AND u.since <= j.first_seen
GROUP BY j.domain AS domain, j.session_id AS session_id, u.since
-- The row of the first leg comes when the whole call is over.
HAVING max(j.seized) AND NOT max(j.open) AND countIf(j.call_id = j.session_id) > 0
UNION ALL
SELECT 'leg' AS counted, domain, first_seen, call_id, trunk_in, trunk_out, answered, effective
FROM judged
WHERE seized
UNION ALL
SELECT
    'attempt' AS counted, domain, first_seen, call_id, trunk_in, trunk_out, won AS answered,
    ifNull(won OR status IN (480, 486, 600, 603) OR (status = 487 AND ring_time IS NOT NULL), 0) AS effective
FROM attempts
WHERE seizure;
