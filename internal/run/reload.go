package run

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"syscall"
)

// Reloader loads the configuration again with each SIGHUP, and has what changed
// taken over by those who can do so while they work.
type Reloader struct {
	Sources Sources
	Config  Config // in force
	Takes   []Take
	Log     *slog.Logger
}

// Take is what takes keys over.
type Take struct {
	Keys []string
	// Take is given the whole configuration that is to be in force. Upon an error
	// it is called again with the one before.
	Take func(*Config) error
}

// Run reloads until ctx ends.
func (r *Reloader) Run(ctx context.Context) error {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hangups:
			r.reload()
		}
	}
}

// reload takes all that can be taken, or nothing.
func (r *Reloader) reload() {
	loaded, warnings, err := Load(r.Sources)
	if err != nil {
		r.Log.Error("the configuration is not in order: nothing changed", "error", err)
		return
	}
	for _, w := range warnings {
		r.Log.Warn("configuration", "warning", w)
	}
	next := r.Config
	var takes []int // indices
	var taken []string
	for _, key := range changed(&r.Config, &loaded) {
		i := slices.IndexFunc(r.Takes, func(t Take) bool { return slices.Contains(t.Keys, key) })
		if i < 0 {
			r.Log.Warn("a key changed that needs a restart; the value before stays in force until then", "key", key)
			continue
		}
		leaves(&next)[key].Set(leaves(&loaded)[key])
		taken = append(taken, key)
		if !slices.Contains(takes, i) {
			takes = append(takes, i)
		}
	}
	for n, i := range takes {
		if err := r.Takes[i].Take(&next); err != nil {
			for _, i := range takes[:n+1] {
				err = errors.Join(err, r.Takes[i].Take(&r.Config))
			}
			r.Log.Error("the configuration is not taken over: nothing changed", "error", err)
			return
		}
	}
	r.Config = next
	r.Log.Info("configuration loaded again", "changed", taken)
}

// changed lists the keys whose values differ, sorted.
func changed(x, y *Config) (keys []string) {
	old, loaded := leaves(x), leaves(y)
	for _, key := range allKeys() {
		if !reflect.DeepEqual(old[key].Interface(), loaded[key].Interface()) {
			keys = append(keys, key)
		}
	}
	return keys
}
