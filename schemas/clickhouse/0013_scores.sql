-- The scale, model and ceiling beside every score, and what cost a call how many
-- points of R. Columns stand where the fields of record.Call and record.Interval do.
ALTER TABLE calls{{.OnCluster}}
    ADD COLUMN IF NOT EXISTS `a_scale` LowCardinality(Nullable(String)) COMMENT 'media sent by the caller: NB, WB, FB; NULL where there is no score' CODEC(ZSTD(1)) AFTER `a_mos_cq`,
    ADD COLUMN IF NOT EXISTS `a_model` LowCardinality(Nullable(String)) COMMENT 'media sent by the caller: G.107, G.107.1, G.107.2' CODEC(ZSTD(1)) AFTER `a_scale`,
    ADD COLUMN IF NOT EXISTS `a_r_ceiling` Nullable(Float64) COMMENT 'media sent by the caller: the best R its codec allows; the mean over the intervals where it changed' CODEC(ZSTD(1)) AFTER `a_model`,
    ADD COLUMN IF NOT EXISTS `a_r_cost_codec` Nullable(Float64) COMMENT 'media sent by the caller: R points lost to the codec, up to r_ceiling' CODEC(ZSTD(1)) AFTER `a_r_ceiling`,
    ADD COLUMN IF NOT EXISTS `a_r_cost_loss` Nullable(Float64) COMMENT 'media sent by the caller: R points lost to loss; r_ceiling less loss, discard and silence is r_lq' CODEC(ZSTD(1)) AFTER `a_r_cost_codec`,
    ADD COLUMN IF NOT EXISTS `a_r_cost_discard` Nullable(Float64) COMMENT 'media sent by the caller: R points lost to late packets' CODEC(ZSTD(1)) AFTER `a_r_cost_loss`,
    ADD COLUMN IF NOT EXISTS `a_r_cost_delay` Nullable(Float64) COMMENT 'media sent by the caller: R points lost to delay, beside r_lq; NULL where no delay is known' CODEC(ZSTD(1)) AFTER `a_r_cost_discard`,
    ADD COLUMN IF NOT EXISTS `a_r_cost_silence` Nullable(Float64) COMMENT 'media sent by the caller: R points lost to silence: media was due and none came' CODEC(ZSTD(1)) AFTER `a_r_cost_delay`,
    ADD COLUMN IF NOT EXISTS `b_scale` LowCardinality(Nullable(String)) COMMENT 'media sent by the callee: NB, WB, FB; NULL where there is no score' CODEC(ZSTD(1)) AFTER `b_mos_cq`,
    ADD COLUMN IF NOT EXISTS `b_model` LowCardinality(Nullable(String)) COMMENT 'media sent by the callee: G.107, G.107.1, G.107.2' CODEC(ZSTD(1)) AFTER `b_scale`,
    ADD COLUMN IF NOT EXISTS `b_r_ceiling` Nullable(Float64) COMMENT 'media sent by the callee: the best R its codec allows; the mean over the intervals where it changed' CODEC(ZSTD(1)) AFTER `b_model`,
    ADD COLUMN IF NOT EXISTS `b_r_cost_codec` Nullable(Float64) COMMENT 'media sent by the callee: R points lost to the codec, up to r_ceiling' CODEC(ZSTD(1)) AFTER `b_r_ceiling`,
    ADD COLUMN IF NOT EXISTS `b_r_cost_loss` Nullable(Float64) COMMENT 'media sent by the callee: R points lost to loss; r_ceiling less loss, discard and silence is r_lq' CODEC(ZSTD(1)) AFTER `b_r_cost_codec`,
    ADD COLUMN IF NOT EXISTS `b_r_cost_discard` Nullable(Float64) COMMENT 'media sent by the callee: R points lost to late packets' CODEC(ZSTD(1)) AFTER `b_r_cost_loss`,
    ADD COLUMN IF NOT EXISTS `b_r_cost_delay` Nullable(Float64) COMMENT 'media sent by the callee: R points lost to delay, beside r_lq; NULL where no delay is known' CODEC(ZSTD(1)) AFTER `b_r_cost_discard`,
    ADD COLUMN IF NOT EXISTS `b_r_cost_silence` Nullable(Float64) COMMENT 'media sent by the callee: R points lost to silence: media was due and none came' CODEC(ZSTD(1)) AFTER `b_r_cost_delay`,
    ADD COLUMN IF NOT EXISTS `model` LowCardinality(Nullable(String)) COMMENT 'of the worse direction: G.107, G.107.1, G.107.2' CODEC(ZSTD(1)) AFTER `scale`,
    ADD COLUMN IF NOT EXISTS `r_cost_codec` Nullable(Float64) COMMENT 'of the worse direction: R points lost to the codec, up to r_ceiling' CODEC(ZSTD(1)) AFTER `r_ceiling`,
    ADD COLUMN IF NOT EXISTS `r_cost_loss` Nullable(Float64) COMMENT 'of the worse direction: R points lost to loss; r_ceiling less loss, discard and silence is the R of mos_lq' CODEC(ZSTD(1)) AFTER `r_cost_codec`,
    ADD COLUMN IF NOT EXISTS `r_cost_discard` Nullable(Float64) COMMENT 'of the worse direction: R points lost to late packets' CODEC(ZSTD(1)) AFTER `r_cost_loss`,
    ADD COLUMN IF NOT EXISTS `r_cost_delay` Nullable(Float64) COMMENT 'of the worse direction: R points lost to delay, beside the R of mos_lq; NULL where no delay is known' CODEC(ZSTD(1)) AFTER `r_cost_discard`,
    ADD COLUMN IF NOT EXISTS `r_cost_silence` Nullable(Float64) COMMENT 'of the worse direction: R points lost to silence: media was due and none came' CODEC(ZSTD(1)) AFTER `r_cost_delay`;

ALTER TABLE intervals{{.OnCluster}}
    ADD COLUMN IF NOT EXISTS `model` LowCardinality(Nullable(String)) COMMENT 'G.107, G.107.1, G.107.2; NULL where there is no score' CODEC(ZSTD(1)) AFTER `mos_lq`,
    ADD COLUMN IF NOT EXISTS `scale` LowCardinality(Nullable(String)) COMMENT 'NB, WB, FB' CODEC(ZSTD(1)) AFTER `model`,
    ADD COLUMN IF NOT EXISTS `r_ceiling` Nullable(Float64) COMMENT 'the best R that the codec allows' CODEC(Gorilla, ZSTD(1)) AFTER `scale`;
