//go:build !linux

package run

import "errors"

func become(identity, []Capability) error {
	return errors.New("only Linux has capabilities to keep; start it as that user")
}
