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
-- A session whose Call-ID is dialled again when all of it is over is another call, unless it failed less than
-- a minute ago: who tries again uses the same Call-ID (RFC 3261 section 8.1.3.5).
told AS
(
    SELECT
        *, row_number() OVER (PARTITION BY domain, session_id, call_id ORDER BY first_seen, from_tag, to_tag) > 1
            AND first_seen >= max(if(answered, ifNull(end_time, toDateTime64('2200-01-01', 6, 'UTC')), ifNull(end_time, first_seen) + INTERVAL 1 MINUTE)) OVER before AS again
    FROM judged
    WINDOW before AS (PARTITION BY domain, session_id ORDER BY first_seen, call_id, from_tag, to_tag ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
),
sessions AS
(
    SELECT *, sum(again) OVER (PARTITION BY domain, session_id ORDER BY first_seen, call_id, from_tag, to_tag ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS use
    FROM told
),
-- Each try with the use of its Call-ID that it is of, and when that was answered, and by which try.
tries AS
(
    SELECT
        a.domain AS domain, a.first_seen AS first_seen, a.call_id AS call_id, c.trunk_in AS trunk_in, a.trunk_out AS trunk_out,
        a.start_time AS start_time, a.ring_time AS ring_time, a.end_time AS end_time, ifNull(a.status, 0) AS status, a.won AS won, c.open AS open, c.elsewhere AS elsewhere,
        min(if(a.won, a.start_time, NULL)) OVER call AS winner_start, min(if(a.won, a.end_time, NULL)) OVER call AS answer_time
    FROM attempts AS a
    ASOF LEFT JOIN
    (
        SELECT domain, call_id, from_tag, first_seen, any(trunk_in) AS trunk_in, max(state = 'open') AS open, max(has(flags, 'answered_elsewhere')) AS elsewhere
        FROM calls
        GROUP BY domain, call_id, from_tag, first_seen
    ) AS c ON c.domain = a.domain AND c.call_id = a.call_id AND c.from_tag = a.from_tag AND c.first_seen <= a.first_seen
    WINDOW call AS (PARTITION BY a.domain, a.call_id, a.from_tag, c.first_seen)
)
SELECT
    'call' AS counted, domain, min(sessions.first_seen) AS first_seen, session_id AS call_id, argMin(sessions.trunk_in, sessions.first_seen) AS trunk_in,
    argMax(sessions.trunk_out, (sessions.answered, sessions.first_seen)) AS trunk_out, max(sessions.answered) AS answered,
    -- The leg that ended last had the last word.
    answered OR argMaxIf(sessions.effective, ifNull(sessions.end_time, sessions.first_seen), sessions.seized) AS effective
FROM sessions
GROUP BY domain, session_id, use
-- The row of the first leg comes when the whole call is over.
HAVING max(sessions.seized) AND NOT max(sessions.open) AND countIf(sessions.call_id = session_id) > 0
UNION ALL
SELECT 'leg' AS counted, domain, first_seen, call_id, trunk_in, trunk_out, answered, effective
FROM judged
WHERE seized
UNION ALL
SELECT 'attempt' AS counted, domain, first_seen, call_id, trunk_in, trunk_out, won AS answered, won OR status IN (480, 486, 600, 603) OR (status = 487 AND ring_time IS NOT NULL) AS effective
FROM tries
WHERE NOT open AND status NOT IN (401, 407) AND intDiv(status, 100) != 3
    -- Called off behind the answer it lost a fork to that; before it, it was given up, as when a proxy hunts.
    AND NOT (status = 487 AND (elsewhere OR ifNull(answer_time <= end_time, 0)))
    -- Without an end beside an answer it is a fork whose end nobody saw, unless the next try came when it had had its time.
    AND NOT (status = 0 AND ifNull(winner_start < start_time + INTERVAL 1 SECOND, 0));
