package chdb

import (
	"fmt"
	"os"
	"path/filepath"
)

// Version is the npm version of the library: its engine is 26.7.2.1. Older
// ones (26.5.3, which npm calls latest) cannot listen. fetch.sh holds the
// same number and its checksum.
const Version = "26.7.3-stable.1"

const libraryName = "libchdb.so"

// Locate finds libchdb.so: where EARSHOT_CHDB says, beside the binary, or in
// the user's cache folder, where `make chdb` puts it.
func Locate() (string, error) {
	if p := os.Getenv("EARSHOT_CHDB"); p != "" {
		if st, err := os.Stat(p); err == nil && st.IsDir() {
			p = filepath.Join(p, libraryName)
		}
		if !isFile(p) {
			return "", fmt.Errorf("EARSHOT_CHDB names %s, which is no file; unset it, or fetch the embedded ClickHouse with `make chdb`", p)
		}
		return p, nil
	}
	var tried []string
	if exe, err := os.Executable(); err == nil {
		if target, err := filepath.EvalSymlinks(exe); err == nil {
			exe = target
		}
		tried = append(tried, filepath.Join(filepath.Dir(exe), libraryName))
	}
	if cache, err := os.UserCacheDir(); err == nil {
		tried = append(tried, filepath.Join(cache, "earshot", "chdb", Version, libraryName))
	}
	for _, p := range tried {
		if isFile(p) {
			return p, nil
		}
	}
	return "", fmt.Errorf("the embedded ClickHouse (libchdb %s) is not on this machine: looked for %v; run `make chdb`, set EARSHOT_CHDB to libchdb.so, or give an external ClickHouse with --store", Version, tried)
}

func isFile(p string) bool {
	st, err := os.Stat(p)
	return err == nil && st.Mode().IsRegular()
}
