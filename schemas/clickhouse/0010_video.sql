-- streams: what frames of video did.
ALTER TABLE streams{{.OnCluster}}
    ADD COLUMN IF NOT EXISTS `frames` Nullable(UInt64) COMMENT 'video frames of which a packet came; NULL where there is no video' CODEC(T64, ZSTD(1)) AFTER `flags`,
    ADD COLUMN IF NOT EXISTS `fps` Nullable(Float64) COMMENT 'video frames a second, mean' CODEC(ZSTD(1)) AFTER `frames`,
    ADD COLUMN IF NOT EXISTS `frame_gap_max_ms` Nullable(Float64) COMMENT 'longest time between two video frames, ms' CODEC(ZSTD(1)) AFTER `fps`,
    ADD COLUMN IF NOT EXISTS `freezes` Nullable(UInt64) COMMENT 'gaps between video frames of at least three times the mean and 150 ms more, W3C webrtc-stats' CODEC(T64, ZSTD(1)) AFTER `frame_gap_max_ms`,
    ADD COLUMN IF NOT EXISTS `freeze_ms` Nullable(Float64) COMMENT 'length of all freezes, ms' CODEC(ZSTD(1)) AFTER `freezes`;
