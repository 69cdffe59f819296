-- What arose between two points along the path of a stream. Columns stand where the
-- fields of record.Stream do.
ALTER TABLE streams{{.OnCluster}}
    ADD COLUMN IF NOT EXISTS `segment_lost` Nullable(Int64) COMMENT 'sequence numbers that arrived at the point before and not here; NULL at the first point' CODEC(T64, ZSTD(1)) AFTER `segment`,
    ADD COLUMN IF NOT EXISTS `segment_jitter_ms` Nullable(Float64) COMMENT 'mean jitter here less that at the point before' CODEC(ZSTD(1)) AFTER `segment_lost`,
    ADD COLUMN IF NOT EXISTS `segment_delay_ms` Nullable(Float64) COMMENT 'from the point before to here, of the first packet; NULL where it was another one, or two nodes saw it' CODEC(ZSTD(1)) AFTER `segment_jitter_ms`;
