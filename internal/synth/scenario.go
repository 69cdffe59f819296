package synth

import (
	"fmt"
	"slices"
)

// scene is a named case of reference calls.
type scene struct {
	name  string
	write func(*script)
}

// Scenarios names all scenarios, in the order of the reference.
func Scenarios() []string {
	var names []string
	for _, c := range scenes() {
		names = append(names, c.name)
	}
	return names
}

// Scenario gives one capture of a named case and the rows that it must give.
func Scenario(name string, seed int64) (Capture, error) {
	all := scenes()
	i := slices.IndexFunc(all, func(c scene) bool { return c.name == name })
	if i < 0 {
		return Capture{}, fmt.Errorf("scenario %q is not known: --scenario list shows all %d", name, len(all))
	}
	return Capture{Name: name, Seed: seed, plan: func(r *run) {
		s := newScript(r, name, seed)
		s.wait(s.lead())
		all[i].write(s)
		s.finish()
	}}, nil
}
