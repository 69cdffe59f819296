-- What an IMS says of a call in P- headers, and SIP-I in ISUP. Columns stand where
-- the fields of record.Call do.
ALTER TABLE calls{{.OnCluster}}
    ADD COLUMN IF NOT EXISTS `cause_location` LowCardinality(Nullable(String)) COMMENT 'where cause_q850 comes from: U, LPN, LN, TN, RLN, RPN, INTL, BI ... (RFC 8606, Q.850 2.2.3)' CODEC(ZSTD(1)) AFTER `cause_sip`,
    ADD COLUMN IF NOT EXISTS `asserted_number` Nullable(String) COMMENT 'of the tel URI of P-Asserted-Identity, else of a sip URI whose user is one' CODEC(ZSTD(1)) AFTER `asserted_identity`,
    ADD COLUMN IF NOT EXISTS `preferred_identity` Nullable(String) COMMENT 'P-Preferred-Identity: what the device asks to be' CODEC(ZSTD(1)) AFTER `digest_username`,
    ADD COLUMN IF NOT EXISTS `served_user` Nullable(String) COMMENT 'P-Served-User, RFC 5502' CODEC(ZSTD(1)) AFTER `preferred_identity`,
    ADD COLUMN IF NOT EXISTS `called_party_id` Nullable(String) COMMENT 'P-Called-Party-ID: the identity that was called' CODEC(ZSTD(1)) AFTER `served_user`,
    ADD COLUMN IF NOT EXISTS `icid` Nullable(String) COMMENT 'icid-value of P-Charging-Vector, RFC 7315' CODEC(ZSTD(1)) AFTER `called_party_id`,
    ADD COLUMN IF NOT EXISTS `orig_ioi` LowCardinality(Nullable(String)) COMMENT 'originating operator, of P-Charging-Vector' CODEC(ZSTD(1)) AFTER `icid`,
    ADD COLUMN IF NOT EXISTS `term_ioi` LowCardinality(Nullable(String)) COMMENT 'terminating operator, of P-Charging-Vector' CODEC(ZSTD(1)) AFTER `orig_ioi`,
    ADD COLUMN IF NOT EXISTS `visited_network` LowCardinality(Nullable(String)) COMMENT 'P-Visited-Network-ID' CODEC(ZSTD(1)) AFTER `term_ioi`,
    ADD COLUMN IF NOT EXISTS `caller_access_network` LowCardinality(Nullable(String)) COMMENT 'access type of P-Access-Network-Info: 3GPP-E-UTRAN-FDD, IEEE-802.11 ...' CODEC(ZSTD(1)) AFTER `visited_network`,
    ADD COLUMN IF NOT EXISTS `callee_access_network` LowCardinality(Nullable(String)) COMMENT 'the same of the callee' CODEC(ZSTD(1)) AFTER `caller_access_network`,
    ADD COLUMN IF NOT EXISTS `caller_cell` Nullable(String) COMMENT 'of P-Access-Network-Info: cell, base station, access point or line' CODEC(ZSTD(1)) AFTER `callee_access_network`,
    ADD COLUMN IF NOT EXISTS `callee_cell` Nullable(String) COMMENT 'the same of the callee' CODEC(ZSTD(1)) AFTER `caller_cell`,
    ADD COLUMN IF NOT EXISTS `isup_called` Nullable(String) COMMENT 'called party number of the ISUP in SIP-I: +E.164 where international, else its digits' CODEC(ZSTD(1)) AFTER `callee_cell`,
    ADD COLUMN IF NOT EXISTS `isup_calling` Nullable(String) COMMENT 'calling party number of ISUP' CODEC(ZSTD(1)) AFTER `isup_called`,
    ADD COLUMN IF NOT EXISTS `isup_additional_calling` Nullable(String) COMMENT 'generic number of ISUP that the called party is shown' CODEC(ZSTD(1)) AFTER `isup_calling`,
    ADD COLUMN IF NOT EXISTS `isup_original_called` Nullable(String) COMMENT 'number of ISUP that was called before any redirection' CODEC(ZSTD(1)) AFTER `isup_additional_calling`,
    ADD COLUMN IF NOT EXISTS `isup_redirecting` Nullable(String) COMMENT 'number of ISUP that redirected last' CODEC(ZSTD(1)) AFTER `isup_original_called`,
    ADD COLUMN IF NOT EXISTS `isup_category` Nullable(UInt8) COMMENT 'calling party category of ISUP: 10 ordinary, 11 priority, 13 test, 15 payphone ...' CODEC(T64, ZSTD(1)) AFTER `isup_redirecting`,
    MODIFY COLUMN `cause_q850` COMMENT 'Reason headers, RFC 3326, else ISUP',
    ADD INDEX IF NOT EXISTS by_icid icid TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS by_asserted_number asserted_number TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS by_isup_called isup_called TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS by_isup_calling isup_calling TYPE bloom_filter(0.01) GRANULARITY 1;

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
