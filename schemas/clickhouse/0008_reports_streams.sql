-- reports: to which stream they belong, and what headers of SIP and other emitters of HEP tell.
ALTER TABLE reports{{.OnCluster}}
    ADD COLUMN IF NOT EXISTS `direction` LowCardinality(Nullable(String)) COMMENT 'of the stream reported on: a from the caller, b from the callee' CODEC(ZSTD(1)) AFTER `other`,
    ADD COLUMN IF NOT EXISTS `packets_sent` Nullable(UInt64) COMMENT 'by the reporter' CODEC(T64, ZSTD(1)) AFTER `direction`,
    ADD COLUMN IF NOT EXISTS `octets_sent` Nullable(UInt64) COMMENT 'by the reporter' CODEC(T64, ZSTD(1)) AFTER `packets_sent`,
    ADD COLUMN IF NOT EXISTS `packets_received` Nullable(UInt64) COMMENT 'by the reporter' CODEC(T64, ZSTD(1)) AFTER `octets_sent`,
    ADD COLUMN IF NOT EXISTS `packets_expected` Nullable(UInt64) COMMENT 'by the reporter' CODEC(T64, ZSTD(1)) AFTER `packets_received`,
    ADD COLUMN IF NOT EXISTS `packets_lost` Nullable(Int64) COMMENT 'of those that the reporter was to receive' CODEC(T64, ZSTD(1)) AFTER `packets_expected`,
    ADD COLUMN IF NOT EXISTS `octets_received` Nullable(UInt64) COMMENT 'by the reporter' CODEC(T64, ZSTD(1)) AFTER `packets_lost`,
    ADD COLUMN IF NOT EXISTS `jitter_ms` Nullable(Float64) COMMENT 'of which kind, the report does not say' CODEC(ZSTD(1)) AFTER `octets_received`,
    ADD COLUMN IF NOT EXISTS `codec_sent` LowCardinality(Nullable(String)) COMMENT 'by the reporter; what it receives is payload_desc' CODEC(ZSTD(1)) AFTER `jitter_ms`,
    ADD COLUMN IF NOT EXISTS `remote_packets_lost` Nullable(Int64) COMMENT 'of what the reporter sends, as the other end told it' CODEC(T64, ZSTD(1)) AFTER `codec_sent`,
    ADD COLUMN IF NOT EXISTS `remote_jitter_ms` Nullable(Float64) COMMENT 'of what the reporter sends, as the other end told it' CODEC(ZSTD(1)) AFTER `remote_packets_lost`,
    ADD COLUMN IF NOT EXISTS `mos` Nullable(Float64) COMMENT 'whether of listening or of conversation, the report does not say' CODEC(ZSTD(1)) AFTER `remote_jitter_ms`,
    ADD COLUMN IF NOT EXISTS `r` Nullable(Float64) COMMENT 'whether of listening or of conversation, the report does not say' CODEC(ZSTD(1)) AFTER `mos`,
    MODIFY COLUMN `source` LowCardinality(String) COMMENT 'vq_rtcpxr_publish, vq_rtcpxr_notify (RFC 6035), x_rtp_stat, p_rtp_stat (SIP headers), rtcp_rr (RFC 3550), rtcp_xr (RFC 3611), rtcp_xr_mos (RFC 7266), hep_32, hep_34, hep_35, hep_38 (JSON and text of other emitters)' CODEC(ZSTD(1));
