-- seizures: what a call was answered for, three ways to count: each end-to-end call (its
-- first leg), each leg, each downstream try. A fork that was called off because another one
-- answered is no seizure, nor is a challenge, a redirection, or what is still going on.
-- answered is the numerator of RFC 6076 SER and of the ASR (ITU-T E.411); effective of SEER and
-- the NER (E.425): answered, or it was the user who did not: busy, unavailable, declined, or given up while it rang.
CREATE OR REPLACE VIEW seizures{{.OnCluster}} AS
SELECT
    kind AS counted, domain, first_seen, call_id, trunk_in, trunk_out, state = 'answered' AS answered,
    state IN ('answered', 'busy') OR final_status IN (480, 603) OR (state = 'cancelled' AND ring_time IS NOT NULL) AS effective
FROM legs
ARRAY JOIN if(call_id = session_id, ['call', 'leg'], ['leg']) AS kind
WHERE state NOT IN ('unauthenticated', 'redirected', 'open') AND NOT has(flags, 'answered_elsewhere')
UNION ALL
SELECT
    'attempt' AS counted, a.domain, a.first_seen, a.call_id, c.trunk_in, a.trunk_out, a.won AS answered,
    a.won OR a.status IN (480, 486, 600, 603) OR (a.status = 487 AND a.ring_time IS NOT NULL) AS effective
FROM attempts AS a
LEFT JOIN (SELECT domain, call_id, from_tag, any(trunk_in) AS trunk_in, max(state = 'answered' OR has(flags, 'answered_elsewhere')) AS won FROM calls GROUP BY domain, call_id, from_tag) AS c
    ON c.domain = a.domain AND c.call_id = a.call_id AND c.from_tag = a.from_tag
WHERE ifNull(a.status, 0) NOT IN (401, 407) AND intDiv(ifNull(a.status, 0), 100) != 3 AND NOT (a.status = 487 AND c.won);
