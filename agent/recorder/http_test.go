package recorder

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"
)

// TestHTTP: who may ask, what is refused, and what comes of it.
func TestHTTP(t *testing.T) {
	d := start(t, options(t))
	d.call("it@198.51.100.1/../..", 4000, 10)
	open, locked := http.NewServeMux(), http.NewServeMux()
	d.Register(open, "")
	d.Register(locked, "k3y")
	ask := func(mux *http.ServeMux, from, key, method, path string, want int) *httptest.ResponseRecorder {
		t.Helper()
		q := httptest.NewRequest(method, path, nil)
		q.RemoteAddr = from
		if key != "" {
			q.Header.Set("Authorization", "Bearer "+key)
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, q)
		if w.Code != want {
			t.Errorf("%s %s from %s with key %q: %d %s; want %d", method, path, from, key, w.Code, w.Body, want)
		}
		return w
	}
	const here, v6, away = "127.0.0.1:1000", "[::1]:1000", "198.51.100.9:1000"
	stop := make(chan struct{})
	ticked := make(chan struct{})
	go func() { // the agent
		defer close(ticked)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				d.Advance(d.now, nil)
			}
		}
	}()
	defer func() { close(stop); <-ticked }()

	ask(open, away, "", "GET", "/recorder", 403)
	ask(open, away, "k3y", "POST", "/recorder/freeze?call_id=x", 403)
	ask(open, here, "", "GET", "/recorder", 200)
	ask(open, v6, "", "GET", "/recorder", 200)
	ask(locked, here, "", "GET", "/recorder", 401)
	ask(locked, away, "wrong", "GET", "/recorder", 401)
	ask(locked, away, "k3y", "GET", "/recorder", 200)
	ask(open, here, "", "POST", "/recorder/freeze", 400)
	ask(open, here, "", "POST", "/recorder/freeze?addr=nonsense", 400)
	ask(open, here, "", "POST", "/recorder/freeze?call_id=x&from=yesterday", 400)
	ask(open, here, "", "POST", "/recorder/freeze?call_id=nobody", 404)
	ask(open, here, "", "GET", "/recorder/freeze", 404)
	ask(open, here, "", "GET", "/recorder/..%2f..%2fetc%2fpasswd.pcap", 404)

	w := ask(open, here, "", "POST", "/recorder/freeze?call_id="+url.QueryEscape("it@198.51.100.1/../.."), 201)
	var f Frozen
	if err := json.Unmarshal(w.Body.Bytes(), &f); err != nil || f.RTP != 20 || f.SIP != 2 {
		t.Fatalf("frozen is %s (%v)", w.Body, err)
	}
	if want := "20260105T100000Z-it-198-51-100-1"; len(f.Name) != len(want)+9 || f.Name[:len(want)] != want {
		t.Errorf("its name is %s", f.Name)
	}
	var l Listing
	if err := json.Unmarshal(ask(open, here, "", "GET", "/recorder", 200).Body.Bytes(), &l); err != nil || len(l.Frozen) != 1 || l.Frozen[0].Name != f.Name || !l.Ring.Oldest.Equal(began) {
		t.Errorf("the list is %+v (%v)", l, err)
	}
	got := ask(open, here, "", "GET", "/recorder/"+f.Name+".pcap", 200)
	if int64(got.Body.Len()) != l.Frozen[0].Bytes || got.Header().Get("Content-Type") != "application/vnd.tcpdump.pcap" {
		t.Errorf("fetched are %d bytes of %d, %v", got.Body.Len(), l.Frozen[0].Bytes, got.Header())
	}
	ask(open, here, "", "GET", "/recorder/"+f.Name, 404)
}
