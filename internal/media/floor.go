package media

// Floor is the score of time in which a codec's packets were due and none
// came: R 0 and MOS 1, whatever its concealment (ITU-T G.107: R is never
// below 0). There is none for a codec without impairment factors.
func Floor(s Speech) (Score, bool) {
	score, ok := ScoreOf(s, &Report{Delta: Counts{Expected: 1}})
	if !ok {
		return Score{}, false
	}
	score.R, score.MOS, score.LossCost = 0, 1, score.Ceiling
	return score, true
}
