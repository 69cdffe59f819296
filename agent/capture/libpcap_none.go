//go:build !libpcap

package capture

import "errors"

func openLibpcap(LiveOptions) ([]Live, error) {
	return nil, errors.New("this program was built without libpcap; build it with: CGO_ENABLED=1 go build -tags libpcap (needs libpcap's headers, Debian's libpcap-dev)")
}
