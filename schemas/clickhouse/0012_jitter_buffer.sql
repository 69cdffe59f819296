-- streams: which jitter buffer their score follows.
ALTER TABLE streams{{.OnCluster}}
    ADD COLUMN IF NOT EXISTS `jitter_buffer` LowCardinality(Nullable(String)) COMMENT 'that r_lq and mos_lq follow: adaptive, f50, f200; none where what arrived counts as heard' CODEC(ZSTD(1)) AFTER `model_status`;
