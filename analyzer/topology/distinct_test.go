package topology

import (
	"fmt"
	"net/netip"
	"testing"
)

func TestDistinct(t *testing.T) {
	for _, n := range []int{0, 1, 2, 5, 10, 30, 100, 200} {
		var d distinct
		for i := range n {
			d.addBytes(fmt.Append(nil, "+4930", 10_000+i))
			d.addBytes(fmt.Append(nil, "+4930", 10_000+i))
		}
		if got, most := int(d.count()), 1+n/5; got < n-most || got > n+most {
			t.Errorf("%d of %d", got, n)
		}
	}
	var hosts distinct
	for i := range 100 {
		hosts.addAddr(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}))
	}
	if got := hosts.count(); got < 80 || got > 120 {
		t.Errorf("%d hosts of 100", got)
	}
}
