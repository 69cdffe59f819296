//go:build !linux

package chdb

import (
	"fmt"
	"os"
	"runtime"
)

// Main says that there is no library for this system.
func Main([]string) int {
	fmt.Fprintf(os.Stderr, "there is no embedded ClickHouse for %s; give an external one with --store\n", runtime.GOOS)
	return 1
}
