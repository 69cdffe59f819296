//go:build !linux

package capture

import "errors"

// Passed fails: only Linux tells.
func Passed(string) (uint64, error) { return 0, errors.ErrUnsupported }
