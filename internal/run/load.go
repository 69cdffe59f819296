package run

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// Setting is one key given on the command line.
type Setting struct {
	Key   string // "hep.listen"
	Value string // as in the file; a list with commas
	Flag  string // how the user wrote it, for errors: "--hep"
}

// Sources says where the configuration comes from, the weakest first.
type Sources struct {
	File  string   // path of a YAML file; none when empty
	Env   []string // as os.Environ gives it
	Flags []Setting
}

// Load gives the defaults, then the file, then EARSHOT_* variables, then
// flags. The error tells every problem of all of them, one a line, and those
// that [Config.Validate] finds. The warnings name EARSHOT_* variables that are
// no key: container platforms set some of their own (EARSHOT_SERVICE_HOST), so
// they are no error.
func Load(s Sources) (c Config, warnings []string, err error) {
	c = Default()
	var problems []error
	if s.File != "" {
		b, err := os.ReadFile(s.File)
		if err != nil {
			return c, nil, fmt.Errorf("read configuration: %w", err)
		}
		if err := decodeYAML(b, s.File, &c); err != nil {
			problems = append(problems, err)
		}
	}
	w, err := c.setEnv(s.Env)
	problems = append(problems, err)
	for _, f := range s.Flags {
		if err := c.set(f.Key, f.Value, f.Flag); err != nil {
			problems = append(problems, err)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return c, w, err
	}
	return c, w, c.Validate()
}

// set sets one key ("hep.listen") from its text. Errors name it as the user
// wrote it: a flag, a variable.
func (c *Config) set(key, value, shownAs string) error {
	leaf, ok := leaves(c)[key]
	if !ok {
		var hint string
		if near := nearest(key, allKeys()); len(near) > 0 {
			hint = "; did you mean " + strings.Join(near, " or ") + "?"
		}
		return fmt.Errorf("%s: unknown key %s%s", shownAs, key, hint)
	}
	if err := setText(leaf, value); err != nil {
		return fmt.Errorf("%s is %q; want %w", shownAs, value, err)
	}
	return nil
}

// envOfOthers are EARSHOT_* variables that are no keys.
var envOfOthers = map[string]bool{
	"EARSHOT_CONFIG": true, // the file, read by the command line
	"EARSHOT_CHDB":   true, // where libchdb lies
	"EARSHOT_CORPUS": true, // captures for tests
}

// EnvName is the environment variable of a key: hep.listen is
// EARSHOT_HEP_LISTEN.
func EnvName(key string) string {
	return "EARSHOT_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

func (c *Config) setEnv(env []string) (warnings []string, err error) {
	byName := make(map[string]string)
	for _, key := range allKeys() {
		byName[EnvName(key)] = key
	}
	var problems []error
	// A later one wins, as os.Getenv has it; sorted for errors in a fixed order.
	for _, kv := range slices.Sorted(slices.Values(env)) {
		name, value, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, "EARSHOT_") || envOfOthers[name] {
			continue
		}
		key, ok := byName[name]
		if !ok {
			warnings = append(warnings, fmt.Sprintf("%s is no configuration key and is ignored", name))
			continue
		}
		if err := c.set(key, value, name); err != nil {
			problems = append(problems, err)
		}
	}
	return warnings, errors.Join(problems...)
}

// leaves gives every key that holds a value, settable in c.
func leaves(c *Config) map[string]reflect.Value {
	out := make(map[string]reflect.Value)
	var walk func(v reflect.Value, path string)
	walk = func(v reflect.Value, path string) {
		for f, fv := range v.Fields() {
			key := joined(path, f.Tag.Get("yaml"))
			if isGroup(f.Type) {
				walk(fv, key)
				continue
			}
			out[key] = fv
		}
	}
	walk(reflect.ValueOf(c).Elem(), "")
	return out
}

// allKeys lists every key that holds a value, sorted.
var allKeys = sync.OnceValue(func() []string {
	var c Config
	var keys []string
	for k := range leaves(&c) {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
})

// Keys lists every key that holds a value, sorted: "agent.domain", ...
func Keys() []string { return slices.Clone(allKeys()) }
