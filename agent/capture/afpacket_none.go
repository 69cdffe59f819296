//go:build !linux

package capture

import "errors"

func openAFPacket(LiveOptions) ([]Live, error) {
	return nil, errors.New("AF_PACKET is of Linux; capture.method libpcap captures here")
}
