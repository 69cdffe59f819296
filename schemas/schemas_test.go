package schemas

import (
	"strings"
	"testing"
)

func TestMigrationsAreNumberedAndParse(t *testing.T) {
	all, err := ClickHouse()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"calls", "attempts", "streams", "intervals", "messages", "drops"}
	if len(all) < len(want) {
		t.Fatalf("%d migrations, want at least %d", len(all), len(want))
	}
	for i, m := range all {
		st, err := m.Statements(Single)
		if err != nil {
			t.Fatal(err)
		}
		if i < len(want) && (m.Name != want[i] || len(st) != 1 || !strings.HasPrefix(st[0], "CREATE TABLE IF NOT EXISTS "+want[i]+"\n")) {
			t.Errorf("migration %d: %s with %d statements", i+1, m.Name, len(st))
		}
		for _, s := range st {
			if strings.Contains(s, "{{") || strings.HasSuffix(s, ";") {
				t.Errorf("migration %d: statement is not clean: %s", i+1, s)
			}
		}
		on, err := m.Statements(Placement{OnCluster: " ON CLUSTER c", Engine: "ReplicatedMergeTree"})
		if err != nil {
			t.Fatal(err)
		}
		if i < len(want) && (!strings.Contains(on[0], want[i]+" ON CLUSTER c\n") || !strings.Contains(on[0], "ENGINE = ReplicatedMergeTree\n")) {
			t.Errorf("migration %d: placement is not used: %s", i+1, on[0])
		}
	}
}
