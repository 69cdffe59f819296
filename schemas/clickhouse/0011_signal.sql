-- Sound: what the packets carried, where it was decoded (media.signal). They stand where the fields of record.Sound do.
ALTER TABLE streams{{.OnCluster}}
    ADD COLUMN IF NOT EXISTS `level_dbov` Nullable(Float64) COMMENT 'mean level of packets that are not silent, dBov' CODEC(ZSTD(1)) AFTER `model_status`,
    ADD COLUMN IF NOT EXISTS `noise_dbov` Nullable(Float64) COMMENT 'mean level of silent packets, dBov, -127 at least' CODEC(ZSTD(1)) AFTER `level_dbov`,
    ADD COLUMN IF NOT EXISTS `silence_pct` Nullable(Float64) COMMENT 'share of the time below -55 dBov' CODEC(ZSTD(1)) AFTER `noise_dbov`,
    ADD COLUMN IF NOT EXISTS `clipping_pct` Nullable(Float64) COMMENT 'share of the time in packets with clipped samples' CODEC(ZSTD(1)) AFTER `silence_pct`;
ALTER TABLE intervals{{.OnCluster}}
    ADD COLUMN IF NOT EXISTS `level_dbov` Nullable(Float64) COMMENT 'mean level of packets that are not silent, dBov' CODEC(Gorilla, ZSTD(1)) AFTER `r_cost_delay`,
    ADD COLUMN IF NOT EXISTS `noise_dbov` Nullable(Float64) COMMENT 'mean level of silent packets, dBov, -127 at least' CODEC(Gorilla, ZSTD(1)) AFTER `level_dbov`,
    ADD COLUMN IF NOT EXISTS `silence_pct` Nullable(Float64) COMMENT 'share of the time below -55 dBov' CODEC(Gorilla, ZSTD(1)) AFTER `noise_dbov`,
    ADD COLUMN IF NOT EXISTS `clipping_pct` Nullable(Float64) COMMENT 'share of the time in packets with clipped samples' CODEC(Gorilla, ZSTD(1)) AFTER `silence_pct`;
ALTER TABLE calls{{.OnCluster}}
    ADD COLUMN IF NOT EXISTS `a_level_dbov` Nullable(Float64) COMMENT 'mean level of packets that are not silent, dBov' CODEC(ZSTD(1)) AFTER `a_rtt_max_ms`,
    ADD COLUMN IF NOT EXISTS `a_noise_dbov` Nullable(Float64) COMMENT 'mean level of silent packets, dBov, -127 at least' CODEC(ZSTD(1)) AFTER `a_level_dbov`,
    ADD COLUMN IF NOT EXISTS `a_silence_pct` Nullable(Float64) COMMENT 'share of the time below -55 dBov' CODEC(ZSTD(1)) AFTER `a_noise_dbov`,
    ADD COLUMN IF NOT EXISTS `a_clipping_pct` Nullable(Float64) COMMENT 'share of the time in packets with clipped samples' CODEC(ZSTD(1)) AFTER `a_silence_pct`;
ALTER TABLE calls{{.OnCluster}}
    ADD COLUMN IF NOT EXISTS `b_level_dbov` Nullable(Float64) COMMENT 'mean level of packets that are not silent, dBov' CODEC(ZSTD(1)) AFTER `b_rtt_max_ms`,
    ADD COLUMN IF NOT EXISTS `b_noise_dbov` Nullable(Float64) COMMENT 'mean level of silent packets, dBov, -127 at least' CODEC(ZSTD(1)) AFTER `b_level_dbov`,
    ADD COLUMN IF NOT EXISTS `b_silence_pct` Nullable(Float64) COMMENT 'share of the time below -55 dBov' CODEC(ZSTD(1)) AFTER `b_noise_dbov`,
    ADD COLUMN IF NOT EXISTS `b_clipping_pct` Nullable(Float64) COMMENT 'share of the time in packets with clipped samples' CODEC(ZSTD(1)) AFTER `b_silence_pct`;
