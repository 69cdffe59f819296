package media

import "testing"

func TestFloor(t *testing.T) {
	for _, name := range []string{"PCMA", "G729", "GSM"} {
		got, ok := Floor(Speech{Encoding: name})
		if !ok || got.R != 0 || got.MOS != 1 || got.LossCost != got.Ceiling || got.Ceiling <= 0 || got.Scale != "NB" {
			t.Errorf("%s: %+v, %v", name, got, ok)
		}
	}
	if _, ok := Floor(Speech{Encoding: "SPEEX"}); ok {
		t.Error("a codec without impairment factors has a score")
	}
}
