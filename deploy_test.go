package earshot

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnits has systemd read the units: every line is one that it knows.
func TestUnits(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is absent (Debian: systemd)")
	}
	units, err := filepath.Glob("deploy/systemd/*.service")
	if err != nil || len(units) == 0 {
		t.Fatalf("no units: %v", err)
	}
	verify := func(name, text string) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), analyze, "verify", path).CombinedOutput()
		if err != nil {
			return err.Error() + "\n" + string(out)
		}
		return string(out)
	}
	for _, unit := range units {
		b, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		// The binary is installed where it runs, not here.
		text := strings.ReplaceAll(string(b), "/usr/local/bin/earshot", "/bin/true")
		if said := verify(filepath.Base(unit), text); said != "" {
			t.Errorf("%s: %s", unit, said)
		}
		if said := verify(filepath.Base(unit), text+"NoSuchKey=yes\n"); !strings.Contains(said, "NoSuchKey") {
			t.Errorf("%s: a key that does not exist is not told of: %q", unit, said)
		}
	}
}
